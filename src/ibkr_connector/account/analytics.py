"""
Exposure, concentration, returns, drawdown and gains by day, from records alone.

Pure. Money stays exact; shares and returns are doubles. What cannot be computed is `None` or named
as missing, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.model.account import Position
from ibkr_connector.model.account_history import CashFlow, EquityHistory, EquityPoint
from ibkr_connector.model.analytics import (
    Concentration,
    DailyPnL,
    DayGain,
    DayReturn,
    Drawdown,
    DrawdownPoint,
    Exposure,
    ExposurePart,
    ReturnSeries,
    Weight,
)

__all__ = ["concentration", "daily_pnl", "drawdown", "exposure", "returns"]

_NOTHING: Final = Decimal(0)


def exposure(
    account: str,
    positions: Iterable[Position],
    *,
    rate: Callable[[str], Decimal | None],
    currency: str,
    net_liquidation: Decimal | None,
    as_of: datetime,
) -> Exposure:
    """
    Return what is held at market prices.

    Args:
        account: Whose.
        positions: What it holds.
        rate: What one unit of a currency is in the base currency; `None` when not known.
        currency: The base currency.
        net_liquidation: What the account is worth.
        as_of: The moment that this is of.
    """
    groups: tuple[dict[str, ExposurePart], ...] = ({}, {}, {}, {})
    missing: list[str] = []
    for one in positions:
        value, unit = one.reckoned_value, rate(one.contract.currency)
        if value is None or unit is None:
            missing.append(one.contract.text)
            continue
        amount = value * unit
        names = ("", one.contract.security_type.value, one.contract.currency, one.symbol)
        for group, name in zip(groups, names, strict=True):
            _add(group, name, amount)
    whole = groups[0].get("", ExposurePart(name="", long=_NOTHING, short=_NOTHING))
    return Exposure(
        account=account,
        as_of=as_of,
        currency=currency,
        long=whole.long,
        short=whole.short,
        net_liquidation=net_liquidation,
        by_asset_class=_largest_first(groups[1]),
        by_currency=_largest_first(groups[2]),
        by_symbol=_largest_first(groups[3]),
        missing=tuple(missing),
    )


def concentration(held: Exposure) -> Concentration:
    """Return how unevenly an exposure is spread over symbols."""
    gross = held.gross
    weights = tuple(
        Weight(name=part.name, value=part.net, weight=float(part.gross / gross))
        for part in held.by_symbol
        if gross
    )
    return Concentration(
        account=held.account,
        as_of=held.as_of,
        weights=weights,
        hhi=sum(one.weight**2 for one in weights) if weights else None,
    )


def returns(history: EquityHistory) -> ReturnSeries:
    """
    Return time-weighted returns by day.

    Between two points the return is what the account is worth at the second, less what was paid in
    since the first, by what it was worth at the first; a day's is the product of its parts. So
    money that comes or goes is neither gain nor loss, wherever in the day it comes.
    """
    days: dict[object, DayReturn] = {}
    index, before = 1.0, None
    for point, flow in _with_flows(history):
        value = point.total_value
        assert value is not None
        factor = _factor(before, value - flow)
        index *= 1.0 if factor is None else factor
        known = days.get(point.day)
        # of the first day what there was first is all that is known of its beginning
        start = before if known is None else _first(known)
        paid = flow if known is None else known.flow + flow
        days[point.day] = DayReturn(
            day=point.day,
            start_value=start,
            end_value=value,
            flow=paid,
            gain=None if start is None else value - start - paid,
            rate=_chained(None if known is None else known.rate, factor),
            index=index,
        )
        before = value
    currency = history.points[-1].currency if history.points else ""
    return ReturnSeries(account=history.account, currency=currency, days=tuple(days.values()))


def drawdown(history: EquityHistory) -> Drawdown:
    """Return how far an account was below its highest, money that came or went left aside."""
    points: list[DrawdownPoint] = []
    index, before = 1.0, None
    peak, peak_at = 1.0, None
    deepest, deepest_from, trough_at = 0.0, None, None
    recovered_at: datetime | None = None
    for point, flow in _with_flows(history):
        value = point.total_value
        assert value is not None
        factor = _factor(before, value - flow)
        index *= 1.0 if factor is None else factor
        before = value
        if index >= peak or peak_at is None:
            if trough_at is not None and recovered_at is None and peak_at == deepest_from:
                recovered_at = point.at
            peak, peak_at = max(index, peak), point.at
        below = index / peak - 1 if peak > 0 else 0.0
        if below < deepest:
            deepest, deepest_from, trough_at, recovered_at = below, peak_at, point.at, None
        points.append(DrawdownPoint(at=point.at, index=index, peak=peak, drawdown=below))
    return Drawdown(
        account=history.account,
        points=tuple(points),
        maximum=deepest if points else None,
        peak_at=deepest_from,
        trough_at=trough_at,
        recovered_at=recovered_at,
    )


def daily_pnl(history: EquityHistory) -> DailyPnL:
    """Return realised and unrealised gains by day, as the broker told them last on each."""
    days: list[DayGain] = []
    before: Decimal | None = None
    for point in history.by_day:
        now = point.unrealized_pnl
        days.append(
            DayGain(
                day=point.day,
                realized=point.realized_pnl,
                unrealized=now,
                unrealized_change=None if now is None or before is None else now - before,
            )
        )
        before = now
    currency = history.points[-1].currency if history.points else ""
    return DailyPnL(account=history.account, currency=currency, days=tuple(days))


def _with_flows(history: EquityHistory) -> Iterable[tuple[EquityPoint, Decimal]]:
    """Yield each point that has a worth, with what was paid in since the one before it."""
    flows: list[CashFlow] = sorted(history.flows, key=lambda flow: flow.at)
    at, is_first = 0, True
    for point in history.points:
        if point.total_value is None:
            continue
        paid = _NOTHING
        while at < len(flows) and flows[at].at <= point.at:
            # what came before the first point is in what that is worth
            paid += _NOTHING if is_first else flows[at].amount
            at += 1
        is_first = False
        yield point, paid


def _factor(before: Decimal | None, after: Decimal) -> float | None:
    """Return what 1 became; `None` where there was nothing that could grow."""
    if before is None or before <= 0:
        return None
    return float(after / before)


def _chained(known: float | None, factor: float | None) -> float | None:
    if factor is None:
        return known
    return (1 + (known or 0.0)) * factor - 1


def _add(group: dict[str, ExposurePart], name: str, amount: Decimal) -> None:
    before = group.get(name, ExposurePart(name=name, long=_NOTHING, short=_NOTHING))
    group[name] = ExposurePart(
        name=name,
        long=before.long + max(amount, _NOTHING),
        short=before.short + max(-amount, _NOTHING),
    )


def _largest_first(group: Mapping[str, ExposurePart]) -> tuple[ExposurePart, ...]:
    return tuple(sorted(group.values(), key=lambda part: (-part.gross, part.name)))


def _first(known: DayReturn) -> Decimal:
    return known.end_value if known.start_value is None else known.start_value
