"""
`ibkr watch`: the connection, quotes, positions, orders and alerts on one screen that stays current.

What is drawn is a picture (`Seen`) that was taken first, so that drawing asks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.account import Position, ProfitAndLoss
from ibkr_connector.model.alerts import Alert, Severity
from ibkr_connector.model.market import Quote
from ibkr_connector.model.orders import OrderReport, size_text
from ibkr_connector.model.pacing import PacingStatus
from ibkr_connector.model.record import Record
from ibkr_connector.model.status import (
    BreakerState,
    ConnectionState,
    ConnectionStatus,
    FarmState,
)
from ibkr_connector.model.streams import Gap
from ibkr_connector.observe.logs import mask_accounts

from .connecting import connector_of
from .options import EXIT_FAILED, ClientId, Host, Json, Port, Profile, settings_of
from .render import Renderer

if TYPE_CHECKING:
    from ibkr_connector.connector import IBKRConnector

__all__ = ["Seen", "document", "picture", "register"]

_COLOURS: Final = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_NOTHING: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known at one moment; `None` is what could not be had, `problems` say why."""

    status: ConnectionStatus
    pacing: PacingStatus | None = None
    quotes: dict[str, Quote | Gap | None]
    positions: tuple[Position, ...] | None = None
    orders: tuple[OrderReport, ...] | None = None
    profit: tuple[ProfitAndLoss, ...] = ()
    alerts: tuple[Alert, ...] = ()
    problems: tuple[str, ...] = ()


class Watch:
    """Follows what changes by itself, and takes pictures of the rest."""

    def __init__(self, ib: IBKRConnector, symbols: Iterable[str]) -> None:
        self._ib = ib
        self._quotes: dict[str, Quote | Gap | None] = dict.fromkeys(symbols)
        self._refused: dict[str, str] = {}

    async def follow(self) -> None:
        """Keep the newest quote of each symbol, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for symbol in self._quotes:
                group.create_task(self._follow(symbol))

    async def _follow(self, symbol: str) -> None:
        try:
            async with self._ib.stream_quotes(symbol) as quotes:
                async for record in quotes:
                    self._quotes[symbol] = record
        except IBKRError as error:
            self._refused[symbol] = f"{symbol}: {error}"

    async def look(self) -> Seen:
        """Take a picture; what cannot be had is told and does not keep back the rest."""
        ib, problems = self._ib, list(self._refused.values())
        status = ib.get_connection_status()
        found: dict[str, object] = {}
        asked = {
            "pacing": ib.pacing_status(),
            "positions": ib.get_positions(),
            "orders": ib.order_book.orders(open_only=True),
            "alerts": ib.alerts.active(),
        }
        answers = await asyncio.gather(*asked.values(), return_exceptions=True)
        for name, answer in zip(asked, answers, strict=True):
            if isinstance(answer, IBKRError):
                problems.append(f"{name}: {answer}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[name] = answer
        profit = []
        for account in status.accounts:
            try:
                profit.append(await ib.portfolio.pnl(account))
            except IBKRError as error:
                problems.append(f"profit and loss: {error}")
        return Seen(
            status=status,
            quotes=dict(self._quotes),
            profit=tuple(profit),
            problems=tuple(dict.fromkeys(problems)),
            **found,  # type: ignore[arg-type]  # each by its own name
        )


def picture(seen: Seen) -> RenderableType:
    """Draw what was seen."""
    parts: list[RenderableType] = [_head(seen)]
    if seen.quotes:
        parts.append(_quotes(seen.quotes))
    if seen.profit:
        parts.append(_profit(seen.profit))
    if seen.positions is not None:
        parts.append(_positions(seen.positions))
    if seen.orders is not None:
        parts.append(_orders(seen.orders))
    parts.extend(_alert(alert) for alert in seen.alerts)
    parts.extend(Text(mask_accounts(problem), style="yellow") for problem in seen.problems)
    return Group(*parts)


def document(seen: Seen) -> dict[str, object]:
    """Return what was seen for programs; what could not be had is `None`."""

    def rows(records: Iterable[Record] | None) -> list[dict[str, object]] | None:
        return None if records is None else [record.as_dict() for record in records]

    return {
        "status": seen.status.as_dict(),
        "pacing": None if seen.pacing is None else seen.pacing.as_dict(),
        "quotes": {
            symbol: None if found is None else {type(found).__name__: found.as_dict()}
            for symbol, found in seen.quotes.items()
        },
        "positions": rows(seen.positions),
        "orders": rows(seen.orders),
        "profit": rows(seen.profit),
        "alerts": rows(seen.alerts),
        "problems": list(seen.problems),
    }


def _head(seen: Seen) -> RenderableType:
    """Say how it stands in a few lines, which a narrow terminal breaks between the facts."""
    status, pacing = seen.status, seen.pacing
    good = status.state is ConnectionState.READY
    why = f" ({', '.join(status.degraded_by)})" if status.degraded_by else ""
    beat = _NOTHING if status.heartbeat_rtt_ms is None else f"{status.heartbeat_rtt_ms:.0f} ms"
    connection = [
        f"{status.mode}{', read-only' if status.readonly else ''}",
        f"{status.host}:{status.port}",
        f"heartbeat {beat}",
        f"{status.reconnect_count} reconnects",
        f"farms {_but(status.farms, FarmState.OK, 'ok')}",
    ]
    work = [f"circuits {_but(status.breakers, BreakerState.CLOSED, 'closed')}"]
    if pacing is not None:
        work.append(f"messages {pacing.used} of {pacing.budget_now} a second")
        work.append(f"history {pacing.history.used} of {pacing.history.limit_now}")
    work.append(f"{status.uncertain_orders} orders uncertain")
    state = Text(f"{status.state}{why}", style=f"bold {'green' if good else 'red'}")
    return Group(
        Columns([state, *map(Text, connection)], padding=(0, 3)),
        Columns(map(Text, work), padding=(0, 3)),
        Text(mask_accounts(status.kill_switch or "the kill switch is released")),
    )


def _but(states: Mapping[str, str], usual: str, word: str) -> str:
    """Name what is not as usual, or say that all of it is."""
    if not states:
        return _NOTHING
    return ", ".join(f"{name} {state}" for name, state in states.items() if state != usual) or word


def _quotes(quotes: dict[str, Quote | Gap | None]) -> Table:
    table = _table("quotes", ("symbol", "bid", "ask", "last", "change", "data", "at"))
    for symbol, quote in quotes.items():
        if not isinstance(quote, Quote):
            why = "waiting" if quote is None else escape(f"gap: {quote.reason}")
            table.add_row(escape(symbol), *[_NOTHING] * 4, why, _NOTHING)
            continue
        change = _NOTHING
        if quote.last is not None and quote.close:
            share = (quote.last / quote.close - 1) * 100
            change = f"[{'green' if share >= 0 else 'red'}]{share:+.2f} %[/]"
        table.add_row(
            escape(symbol),
            _number(quote.bid),
            _number(quote.ask),
            _number(quote.last),
            change,
            quote.data_type.name.lower(),
            f"{quote.timestamp:%H:%M:%S}",
        )
    return table


def _profit(rows: tuple[ProfitAndLoss, ...]) -> Table:
    table = _table("profit and loss today", ("account", "daily", "unrealized", "realized"))
    for row in rows:
        figures = (row.daily, row.unrealized, row.realized)
        table.add_row(mask_accounts(row.account), *(_money(figure) for figure in figures))
    return table


def _positions(rows: tuple[Position, ...]) -> Table:
    names = ("contract", "quantity", "avg price", "price", "unrealized")
    table = _table("positions", names)
    for row in rows:
        table.add_row(
            escape(str(row.contract)),
            f"{row.quantity:,f}",
            f"{row.avg_price:.4f}",
            _number(row.current_price),
            _money(row.unrealized_pnl),
        )
    if not rows:
        table.add_row("none", *[""] * 4)
    return table


def _orders(rows: tuple[OrderReport, ...]) -> Table:
    table = _table("open orders", ("id", "order", "status", "filled", "since"))
    for row in rows:
        size = size_text(row.quantity, row.cash_quantity, form=",")
        price = "" if row.limit_price is None else f" limit {row.limit_price}"
        table.add_row(
            str(row.order_id),
            escape(f"{row.action} {size} {row.symbol} {row.order_type}{price}"),
            str(row.status),
            f"{row.filled_quantity:,f}",
            f"{row.timestamp:%H:%M:%S}",
        )
    if not rows:
        table.add_row("none", *[""] * 4)
    return table


def _alert(alert: Alert) -> Text:
    text = mask_accounts(f"{alert.severity} {alert.kind}: {alert.text}")
    return Text(f"{text} ({alert.raised_at:%H:%M:%S})", style=_COLOURS[alert.severity])


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at == 0 else "right")
    return table


def _number(value: Decimal | None) -> str:
    return _NOTHING if value is None else f"{value:,f}"


def _money(value: Decimal | None) -> str:
    if value is None:
        return _NOTHING
    return f"[{'green' if value >= 0 else 'red'}]{value:,.2f}[/]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(watch)


def watch(
    symbols: Annotated[list[str] | None, typer.Argument(help="Whose quotes are followed.")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two pictures.")] = 1.0,
    seconds: Annotated[
        float | None, typer.Option(help="How long; until Ctrl-C when not given.")
    ] = None,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Watch the connection, quotes, positions, orders and alerts; places nothing."""
    settings = settings_of(
        profile, as_json=as_json, readonly=True, host=host, port=port, client_id=client_id
    )
    renderer = Renderer(as_json=as_json)

    async def session() -> None:
        clock, console = SystemClock(), Console()
        async with connector_of(settings) as ib:
            watched = Watch(ib, symbols or ())
            following = asyncio.create_task(watched.follow())
            end = None if seconds is None else clock.monotonic() + seconds
            try:
                with _screen(renderer, console, as_json=as_json) as show:
                    while end is None or clock.monotonic() < end:
                        show(await watched.look())
                        await clock.sleep(every)
                    show(await watched.look())
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    try:
        asyncio.run(session())
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit from None


@contextmanager
def _screen(
    renderer: Renderer, console: Console, *, as_json: bool
) -> Iterator[Callable[[Seen], None]]:
    """Lend what shows a picture: a screen that is drawn anew, or a line for programs."""
    if as_json:
        yield lambda seen: renderer.show(document(seen))
        return
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        yield lambda seen: live.update(picture(seen), refresh=True)
