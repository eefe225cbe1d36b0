"""`ibkr account` and `ibkr positions`: figures, gains, ledgers, and what was before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.account import (
    CurrencyBalance,
    PnLCheck,
    PositionPnL,
)
from ibkr_connector.model.account_history import EquityHistory, PositionHistory
from ibkr_connector.model.analytics import Exposure
from ibkr_connector.observe.logs import mask_accounts

from .connecting import connector_of
from .options import EXIT_FAILED, Account, ClientId, Host, Json, Port, Profile, settings_of
from .render import Renderer

if TYPE_CHECKING:
    from ibkr_connector.connector import IBKRConnector

__all__ = ["register"]

_LAST: Final = 20

Pnl = Annotated[bool, typer.Option("--pnl", help="Show today's profit and loss too.")]
Days = Annotated[
    int | None,
    typer.Option(
        "--history",
        min=1,
        help="Show the last so many days from the database; needs no gateway.",
    ),
]


class By(StrEnum):
    """What the account is divided by."""

    CURRENCY = "currency"
    CLASS = "class"
    SYMBOL = "symbol"


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command(name="account")(show_account)
    app.command(name="positions")(show_positions)


def show_account(
    account: Account = None,
    pnl: Pnl = False,
    by: Annotated[
        By | None,
        typer.Option(help="Show each currency's ledger, or the exposure by class or symbol."),
    ] = None,
    history: Days = None,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show the figures of the account."""
    settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)
    named = account or settings.account_id

    async def ask(ib: IBKRConnector) -> AsyncIterator[object]:
        yield await ib.get_account_summary(account)
        if pnl:
            yield await ib.portfolio.check_pnl(account)
        if by is By.CURRENCY:
            yield await ib.portfolio.balances(account)
        elif by is not None:
            yield await ib.portfolio.exposure(account)

    if history is not None:
        from ibkr_connector.account.past import read_equity_history  # noqa: PLC0415
        from ibkr_connector.tuning import database_place  # noqa: PLC0415

        _show(
            lambda: read_equity_history(database_place(settings), named, start=_since(history)),
            as_json=as_json,
            by=by,
        )
        return
    _show(lambda: _asked(settings, ask), as_json=as_json, by=by)


def show_positions(
    account: Account = None,
    pnl: Pnl = False,
    history: Days = None,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show what is held."""
    settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)
    named = account or settings.account_id

    async def ask(ib: IBKRConnector) -> AsyncIterator[object]:
        held = await ib.get_positions(account)
        yield held
        if pnl:
            yield tuple(
                [await ib.portfolio.position_pnl(one.contract, account=one.account) for one in held]
            )

    if history is not None:
        from ibkr_connector.account.past import read_position_history  # noqa: PLC0415
        from ibkr_connector.tuning import database_place  # noqa: PLC0415

        _show(
            lambda: read_position_history(database_place(settings), named, start=_since(history)),
            as_json=as_json,
        )
        return
    _show(lambda: _asked(settings, ask), as_json=as_json)


def _since(days: int) -> datetime:
    return SystemClock().utcnow() - timedelta(days=days)


async def _asked(
    settings: Any, ask: Callable[[IBKRConnector], AsyncIterator[object]]
) -> list[object]:
    async with connector_of(settings) as ib:
        return [thing async for thing in ask(ib)]


def _show(
    find: Callable[[], Coroutine[Any, Any, object] | Awaitable[object]],
    *,
    as_json: bool,
    by: By | None = None,
) -> None:
    renderer = Renderer(as_json=as_json)

    async def finding() -> object:
        return await find()

    try:
        found = asyncio.run(finding())
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error
    for thing in found if isinstance(found, list) else [found]:
        table = None if as_json else _table(thing, by)
        if table is None:
            renderer.show(thing)
        else:
            renderer.console.print(table)


def _table(thing: object, by: By | None) -> Table | None:
    match thing:
        case PnLCheck():
            return _gains(thing)
        case Exposure():
            return _exposure(thing, by or By.SYMBOL)
        case EquityHistory():
            return _equity(thing)
        case PositionHistory():
            return _held(thing)
        case (CurrencyBalance(), *_):
            return _ledgers(thing)
        case (PositionPnL(), *_):
            return _position_gains(thing)
        case _:
            return None


def _made(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _gains(check: PnLCheck) -> Table:
    table = _made(f"profit and loss, {check.broker.currency}", "", "broker", "ours", "difference")
    for name in ("daily", "unrealized", "realized"):
        apart = getattr(check, f"{name}_difference")
        table.add_row(name, *map(_money, (check.broker[name], check.ours[name], apart)))
    if check.missing:
        table.caption = f"ours lacks {', '.join(check.missing)}"
        table.caption_justify = "left"
    return table


def _ledgers(rows: Sequence[Any]) -> Table:
    names = ("cash", "stock_value", "option_value", "net_liquidation", "unrealized_pnl")
    table = _made("ledgers", "currency", *(name.replace("_", " ") for name in names), "rate")
    for row in rows:
        rate = "-" if row.exchange_rate is None else f"{row.exchange_rate:f}"
        table.add_row(row.currency, *(_money(row[name]) for name in names), rate)
    return table


def _exposure(held: Exposure, by: By) -> Table:
    leverage = "-" if held.leverage is None else f"{held.leverage:.2f}"
    table = _made(
        f"exposure, {held.currency}, leverage {leverage}", by.value, "long", "short", "net"
    )
    for part in held.by_asset_class if by is By.CLASS else held.by_symbol:
        table.add_row(escape(part.name), *map(_money, (part.long, part.short, part.net)))
    return table


def _equity(history: EquityHistory) -> Table:
    table = _made(
        f"account {mask_accounts(history.account)}, the last point of each day",
        "day", "worth", "cash", "realized", "unrealized",
    )  # fmt: skip
    for point in history.by_day[-_LAST:]:
        figures = (point.total_value, point.cash, point.realized_pnl, point.unrealized_pnl)
        table.add_row(point.day.isoformat(), *map(_money, figures))
    return table


def _held(history: PositionHistory) -> Table:
    table = _made("positions as they changed", "at (UTC)", "symbol", "quantity", "price", "value")
    for point in history.points[-_LAST:]:
        table.add_row(
            f"{point.at:%Y-%m-%d %H:%M:%S}",
            escape(point.local_symbol or point.symbol),
            f"{point.quantity:,}",
            "-" if point.price is None else str(point.price),
            _money(point.market_value),
        )
    return table


def _position_gains(rows: Sequence[Any]) -> Table:
    table = _made("profit and loss", "contract", "daily", "unrealized", "realized", "value")
    for row in rows:
        figures = (row.daily, row.unrealized, row.realized, row.market_value)
        table.add_row(escape(row.contract.text), *map(_money, figures))
    return table


def _money(amount: Any) -> str:
    return "-" if amount is None else f"{amount:,.2f}"
