"""
Profit and loss as it follows from positions, prices, executions and commissions.

The broker's own figures come by other ways and at other moments; computed here beside them, a
difference shows that one of the two has missed something. Pure but for what was heard today.

Owns the day's executions, each once in its newest revision, with what each realised and cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.gateway.blocks import without_blocks
from ibkr_connector.gateway.port import CommissionReported, Execution
from ibkr_connector.model.account import FigureSource, Position, ProfitAndLoss
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action

__all__ = ["DAY_ZONE", "DayBook", "Traded", "day_of", "reckon"]

DAY_ZONE: Final = ZoneInfo("America/New_York")
"""Whose midnight ends the day; *limit*: accounts of other regions have another."""

_NOTHING: Final = Decimal(0)
_CENT: Final = Decimal("0.01")


def day_of(moment: datetime) -> date:
    """Return the account's day at a moment."""
    return moment.astimezone(DAY_ZONE).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """
    What was traded in one contract today, in its currency.

    `flow` is the money that moved, negative for purchases, commissions taken off. `is_whole` tells
    that the commission of every execution is known.
    """

    contract: Contract
    signed: Decimal
    flow: Decimal
    realized: Decimal
    is_whole: bool


class DayBook:
    """The executions of today; all calls on one loop."""

    def __init__(self) -> None:
        self._executions: dict[str, Execution] = {}
        self._commissions: dict[str, CommissionReported] = {}
        self._day: date | None = None

    def execution(self, one: Execution, now: datetime) -> None:
        """Take an execution, as it happens or as an answer; a newer revision replaces the older."""
        self._turn(now)
        if day_of(one.time) != self._day or one.contract.security_type is SecurityType.COMBO:
            return  # of a combination the legs are what is held
        base = _base(one.exec_id)
        known = self._executions.get(base)
        if known is None or known.exec_id <= one.exec_id:
            self._executions[base] = one

    def commission(self, one: CommissionReported, now: datetime) -> None:
        """Take what an execution cost; it may come before the execution."""
        self._turn(now)
        self._commissions[one.exec_id] = one

    def traded(self, account: str, now: datetime) -> Mapping[ConId | None, Traded]:
        """Return what an account has traded today, by contract."""
        self._turn(now)
        found: dict[ConId | None, Traded] = {}
        for one in without_blocks(self._executions.values()):
            if one.account == account:
                con_id = one.contract.con_id
                found[con_id] = self._with(found.get(con_id), one)
        return found

    def _with(self, before: Traded | None, one: Execution) -> Traded:
        told = self._commissions.get(one.exec_id)
        cost = None if told is None else told.commission
        signed = one.quantity if one.action is Action.BUY else -one.quantity
        # money moves in whole cents, also where a price has more digits
        value = _cents(signed * one.price * (one.contract.multiplier or Decimal(1)))
        # a busted execution is one of nothing, and costs nothing
        is_whole = cost is not None or not one.quantity
        flow = -value - (cost or _NOTHING)
        realized = (told.realized_pnl if told is not None else None) or _NOTHING
        if before is None:
            before = Traded(
                contract=one.contract,
                signed=_NOTHING,
                flow=_NOTHING,
                realized=_NOTHING,
                is_whole=True,
            )
        return Traded(
            contract=one.contract,
            signed=before.signed + signed,
            flow=before.flow + flow,
            realized=before.realized + realized,
            is_whole=before.is_whole and is_whole,
        )

    def _turn(self, now: datetime) -> None:
        day = day_of(now)
        if day != self._day:
            self._day = day
            self._executions.clear()
            self._commissions.clear()


def reckon(
    account: str,
    positions: Iterable[Position],
    traded: Mapping[ConId | None, Traded],
    *,
    rate: Callable[[str], Decimal | None],
    starts: Mapping[ConId | None, tuple[Decimal, Decimal]],
    now: datetime,
    currency: str,
) -> tuple[ProfitAndLoss, tuple[str, ...]]:
    """
    Compute the profit and loss of an account, and say what is missing for it.

    Args:
        account: Whose.
        positions: What it holds, with prices.
        traded: What it traded today.
        rate: What one unit of a currency is in the base currency.
        starts: Quantity and market value of positions when the day began, by contract; a position
            that was opened today needs none.
        now: The moment that this is of.
        currency: The base currency.

    Returns:
        Figures to the cent in the base currency, `None` where something is missing.
    """
    held = {one.contract.con_id: one for one in positions}
    missing: dict[str, None] = {}
    unrealized = realized = daily = _NOTHING
    has_unrealized = has_realized = has_daily = True
    for con_id in {**held, **traded}:
        position, done = held.get(con_id), traded.get(con_id)
        contract = position.contract if position is not None else traded[con_id].contract
        unit = rate(contract.currency)
        if unit is None:
            missing[f"the rate of {contract.currency}"] = None
            has_unrealized = has_realized = has_daily = False
            continue
        value = _NOTHING if position is None else position.reckoned_value
        if value is None or (position is not None and position.reckoned_pnl is None):
            missing[f"a price of {contract.text}"] = None
            has_unrealized = has_daily = False
        elif position is not None and (gain := position.reckoned_pnl) is not None:
            unrealized += gain * unit
        if done is not None:
            realized += done.realized * unit
            if not done.is_whole:
                missing[f"a commission of {contract.text}"] = None
                has_realized = has_daily = False
        start = _start(position, done, starts.get(con_id))
        if start is None:
            missing[f"the value of {contract.text} when the day began"] = None
            has_daily = False
        elif value is not None:
            flow = _NOTHING if done is None else done.flow
            daily += (value - start + flow) * unit
    ours = ProfitAndLoss(
        account=account,
        as_of=now,
        currency=currency,
        source=FigureSource.OURS,
        daily=_cents(daily) if has_daily else None,
        unrealized=_cents(unrealized) if has_unrealized else None,
        realized=_cents(realized) if has_realized else None,
    )
    return ours, tuple(missing)


def _start(
    position: Position | None, done: Traded | None, kept: tuple[Decimal, Decimal] | None
) -> Decimal | None:
    """Return what a position was worth when the day began; `None` when nobody knows."""
    now = _NOTHING if position is None else position.quantity
    began = now - (_NOTHING if done is None else done.signed)
    if not began:
        return _NOTHING
    return kept[1] if kept is not None and kept[0] == began else None


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _base(exec_id: str) -> str:
    # the last part of an execution's id counts its corrections (IB campus: execution corrections)
    base, dot, _ = exec_id.rpartition(".")
    return base if dot else exec_id
