"""
The demonstration behind `make demo`: a program that a stranger might write, and what it saw.

It connects through a relay, reads a quote, bars and the account, places a limit and a market order,
then cuts the connection between an order and its answer, and asks the broker afterwards how often
that order exists. Every step is checked; the exit code is 0 only when all of them held.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from ibkr_connector.errors import NoDataError, OrderUncertainError
from ibkr_connector.model.market import Quote
from ibkr_connector.model.orders import (
    Action,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
)
from ibkr_connector.settings import Settings

from .connecting import connector_of
from .relay import Relay

if TYPE_CHECKING:
    from ibkr_connector.connector import IBKRConnector

__all__ = ["Audience", "DemoPlan", "DemoReport", "run_demo"]

T = TypeVar("T")

PAIR: Final = "EUR.USD"
QUANTITY: Final = Decimal(20_000)
TICK: Final = Decimal("0.00005")
ORDER_MESSAGE: Final = b"3\0"
"""How an order begins on the wire (ibapi message.py: PLACE_ORDER)."""

FILL_DEADLINE_S: Final = 30.0
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

    @property
    def is_good(self) -> bool:
        """Whether every check held."""
        return bool(self.checks) and all(held for _, held, _ in self.checks)

    def check(self, what: str, held: bool, detail: str = "") -> None:
        """Note one thing that was promised, and whether it held."""
        self.checks.append((what, held, detail))


class Audience(Protocol):
    """Whoever is shown what happens."""

    def show(self, thing: object) -> None:
        """Show a record, or an error that was expected."""
        ...

    def heading(self, text: str) -> None:
        """Announce a part."""
        ...


async def run_demo(plan: DemoPlan, settings: Settings, audience: Audience) -> DemoReport:
    """
    Run the demonstration and return what it saw.

    Args:
        plan: Gateway and consent.
        settings: Paper settings, `readonly=False`; host and port are replaced by the relay's.
        audience: Is shown each thing as it happens.

    Raises:
        IBKRError: The gateway could not be used at all.
    """
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay(plan.host, plan.port))
        ib = connector_of(settings.model_copy(update={"host": relay.host, "port": relay.port}))
        await stack.enter_async_context(ib)
        demo = _Demo(ib, relay=relay, plan=plan, audience=audience)
        await demo.look()
        await demo.trade()
        await demo.survive_a_cut()
        await demo.tidy_up()
    return demo.report


class _Demo:
    """The steps, in order, around one connector."""

    def __init__(
        self, ib: IBKRConnector, *, relay: Relay, plan: DemoPlan, audience: Audience
    ) -> None:
        self._ib = ib
        self._relay = relay
        self._plan = plan
        self._audience = audience
        self._placed: list[int] = []
        self.report = DemoReport()

    async def look(self) -> None:
        """Read everything that can be read."""
        ib, report = self._ib, self.report
        self._audience.heading("connect and look around")
        status = self._show(ib.get_connection_status())
        report.check("connected", status.is_connected, f"server version {status.server_version}")
        report.quote = self._show(await ib.get_quote(PAIR))
        two_sided = report.quote.bid is not None and report.quote.ask is not None
        report.check("a two-sided quote", two_sided)
        series = self._show(await ib.get_historical_data(PAIR, duration="6 M", bar_size="1 week"))
        report.check("bars with history behind them", len(series) > 10, f"{len(series)} bars")
        account = self._show(await ib.get_account_summary())
        report.check("account figures", account.total_value is not None)

    async def trade(self) -> None:
        """Let an order rest and cancel it; buy at the market and watch it fill."""
        ib, report = self._ib, self.report
        self._audience.heading("place a limit order and a market order")
        resting = await self._place(self._resting_order())
        if resting is not None:
            report.check("a limit order rests", resting.status is OrderStatus.SUBMITTED)
            gone = self._show(await ib.cancel_order(resting.order_id))
            report.check("and is cancelled", gone.status is OrderStatus.CANCELLED)
        bought = await self._place(
            OrderRequest(contract=PAIR, action=Action.BUY, quantity=QUANTITY)
        )
        if bought is not None:
            filled = self._show(await ib.wait_for_fill(bought.order_id, timeout_s=FILL_DEADLINE_S))
            report.check(
                "a market order is filled",
                filled.filled_quantity == QUANTITY,
                f"{len(filled.fills)} fill(s) at {filled.avg_fill_price}",
            )

    async def survive_a_cut(self) -> None:
        """Cut the connection between an order and its answer, and ask afterwards what exists."""
        ib, report = self._ib, self.report
        self._audience.heading("cut the connection in the middle of an order")
        request = self._resting_order()
        if not self._plan.ask(f"{_sentence(request)}, and cut the connection before the answer"):
            return
        before = ib.get_connection_status().reconnect_count
        self._relay.cut_after(ORDER_MESSAGE)
        order_id, order_ref = await self._place_into_the_dark(request)
        recovered = self._show(
            await ib.wait_for_status(order_id, _SETTLED, timeout_s=RECOVERY_DEADLINE_S)
        )
        self._placed.append(order_id)
        await ib.wait_ready(timeout_s=RECOVERY_DEADLINE_S)
        status = self._show(ib.get_connection_status())
        report.check("the connection was cut", self._relay.cuts == 1)
        report.check(
            "and came back by itself",
            status.is_connected and status.reconnect_count == before + 1,
            f"{status.reconnect_count} reconnect(s)",
        )
        copies = await self._copies_at_the_broker(order_ref)
        report.check(
            "the order exists exactly once",
            copies == 1 and recovered.status is OrderStatus.SUBMITTED,
            f"{copies} at the broker, {recovered.status} here",
        )
        self._audience.show(_history(recovered))

    async def tidy_up(self) -> None:
        """Cancel what still works, and show what is held."""
        ib = self._ib
        self._audience.heading("tidy up")
        still_open = 0
        for order_id in self._placed:
            if not (await ib.get_order_status(order_id)).is_closed:
                gone = self._show(await ib.cancel_order(order_id))
                still_open += not gone.is_closed
        self._show(await ib.get_positions())
        self._show(await ib.get_account_summary())
        self.report.check("nothing is left working", still_open == 0)

    async def _place(self, request: OrderRequest) -> OrderReport | None:
        if not self._plan.ask(_sentence(request)):
            return None
        placed = self._show(await self._ib.place_order(request))
        self._placed.append(placed.order_id)
        return placed

    async def _place_into_the_dark(self, request: OrderRequest) -> tuple[int, str]:
        try:
            placed = await self._ib.place_order(request)
        except OrderUncertainError as unknown:
            self._audience.show(unknown)
            self.report.check("the caller was told the truth: uncertain", held=True)
            return unknown.order_id, unknown.order_ref
        # recovery was faster than the caller's deadline: the answer is in our hands already
        self.report.check("the caller was told the truth: recovered", held=True)
        return placed.order_id, placed.order_ref

    async def _copies_at_the_broker(self, order_ref: str) -> int:
        # asked past our own ledger, through the escape hatch: the broker's word, not ours
        trades = await self._ib.request("open orders", lambda ib: ib.reqAllOpenOrdersAsync())
        return sum(1 for trade in trades if trade.order.orderRef == order_ref)

    def _resting_order(self) -> OrderRequest:
        """Return a buy order 2 % below the market, where it rests."""
        quote = self.report.quote
        if quote is None or quote.bid is None:
            raise NoDataError("the demonstration needs a bid to stay away from")
        price = (quote.bid * Decimal("0.98") / TICK).to_integral_value(ROUND_DOWN) * TICK
        return OrderRequest(
            contract=PAIR,
            action=Action.BUY,
            quantity=QUANTITY,
            order_type=OrderType.LIMIT,
            limit_price=price,
        )

    def _show(self, thing: T) -> T:
        self._audience.show(thing)
        return thing


def _sentence(request: OrderRequest) -> str:
    price = "at the market" if request.limit_price is None else f"limit {request.limit_price}"
    return f"{request.action} {request.quantity:,} {request.symbol} {price}"


def _history(report: OrderReport) -> str:
    steps = [
        f"    {step.time:%H:%M:%S.%f} {step.source} -> {step.target} ({step.event}) {step.cause}"
        for step in report.transitions
    ]
    return "\n".join([f"  the journal of order {report.order_id}:", *steps])
