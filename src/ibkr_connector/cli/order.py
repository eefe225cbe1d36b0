"""`ibkr preview` and `ibkr order`: look at one order, and place what was looked at."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import typer
from rich.markup import escape
from rich.table import Table

from ibkr_connector.errors import (
    ConfigurationError,
    IBKRError,
    OrderUncertainError,
    OrderValidationError,
    RequestTimeoutError,
)
from ibkr_connector.model.orders import OrderReport, OrderStatus, size_text
from ibkr_connector.model.preview import Figures, OrderPreview, Verdict
from ibkr_connector.orders.reading import READERS
from ibkr_connector.orders.values import read_flag
from ibkr_connector.orders.waiting import Wait, as_waiting
from ibkr_connector.settings import Settings

from .connecting import connector_of
from .options import (
    EXIT_DECLINED,
    EXIT_FAILED,
    EXIT_FINE,
    EXIT_OPEN,
    EXIT_USAGE,
    Account,
    ClientId,
    Contract,
    Host,
    Json,
    Port,
    Profile,
    settings_of,
)
from .render import Renderer

__all__ = ["register"]

_COLOURS: Final = {Verdict.BROKEN: "red", Verdict.PASSED: "green"}
_WORDS: Final = {"yes": True, "true": True, "no": False, "false": False}

Action = Annotated[str, typer.Argument(help="buy or sell; of options also exercise or lapse.")]
Quantity = Annotated[
    str, typer.Argument(help="In units of the contract; or an amount of money, as in cash=500.")
]
Limit = Annotated[str | None, typer.Option(help="Limit price.")]
Stop = Annotated[str | None, typer.Option(help="Stop price.")]
Kind = Annotated[
    str | None, typer.Option("--type", help="Order type; follows from the prices if not given.")
]
Tif = Annotated[str | None, typer.Option(help="DAY, GTC, IOC, FOK, OPG, GTD.")]
Outside = Annotated[bool, typer.Option("--outside-hours", help="Outside regular hours too.")]
Key = Annotated[str | None, typer.Option(help="Your key: the same key is the same order.")]
Terms = Annotated[
    list[str] | None,
    typer.Option("--term", help="Any other key of an order, as in trail_amount=0.50; repeatable."),
]
WaitFor = Annotated[str, typer.Option("--wait", help="sent, submitted or filled.")]
TimeoutS = Annotated[float | None, typer.Option("--timeout", help="Seconds to wait for that.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Place it without asking.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What one command line asks for."""

    order: dict[str, Any]
    settings: Settings
    renderer: Renderer
    as_json: bool
    wait: str = "submitted"
    timeout_s: float | None = None
    is_sure: bool = False


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command()(preview)
    app.command()(order)


def preview(
    action: Action,
    quantity: Quantity,
    contract: Contract,
    limit: Limit = None,
    stop: Stop = None,
    kind: Kind = None,
    tif: Tif = None,
    outside: Outside = False,
    account: Account = None,
    key: Key = None,
    terms: Terms = None,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show what an order would do: margins, commission, every rule. Places nothing."""
    asked = _Asked(
        order=_order(
            {"symbol": contract, "account": account, **_side(action), **_size(quantity)},
            prices=(limit, stop, kind),
            tif=tif,
            outside=outside,
            key=key,
            terms=terms or (),
        ),
        settings=settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id),
        renderer=Renderer(as_json=as_json),
        as_json=as_json,
    )
    raise typer.Exit(_run(asked, places=False))


def order(
    action: Action,
    quantity: Quantity,
    contract: Contract,
    limit: Limit = None,
    stop: Stop = None,
    kind: Kind = None,
    tif: Tif = None,
    outside: Outside = False,
    account: Account = None,
    key: Key = None,
    terms: Terms = None,
    wait: WaitFor = "submitted",
    timeout_s: TimeoutS = None,
    yes: Yes = False,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show what an order would do, ask, and place exactly that."""
    if as_json and not yes:
        raise typer.BadParameter("--json asks nobody: say --yes with it")
    asked = _Asked(
        order=_order(
            {"symbol": contract, "account": account, **_side(action), **_size(quantity)},
            prices=(limit, stop, kind),
            tif=tif,
            outside=outside,
            key=key,
            terms=terms or (),
        ),
        settings=settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id),
        renderer=Renderer(as_json=as_json),
        as_json=as_json,
        wait=wait,
        timeout_s=timeout_s,
        is_sure=yes,
    )
    raise typer.Exit(_run(asked, places=True))


# --- reading the command line -------------------------------------------------------------------


def _side(word: str) -> dict[str, Any]:
    if word.lower() in ("exercise", "lapse"):
        return {"action": "SELL", "exercise": {"lapse": word.lower() == "lapse"}}
    return {"action": word}


def _size(text: str) -> dict[str, str]:
    amount = text.removeprefix("cash=")
    return {"quantity": text} if amount == text else {"cash_quantity": amount}


def _order(
    what: dict[str, Any],
    *,
    prices: tuple[str | None, str | None, str | None],
    tif: str | None,
    outside: bool,
    key: str | None,
    terms: Iterable[str],
) -> dict[str, Any]:
    limit, stop, kind = prices
    inferred = {
        (False, False): "MKT",
        (True, False): "LMT",
        (False, True): "STP",
        (True, True): "STP LMT",
    }[limit is not None, stop is not None]
    given = {
        **what,
        "order_type": kind or inferred,
        "limit_price": limit,
        "stop_price": stop,
        "time_in_force": tif,
        "client_order_id": key,
        "outside_regular_hours": outside or None,
    }
    for term in terms:
        name, equals, value = term.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"expected KEY=VALUE, as in trail_amount=0.50; got {term!r}")
        key_of_it, said = name.strip(), value.strip()
        if key_of_it == "override" and "exercise" in given:
            given["exercise"] = {**given["exercise"], "override": _flag(key_of_it, said)}
        else:
            is_flag = READERS.get(key_of_it) is read_flag
            given[key_of_it] = _flag(key_of_it, said) if is_flag else said
    return {name: value for name, value in given.items() if value is not None}


def _flag(name: str, word: str) -> bool:
    if word.lower() not in _WORDS:
        raise typer.BadParameter(f"{name} is yes or no; got {word!r}")
    return _WORDS[word.lower()]


# --- doing --------------------------------------------------------------------------------------


def _run(asked: _Asked, *, places: bool) -> int:
    try:
        return asyncio.run(_session(asked, places=places))
    except (OrderValidationError, ConfigurationError) as error:
        asked.renderer.fail(error)
        return EXIT_USAGE
    except OrderUncertainError as error:
        asked.renderer.fail(error)
        if asked.as_json:
            known = {"order_id": error.order_id, "order_ref": error.order_ref}
            asked.renderer.show({"order": {**known, "status": OrderStatus.UNCERTAIN}})
        return EXIT_OPEN
    except RequestTimeoutError as error:
        asked.renderer.fail(error)
        if error.report is None:
            return EXIT_FAILED
        if asked.as_json:
            asked.renderer.show({"order": error.report.as_dict()})
        return EXIT_OPEN
    except IBKRError as error:
        asked.renderer.fail(error)
        return EXIT_FAILED


async def _session(asked: _Asked, *, places: bool) -> int:
    # before anybody is asked to say yes to it
    as_waiting(asked.wait, asked.timeout_s, ack_s=1, fill_s=1)
    async with connector_of(asked.settings) as ib:
        seen = await ib.preview_order(asked.order, by=_user())
        if not asked.as_json:
            _show(asked.renderer, seen)
        elif not (places and (seen.is_allowed or seen.is_placed_before)):
            asked.renderer.show({"preview": _plain(seen)})
        wait = cast("Wait", asked.wait)  # another word was refused above
        if places and seen.is_placed_before:
            # it is on its way or over, whatever the rules would say of another one: no token
            report = await ib.place_order(asked.order, wait=wait, timeout_s=asked.timeout_s)
            if not asked.as_json:
                asked.renderer.lines("  placed before under this key; nothing more was sent")
            return _told(asked, seen, report)
        if not seen.is_allowed:
            if places and not asked.as_json:
                asked.renderer.lines("  [red]refused[/]: nothing was sent")
            return EXIT_FAILED
        if not places:
            return EXIT_FINE
        if not asked.is_sure and not _confirmed(seen, asked.settings):
            return EXIT_DECLINED
        report = await ib.place_order(
            seen.order, wait=wait, timeout_s=asked.timeout_s, token=seen.token
        )
        return _told(asked, seen, report)


def _told(asked: _Asked, seen: OrderPreview, report: OrderReport) -> int:
    if asked.as_json:
        asked.renderer.show({"preview": _plain(seen), "order": report.as_dict()})
    else:
        asked.renderer.show(report)
    unfilled = asked.wait == "filled" and report.status is not OrderStatus.FILLED
    return EXIT_FAILED if unfilled else EXIT_FINE


def _confirmed(seen: OrderPreview, settings: Settings) -> bool:
    order = seen.order
    price = "" if order.limit_price is None else f" at {order.limit_price}"
    size = size_text(order.quantity, order.cash_quantity)
    what = f"{order.exercise or order.action} {size} {order.contract} {order.order_type}{price}"
    try:
        return typer.confirm(f"{settings.mode} account: {what}. Place it?", default=False)
    except typer.Abort:
        return False  # nobody is there to say yes


def _user() -> str:
    try:
        name = getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "ibkr order"
    return f"{name}, by ibkr order"


# --- showing ------------------------------------------------------------------------------------


def _plain(seen: OrderPreview) -> dict[str, Any]:
    # the token dies with this process, and a secret in a log serves nobody
    shown = seen.as_dict()
    del shown["token"]
    return {"is_allowed": seen.is_allowed, **shown}


def _show(renderer: Renderer, seen: OrderPreview) -> None:
    console, told = renderer.console, seen.broker
    rules = Table(title="rules", title_justify="left", box=None)
    for name in ("rule", "verdict", "value", "limit", "remedy"):
        rules.add_column(name)
    for row in seen.rules:
        if row.verdict in _COLOURS:
            verdict = f"[{_COLOURS[row.verdict]}]{row.verdict}[/]"
            cells = (row.value, row.limit, row.remedy)
            rules.add_row(f"  {escape(row.rule)}", verdict, *map(escape, cells))
    console.print(rules)
    unset = [row.rule for row in seen.rules if row.verdict is Verdict.NOT_SET]
    if unset:
        console.print(f"  [dim]no limit set: {escape(', '.join(unset))}[/]")
    broker = Table(title="the broker says", title_justify="left", box=None)
    for name in ("", "before", "change", "after"):
        broker.add_column(name, justify="right" if name else "left")
    for name, figures in (
        ("initial margin", told.initial_margin),
        ("maintenance margin", told.maintenance_margin),
        ("equity with loan", told.equity_with_loan),
    ):
        broker.add_row(f"  {name}", *_cells(figures))
    console.print(broker)
    fees = [f"{name} {value}" for name, value in _fees(seen) if value is not None]
    if fees:
        console.print(f"  commission: {', '.join(fees)} {told.commission_currency}")
    for warning in told.warnings:
        console.print(f"  [yellow]warning[/]: {escape(warning)}")
    if told.rejected_reason:
        console.print(f"  [red]would be rejected[/]: {escape(told.rejected_reason)}")
    elif not told.is_answered:
        console.print("  [red]the broker has only warned, and described no order[/]")


def _fees(seen: OrderPreview) -> Iterable[tuple[str, object]]:
    told = seen.broker
    yield "", told.commission
    yield "from", told.min_commission
    yield "to", told.max_commission


def _cells(figures: Figures) -> tuple[str, str, str]:
    before, change, after = figures.before, figures.change, figures.after
    return (
        "-" if before is None else f"{before:,.2f}",
        "-" if change is None else f"{change:+,.2f}",
        "-" if after is None else f"{after:,.2f}",
    )
