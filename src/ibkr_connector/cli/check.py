"""
`ibkr check`: does a paper account do what this package promises, told step by step.

It looks first and orders last: one share, each order asked about before it leaves, and sold again
at the end. A live account is refused before anything else. Exit code 0 only when all of it held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import IBKRError, RequestTimeoutError
from ibkr_connector.model.market import Quote
from ibkr_connector.model.orders import Action, OrderReport, OrderRequest, OrderStatus, OrderType
from ibkr_connector.settings import Settings

from .connecting import connector_of
from .options import EXIT_FAILED, ClientId, Host, Json, Port, Profile, settings_of
from .render import Renderer

if TYPE_CHECKING:
    from ibkr_connector.connector import IBKRConnector

__all__ = ["CheckPlan", "register", "run_check"]

T = TypeVar("T")

ONE: Final = Decimal(1)
AWAY: Final = Decimal("0.98")
"""Where an order rests: so much of the bid, within the collar of the built-in limits."""

FILL_S: Final = 30.0

Check = tuple[str, bool, str]
"""What was promised, whether it held, and what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """What is looked at, and who answers before an order may leave."""

    symbol: str
    ask: Callable[[str], bool]
    """Called with a sentence before each order; false leaves the order out."""

    show: Callable[[object], None]
    """Is given each record as it comes."""


@dataclass(slots=True)
class _Guide:
    """The steps, each noted whether it held or why not."""

    ib: IBKRConnector
    plan: CheckPlan
    checks: list[Check] = field(default_factory=list)

    async def try_(self, what: str, step: Callable[[], Awaitable[T]]) -> T | None:
        """Do one step, show what came, and note an error as what was seen."""
        try:
            found = await step()
        except IBKRError as error:
            self.checks.append((what, False, str(error)))
            self.plan.show(error)
            return None
        if found is not None:
            self.plan.show(found)
        return found

    def note(self, what: str, held: bool, detail: str = "") -> None:
        self.checks.append((what, held, detail))

    async def look(self) -> Quote | None:
        """Read what can be read, and order nothing."""
        ib, symbol = self.ib, self.plan.symbol
        status = ib.get_connection_status()
        self.plan.show(status)
        self.note("connected", status.is_connected, f"server version {status.server_version}")
        paper = all(account.startswith("D") for account in status.accounts)
        self.note("a paper account", paper, f"{len(status.accounts)} of this login")
        quote = await self.try_("a quote", lambda: ib.get_quote(symbol))
        if quote is not None:
            kind = "delayed" if quote.is_delayed else quote.data_type.name.lower()
            self.note("a quote", quote.bid is not None, kind)
        series = await self.try_(
            "history", lambda: ib.get_historical_data(symbol, duration="5 D", bar_size="1 hour")
        )
        if series is not None:
            self.note("history", len(series) > 0, f"{len(series)} bars")
        account = await self.try_("figures of the account", ib.get_account_summary)
        if account is not None:
            self.note("figures of the account", account.total_value is not None)
        held = await self.try_("positions", ib.get_positions)
        if held is not None:
            self.note("positions", held=True, detail=f"{len(held)} held")
        return quote

    async def ask_first(self) -> bool:
        """Let the broker and the rules judge one share, which places nothing."""
        request = self._market(Action.BUY)
        what = "one share would be let through"
        try:
            preview = await self.ib.preview_order(request)
        except IBKRError as error:
            self.plan.show(error)
            self.note(what, held=False, detail=str(error))
            return False
        broker = preview.broker
        reasons = [verdict.sentence for verdict in preview.broken]
        if broker.rejected_reason:
            reasons.append(broker.rejected_reason)
        margin, cost = broker.initial_margin.change, broker.commission
        self.note(what, not reasons, "; ".join(reasons) or f"margin {margin}, commission {cost}")
        return not reasons

    async def rest(self, quote: Quote) -> None:
        """Let an order rest below the market, change it, and cancel it."""
        if quote.bid is None:
            self.note("a limit order rests", held=False, detail="there is no bid to stay away from")
            return
        rule = await self.ib.instruments.tick_rule(self.plan.symbol)
        request = OrderRequest(
            contract=self.plan.symbol,
            action=Action.BUY,
            quantity=ONE,
            order_type=OrderType.LIMIT,
            limit_price=rule.round(quote.bid * AWAY, "down"),
        )
        resting = await self._place(request, "a limit order rests")
        if resting is None:
            return
        self.note("a limit order rests", resting.status is OrderStatus.SUBMITTED, resting.status)
        price = rule.next_below(resting.limit_price or quote.bid)
        changed = await self.try_(
            "it is changed",
            lambda: self.ib.modify_order(resting.order_id, {"limit_price": price}),
        )
        if changed is not None:
            self.note("it is changed", changed.limit_price == price)
        gone = await self.try_("and cancelled", lambda: self.ib.cancel_order(resting.order_id))
        if gone is not None:
            self.note("and cancelled", gone.status is OrderStatus.CANCELLED, gone.status)

    async def trade(self) -> None:
        """Buy one share, and sell it again."""
        before = await self._held()
        bought = await self._place(self._market(Action.BUY), "one share is bought")
        if bought is None or not await self._fill(bought, "one share is bought"):
            return
        after = await self._held()
        self.note("the position shows it", after == before + ONE, f"{before} before, {after} now")
        sold = await self._place(self._market(Action.SELL), "and sold again")
        if sold is not None:
            await self._fill(sold, "and sold again")

    async def _fill(self, placed: OrderReport, what: str) -> bool:
        try:
            done = await self.ib.wait_for_fill(placed.order_id, timeout_s=FILL_S)
        except RequestTimeoutError:
            done = await self.ib.cancel_order(placed.order_id)
        self.plan.show(done)
        known = sum((fill.quantity for fill in done.fills), start=Decimal(0))
        if known == ONE:
            self.note(what, held=True, detail=f"at {done.avg_fill_price}")
            return True
        hours = await self.ib.instruments.hours(self.plan.symbol)
        opening = hours.next_open(SystemClock().utcnow())
        when = f"; the market opens {opening:%Y-%m-%d %H:%M} UTC" if opening else ""
        self.note(what, held=False, detail=f"{done.status} {done.reason}{when}")
        return False

    async def _held(self) -> Decimal:
        rows = await self.ib.get_positions()
        contract = await self.ib.instruments.resolve(self.plan.symbol)
        mine = (row.quantity for row in rows if row.contract.con_id == contract.con_id)
        return sum(mine, start=Decimal(0))

    async def _place(self, request: OrderRequest, what: str) -> OrderReport | None:
        price = "at the market" if request.limit_price is None else f"limit {request.limit_price}"
        if not self.plan.ask(f"{request.action} {request.quantity} {self.plan.symbol} {price}"):
            return None
        return await self.try_(what, lambda: self.ib.place_order(request))

    def _market(self, action: Action) -> OrderRequest:
        return OrderRequest(contract=self.plan.symbol, action=action, quantity=ONE)


async def run_check(plan: CheckPlan, settings: Settings) -> tuple[Check, ...]:
    """
    Go through all steps and return what held.

    Raises:
        IBKRError: There is no connection to go on with, or the account is a live one.
    """
    async with connector_of(settings) as ib:
        guide = _Guide(ib, plan)
        before = ib.get_connection_status()
        quote = await guide.look()
        if not settings.readonly and quote is not None and await guide.ask_first():
            await guide.rest(quote)
            await guide.trade()
        left = ib.get_connection_status()
        # what somebody had open before is none of this
        open_now = f"{left.open_orders} open, {before.open_orders} before"
        guide.note("nothing is left working", left.open_orders <= before.open_orders, open_now)
        guide.note("nothing is uncertain", left.uncertain_orders <= before.uncertain_orders)
    return tuple(guide.checks)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    symbol: Annotated[str, typer.Option(help="What one share is bought of.")] = "AAPL",
    look_only: Annotated[bool, typer.Option("--look-only", help="Place no order.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before each order.")] = False,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where the journal is kept; the profile's when not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try a paper account: look at everything, then trade one share, asking before each order."""
    renderer = Renderer(as_json=as_json)
    settings = settings_of(
        profile,
        as_json=as_json,
        paper_trading=True,  # no wish: the connector refuses a live account before any order
        readonly=look_only,
        host=host,
        port=port,
        client_id=client_id,
        state_dir=state_dir,
    )
    renderer.heading(f"the paper account at {settings.host}:{settings.effective_port}")
    plan = CheckPlan(
        symbol=symbol,
        ask=(lambda _: True) if yes else _asked,
        show=(lambda _: None) if as_json else renderer.show,
    )
    try:
        checks = asyncio.run(run_check(plan, settings))
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error
    renderer.heading("what held")
    renderer.checks(checks)
    if not all(held for _, held, _ in checks):
        raise typer.Exit(EXIT_FAILED)


def _asked(sentence: str) -> bool:
    return typer.confirm(f"Send to your paper account: {sentence}?", default=False)
