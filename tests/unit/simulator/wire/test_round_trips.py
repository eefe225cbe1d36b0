"""Any record of the protocol comes back from the wire as the record it was, at every version."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.wire import replies, requests
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.frames import join_fields, split_fields
from ibkr_connector.simulator.wire.versions import NEWEST, OLDEST
from kit.any_record import SCAN, any_record

ORDERS = {requests.PlaceOrder, replies.OpenOrder, replies.CompletedOrder}
"""Texts and groups, which are held against other clients instead."""

REQUESTS = sorted(set(requests.Request.__args__) - ORDERS - {requests.BrokenRequest}, key=str)
REPLIES = sorted(set(replies.Reply.__args__) - ORDERS, key=str)

few = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@pytest.mark.parametrize("record", REQUESTS, ids=lambda r: r.__name__)
@few
@given(data=st.data())
def test_any_request_comes_back_at_every_version(record: Any, data: st.DataObject) -> None:
    asked = data.draw(any_record(record))
    since = next((row.since for row in requests.ROWS.values() if row.record is record), OLDEST)
    for version in range(max(OLDEST, since), NEWEST + 1):
        fields = requests.encode_request(asked, version)
        again = requests.decode_request(split_fields(join_fields(fields)), version)
        assert requests.encode_request(again, version) == fields
        assert type(again) is record
    if isinstance(again, requests.ReqScannerSubscription):
        again = dataclasses.replace(again, texts={n: again.texts[n] for n in SCAN})
    assert _without_gone(again) == _without_gone(asked)


@pytest.mark.parametrize("record", REPLIES, ids=lambda r: r.__name__)
@few
@given(data=st.data())
def test_any_reply_comes_back_at_every_version(record: Any, data: st.DataObject) -> None:
    said = data.draw(any_record(record))
    for version in range(max(OLDEST, replies.ROWS[record].since), NEWEST + 1):
        fields = replies.encode_reply(said, version)
        again = replies.decode_reply(split_fields(join_fields(fields)), version)
        assert replies.encode_reply(again, version) == fields
        assert type(again) is record
    assert _without_gone(again) == _without_gone(said)


def _without_gone(record: Any) -> Any:
    """Leave out what the newest version does not carry any more."""
    if isinstance(record, replies.HistoricalData):
        return dataclasses.replace(record, start="", end="")
    if isinstance(record, replies.ContractDetails) and record.sec_type != "FUND":
        return dataclasses.replace(record, fund=replies.FundData())
    return record


@pytest.mark.parametrize("record", [replies.HistoricalDataEnd, replies.CurrentTimeMillis])
def test_a_reply_that_no_client_of_a_version_knows_is_not_written(record: Any) -> None:
    since = replies.ROWS[record].since
    said = {"request_id": 1, "start": "", "end": ""}
    reply = record(**(said if record is replies.HistoricalDataEnd else {"time_ms": 1}))
    assert replies.encode_reply(reply, since)
    with pytest.raises(LocalProtocolError, match=f"version {since - 1}"):
        replies.encode_reply(reply, since - 1)


def test_a_broken_request_is_not_written() -> None:
    with pytest.raises(LocalProtocolError):
        requests.encode_request(
            requests.BrokenRequest(message_id=1, request_id=-1, text=""), NEWEST
        )


def test_a_reply_that_does_not_exist_or_does_not_end_is_not_read() -> None:
    for fields in (["200", "1"], ["9", "1", "5", "more"]):
        with pytest.raises(RemoteProtocolError):
            replies.decode_reply(fields, NEWEST)
