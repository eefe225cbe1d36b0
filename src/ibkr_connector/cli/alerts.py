"""`ibkr alerts`: try the routes, look at what was wrong, check the file; needs no gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from ibkr_connector.alarms.facet import kind_of
from ibkr_connector.alarms.outbox import Outbox
from ibkr_connector.alarms.records import AlertRecords
from ibkr_connector.alarms.words import trial
from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.alerts import Alert, AlertKind, Receipt
from ibkr_connector.observe.logs import mask_accounts
from ibkr_connector.settings import Settings
from ibkr_connector.settings.alert_rules import threshold_of
from ibkr_connector.storage.database import open_database

from .options import EXIT_FAILED, ClientId, Json, Profile, settings_of
from .render import Renderer

__all__ = ["register"]

T = TypeVar("T")

alerts = typer.Typer(
    help="Alerts: their routes, their rules, what there was.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.add_typer(alerts, name="alerts")


@alerts.command("test")
def try_routes(profile: Profile = None, as_json: Json = False) -> None:
    """Send a test to each route now, and show what became of it."""
    settings = settings_of(profile, as_json=as_json, alerts=True)
    renderer = Renderer(as_json=as_json)
    receipts = _run(_tested(settings), renderer)
    if as_json:
        renderer.show([_plain(one) for one in receipts])
    elif not receipts:
        renderer.show("no routes: alerts go to the log alone; see config/alerts.yaml.example")
    else:
        renderer.console.print(_receipts(receipts))
    raise typer.Exit(0 if all(one.is_delivered for one in receipts) else EXIT_FAILED)


@alerts.command("list")
def list_(
    every: Annotated[
        bool, typer.Option("--all", help="Those that are over too, the newest first.")
    ] = False,
    kind: Annotated[str | None, typer.Option(help="Only those, such as margin_call.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 50,
    receipts: Annotated[
        bool, typer.Option("--receipts", help="What became of telling the routes instead.")
    ] = False,
    profile: Profile = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show the alerts that go on, as the program of that client id has written them down."""
    settings = settings_of(profile, as_json=as_json, alerts=True, client_id=client_id)
    renderer = Renderer(as_json=as_json)
    if receipts:
        told = _run(_read(settings, lambda records: records.receipts(limit=limit)), renderer)
        if as_json:
            renderer.show([_plain(one) for one in told])
        else:
            renderer.console.print(_receipts(told))
        return

    async def look(records: AlertRecords) -> tuple[Alert, ...]:
        wanted = None if kind is None else kind_of(kind)
        if every:
            return await records.history(kind=wanted, limit=limit)
        return tuple([one for one in await records.active() if wanted in (None, one.kind)][:limit])

    found = _run(_read(settings, look), renderer)
    if as_json:
        renderer.show([_plain(one) for one in found])
    elif not found:
        renderer.show("no alerts")
    else:
        renderer.console.print(_table(found))


@alerts.command()
def check(profile: Profile = None, as_json: Json = False) -> None:
    """Check `alerts.yaml` and the routes' addresses, send nothing, and show what holds."""
    from ibkr_connector.alarms.build import open_services  # noqa: PLC0415  # loads half the SDK

    settings = settings_of(profile, as_json=as_json, alerts=True)
    renderer = Renderer(as_json=as_json)
    _run(open_services(settings), renderer)
    rules = [(kind, settings.alerts.rule(kind)) for kind in AlertKind if kind is not AlertKind.TEST]
    if as_json:
        renderer.show(
            {
                "source": settings.alerts.source,
                "enabled": settings.alerts.enabled,
                "routes": sorted(settings.alerts.routes),
                "rules": {
                    kind.value: {
                        "enabled": rule.is_on,
                        "severity": rule.severity.value,
                        "threshold": threshold_of(rule),
                        "action": rule.action.value,
                    }
                    for kind, rule in rules
                },
            }
        )
        return
    table = Table("alert", "on", "severity", "raised", "cleared", "for", "action")
    for kind, rule in rules:
        clear = "" if rule.clear_at is None else str(rule.clear_at)
        waits = f"{rule.raise_after_s:g} s / {rule.clear_after_s:g} s"
        cells = (
            kind,
            "yes" if rule.is_on else "no",
            rule.severity,
            threshold_of(rule),
            clear,
            waits,
        )
        table.add_row(*map(str, cells), rule.action.value)
    renderer.console.print(table)
    routes = ", ".join(settings.alerts.routes) or "none, so the log alone is told"
    renderer.show(f"from {settings.alerts.source}; routes: {routes}")


async def _tested(settings: Settings) -> tuple[Receipt, ...]:
    from ibkr_connector.alarms.build import (  # noqa: PLC0415  # as above
        open_services,
        owner_of,
        sender_of,
    )

    # nothing is written down: a running program with the same settings has its own
    clock = SystemClock()
    services = await open_services(settings)
    outbox = Outbox(
        settings.alerts.routes,
        services=services,
        run=None,
        owner=owner_of(settings),
        sender=sender_of(settings),
        clock=clock,
    )
    await outbox.start()
    try:
        return await outbox.tell_all(trial(clock.utcnow()))
    finally:
        await outbox.aclose()


async def _read(settings: Settings, look: Callable[[AlertRecords], Awaitable[T]]) -> T:
    from ibkr_connector.alarms.build import owner_of  # noqa: PLC0415  # as above
    from ibkr_connector.tuning import database_place  # noqa: PLC0415

    database = await open_database(database_place(settings))
    try:
        return await look(AlertRecords(database.read, owner_of(settings)))
    finally:
        await database.aclose()


def _run(doing: Any, renderer: Renderer) -> Any:
    try:
        return asyncio.run(doing)
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error


def _table(found: tuple[Alert, ...]) -> Table:
    table = Table("since", "until", "severity", "alert", "about", "seen", "what")
    for one in found:
        until = "" if one.cleared_at is None else f"{one.cleared_at:%Y-%m-%d %H:%M:%S}"
        since = f"{one.raised_at:%Y-%m-%d %H:%M:%S}"
        about, what = mask_accounts(one.key), mask_accounts(one.text)
        seen = str(one.count)
        table.add_row(since, until, one.severity, one.kind, escape(about), seen, escape(what))
    return table


def _receipts(receipts: tuple[Receipt, ...]) -> Table:
    table = Table("route", "message", "told", "attempts", "problem")
    for one in receipts:
        told = "no" if one.delivered_at is None else f"{one.delivered_at:%Y-%m-%d %H:%M:%S}"
        title, problem = escape(one.title), escape(one.problem)
        table.add_row(escape(one.route), title, told, str(one.attempts), problem)
    return table


def _plain(one: Alert | Receipt) -> dict[str, Any]:
    return {
        key: value.isoformat()
        if hasattr(value, "isoformat")
        else mask_accounts(value)
        if isinstance(value, str)
        else value
        for key, value in one.as_dict().items()
    }
