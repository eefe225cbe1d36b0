"""What endpoints take is what the desk reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from ibkr_connector import OrderValidationError
from ibkr_connector.bridge.bodies import BracketBody, ChangeBody, OrderBody, PlaceBody
from ibkr_connector.model.contracts import option
from ibkr_connector.orders.reading import READERS, as_request

ORDER: dict[str, Any] = {"symbol": "AAPL", "action": "BUY", "quantity": 1}


def test_every_key_that_the_desk_reads_can_be_said() -> None:
    assert set(OrderBody.model_fields) == {*READERS, "symbol", "contract", "legs"}


def test_what_is_not_said_is_not_made_up() -> None:
    assert PlaceBody(**ORDER, limit_price=None, wait="sent").order(None) == {
        "symbol": "AAPL",
        "action": "BUY",
        "quantity": Decimal(1),
    }


@pytest.mark.parametrize(("said", "read"), [(0.1, "0.1"), ("0.10", "0.10"), (187.505, "187.505")])
def test_a_price_is_the_digits_that_were_written(said: object, read: str) -> None:
    order = OrderBody(**ORDER, order_type="LMT", limit_price=said).order(None)  # type: ignore[arg-type]  # as JSON brings it
    assert str(as_request(order).limit_price) == read


@pytest.mark.parametrize("price", [float("nan"), float("inf"), "NaN", "x", True, [], "1" * 60])
def test_what_is_no_price_is_refused(price: object) -> None:
    with pytest.raises(ValidationError):
        OrderBody(**ORDER, limit_price=price)  # type: ignore[arg-type]  # on purpose


def test_a_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="limitprice"):
        OrderBody(**ORDER, limitprice=1)  # type: ignore[call-arg]  # on purpose


def test_a_contract_may_be_spelt_out() -> None:
    body = OrderBody.model_validate(
        {
            "contract": {
                "symbol": "AAPL",
                "security_type": "OPT",
                "expiry": "20270115",
                "strike": "200",
                "right": "C",
            },
            "action": "BUY",
            "quantity": 1,
        }
    )
    wanted = option("AAPL", "20270115", "C", strike=Decimal(200))
    assert as_request(body.order(None)).contract == wanted


def test_the_key_of_the_header_is_the_orders_own() -> None:
    assert OrderBody(**ORDER).order("k")["client_order_id"] == "k"
    assert OrderBody(**ORDER, client_order_id="k").order("k")["client_order_id"] == "k"
    with pytest.raises(OrderValidationError, match="not the same"):
        OrderBody(**ORDER, client_order_id="j").order("k")


def test_how_the_call_goes_is_no_part_of_the_order() -> None:
    body = BracketBody(**ORDER, take_profit=2, stop_loss=1)  # type: ignore[arg-type]  # as JSON
    assert body.order(None)["take_profit"] == 2
    changed = ChangeBody(quantity=2, timeout_s=1, token="t")  # type: ignore[arg-type]  # as JSON
    assert changed.changes() == {"quantity": Decimal(2)}
