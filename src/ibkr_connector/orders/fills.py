"""
What fills cost: slippage against the price at arrival, commissions, and how long they took.

Owns: the figures, each with its unit and its sign. It reads orders as the journal tells them
(`read_orders`), so it needs no connection; only the price at arrival must be looked up, because an
order is not held back to ask for one: `arrival_prices` asks the broker's history afterwards.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from ibkr_connector.errors import ConfigurationError, HistoricalDataError, NoDataError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import BarSeries
from ibkr_connector.model.orders import Action, OrderReport, OrderStatus
from ibkr_connector.model.record import Record

from .entry import ZERO
from .fill_plot import draw_fills
from .history import RecordedOrder

__all__ = ["BarSource", "FillAnalysis", "FillFigures", "analyse_fills", "arrival_prices"]

_BASIS_POINTS = Decimal(10_000)


class BarSource(Protocol):
    """Fetches historical bars, as `IBKRConnector.get_historical_data` does."""

    async def __call__(
        self,
        contract: Contract | str,
        *,
        duration: str = ...,
        bar_size: str = ...,
        what_to_show: str | None = ...,
        end: datetime | None = ...,
        regular_hours_only: bool = ...,
    ) -> BarSeries: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FillFigures(Record):
    """
    What the fills of one order cost.

    `arrival_price` is the middle of the market when the order was intended, `None` when it is not
    known. `slippage` is what a unit cost more than that (negative: less), `slippage_bps` the same
    in basis points of it, `slippage_value` for all units with the multiplier, in the contract's
    currency. `commission` is `None` until every execution has been charged. Times are in seconds
    from the intent; those of fills that were recovered are by the broker's clock, which tells whole
    seconds. `fully_filled_s` is `None` while something is left.
    """

    order_ref: str
    order_id: int
    contract: str
    action: Action
    quantity: Decimal
    filled: Decimal
    average_price: Decimal
    arrival_price: Decimal | None
    slippage: Decimal | None
    slippage_bps: Decimal | None
    slippage_value: Decimal | None
    commission: Decimal | None
    commission_currency: str
    executions: int
    recovered: int
    first_fill_s: float
    fully_filled_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillAnalysis(Record):
    """Figures of several orders, oldest first; a sequence of them, and a table."""

    rows: tuple[FillFigures, ...]

    def __iter__(self) -> Iterator[FillFigures]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> Any:
        """
        Return a `pandas.DataFrame`, one row for each order; decimals stay decimals.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")  # an extra, and heavy
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                "a table needs pandas",
                hint="pip install 'ibkr-connector[data]'",
            ) from missing
        columns = [field.name for field in fields(FillFigures)]
        return pandas.DataFrame([row.as_dict() for row in self.rows], columns=columns)

    def plot(self, path: Path | str | None = None) -> Any:
        """
        Draw slippage, commissions and time to fill, and return the `matplotlib.figure.Figure`.

        Args:
            path: Where to save it as well; the ending says as what (`fills.png`, `fills.svg`).

        Raises:
            ConfigurationError: matplotlib is not installed, or the file cannot be written.
        """
        figure = draw_fills(self.rows)
        if path is not None:
            try:
                figure.savefig(path)
            except (OSError, ValueError) as error:
                raise ConfigurationError(
                    f"the plot cannot be saved to {path}: {error}",
                    hint="name a file that ends in .png, in a folder that you can write to",
                ) from error
        return figure


def analyse_fills(
    orders: Iterable[RecordedOrder], *, arrival: Mapping[str, Decimal] | None = None
) -> FillAnalysis:
    """
    Work out what the fills of these orders cost; orders without a fill are left out.

    Args:
        orders: As `read_orders` returns them.
        arrival: Price at arrival by order reference; see `arrival_prices`.
    """
    known = arrival or {}
    return FillAnalysis(
        rows=tuple(
            _figures(order, known.get(order.report.order_ref))
            for order in orders
            if order.report.fills and order.report.avg_fill_price is not None
        )
    )


async def arrival_prices(
    orders: Iterable[RecordedOrder], *, bars: BarSource
) -> Mapping[str, Decimal]:
    """
    Look up the middle of the market right before each order was intended, by order reference.

    Args:
        orders: As `read_orders` returns them; those without a fill cost nothing.
        bars: `IBKRConnector.get_historical_data`.

    Returns:
        What is known: an order is missing when the broker has no bars of that minute. *limit*: IB
        keeps bars of one second for six months.

    Source: `reqHistoricalData` (20). Replay: safe. Cost: 1 message for each order with a fill.
    """
    found = {}
    for order in orders:
        if not order.report.fills:
            continue
        try:
            series = await bars(
                order.report.contract,
                duration="60 S",
                bar_size="1 secs",
                what_to_show="MIDPOINT",
                end=order.created,
                regular_hours_only=False,
            )
        except (NoDataError, HistoricalDataError):
            continue
        # a bar that is not over at the intent has seen what the order did
        over = order.created - timedelta(seconds=1)
        closed = [bar.close for bar in series if bar.timestamp <= over]
        if closed:
            found[order.report.order_ref] = closed[-1]
    return found


def _figures(order: RecordedOrder, arrival: Decimal | None) -> FillFigures:
    report = order.report
    average = report.avg_fill_price or ZERO
    slippage = None
    if arrival is not None:
        slippage = average - arrival if report.action is Action.BUY else arrival - average
    value = None
    if slippage is not None:
        value = slippage * report.filled_quantity * (report.contract.multiplier or 1)
    first = order.first_filled or order.created
    full = order.last_filled if report.status is OrderStatus.FILLED else None
    return FillFigures(
        order_ref=report.order_ref,
        order_id=report.order_id,
        contract=str(report.contract),
        action=report.action,
        quantity=report.quantity,
        filled=report.filled_quantity,
        average_price=average,
        arrival_price=arrival,
        slippage=slippage,
        slippage_bps=slippage / abs(arrival) * _BASIS_POINTS
        if slippage is not None and arrival
        else None,
        slippage_value=value,
        commission=report.commission,
        commission_currency=_currency(report),
        executions=len(report.fills),
        recovered=sum(fill.recovered for fill in report.fills),
        first_fill_s=_seconds(order.created, first),
        fully_filled_s=None if full is None else _seconds(order.created, full),
    )


def _currency(report: OrderReport) -> str:
    return "/".join(sorted({fill.commission_currency for fill in report.fills} - {""}))


def _seconds(start: datetime, end: datetime) -> float:
    return max((end - start).total_seconds(), 0.0)
