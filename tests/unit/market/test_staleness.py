"""When a stream has been silent for too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.staleness import RENEW_EVERY_S, is_stale, next_factor


@pytest.mark.parametrize(
    ("kind", "silent_s", "stale"),
    [
        (StreamKind.QUOTES, 59.9, False),
        (StreamKind.QUOTES, 60.0, True),
        (StreamKind.FIVE_SECONDS, 30.0, True),
        (StreamKind.TRADES, 299.0, False),
        (StreamKind.TRADES, 300.0, True),
    ],
)
def test_each_kind_of_stream_has_its_own_patience(
    kind: StreamKind, silent_s: float, stale: bool
) -> None:
    verdict = is_stale(kind, silent_s=silent_s, since_asked_s=1000.0, limit_s=60.0, factor=1)
    assert verdict is stale


def test_a_reader_may_be_less_patient_than_the_setting() -> None:
    told = {"silent_s": 15.0, "since_asked_s": 1000.0, "limit_s": 60.0}
    assert not is_stale(StreamKind.TRADES, **told, factor=1)
    assert is_stale(StreamKind.TRADES, **told, factor=1, own_s=15.0)
    assert not is_stale(StreamKind.TRADES, **told, factor=2, own_s=15.0)
    assert not is_stale(StreamKind.NEWS, **told, factor=1, own_s=15.0)


@given(st.sampled_from(list(StreamKind)), st.floats(0, 1e6), st.floats(0, RENEW_EVERY_S - 0.001))
def test_no_stream_is_asked_for_twice_within_a_minute(
    kind: StreamKind, silent_s: float, since_asked_s: float
) -> None:
    assert not is_stale(
        kind, silent_s=silent_s, since_asked_s=since_asked_s, limit_s=10.0, factor=1
    )


def test_patience_doubles_and_has_an_end() -> None:
    factors = [1]
    for _ in range(20):
        factors.append(next_factor(factors[-1]))
    assert factors[:4] == [1, 2, 4, 8]
    assert factors[-1] == factors[-2] == 64
