"""`ibkr flex`: hold a statement of IB against the journal, from a file or from IB's service."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ibkr_connector.account.flex import parse_flex, read_flex
from ibkr_connector.account.flex_check import check_flex
from ibkr_connector.account.flex_findings import FlexCheck
from ibkr_connector.account.flex_service import FLEX_URL, fetch_flex
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.model.statements import FlexStatement
from ibkr_connector.observe.masking import mask_accounts, masked
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import Place
from ibkr_connector.settings.secrets import reference_of

from .options import EXIT_FAILED, EXIT_USAGE, Json, Profile, settings_of
from .render import Renderer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command()(flex)


def flex(
    file: Annotated[Path | None, typer.Argument(help="XML of a Flex query.")] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Download it from IB instead.")] = False,
    query: Annotated[str | None, typer.Option(help="Number of the query to download.")] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Where the token is: env:NAME, file:PATH, keyring:SERVICE/USER."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Keep what was downloaded in FILE.")] = None,
    deadline_s: Annotated[float, typer.Option("--deadline", help="Seconds to wait.")] = 120.0,
    url: Annotated[str, typer.Option(help="Address of the service.")] = FLEX_URL,
    first: Annotated[
        str | None, typer.Option("--from", help="First day, instead of the query's: YYYY-MM-DD.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    zone: Annotated[str, typer.Option(help="Time zone of the statement.")] = "America/New_York",
    dates: Annotated[
        str, typer.Option(help="Form of dates with slashes: MM/dd/yyyy or dd/MM/yyyy.")
    ] = "",
    journal: Annotated[
        Path | None, typer.Option(help="A journal file instead of the profile's.")
    ] = None,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Hold a statement of IB against the journal; exit code 1 when they differ."""
    if fetch == (file is not None):
        raise typer.BadParameter("name a file, or say --fetch")
    renderer = Renderer(as_json=as_json)
    try:
        if file is not None:
            statements = read_flex(file, zone=zone, dates=dates)
        else:
            data = asyncio.run(
                fetch_flex(
                    token=_reference(token),
                    query=query or "",
                    from_date=_day(first, "--from"),
                    to_date=_day(last, "--to"),
                    deadline_s=deadline_s,
                    url=url,
                )
            )
            if save is not None:
                _save(save, data)
            statements = parse_flex(data, zone=zone, dates=dates)
        told = check_flex(statements, read_orders(journal or _place(profile, as_json=as_json)))
    except IBKRError as error:
        renderer.fail(error)
        code = EXIT_USAGE if isinstance(error, ConfigurationError) else EXIT_FAILED
        raise typer.Exit(code) from error
    if as_json:
        body = {"is_clean": told.is_clean, **told.as_dict()}
        typer.echo(json.dumps(masked(body)))
    else:
        _show(renderer, told, statements)
    if not told.is_clean:
        raise typer.Exit(EXIT_FAILED)


def _day(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{option} is {text!r}, which is no day", hint="write it as 2026-03-04"
        ) from error


def _reference(token: str | None) -> str:
    if token is None or reference_of(token) is None:
        raise ConfigurationError(
            "--token does not say where the token is",
            hint="write env:NAME, file:PATH or keyring:SERVICE/USER: every user of a machine can "
            "read what stands on a command line",
        )
    return token


def _place(profile: str | None, *, as_json: bool) -> Place:
    # see `_journal_place` in app.py
    from ibkr_connector.tuning import journal_place  # noqa: PLC0415

    return journal_place(settings_of(profile, as_json=as_json))


def _save(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            # one that was there may have been open to others
            path.chmod(0o600)
            file.write(data)
    except OSError as error:
        raise ConfigurationError(
            f"the statement cannot be saved to {path}: {error.strerror}",
            hint="name a file in a folder that you can write to",
        ) from error


def _show(renderer: Renderer, told: FlexCheck, statements: tuple[FlexStatement, ...]) -> None:
    for one in statements:
        account = escape(mask_accounts(one.account))
        renderer.show(f"statement of {account}, {one.from_date} to {one.to_date}")
    if told.differences:
        table = Table(title="differences", title_justify="left", box=None)
        for name in ("account", "symbol", "what", "here", "there", "whose", "execution"):
            table.add_column(name, overflow="fold")
        for row in told.differences:
            here, there = ("-" if value is None else str(value) for value in (row.here, row.there))
            cells = (row.symbol, row.finding, here, there, row.whose, row.exec_id)
            # what stands in a file is no markup
            table.add_row(*map(escape, (mask_accounts(row.account), *cells)))
        renderer.console.print(table)
    for total in told.totals:
        renderer.show(
            f"{escape(total.currency)}: {total.executions_here} executions here, "
            f"{total.executions_there} there; paid {total.value_here} here, "
            f"{total.value_there} there; commissions {total.commission_here} here, "
            f"{total.commission_there} there"
        )
    if told.uncompared:
        renderer.show(f"{told.uncompared} rows without an execution were not compared")
    if told.later:
        renderer.show(f"{told.later} fills of the last evening belong to the next statement")
    renderer.show(f"{told.matched} executions match, {len(told.differences)} differences")
