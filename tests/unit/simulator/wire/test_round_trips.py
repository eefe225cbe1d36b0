"""Any record of the protocol comes back from the wire as the record it was."""

from __future__ import annotations

import dataclasses
import typing
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.wire import replies, requests
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.errors import RemoteProtocolError
from ibkr_connector.simulator.wire.frames import join_fields, split_fields

ORDERS = {requests.PlaceOrder, replies.OpenOrder, replies.CompletedOrder}
"""Texts and groups, which are held against ib_async instead."""

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
INTEGER = st.integers(-(2**31), 2**31 - 2)
NUMBER = st.decimals(-(10**12), 10**12, places=4)


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is WireContract:
        return st.builds(
            WireContract,
            con_id=INTEGER,
            sec_type=st.sampled_from(["STK", "OPT", "FUT", "CASH"]),
            symbol=TEXT,
            strike=st.none() | NUMBER.filter(bool),
            right=TEXT,
            currency=TEXT,
        )
    if typing.get_origin(hint) is tuple:
        return st.lists(_of(typing.get_args(hint)[0]), max_size=4).map(tuple)
    if type(None) in typing.get_args(hint):
        (inner,) = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return st.none() | _of(inner)
    return _records(hint)


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: INTEGER,
    Decimal: NUMBER,
    bool: st.booleans(),
}


def _records(record: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(record)
    fields = {f.name: _of(hints[f.name]) for f in dataclasses.fields(record)}
    # what the layout derives from something else
    fields.pop("legs", None)
    if record is requests.UnsupportedRequest:
        fields["message_id"] = st.sampled_from([10, 22, 83, 84, 100])
    if record is replies.TickByTickLast:
        fields["tick_type"] = st.sampled_from([1, 2])
    if record in {replies.TickByTickBidAsk, replies.TickByTickMidpoint}:
        fields.pop("tick_type")
    if record is replies.ContractDetails:
        fields["strike"] = st.none() | NUMBER.filter(bool)
    return st.builds(record, **fields)


@pytest.mark.parametrize("record", sorted(set(requests.Request.__args__) - ORDERS, key=str))
@given(data=st.data())
def test_any_request_comes_back(record: Any, data: st.DataObject) -> None:
    asked = data.draw(_records(record))
    fields = split_fields(join_fields(requests.encode_request(asked, 178)))
    assert requests.decode_request(fields, 178) == asked


@pytest.mark.parametrize("record", sorted(set(replies.Reply.__args__) - ORDERS, key=str))
@given(data=st.data())
def test_any_reply_comes_back(record: Any, data: st.DataObject) -> None:
    said = data.draw(_records(record))
    fields = split_fields(join_fields(replies.encode_reply(said, 178)))
    assert replies.decode_reply(fields, 178) == said


def test_a_reply_that_does_not_exist_or_does_not_end_is_not_read() -> None:
    for fields in (["200", "1"], ["9", "1", "5", "more"]):
        with pytest.raises(RemoteProtocolError):
            replies.decode_reply(fields, 178)
