"""Rules that stop trading after losses: of the day, from the peak, and the rest that follows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ibkr_connector.model.orders import Violation

from .facts import Book, Case
from .limits import RiskLimits
from .sizes import unknown

__all__ = ["breaches", "cooldown", "losses", "watches_losses"]


def watches_losses(limits: RiskLimits) -> bool:
    """Whether any limit is about losses."""
    shares = (limits.max_daily_loss, limits.max_daily_loss_share, limits.max_drawdown)
    return any(limit is not None for limit in shares)


def breaches(
    limits: RiskLimits, book: Book, worth: Decimal | None
) -> Iterator[tuple[str, str, str, bool]]:
    """Give each broken loss limit: rule, value, limit, and whether it is known at all."""
    for rule, limit, start, is_share in (
        ("max_daily_loss", limits.max_daily_loss, book.day_start, False),
        ("max_daily_loss_share", limits.max_daily_loss_share, book.day_start, True),
        ("max_drawdown", limits.max_drawdown, book.peak, True),
    ):
        if limit is None:
            continue
        if worth is None or start is None or (is_share and start <= 0):
            yield rule, "", f"{limit}", False
            continue
        loss = (start - worth) / start if is_share else start - worth
        if loss >= limit:
            yield rule, f"{loss:.4f}" if is_share else f"{loss:.2f}", f"{limit}", True


def losses(case: Case) -> Iterator[Violation]:
    """Nothing is opened while the losses of the day, or from the peak, have reached the limit."""
    for rule, value, limit, is_known in breaches(case.limits, case.book, case.net_liquidation):
        if is_known:
            yield Violation(
                rule=rule,
                value=value,
                limit=limit,
                remedy="only closing orders go until the account has recovered",
            )
        else:
            names = ["what the account is worth, and was worth before"]
            yield unknown(rule, limit, case=case, names=names)


def cooldown(case: Case) -> Iterator[Violation]:
    """After a loss limit was reached nothing is opened for a while, even if losses recover."""
    until, now = case.book.halted_until, case.book.now
    if until is None or (now is not None and now >= until):
        return
    yield Violation(
        rule="halt_cooldown_s",
        value="an order that opens something",
        limit=f"none before {until:%Y-%m-%d %H:%M:%S} UTC",
        remedy="wait; closing orders go at any time",
    )
