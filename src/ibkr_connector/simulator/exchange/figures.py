"""
What an account is worth: cash and positions at the prices of a moment, by currency and in all.

Pure: the ledger brings cash and positions, whoever asks brings prices and rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Final

from .holdings import Holding, cents
from .instruments import Instrument
from .margins import MarginModel, Under, Working, bound, has_loan_value, is_commodity, is_paid_for

__all__ = ["Figures", "Line", "Mark", "Rate", "Segment", "position_values", "summed", "valued"]

Mark = Callable[[Instrument], Decimal]
"""Gives the price at which a holding is valued."""

Rate = Callable[[str], Decimal]
"""Gives how much of one common currency, whichever, one unit of a currency is."""

_NOTHING: Final = Decimal(0)
_ZERO: Final = Decimal("0.00")
_BASE: Final = "BASE"
_FUTURES: Final = frozenset({"FUT", "CONTFUT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One currency of an account, in that currency; `values` by security type.

    The line of all currencies together has the currency `BASE`.
    """

    currency: str
    rate: Decimal
    cash: Decimal
    values: Mapping[str, Decimal]
    futures_gain: Decimal
    fx_cash: Decimal
    unrealized: Decimal
    realized: Decimal

    @property
    def net_liquidation(self) -> Decimal:
        """Cash, what positions are worth, and the open gain of futures."""
        return self.cash + sum(self.values.values(), _NOTHING) + self.futures_gain


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """
    A part of an account: securities, commodities (futures and their options), or crypto.

    `total_cash` has the open gain of futures in it, as IB counts it.
    """

    total_cash: Decimal
    net_liquidation: Decimal
    equity_with_loan: Decimal
    gross_position_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal

    @property
    def available_funds(self) -> Decimal:
        """What may still be bound as initial margin."""
        return self.equity_with_loan - self.initial_margin

    @property
    def excess_liquidity(self) -> Decimal:
        """What is left above the maintenance margin."""
        return self.equity_with_loan - self.maintenance_margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    What an account is worth now, in its base currency.

    `equity_with_loan` leaves out what no money is lent on: options and crypto. `working_margin` is
    what open orders bind beside the positions, when they were given.
    """

    cash: Decimal
    total_cash: Decimal
    stock_value: Decimal
    net_liquidation: Decimal
    equity_with_loan: Decimal
    gross_position_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    working_margin: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal
    securities: Segment
    commodities: Segment
    crypto: Segment
    lines: tuple[Line, ...]

    @property
    def available_funds(self) -> Decimal:
        """What may still be bound as initial margin."""
        return self.equity_with_loan - self.initial_margin - self.working_margin

    @property
    def excess_liquidity(self) -> Decimal:
        """What is left above the maintenance margin."""
        return self.equity_with_loan - self.maintenance_margin

    @property
    def buying_power(self) -> Decimal:
        """What stocks could be bought for: four times the available funds (margin account)."""
        return max(self.available_funds, _NOTHING) * 4

    def falls_short_of(self, before: Figures) -> bool:
        """Tell whether a trade that leads from there to here must be refused for want of funds."""
        return self.available_funds < 0 and self.available_funds < before.available_funds


@dataclass(slots=True)
class _Sum:
    """What is added up for one currency."""

    cash: Decimal = _NOTHING
    values: dict[str, Decimal] = field(default_factory=dict)
    no_loan: Decimal = _NOTHING
    gross: Decimal = _NOTHING
    futures_gain: Decimal = _NOTHING
    fx_cash: Decimal = _NOTHING
    unrealized: Decimal = _NOTHING
    realized: Decimal = _NOTHING
    daily: Decimal = _NOTHING
    initial: Decimal = _NOTHING
    maintenance: Decimal = _NOTHING
    commodity_value: Decimal = _NOTHING
    commodity_gross: Decimal = _NOTHING
    commodity_initial: Decimal = _NOTHING
    commodity_maintenance: Decimal = _NOTHING
    working: Decimal = _NOTHING

    def add(self, holding: Holding, *, price: Decimal, margin: tuple[Decimal, Decimal]) -> None:
        instrument = holding.instrument
        kind = instrument.sec_type
        value, unrealized, daily = position_values(holding, price)
        self.realized += holding.realized
        self.daily += daily
        self.unrealized += unrealized
        self.initial += margin[0]
        self.maintenance += margin[1]
        if kind in _FUTURES:
            self.futures_gain += value - holding.basis
        elif kind == "CASH":
            self.fx_cash += value
        else:
            # of what is not paid for (contracts for difference) only the gain is there
            worth = value if is_paid_for(instrument) else value - holding.basis
            self.values[kind] = self.values.get(kind, _NOTHING) + worth
            self.gross += abs(value)
        if not has_loan_value(instrument):
            self.no_loan += value
        if is_commodity(instrument):
            self.commodity_initial += margin[0]
            self.commodity_maintenance += margin[1]
            if kind not in _FUTURES:
                self.commodity_value += value
                self.commodity_gross += abs(value)

    def line(self, currency: str, rate: Decimal) -> Line:
        return Line(
            currency=currency,
            rate=rate,
            cash=self.cash,
            values=self.values,
            futures_gain=self.futures_gain,
            fx_cash=self.fx_cash,
            unrealized=self.unrealized,
            realized=self.realized,
        )

    def into(self, total: _Sum, rate: Decimal) -> None:
        for name in _PLAIN:
            amount = getattr(self, name)
            if amount:
                setattr(total, name, getattr(total, name) + amount * rate)
        for kind, value in self.values.items():
            total.values[kind] = total.values.get(kind, _NOTHING) + value * rate


_PLAIN: Final = tuple(name for name in _Sum.__slots__ if name != "values")


def position_values(holding: Holding, price: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """
    Return market value, unrealised gain and the day's gain of a position at a price.

    In the instrument's currency; the day's gain is from the value at the day's start.
    """
    value = holding.quantity * price * holding.instrument.size
    return value, value - holding.cost, value - holding.start_value + holding.flow


def valued(
    cash: Mapping[str, Decimal],
    holdings: Iterable[Holding],
    *,
    base: str,
    margins: MarginModel,
    mark: Mark,
    rate: Rate,
    under: Under | None = None,
    working: Iterable[Working] = (),
) -> Figures:
    """Value an account, each figure to the cent; see `Ledger.figures`."""
    sums = {base: _Sum()}
    for currency, amount in cash.items():
        sums.setdefault(currency, _Sum()).cash = amount
    held: dict[int, Decimal] = {}
    for holding in holdings:
        instrument, quantity = holding.instrument, holding.quantity
        held[instrument.con_id] = quantity
        price = mark(instrument) if quantity else _NOTHING
        spot = under(instrument) if under is not None and quantity else None
        need = margins.requirement(instrument, quantity, price, under=spot)
        sums.setdefault(instrument.currency, _Sum()).add(
            holding, price=price, margin=(need.initial, need.maintenance)
        )
    for instrument, orders in _by_instrument(working):
        sums.setdefault(instrument.currency, _Sum()).working += bound(
            margins,
            instrument,
            held.get(instrument.con_id, _NOTHING),
            orders=orders,
            price=mark(instrument),
            under=under(instrument) if under is not None else None,
        )
    unit = rate(base)
    total, lines = _Sum(), []
    for currency in sorted(sums):
        ratio = Decimal(1) if currency == base else rate(currency) / unit
        sums[currency].into(total, ratio)
        lines.append(sums[currency].line(currency, ratio))
    return _figures(total, (*lines, total.line(_BASE, Decimal(1))))


def summed(parts: Sequence[Figures]) -> Figures:
    """
    Return what several accounts of one base currency are worth together.

    Margins are added up, not netted: each account answers for itself.
    """
    lines: dict[str, Line] = {}
    for line in (line for part in parts for line in part.lines):
        known = lines.pop(line.currency, None)
        lines[line.currency] = line if known is None else _joined_lines(known, line)
    base = lines.pop(_BASE)

    def total(name: str) -> Decimal:
        return sum((getattr(part, name) for part in parts), _NOTHING)

    return Figures(
        cash=total("cash"),
        total_cash=total("total_cash"),
        stock_value=total("stock_value"),
        net_liquidation=total("net_liquidation"),
        equity_with_loan=total("equity_with_loan"),
        gross_position_value=total("gross_position_value"),
        initial_margin=total("initial_margin"),
        maintenance_margin=total("maintenance_margin"),
        working_margin=total("working_margin"),
        unrealized=total("unrealized"),
        realized=total("realized"),
        daily=total("daily"),
        securities=_joined_segments([part.securities for part in parts]),
        commodities=_joined_segments([part.commodities for part in parts]),
        crypto=_joined_segments([part.crypto for part in parts]),
        lines=(*(lines[currency] for currency in sorted(lines)), base),
    )


def _joined_segments(parts: Sequence[Segment]) -> Segment:
    names = [one.name for one in fields(Segment)]
    return Segment(
        **{name: sum((getattr(part, name) for part in parts), _NOTHING) for name in names}
    )


def _joined_lines(one: Line, two: Line) -> Line:
    kinds = dict.fromkeys((*one.values, *two.values))
    return Line(
        currency=one.currency,
        rate=one.rate,
        cash=one.cash + two.cash,
        values={
            kind: one.values.get(kind, _NOTHING) + two.values.get(kind, _NOTHING) for kind in kinds
        },
        futures_gain=one.futures_gain + two.futures_gain,
        fx_cash=one.fx_cash + two.fx_cash,
        unrealized=one.unrealized + two.unrealized,
        realized=one.realized + two.realized,
    )


def _by_instrument(
    working: Iterable[Working],
) -> Iterable[tuple[Instrument, list[tuple[Decimal, Decimal]]]]:
    found: dict[int, tuple[Instrument, list[tuple[Decimal, Decimal]]]] = {}
    for order in working:
        _, orders = found.setdefault(order.instrument.con_id, (order.instrument, []))
        orders.append((order.signed, order.price))
    return found.values()


def _figures(total: _Sum, lines: tuple[Line, ...]) -> Figures:
    stock = sum(total.values.values(), _NOTHING) + total.futures_gain
    net = total.cash + stock
    equity = net - total.no_loan
    # IB sweeps what futures do not need into the securities part (assumed to be switched on, as
    # it is by default), so that the commodities part holds its initial margin and no more
    commodities = Segment(
        total_cash=cents(total.commodity_initial),
        net_liquidation=cents(total.commodity_initial + total.commodity_value),
        equity_with_loan=cents(total.commodity_initial),
        gross_position_value=cents(total.commodity_gross),
        initial_margin=cents(total.commodity_initial),
        maintenance_margin=cents(total.commodity_maintenance),
    )
    # crypto stands in a part of its own, as wealth and nothing else (a recorded US account)
    coins = cents(total.values.get("CRYPTO", _NOTHING))
    crypto = Segment(
        total_cash=_ZERO,
        net_liquidation=coins,
        equity_with_loan=_ZERO,
        gross_position_value=coins,
        initial_margin=_ZERO,
        maintenance_margin=_ZERO,
    )
    total_cash = cents(total.cash + total.futures_gain)
    securities = Segment(
        total_cash=total_cash - commodities.total_cash,
        net_liquidation=cents(net) - commodities.net_liquidation - coins,
        equity_with_loan=cents(equity) - commodities.equity_with_loan,
        gross_position_value=cents(total.gross) - commodities.gross_position_value - coins,
        initial_margin=cents(total.initial) - commodities.initial_margin,
        maintenance_margin=cents(total.maintenance) - commodities.maintenance_margin,
    )
    return Figures(
        cash=cents(total.cash),
        total_cash=total_cash,
        stock_value=cents(stock),
        net_liquidation=cents(net),
        equity_with_loan=cents(equity),
        gross_position_value=cents(total.gross),
        initial_margin=cents(total.initial),
        maintenance_margin=cents(total.maintenance),
        working_margin=cents(total.working),
        unrealized=cents(total.unrealized),
        realized=cents(total.realized),
        daily=cents(total.daily),
        securities=securities,
        commodities=commodities,
        crypto=crypto,
        lines=lines,
    )
