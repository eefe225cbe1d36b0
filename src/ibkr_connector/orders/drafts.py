"""
Orders that are written as they are said: `buy("AAPL", 100).limit("187.50").day()`.

Owns: which words lead from one order to the next. Every word makes a new draft and leaves the old
one as it is; each draft is an order that makes sense as written, checked like any other, so a word
that does not fit is refused where it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any, Final

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.advisor import Allocation, AllocationMethod, SoftDollarTier
from ibkr_connector.model.algos import Algo
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import (
    Action,
    Exercise,
    OcaType,
    OrderRequest,
    OrderType,
    TimeInForce,
    size_text,
)
from ibkr_connector.model.record import Record

from .becoming import AT_CLOSE, IF_TOUCHED, WITH_LIMIT, WITH_STOP
from .bracket_rules import as_bracket, check_bracket
from .reading import READERS, as_request
from .validation import check_request
from .values import read_values
from .watching import Waits, readable

__all__ = ["OrderDraft", "buy", "exercise", "lapse", "one_cancels_all", "sell"]

Number = Decimal | int | float | str

_T = OrderType


@dataclass(frozen=True, slots=True, repr=False)
class OrderDraft:
    """An order on its way to be said in full; `place_order` takes it as it is."""

    request: OrderRequest

    # --- prices ---------------------------------------------------------------------------------

    def limit(self, price: Number) -> OrderDraft:
        """At this price or better; of a relative or midprice order the cap."""
        kind = self._become(WITH_LIMIT, "limit", hint="say trail(..., limit_offset=...)")
        return self._with(order_type=kind, limit_price=price)

    def stop(self, price: Number) -> OrderDraft:
        """Once the market has gone this far against it; with a limit, a stop limit order."""
        return self._with(order_type=self._become(WITH_STOP, "stop"), stop_price=price)

    def if_touched(self, price: Number) -> OrderDraft:
        """Once the market has come this far in its favour."""
        return self._with(order_type=self._become(IF_TOUCHED, "if_touched"), stop_price=price)

    def trail(
        self,
        *,
        amount: Number | None = None,
        percent: Number | None = None,
        stop: Number | None = None,
        limit_offset: Number | None = None,
    ) -> OrderDraft:
        """
        Follow the market by an amount or a percentage.

        Args:
            amount: How far behind, in the contract's currency.
            percent: The same in percent; give one of both.
            stop: Where it starts; from the market when not given.
            limit_offset: Makes it a trailing limit: how far its limit is from its stop.
        """
        self._become({_T.MARKET: _T.TRAILING_STOP}, "trail", hint="begin with buy() or sell()")
        kind = _T.TRAILING_STOP if limit_offset is None else _T.TRAILING_STOP_LIMIT
        given = {
            "trail_amount": amount,
            "trail_percent": percent,
            "stop_price": stop,
            "limit_offset": limit_offset,
        }
        said = {key: value for key, value in given.items() if value is not None}
        return self._with(order_type=kind, **said)

    def at_the_close(self) -> OrderDraft:
        """In the closing auction."""
        return self._with(order_type=self._become(AT_CLOSE, "at_the_close"))

    def relative(self, *, offset: Number = 0, cap: Number | None = None) -> OrderDraft:
        """Better than the best price of its own side by an offset, up to a cap."""
        return self._pegged(_T.RELATIVE, "relative", offset=offset, cap=cap)

    def pegged_to_market(self, *, offset: Number = 0, cap: Number | None = None) -> OrderDraft:
        """At the best price of the other side less an offset, up to a cap."""
        return self._pegged(_T.PEGGED_TO_MARKET, "pegged_to_market", offset=offset, cap=cap)

    def pegged_to_midpoint(self, *, offset: Number = 0, cap: Number | None = None) -> OrderDraft:
        """At the middle between bid and ask less an offset, up to a cap."""
        return self._pegged(_T.PEGGED_TO_MIDPOINT, "pegged_to_midpoint", offset=offset, cap=cap)

    def midprice(self, *, cap: Number | None = None) -> OrderDraft:
        """At the middle between bid and ask, up to a cap."""
        self._become({_T.MARKET: _T.MIDPRICE}, "midprice", hint="say midprice(cap=...)")
        capped = {} if cap is None else {"limit_price": cap}
        return self._with(order_type=_T.MIDPRICE, **capped)

    def leg_prices(self, *prices: Number) -> OrderDraft:
        """Of a combination of two legs that may fill apart: a limit for each."""
        kind = self._become({_T.MARKET: _T.LIMIT}, "leg_prices", hint="leave out limit()")
        return self._with(order_type=kind, leg_prices=prices, non_guaranteed=True)

    # --- how long and when ----------------------------------------------------------------------

    def day(self) -> OrderDraft:
        """Until the end of the day."""
        return self._lasting(TimeInForce.DAY)

    def gtc(self) -> OrderDraft:
        """Until it is cancelled."""
        return self._lasting(TimeInForce.GTC)

    def ioc(self) -> OrderDraft:
        """What does not fill at once is cancelled."""
        return self._lasting(TimeInForce.IOC)

    def fok(self) -> OrderDraft:
        """Whole and at once, or not at all."""
        return self._lasting(TimeInForce.FOK)

    def at_the_open(self) -> OrderDraft:
        """In the opening auction."""
        return self._lasting(TimeInForce.OPG)

    def good_till(self, moment: datetime | str) -> OrderDraft:
        """Until a moment, an aware datetime or its ISO text."""
        return self._with(time_in_force=TimeInForce.GTD, good_till=moment)

    def good_after(self, moment: datetime | str) -> OrderDraft:
        """Not before a moment."""
        return self._with(good_after=moment)

    def outside_rth(self) -> OrderDraft:
        """Before the opening and after the close too."""
        return self._with(outside_regular_hours=True)

    # --- how much of it -------------------------------------------------------------------------

    def all_or_none(self) -> OrderDraft:
        """Filled whole, or not."""
        return self._with(all_or_none=True)

    def at_least(self, quantity: Number) -> OrderDraft:
        """With a first fill of so much."""
        return self._with(minimum_quantity=quantity)

    def showing(self, quantity: Number) -> OrderDraft:
        """With so much of it in the book."""
        return self._with(display_size=quantity)

    def hidden(self) -> OrderDraft:
        """With nothing of it in the book."""
        return self._with(hidden=True)

    def non_guaranteed(self) -> OrderDraft:
        """Of a smart-routed combination: its legs may fill apart."""
        return self._with(non_guaranteed=True)

    # --- how ------------------------------------------------------------------------------------

    def triggered_by(self, prices: str) -> OrderDraft:
        """Elected by these prices: `last`, `bid_ask`, `midpoint` and others."""
        return self._with(trigger_method=prices)

    def adaptive(self, priority: str = "normal") -> OrderDraft:
        """Worked by IB's adaptive algorithm: `urgent`, `normal` or `patient`."""
        return self._with(adaptive=priority)

    def algo(self, kind: Algo | str, **parameters: Any) -> OrderDraft:
        """Worked by another algorithm: `algo("vwap", max_volume="0.1")`, or by its record."""
        said = {"kind": kind, **parameters} if isinstance(kind, str) else kind
        if parameters and not isinstance(kind, str):
            raise OrderValidationError(
                f"parameters go with the name of an algorithm; {type(kind).__name__} has its own"
            )
        return self._with(algo=said)

    def oca(self, group: str, *, on_fill: OcaType | str = "cancel_with_block") -> OrderDraft:
        """In a group of which a fill cancels or reduces the others; see `OcaType`."""
        return self._with(oca_group=group, oca_type=on_fill)

    def when(self, waits: Waits, *, outside_rth: bool = False) -> OrderDraft:
        """Once this is true: `.when((price("SPY") < 500) & after("2026-12-18T15:30-05:00"))`."""
        return self._waiting(waits, outside_rth=outside_rth)

    def unless(self, waits: Waits, *, outside_rth: bool = False) -> OrderDraft:
        """At once, and cancelled when this becomes true."""
        return self._waiting(waits, outside_rth=outside_rth, conditions_cancel=True)

    def account(self, name: str) -> OrderDraft:
        """For an account, when the login has several."""
        return self._with(account=name)

    def among(
        self,
        group: str,
        *,
        method: AllocationMethod | str | None = None,
        percentage: Number | None = None,
    ) -> OrderDraft:
        """Divided among an advisor's group, by its own method or another: `among("Core")`."""
        said = {"group": group, "method": method, "percentage": percentage}
        return self._with(allocation=said)

    def in_model(self, name: str) -> OrderDraft:
        """For an advisor's model."""
        return self._with(model=name)

    def paying(self, tier: SoftDollarTier) -> OrderDraft:
        """With its commission towards a tier of a soft-dollar contract."""
        return self._with(soft_dollar_tier=tier)

    def keyed(self, client_order_id: str) -> OrderDraft:
        """Under a key of yours: the same key never places a second order."""
        return self._with(client_order_id=client_order_id)

    def bracket(
        self,
        *,
        take_profit: Number,
        stop_loss: Number,
        stop_limit: Number | None = None,
        exits: str = "GTC",
    ) -> BracketRequest:
        """
        Add two exits that end each other; `place_bracket` takes the result.

        Raises:
            OrderValidationError: The prices are not on the two sides of the entry.
        """
        prices = {"take_profit": take_profit, "stop_loss": stop_loss, "stop_limit": stop_limit}
        exits_of = as_bracket(
            {"symbol": "-", "action": "BUY", "quantity": 1, "exit_time_in_force": exits, **prices}
        )
        made = replace(exits_of, entry=self.request)
        check_bracket(made)
        return made

    def exercising(self, how: Exercise) -> OrderDraft:
        """Exercise what would be sold; begin with `exercise` or `lapse`."""
        return self._with(exercise=how)

    # --- telling --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        said = (
            name if value == "yes" else f"{name} {value}".lstrip() for name, value in self._told()
        )
        return f"<{', '.join(said)}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name) or 'order'}</th><td>{escape(value)}</td></tr>"
            for name, value in self._told()
        )
        return f"<table>{rows}</table>"

    def _told(self) -> Iterable[tuple[str, str]]:
        request = self.request
        contract = request.contract
        what = contract if isinstance(contract, str) else contract.text
        size = size_text(request.quantity, request.cash_quantity)
        yield "", f"{request.action} {size} {what} {request.order_type}"
        for field in fields(OrderRequest):
            value = getattr(request, field.name)
            if field.name in _IN_THE_HEAD or value == field.default:
                continue
            name = field.name.replace("_", " ")
            if field.name == "conditions":
                yield "when", str(Waits(value))
            elif isinstance(value, Exercise):
                yield str(value), "yes"
            elif value is True:
                yield name, "yes"
            else:
                yield name, _plain(value)

    # --- the next draft -------------------------------------------------------------------------

    def _become(
        self, table: Mapping[OrderType, OrderType], word: str, *, hint: str = ""
    ) -> OrderType:
        kind = table.get(self.request.order_type)
        if kind is None:
            remedy = f"; {hint}" if hint else f"; {word}() follows {', '.join(table)}"
            raise OrderValidationError(
                f"{word}() does not go with an order of type {self.request.order_type}{remedy}"
            )
        return kind

    def _pegged(
        self, kind: OrderType, word: str, *, offset: Number, cap: Number | None
    ) -> OrderDraft:
        self._become({_T.MARKET: kind}, word, hint=f"say {word}(cap=...)")
        capped = {} if cap is None else {"limit_price": cap}
        return self._with(order_type=kind, offset=offset, **capped)

    def _lasting(self, time: TimeInForce) -> OrderDraft:
        return _checked(replace(self.request, time_in_force=time, good_till=None))

    def _waiting(self, waits: Waits, **how: Any) -> OrderDraft:
        if not isinstance(waits, Waits):
            raise OrderValidationError(
                f"an order waits for a condition; got {waits!r}, use price(...) > 600 and its like"
            )
        if self.request.conditions:
            raise OrderValidationError(
                f"this order waits already: {Waits(self.request.conditions)}; say all of it at "
                "once, joined with & and |"
            )
        outside = how.pop("outside_rth")
        return self._with(
            conditions=waits.conditions, conditions_outside_regular_hours=outside, **how
        )

    def _with(self, **said: Any) -> OrderDraft:
        faults: list[str] = []
        values = read_values(said, READERS, faults)
        if faults:
            raise OrderValidationError("; ".join(faults))
        return _checked(replace(self.request, **values))


_IN_THE_HEAD: Final = frozenset({"contract", "action", "quantity", "cash_quantity", "order_type"})


def buy(
    contract: Contract | str, quantity: Number | None = None, *, cash: Number | None = None
) -> OrderDraft:
    """Begin an order to buy a quantity, or for an amount of cash; at the market at first."""
    return _begin(contract, Action.BUY, quantity=quantity, cash_quantity=cash)


def sell(
    contract: Contract | str, quantity: Number | None = None, *, cash: Number | None = None
) -> OrderDraft:
    """Begin an order to sell a quantity, or for an amount of cash; at the market at first."""
    return _begin(contract, Action.SELL, quantity=quantity, cash_quantity=cash)


def exercise(contract: Contract | str, quantity: Number, *, override: bool = False) -> OrderDraft:
    """Exercise options that are held; with `override` also those that are out of the money."""
    how = Exercise(override=override)
    return _begin(contract, Action.SELL, quantity=quantity).exercising(how)


def lapse(contract: Contract | str, quantity: Number, *, override: bool = False) -> OrderDraft:
    """Let options that are held lapse; with `override` also those that are in the money."""
    how = Exercise(lapse=True, override=override)
    return _begin(contract, Action.SELL, quantity=quantity).exercising(how)


def one_cancels_all(
    group: str, *orders: OrderDraft, on_fill: OcaType | str = "cancel_with_block"
) -> tuple[OrderDraft, ...]:
    """
    Put orders into one group, of which a fill cancels or reduces the others.

    Args:
        group: Its name, one that no earlier group of yours has had.
        orders: At least two.
        on_fill: `cancel_with_block`, `reduce_with_block` or `reduce`; see `OcaType`.

    Raises:
        OrderValidationError: There are fewer than two, or the name or the word is none.
    """
    if len(orders) < 2:
        raise OrderValidationError(
            f"a group has at least two orders; got {len(orders)}, name the others as well"
        )
    return tuple(order.oca(group, on_fill=on_fill) for order in orders)


def _begin(contract: Contract | str, action: Action, **sizes: Number | None) -> OrderDraft:
    given = {key: size for key, size in sizes.items() if size is not None}
    return _checked(as_request({"contract": readable(contract), "action": action, **given}))


def _checked(request: OrderRequest) -> OrderDraft:
    check_request(request)
    return OrderDraft(request)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, Allocation | SoftDollarTier):
        return str(value)
    if isinstance(value, Record):
        told = (f"{name}={_plain(one)}" for name, one in dict(value).items() if name != "kind")
        return f"{value['kind']}({', '.join(told)})"
    if isinstance(value, OcaType):
        return value.name.lower()
    return str(value)
