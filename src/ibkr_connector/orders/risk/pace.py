"""Rules about how often: open orders, orders per time, and the same order twice."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from operator import attrgetter
from typing import Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import OrderRequest, Violation

from .facts import Case, Placed
from .limits import RiskLimits
from .sizes import unknown

__all__ = [
    "Past",
    "duplicate",
    "likeness",
    "open_after",
    "open_orders",
    "placed_since",
    "rate",
]


_LONGEST: Final = timedelta(hours=1)
"""The widest window that can be set."""

_MINUTE: Final = timedelta(minutes=1)

_at: Final = attrgetter("at")


class Past:
    """What was let through in the last hour, by time: a rule looks no further back than it asks."""

    def __init__(self, rows: Iterable[Placed]) -> None:
        self._rows = deque(sorted(rows, key=_at))

    def add(self, row: Placed) -> None:
        """Remember one more, and forget what is in nobody's window any more."""
        rows, start = self._rows, row.at - _LONGEST
        while rows and rows[0].at <= start:
            rows.popleft()
        if rows and row.at < rows[-1].at:  # the clock was set back
            insort(rows, row, key=_at)
        else:
            rows.append(row)

    def under(self, limits: RiskLimits, now: datetime) -> tuple[Placed, ...]:
        """Return what limits on how often look at, the latest first; nothing without any."""
        window = limits.duplicate_window_s
        if window is not None:
            width = max(timedelta(seconds=float(window)), _MINUTE)
        elif limits.max_orders_per_second is None and limits.max_orders_per_minute is None:
            return ()
        else:
            width = _MINUTE
        start = now - width
        return tuple(takewhile(lambda row: row.at > start, reversed(self._rows)))


def likeness(request: OrderRequest, contract: Contract, account: str) -> tuple[object, ...]:
    """Return what two orders have in common when one is the other again."""
    return (
        account,
        contract.identity,
        request.action,
        # what an amount of cash comes to changes with the market
        request.quantity if request.cash_quantity is None else Decimal(0),
        request.order_type,
        request.limit_price,
        request.stop_price,
        request.terms,
    )


def open_orders(case: Case) -> Iterator[Violation]:
    """So many orders may be open, this one included."""
    limit = case.limits.max_open_orders
    if limit is not None and (count := open_after(case)) > limit:
        yield Violation(
            rule="max_open_orders",
            value=f"{count}",
            limit=f"{limit}",
            remedy="cancel some, or raise max_open_orders",
        )


def open_after(case: Case) -> int:
    """Return how many orders are open with this one; the legs of a combination are one."""
    return 1 + sum(not order.is_more for order in case.book.working)


def rate(case: Case) -> Iterator[Violation]:
    """So many orders may be placed in any second, and in any minute."""
    for rule, limit, window_s in (
        ("max_orders_per_second", case.limits.max_orders_per_second, 1),
        ("max_orders_per_minute", case.limits.max_orders_per_minute, 60),
    ):
        if limit is None:
            continue
        if case.book.now is None:
            yield unknown(rule, f"{limit}", case=case, names=["the time"])
            continue
        count = len(placed_since(case, case.book.now, seconds=Decimal(window_s))) + 1
        if count > limit:
            yield Violation(
                rule=rule,
                value=f"{count}",
                limit=f"{limit}",
                remedy=f"place fewer orders, or raise {rule}",
            )


def duplicate(case: Case) -> Iterator[Violation]:
    """The same order is not placed twice within the window."""
    window = case.limits.duplicate_window_s
    if window is None or case.is_change:
        return
    if case.book.now is None:
        yield unknown("duplicate_window_s", f"{window} s", case=case, names=["the time"])
        return
    mine = likeness(case.request, case.contract, case.account)
    same = [one.at for one in placed_since(case, case.book.now, seconds=window) if one.what == mine]
    if same:
        age = (case.book.now - max(same)).total_seconds()
        yield Violation(
            rule="duplicate_window_s",
            value=f"the same order {age:.1f} s later",
            limit=f"{window} s",
            remedy="wait, change the order, or lower duplicate_window_s",
        )


def placed_since(case: Case, now: datetime, *, seconds: Decimal) -> tuple[Placed, ...]:
    """Return what was let through in the last seconds, in whatever order the clock has it."""
    known: tuple[Placed, ...] | None = case.worked_out.get(f"placed in {seconds} s")
    if known is None:
        start = now - timedelta(seconds=float(seconds))
        known = tuple(one for one in case.book.placed if one.at > start)
        case.worked_out[f"placed in {seconds} s"] = known
    return known
