"""A plain order is written as ib_async's client would write it, field by field."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.client import Client

from ibkr_connector.gateway import translate
from ibkr_connector.gateway.fields import encode
from ibkr_connector.gateway.plain_tickets import order_message, prepare
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import ComboLeg, Contract, Right, SecurityType
from ibkr_connector.model.ids import ClientId, ConId, OrderId
from ibkr_connector.model.orders import Action, OrderTerms, OrderType, TimeInForce
from kit.ib_async_wire import VERSIONS

PLAIN_TYPES = [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT]
APPLE = Contract(
    symbol="AAPL", con_id=ConId(265598), exchange="SMART", primary_exchange="NASDAQ",
    local_symbol="AAPL", trading_class="NMS",
)  # fmt: skip
OPTION = Contract(
    symbol="AAPL", security_type=SecurityType.OPTION, expiry="20261218", strike=Decimal("2.50"),
    right=Right.CALL, multiplier=Decimal(100), exchange="SMART",
)  # fmt: skip
BY_ID = Contract(symbol="", con_id=ConId(8314), exchange="SMART")
LEG = ComboLeg(contract=BY_ID, action=Action.BUY)

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
PRICES = st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=4)


def ticket(**changes: Any) -> OrderTicket:
    said: dict[str, Any] = {
        "order_id": OrderId(7),
        "order_ref": "ref-1",
        "contract": APPLE,
        "action": Action.BUY,
        "quantity": Decimal(10),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal("1.50"),
        "stop_price": None,
        "time_in_force": TimeInForce.DAY,
        "outside_regular_hours": False,
        "account": "DU1",
    }
    return OrderTicket(**said | changes)


def stock_message(asked: OrderTicket, version: int) -> str:
    """Return what ib_async's client makes of an order."""
    said: list[Any] = []
    client: Any = SimpleNamespace(
        serverVersion=lambda: version, send=lambda *fields: said.extend(fields)
    )
    order = translate.ib_order(asked, client_id=ClientId(1))
    contract = translate.ib_contract(asked.contract)
    Client.placeOrder(client, asked.order_id, contract, order)  # type: ignore[no-untyped-call]
    return encode(said).decode()


SAID = {
    "order_id", "order_ref", "contract", "action", "quantity", "order_type", "limit_price",
    "stop_price", "time_in_force", "outside_regular_hours", "account", "transmit", "parent_id",
    "terms",
}  # fmt: skip
"""What the short way writes, or looks at and leaves to the long way."""

NOT_SENT = {"reckoned"}


def test_the_short_way_knows_everything_that_a_ticket_may_say() -> None:
    # what is added to a ticket would be lost in silence, an allocation to other accounts say
    assert {field.name for field in dataclasses.fields(OrderTicket)} == SAID | NOT_SENT


@given(
    version=st.sampled_from(VERSIONS),
    asked=st.builds(
        ticket,
        order_id=st.integers(1, 2**31 - 2),
        order_ref=TEXTS,
        contract=st.sampled_from([APPLE, OPTION, BY_ID]),
        action=st.sampled_from(Action),
        quantity=st.decimals(min_value=Decimal("1e-9"), max_value=Decimal("1e12")),
        order_type=st.sampled_from(PLAIN_TYPES),
        limit_price=PRICES,
        stop_price=PRICES,
        time_in_force=st.sampled_from(TimeInForce),
        outside_regular_hours=st.booleans(),
        account=TEXTS,
        transmit=st.booleans(),
        parent_id=st.none() | st.integers(1, 1000),
    ),
)
def test_every_field_is_what_ib_async_writes(version: int, asked: OrderTicket) -> None:
    assert order_message(asked, version) == stock_message(asked, version)


def test_a_strike_is_written_with_the_digits_that_it_has() -> None:
    for strike in ("2.5", "2.50", "2.500"):
        contract = Contract(
            symbol="AAPL", security_type=SecurityType.OPTION, strike=Decimal(strike)
        )
        asked = ticket(contract=contract)
        assert order_message(asked, 178) == stock_message(asked, 178)


@pytest.mark.parametrize(
    "changes",
    [
        *({"order_type": kind} for kind in OrderType if kind not in PLAIN_TYPES),
        {"terms": OrderTerms(hidden=True)},
        {"terms": OrderTerms(oca_group="pair")},
        {"terms": OrderTerms(cash_quantity=Decimal(100))},
        {"contract": Contract(symbol="AAPL", exchange="IBKRATS")},
        {"contract": Contract(symbol="X", security_type=SecurityType.COMBO)},
        {"contract": Contract(symbol="X", legs=(LEG,))},
    ],
    ids=str,
)
def test_an_order_with_more_to_it_is_left_to_ib_async(changes: dict[str, Any]) -> None:
    assert order_message(ticket(**changes), 178) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"order_ref": "a\0b"},
        {"account": "\0"},
        {"account": "DU\ud800"},
        {"contract": Contract(symbol="A\0B")},
        {"quantity": Decimal("NaN")},
        {"limit_price": Decimal("Infinity")},
        {"stop_price": Decimal("sNaN")},
    ],
    ids=str,
)
def test_what_cannot_be_written_is_left_to_whoever_says_why(changes: dict[str, Any]) -> None:
    assert order_message(ticket(**changes), 178) is None


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_what_is_written_ahead_is_what_would_be_written_now(version: int) -> None:
    plain, other = ticket(), ticket(order_type=OrderType.MARKET_ON_CLOSE)
    for asked in (plain, other):
        now = order_message(asked, version)
        prepare(asked, version)
        assert order_message(asked, version) == now
        assert order_message(asked, version) == now  # once more, not prepared any more


def test_what_was_written_ahead_for_another_gateway_is_written_anew() -> None:
    asked = ticket()
    prepare(asked, VERSIONS[0])
    assert order_message(asked, VERSIONS[-1]) == stock_message(asked, VERSIONS[-1])


def test_an_equal_order_is_not_taken_for_the_one_that_was_prepared() -> None:
    for price in ("1.50", "1.5", "1.500"):  # equal, and written in three ways
        asked = ticket(limit_price=Decimal(price))
        prepare(asked, VERSIONS[-1])
        assert order_message(ticket(limit_price=Decimal("1.50")), VERSIONS[-1]) == stock_message(
            ticket(limit_price=Decimal("1.50")), VERSIONS[-1]
        )
        assert order_message(asked, VERSIONS[-1]) == stock_message(asked, VERSIONS[-1])


def test_orders_that_are_never_sent_are_not_kept_for_ever() -> None:
    for number in range(3_000):
        prepare(ticket(order_id=OrderId(number)), VERSIONS[-1])
    assert order_message(ticket(), VERSIONS[-1]) is not None
