"""`ibkr doctor`: look at configuration, machine and gateway, and say what to tick."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Final

import typer
from rich.markup import escape

from ibkr_connector.doctor import Finding, Health, doctor, examine_configuration, is_well
from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.text import parse_contract
from ibkr_connector.settings.review import review

from .options import EXIT_FAILED, ClientId, Host, Json, Port, Profile
from .render import Renderer

__all__ = ["register"]

_MARKS: Final = {
    Health.OK: "[green]ok[/]     ",
    Health.WARNING: "[yellow]warning[/]",
    Health.PROBLEM: "[red]problem[/]",
}


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("doctor")(examine)


def examine(
    contract: Annotated[str, typer.Option(help="What is asked for a price.")] = "AAPL",
    orders: Annotated[
        bool,
        typer.Option(
            "--orders", help="Also ask what two orders would do (what-if): nothing is placed."
        ),
    ] = False,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds for each step.")] = 5.0,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Look at configuration, machine and gateway, and say what to tick; 1 at a problem."""
    try:
        wanted = parse_contract(contract)
    except (ContractError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    given = {"host": host, "port": port, "client_id": client_id}
    found = review(
        profile, overrides={name: value for name, value in given.items() if value is not None}
    )
    findings = [*examine_configuration(found)]
    if found.settings is not None:
        findings += asyncio.run(
            doctor(found.settings, contract=wanted, with_orders=orders, within_s=timeout_s)
        )
    _tell(Renderer(as_json=as_json), findings, as_json=as_json)
    raise typer.Exit(0 if is_well(findings) else EXIT_FAILED)


def _tell(renderer: Renderer, findings: Iterable[Finding], *, as_json: bool) -> None:
    if as_json:
        rows = [{**one.as_dict(), "reference": one.reference} for one in findings]
        renderer.show({"ok": is_well(findings), "findings": rows})
        return
    for one in findings:
        renderer.lines(f"{_MARKS[one.health]} {one.check:<18} {escape(one.seen)}")
        if one.remedy:
            renderer.lines(f"{'':<8}[bold]→[/] {escape(one.remedy)} [dim]({one.reference})[/]")
