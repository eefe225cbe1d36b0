"""The short way to the text of a note says what the long way says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ibkr_connector.gateway.port import BrokerOrder, OrderTicket
from ibkr_connector.model.contracts import ComboLeg, Contract, Right, SecurityType
from ibkr_connector.model.ids import ClientId, ConId, OrderId, PermId
from ibkr_connector.model.orders import Action, OrderTerms, OrderType, SendDisposition, TimeInForce
from ibkr_connector.model.preview import RuleVerdict, Verdict
from ibkr_connector.orders.note_text import short_text
from ibkr_connector.orders.notes import Intended, Learned, Met, Moved, Note, Opened
from ibkr_connector.orders.states import Event, State

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

texts = st.text(st.characters(min_codepoint=0, max_codepoint=126), max_size=12)
figures = st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=4)
numbers = st.none() | st.integers(-(2**40), 2**40)
times = st.datetimes(min_value=datetime(1990, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001

contracts = st.builds(
    Contract,
    symbol=st.sampled_from(["AAPL", "ES", "Ü"]),
    security_type=st.sampled_from([SecurityType.STOCK, SecurityType.OPTION]),
    con_id=st.none() | st.integers(1, 9).map(ConId),
    strike=st.sampled_from([None, Decimal("100"), Decimal("100.0")]),
    local_symbol=texts,
    right=st.sampled_from([None, *Right]),
    multiplier=st.sampled_from([None, Decimal("100"), Decimal("0.50")]),
    exchange=st.sampled_from(["SMART", "Ü", ""]),
    legs=st.sampled_from([(), (), (ComboLeg(contract="AAPL", action=Action.BUY),)]),
)
tickets = st.builds(
    OrderTicket,
    order_id=st.integers(0, 2**31).map(OrderId),
    order_ref=texts,
    contract=contracts,
    action=st.sampled_from(Action),
    quantity=st.decimals(0, 10**9, places=4),
    order_type=st.sampled_from(OrderType),
    limit_price=figures,
    stop_price=figures,
    time_in_force=st.sampled_from(TimeInForce),
    outside_regular_hours=st.booleans(),
    account=texts,
    transmit=st.booleans(),
    parent_id=st.none() | st.integers(0, 99).map(OrderId),
    reckoned=figures,
)
notes: st.SearchStrategy[Note] = st.one_of(
    st.builds(
        Intended,
        at=times,
        key=texts,
        client_id=st.integers(0, 99).map(ClientId),
        ticket=tickets,
        client_order_id=st.none() | texts,
        correlation_id=texts,
        rules=st.lists(
            st.builds(
                RuleVerdict,
                rule=texts,
                verdict=st.sampled_from(Verdict),
                value=texts,
                limit=texts,
                remedy=texts,
            ),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(
        Met,
        at=times,
        key=texts,
        order=st.builds(
            BrokerOrder,
            order_id=st.integers(-9, 2**31).map(OrderId),
            client_id=st.integers(0, 99).map(ClientId),
            perm_id=numbers.map(lambda one: None if one is None else PermId(one)),
            order_ref=texts,
            account=texts,
            contract=contracts,
            action=st.sampled_from(Action),
            quantity=st.decimals(0, 10**9, places=4),
            order_type=texts,
            limit_price=figures,
            stop_price=figures,
            time_in_force=texts,
            status=texts,
            reject_reason=texts,
            warning=texts,
            outside_regular_hours=st.booleans(),
            parent_id=st.none() | st.integers(0, 99).map(OrderId),
        ),
        correlation_id=texts,
        cause=texts,
    ),
    st.builds(
        Moved,
        at=times,
        key=texts,
        event=st.sampled_from(Event),
        source=st.sampled_from(State),
        target=st.sampled_from(State),
        reason=texts,
        code=numbers,
        disposition=st.none() | st.sampled_from(SendDisposition),
        correlation_id=texts,
        cause=texts,
    ),
    st.builds(
        Learned,
        at=times,
        key=texts,
        perm_id=numbers.map(lambda one: None if one is None else PermId(one)),
        quantity=figures,
        stated_filled=figures,
        stated_average=figures,
        reason=st.none() | texts,
        limit_price=figures,
        stop_price=figures,
        time_in_force=st.none() | texts,
        outside_regular_hours=st.none() | st.booleans(),
        correlation_id=texts,
        cause=texts,
    ),
)


def long_text(note: Note) -> str:
    adapter: TypeAdapter[Any] = TypeAdapter(type(note))
    return adapter.dump_json(note).decode()


@settings(max_examples=60)
@given(note=notes)
def test_both_ways_write_the_same_text(note: Note) -> None:
    assert short_text(note) == long_text(note)


MOVED = Moved(at=NOON, key="k", event=Event.SEND, source=State.INTENDED, target=State.SENT)
TICKET = OrderTicket(
    order_id=OrderId(7),
    order_ref="ref",
    contract=Contract(symbol="AAPL"),
    action=Action.BUY,
    quantity=Decimal(1),
    order_type=OrderType.LIMIT,
    limit_price=Decimal("1.00"),
    stop_price=None,
    time_in_force=TimeInForce.DAY,
    outside_regular_hours=False,
    account="DU1",
)
INTENDED = Intended(at=NOON, key="k", client_id=ClientId(1), ticket=TICKET)


@pytest.mark.parametrize(
    "note",
    [
        Opened(at=NOON),
        replace(MOVED, reason="zu spät"),
        replace(MOVED, reason="half \ud800 of a pair"),
        replace(MOVED, at=NOON.astimezone(timezone(timedelta(hours=1)))),
        Learned(at=NOON, key="k", terms=OrderTerms(hidden=True)),
        replace(INTENDED, ticket=replace(TICKET, terms=OrderTerms(hidden=True))),
    ],
    ids=["kind", "letters", "half a pair", "zone", "terms told", "terms"],
)
def test_whatever_is_out_of_the_ordinary_is_left_to_the_long_way(note: Note) -> None:
    assert short_text(note) is None


def test_equal_contracts_that_are_written_in_two_ways_stay_two() -> None:
    one, other = (Contract(symbol="AAPL", strike=Decimal(text)) for text in ("100", "100.0"))
    assert one == other
    told = [
        json.loads(short_text(replace(INTENDED, ticket=replace(TICKET, contract=contract))) or "")
        for contract in (one, other)
    ]
    assert [row["ticket"]["contract"]["strike"] for row in told] == ["100", "100.0"]
