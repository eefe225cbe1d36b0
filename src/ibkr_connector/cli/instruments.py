"""`ibkr instruments`: the registry from the command line; only `resolve` needs a gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import AmbiguousContractError, ConfigurationError, IBKRError
from ibkr_connector.instruments.files import take_in, write_out
from ibkr_connector.model.record import Record
from ibkr_connector.model.registry import Instrument
from ibkr_connector.settings import Settings

from .connecting import connector_of
from .options import EXIT_FAILED, EXIT_USAGE, UNWATCHED, Json, Profile, of_a_command
from .render import Renderer

__all__ = ["register"]

T = TypeVar("T")


instruments = typer.Typer(help="Your instruments, by ids of your own.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.add_typer(instruments, name="instruments")


@instruments.command("list")
def list_(profile: Profile = None, as_json: Json = False) -> None:
    """Show every instrument that has an id."""
    found = _with_registry(profile, lambda registry: registry.every(), as_json=as_json)
    if as_json:
        _print([_plain(one) for one in found])
        return
    table = Table("id", "contract", "con id", "qualified", "note")
    for one in found:
        asked = "" if one.qualified_at is None else f"{one.qualified_at:%Y-%m-%d %H:%M}"
        cells = (one.instrument_id, str(one.contract), str(one.con_id or ""), asked, one.note)
        table.add_row(*map(escape, cells))
    Renderer().console.print(table)


@instruments.command()
def show(
    instrument_id: Annotated[str, typer.Argument(help="An id of yours.")],
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Show what an id stands for, and what became different of it."""

    async def look(registry: Any) -> tuple[Instrument | None, Any]:
        return await registry.lookup(instrument_id), await registry.history(instrument_id)

    known, history = _with_registry(profile, look, as_json=as_json)
    renderer = Renderer(as_json=as_json)
    if known is None:
        renderer.fail(IBKRError(f"no instrument has the id {instrument_id!r}"))
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        _print({**_plain(known), "history": [_plain(change) for change in history]})
        return
    renderer.console.print(
        f"  [bold]{escape(known.instrument_id)}[/] {escape(str(known.contract))}"
    )
    for name in ("con_id", "note", "registered_at", "updated_at", "qualified_at"):
        if known[name]:
            renderer.console.print(f"  {name:<14} {escape(str(known[name]))}")
    for change in history:
        what = f"{change.field}: {change.old or '-'} -> {change.new or '-'}"
        renderer.console.print(escape(f"  {change.at:%Y-%m-%d %H:%M} {change.subject} {what}"))


@instruments.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .csv, .json or .yaml file.")],
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Register what a file says; lines that make no sense are named and left out."""
    report = _with_registry(profile, lambda registry: take_in(registry, file), as_json=as_json)
    if as_json:
        _print(_plain(report))
    else:
        renderer = Renderer()
        renderer.show(f"{len(report.imported)} written, {len(report.unchanged)} known as they are")
        for problem in report.problems:
            renderer.console.print(escape(f"  {problem}"), soft_wrap=True)
    raise typer.Exit(EXIT_FAILED if report.problems else 0)


@instruments.command()
def export(
    file: Annotated[Path, typer.Argument(help="A .csv, .json or .yaml file.")],
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Write every instrument to a file."""
    count = _with_registry(profile, lambda registry: write_out(registry, file), as_json=as_json)
    if as_json:
        _print({"written": count, "file": str(file)})
    else:
        Renderer().show(f"{count} instruments in {file}")


@instruments.command()
def resolve(
    contract: Annotated[str, typer.Argument(help="AAPL, EUR.USD, 'ES 202612', an id of yours.")],
    register_as: Annotated[str | None, typer.Option("--as", help="Give it this id.")] = None,
    profile: Profile = None,
    host: Annotated[str | None, typer.Option(help="Host of the gateway.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the gateway.")] = None,
    client_id: Annotated[int | None, typer.Option(help="Client id of the connection.")] = None,
    as_json: Json = False,
) -> None:
    """Ask IB which contract is meant; several are listed."""
    renderer = Renderer(as_json=as_json)
    options = {"host": host, "port": port, "client_id": client_id}
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}

    async def ask() -> Any:
        settings = of_a_command(Settings.load(profile, alerts=UNWATCHED, **given))
        async with connector_of(settings) as ib:
            if register_as is not None:
                await ib.instruments.register(register_as, contract)
            return await ib.instruments.details(contract)

    try:
        details = asyncio.run(ask())
    except AmbiguousContractError as several:
        renderer.fail(several)
        if not as_json:
            for one in several.candidates:
                renderer.console.print(escape(f"  #{one.con_id} {one.local_symbol} {one}"))
        raise typer.Exit(EXIT_FAILED) from several
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(_exit_code(error)) from error
    if as_json:
        _print(_plain(details))
        return
    renderer.console.print(f"  [bold]#{details.contract.con_id}[/] {escape(str(details.contract))}")
    for name in ("long_name", "min_tick", "size_increment", "last_trade_date", "time_zone_id"):
        if details[name]:
            renderer.console.print(f"  {name:<16} {escape(str(details[name]))}")


def _with_registry(profile: str | None, do: Callable[[Any], Awaitable[T]], *, as_json: bool) -> T:
    """Open the registry of a profile, do something with it, and close it."""

    async def session() -> T:
        # SQLAlchemy takes its time to load: paid by these commands alone
        from ibkr_connector.instruments.registry import Registry  # noqa: PLC0415
        from ibkr_connector.tuning import database_place  # noqa: PLC0415

        settings = Settings.load(profile)
        registry = Registry(
            database_place(settings),
            clock=SystemClock(),
            max_age_s=settings.instruments_max_age_s,
        )
        try:
            return await do(registry)
        finally:
            await registry.aclose()

    try:
        return asyncio.run(session())
    except IBKRError as error:
        Renderer(as_json=as_json).fail(error)
        raise typer.Exit(_exit_code(error)) from error


def _exit_code(error: IBKRError) -> int:
    return EXIT_USAGE if isinstance(error, ConfigurationError) else EXIT_FAILED


def _plain(record: Record) -> dict[str, Any]:
    return record.as_dict()


def _print(thing: object) -> None:
    print(json.dumps(thing, default=str))
