"""
Conditions as they are said: `price("SPY") > 600`, `after("2026-12-18T15:30-05:00")`.

`&` and `|` join them. IB reads its conditions from left to right, so what would mean something
else that way is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NoReturn

from ibkr_connector.errors import ContractError, OrderValidationError
from ibkr_connector.instruments.text import parse_contract
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import Condition, Joined, PriceCondition

from .parts import read_conditions

__all__ = [
    "Waits",
    "Watched",
    "after",
    "before",
    "margin",
    "percent_change",
    "price",
    "readable",
    "told",
    "traded",
    "volume",
]

Number = Decimal | int | float | str

_SIGNS: Final = {"above": ">", "below": "<", "after": "after", "before": "before"}


@dataclass(frozen=True, slots=True)
class Waits:
    """Conditions in the order in which IB reads them; made by the functions of this module."""

    conditions: tuple[Condition, ...]

    def __and__(self, other: Waits) -> Waits:
        return self._joined(other, Joined.AND)

    def __or__(self, other: Waits) -> Waits:
        return self._joined(other, Joined.OR)

    def __bool__(self) -> NoReturn:
        # `1 < price("SPY") < 2`, `a and b`, `not a` would silently lose a condition
        raise OrderValidationError(
            f"whether {self} is true is known later; join conditions with & and |, and compare "
            "each with one number"
        )

    def __str__(self) -> str:
        words = []
        for place, condition in enumerate(self.conditions):
            words.append(told(condition))
            if place + 1 < len(self.conditions):
                words.append(condition.joined.value)
        return " ".join(words)

    __repr__ = __str__

    def _joined(self, other: Waits, by: Joined) -> Waits:
        if not isinstance(other, Waits):
            raise OrderValidationError(
                f"a condition is joined with a condition; got {other!r}, use price(...) > 600 and "
                "its like, in parentheses"
            )
        if any(condition.joined is not by for condition in other.conditions[:-1]):
            raise OrderValidationError(
                f"IB reads conditions from left to right, so ({self}) {by} ({other}) would not be "
                "what it says; put the part in parentheses first"
            )
        *first, last = self.conditions
        return Waits((*first, replace(last, joined=by), *other.conditions))


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Something that is compared with a number: `price("SPY") > 600`."""

    kind: str
    more: tuple[tuple[str, Any], ...] = ()

    def __gt__(self, bound: Number) -> Waits:
        return self._when("above", bound)

    def __lt__(self, bound: Number) -> Waits:
        return self._when("below", bound)

    def __ge__(self, bound: Number) -> NoReturn:
        self._refuse(">=", bound)

    def __le__(self, bound: Number) -> NoReturn:
        self._refuse("<=", bound)

    def __eq__(self, bound: object) -> NoReturn:
        self._refuse("==", bound)

    def __ne__(self, bound: object) -> NoReturn:
        self._refuse("!=", bound)

    __hash__ = None  # type: ignore[assignment]  # it is never equal to anything

    def _when(self, side: str, bound: object) -> Waits:
        return _waits({"kind": self.kind, side: bound, **dict(self.more)})

    def _refuse(self, sign: str, bound: object) -> NoReturn:
        raise OrderValidationError(
            f"{self.kind} {sign} {bound} cannot be waited for; IB knows above (>) and below (<)"
        )


def price(contract: Contract | str, *, by: str = "default") -> Watched:
    """Watch a price; `by` says which prices count: `last`, `bid_ask`, `midpoint` and others."""
    return Watched("price", (("contract", readable(contract)), ("trigger_method", by)))


def volume(contract: Contract | str) -> Watched:
    """Watch the day's volume."""
    return Watched("volume", (("contract", readable(contract)),))


def percent_change(contract: Contract | str) -> Watched:
    """Watch the change since the last close, in percent."""
    return Watched("percent_change", (("contract", readable(contract)),))


def margin() -> Watched:
    """Watch the account's margin cushion, in whole percents."""
    return Watched("margin")


def traded(symbol: str, *, security_type: str = "STK", exchange: str = "SMART") -> Waits:
    """Wait until the account has traded a symbol."""
    named = {"symbol": symbol, "security_type": security_type, "exchange": exchange}
    return _waits({"kind": "execution", **named})


def after(moment: datetime | str) -> Waits:
    """Wait until a moment, an aware datetime or its ISO text."""
    return _waits({"kind": "time", "after": moment})


def before(moment: datetime | str) -> Waits:
    """Work before a moment only."""
    return _waits({"kind": "time", "before": moment})


def readable(contract: Contract | str) -> Contract | str:
    """
    Return a contract as it was given, if its text can be read; nothing is looked up.

    Raises:
        OrderValidationError: It cannot.
    """
    if isinstance(contract, str):
        try:
            parse_contract(contract)
        except ContractError as error:
            raise OrderValidationError(error.message, hint=error.hint) from error
    return contract


def _waits(fields: dict[str, Any]) -> Waits:
    try:
        return Waits(read_conditions("conditions", [fields]))
    except ValueError as error:
        raise OrderValidationError(str(error).replace("conditions[0].", "")) from None


def told(condition: Condition) -> str:
    """Say a condition in words."""
    fields = dict(condition)
    if condition.kind == "execution":
        return f"traded {fields['symbol']}"
    contract = fields.get("contract")
    what = contract.text if isinstance(contract, Contract) else contract
    by = condition.trigger_method if isinstance(condition, PriceCondition) else 0
    how = f" by {condition.trigger_method.name.lower()}" if by else ""  # type: ignore[union-attr]  # of a price
    name = condition.kind.replace("_", " ")
    side = next((side for side in _SIGNS if fields.get(side) is not None), "")
    bound = fields.get(side)
    if isinstance(bound, datetime):
        return f"{side} {bound.isoformat()}"
    return " ".join(str(word) for word in (f"{name}{how}", what, _SIGNS.get(side), bound) if word)
