"""
The demonstration behind `make demo`: a program that a stranger might write, and what it saw.

It connects through a relay, reads a quote, bars and the account, places a limit and a market order,
then cuts the connection between an order and its answer, and asks the broker afterwards how often
that order exists. Every step is checked; the exit code is 0 only when all of them held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import OrderUncertainError
from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.model.market import BarSeries, Quote
from ibkr_connector.model.orders import Action, OrderReport, OrderRequest, OrderStatus, OrderType
from ibkr_connector.settings import Settings

from .relay import Relay

__all__ = ["DemoPlan", "DemoReport", "run_demo"]

PAIR: Final = "EUR.USD"
QUANTITY: Final = Decimal(20_000)
TICK: Final = Decimal("0.00005")
RECOVERY_DEADLINE_S: Final = 60.0
_SETTLED: Final = frozenset(OrderStatus) - {OrderStatus.PENDING, OrderStatus.UNCERTAIN}


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Where the gateway is and who answers before an order may leave."""

    host: str
    port: int
    client_id: int
    ask: Callable[[str], bool]
    """Called with a sentence before each order; `False` leaves the order out."""


@dataclass(slots=True)
class DemoReport:
    """What happened, in the order in which it happened."""

    checks: list[tuple[str, bool, str]] = field(default_factory=list)
    quote: Quote | None = None
    bars: BarSeries | None = None
    account: AccountSummary | None = None
    positions: tuple[Position, ...] = ()
    orders: list[OrderReport] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every check held."""
        return bool(self.checks) and all(held for _, held, _ in self.checks)

    def check(self, what: str, held: bool, detail: str = "") -> None:  # noqa: FBT001
        """Note one thing that was promised, and whether it held."""
        self.checks.append((what, held, detail))


async def run_demo(plan: DemoPlan, settings: Settings, tell: Callable[[Any], None]) -> DemoReport:
    """
    Run the demonstration and return what it saw.

    Args:
        plan: Gateway and consent.
        settings: Paper settings, `readonly=False`; host and port are replaced by the relay's.
        tell: Called with each thing worth showing, as it happens.

    Raises:
        IBKRError: The gateway could not be used at all.
    """
    report = DemoReport()
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay(plan.host, plan.port))
        ib = IBKRConnector.create(
            settings.model_copy(update={"host": relay.host, "port": relay.port})
        )
        await stack.enter_async_context(ib)
        await _look(ib, report, tell)
        await _trade(ib, report, plan, tell)
        await _survive_a_cut(ib, relay, report, plan, tell)
        await _tidy_up(ib, report, tell)
    return report


async def _look(ib: IBKRConnector, report: DemoReport, tell: Callable[[Any], None]) -> None:
    status = ib.get_connection_status()
    tell(status)
    report.check("connected", status.is_connected, f"server version {status.server_version}")
    report.quote = await ib.get_quote(PAIR)
    tell(report.quote)
    two_sided = report.quote.bid is not None and report.quote.ask is not None
    report.check("a two-sided quote", two_sided)
    report.bars = await ib.get_historical_data(PAIR, duration="6 M", bar_size="1 week")
    tell(report.bars)
    report.check("bars with history behind them", len(report.bars) > 10, f"{len(report.bars)} bars")
    report.account = await ib.get_account_summary()
    tell(report.account)
    report.check("account figures", report.account.total_value is not None)


async def _trade(
    ib: IBKRConnector, report: DemoReport, plan: DemoPlan, tell: Callable[[Any], None]
) -> None:
    low = _away_from_market(report)
    resting = await _place(ib, report, plan, tell, _limit(low))
    if resting is not None:
        report.check("a limit order rests", resting.status is OrderStatus.SUBMITTED)
        gone = await ib.cancel_order(resting.order_id)
        tell(gone)
        report.check("and is cancelled", gone.status is OrderStatus.CANCELLED)
    bought = await _place(
        ib, report, plan, tell, OrderRequest(contract=PAIR, action=Action.BUY, quantity=QUANTITY)
    )
    if bought is not None:
        filled = await ib.wait_for_fill(bought.order_id, timeout_s=30)
        tell(filled)
        report.orders[-1] = filled
        report.check(
            "a market order is filled",
            filled.filled_quantity == QUANTITY,
            f"{len(filled.fills)} fill(s) at {filled.avg_fill_price}",
        )


async def _survive_a_cut(
    ib: IBKRConnector,
    relay: Relay,
    report: DemoReport,
    plan: DemoPlan,
    tell: Callable[[Any], None],
) -> None:
    request = _limit(_away_from_market(report))
    if not plan.ask(f"{_sentence(request)}, and cut the connection before the answer"):
        return
    before = ib.get_connection_status().reconnect_count
    relay.cut_after_next_upload()
    order_id, order_ref = await _place_into_the_dark(ib, request, report, tell)
    recovered = await ib.wait_for_status(order_id, _SETTLED, timeout_s=RECOVERY_DEADLINE_S)
    tell(recovered)
    report.orders.append(recovered)
    status = ib.get_connection_status()
    tell(status)
    report.check("the connection was cut", relay.cuts == 1)
    report.check(
        "and came back by itself",
        status.is_connected and status.reconnect_count == before + 1,
        f"{status.reconnect_count} reconnect(s)",
    )
    copies = await _copies_at_the_broker(ib, order_ref)
    report.check(
        "the order exists exactly once",
        copies == 1 and recovered.status is OrderStatus.SUBMITTED,
        f"{copies} at the broker, {recovered.status} here",
    )


async def _place_into_the_dark(
    ib: IBKRConnector, request: OrderRequest, report: DemoReport, tell: Callable[[Any], None]
) -> tuple[int, str]:
    try:
        placed = await ib.place_order(request)
    except OrderUncertainError as unknown:
        tell(unknown)
        report.check("the caller was told the truth: uncertain", held=True)
        return unknown.order_id, unknown.order_ref
    # the answer can be in our hands already when recovery was faster than the caller's deadline
    report.check("the caller was told the truth: recovered", held=True)
    return placed.order_id, placed.order_ref


async def _copies_at_the_broker(ib: IBKRConnector, order_ref: str) -> int:
    # asked past our own ledger, through the escape hatch: the broker's word, not ours
    trades = await ib.request("open orders", lambda raw: raw.reqAllOpenOrdersAsync())
    return sum(1 for trade in trades if trade.order.orderRef == order_ref)


async def _tidy_up(ib: IBKRConnector, report: DemoReport, tell: Callable[[Any], None]) -> None:
    for order in report.orders:
        if not ib.get_order_status(order.order_id).is_closed:
            tell(await ib.cancel_order(order.order_id))
    report.positions = await ib.get_positions()
    tell(report.positions)
    summary = await ib.get_account_summary()
    tell(summary)
    still_open = [o for o in report.orders if not ib.get_order_status(o.order_id).is_closed]
    report.check("nothing is left working", not still_open)


async def _place(
    ib: IBKRConnector,
    report: DemoReport,
    plan: DemoPlan,
    tell: Callable[[Any], None],
    request: OrderRequest,
) -> OrderReport | None:
    if not plan.ask(_sentence(request)):
        return None
    placed = await ib.place_order(request)
    tell(placed)
    report.orders.append(placed)
    return placed


def _limit(price: Decimal) -> OrderRequest:
    return OrderRequest(
        contract=PAIR,
        action=Action.BUY,
        quantity=QUANTITY,
        order_type=OrderType.LIMIT,
        limit_price=price,
    )


def _away_from_market(report: DemoReport) -> Decimal:
    """Return a legal price 2 % below the bid, where a buy order rests."""
    assert report.quote is not None and report.quote.bid is not None
    return (report.quote.bid * Decimal("0.98") / TICK).to_integral_value(ROUND_DOWN) * TICK


def _sentence(request: OrderRequest) -> str:
    price = "at the market" if request.limit_price is None else f"limit {request.limit_price}"
    return f"{request.action} {request.quantity:,} {request.symbol} {price}"
