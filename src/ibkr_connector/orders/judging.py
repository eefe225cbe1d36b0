"""
What the rules say of an order, and of one that is divided among accounts.

Owns: that rules about orders (size, value, rate, duplicates) judge a divided order as one, and that
all others judge it in each account, with the most that it may get there. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from ibkr_connector.model.orders import Violation
from ibkr_connector.model.preview import RuleVerdict, Verdict

from .risk import Book, Case, RiskLimits, closes, decide, verdicts

__all__ = ["all_close", "decide_all", "of_account", "of_whole", "verdicts_of_all", "whole_book"]

N = TypeVar("N", int, Decimal)


def of_whole(limits: RiskLimits, *, of_accounts: Sequence[RiskLimits]) -> RiskLimits:
    """
    Return the limits of a divided order as one: those that are about orders, not about accounts.

    How often orders may be placed can be limited for one account alone, and a divided order is
    one order for all of them: the strictest limit of any of its accounts holds.
    """
    every = (limits, *of_accounts)
    return RiskLimits(
        max_order_size=limits.max_order_size,
        max_order_value=limits.max_order_value,
        max_orders_per_second=_strictest(min, [one.max_orders_per_second for one in every]),
        max_orders_per_minute=_strictest(min, [one.max_orders_per_minute for one in every]),
        duplicate_window_s=_strictest(max, [one.duplicate_window_s for one in every]),
    )


def _strictest(choose: Callable[[list[N]], N], limits: Sequence[N | None]) -> N | None:
    known = [limit for limit in limits if limit is not None]
    return choose(known) if known else None


def whole_book(parts: Sequence[Case]) -> Book:
    """
    Return what is known of no account and of all: the time, and what was placed.

    What is held, lost or halted in one account says nothing of an order for several.
    """
    # an account without a limit on how often is told of nothing that was placed
    longest = max((part.book.placed for part in parts), key=len)
    return Book(now=parts[0].book.now, placed=longest)


def of_account(case: Case) -> Case:
    """Return the part of one account; how often orders are placed is judged once, of the whole."""
    limits = replace(
        case.limits,
        max_orders_per_second=None,
        max_orders_per_minute=None,
        duplicate_window_s=None,
    )
    return replace(case, limits=limits)


def all_close(cases: Sequence[Case]) -> bool:
    """
    Whether an order can do nothing but close.

    Of several cases, which are those of a divided order, never: who gets how much of it is for
    TWS to say, so nobody can promise that before it is sent.
    """
    return len(cases) == 1 and closes(cases[0])


def decide_all(
    cases: Sequence[Case],
) -> tuple[tuple[Violation, ...], tuple[RuleVerdict, ...]]:
    """Apply the rules to each case once; the first of several is the whole."""
    violations, rows = decide(cases[0])
    for nth, case in enumerate(cases[1:], 1):
        broken, compared = decide(case)
        said = _said(nth, len(cases) - 1)
        violations += tuple(replace(one, value=one.value + said) for one in broken)
        rows += _with(compared, said)
    return violations, rows


def verdicts_of_all(cases: Sequence[Case]) -> tuple[RuleVerdict, ...]:
    """Tell what every rule says of each case; the first of several is the whole."""
    rows = verdicts(cases[0])
    for nth, case in enumerate(cases[1:], 1):
        told = (row for row in verdicts(case) if row.verdict is not Verdict.NOT_SET)
        rows += _with(told, _said(nth, len(cases) - 1))
    return rows


def _with(rows: Iterable[RuleVerdict], said: str) -> tuple[RuleVerdict, ...]:
    return tuple(replace(row, value=row.value + said) for row in rows)


def _said(nth: int, of: int) -> str:
    # account numbers stay out of messages; the order is that of the group
    return f" (account {nth} of {of})"
