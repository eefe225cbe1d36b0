"""What `ibkr orders` and `ibkr cancel` print: the journal as tables, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from ibkr_connector.clock import Clock, SystemClock
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.model.orders import OrderReport, size_text
from ibkr_connector.model.preview import Verdict
from ibkr_connector.orders.export import export_journal
from ibkr_connector.orders.history import (
    OrderHistory,
    RecordedOrder,
    read_denials,
    read_history,
    read_orders,
)
from ibkr_connector.orders.journal import Place, check
from ibkr_connector.storage.writer import no_journal

from .options import EXIT_FAILED, EXIT_FINE

__all__ = [
    "cancel_orders",
    "export_orders",
    "open_ids",
    "show_cancelled",
    "show_denials",
    "show_history",
    "show_orders",
    "verify_journal",
]

_RECENT: Final = 50

CancelOne = Callable[[int], Awaitable[OrderReport]]


def show_orders(
    path: Place, *, everything: bool, as_json: bool, clock: Clock | None = None
) -> None:
    """
    Print the orders that are open by the journal and those of today (UTC), or all of them.

    Raises:
        ConfigurationError: There is no journal, or it cannot be read.
    """
    today = (clock or SystemClock()).utcnow().date()
    orders = [
        order
        for order in read_orders(path)
        if everything or order.is_open or today in (order.created.date(), _changed(order).date())
    ]
    if as_json:
        _print_json([_row(order) for order in orders])
        return
    console = Console(highlight=False)
    if not orders:
        console.print("  no open orders, and none of today")
        return
    console.print(_orders_table([(order.report, order.is_own) for order in orders]))
    last = max(_changed(order) for order in orders)
    console.print(f"  [dim]by the journal, last changed {last:%Y-%m-%d %H:%M:%S} UTC[/]")


def show_history(path: Place, which: str, *, as_json: bool) -> None:
    """
    Print what happened to one order.

    Raises:
        ConfigurationError: There is no journal, or it cannot be read.
        OrderNotFoundError: The journal has no such order.
    """
    history = read_history(path, which)
    if as_json:
        _print_json(
            {
                "order": _plain_report(history.order),
                "steps": [step.as_dict() for step in history.steps],
                "namesakes": list(history.namesakes),
            }
        )
        return
    _print_history(history)


def show_denials(path: Place, *, everything: bool, as_json: bool) -> None:
    """
    Print the newest orders that were refused here, or all of them, each with the broken rules.

    Raises:
        ConfigurationError: There is no journal, or it cannot be read.
    """
    found = read_denials(path, limit=None if everything else _RECENT)
    if as_json:
        _print_json([denied.as_dict() for denied in found])
        return
    console = Console(highlight=False)
    if not found:
        console.print("  nothing was denied")
    for denied in found:
        console.print(
            f"{denied.time:%Y-%m-%d %H:%M:%S} [bold]{denied.error}[/] [dim]{denied.seq}[/] "
            f"{escape(denied.order)}",
            soft_wrap=True,
        )
        broken = [rule for rule in denied.rules if rule.verdict is Verdict.BROKEN]
        if not broken:
            console.print(f"    {escape(denied.reason)}", soft_wrap=True)
        for rule in broken:
            told = f"{rule.rule}: {rule.value}, the limit is {rule.limit}; {rule.remedy}"
            console.print(f"    {escape(told)}", soft_wrap=True)


def export_orders(path: Place, to: Path, *, as_json: bool) -> None:
    """
    Write the whole journal to a file, and say what is in it.

    Raises:
        ConfigurationError: It is not sound, or the file cannot be made; then there is none.
    """
    chain = export_journal(path, to)
    if as_json:
        _print_json({"file": str(to), "entries": chain.entries, "head": chain.head})
        return
    Console(highlight=False).print(
        f"{to}: {chain.entries} entries, the last with digest {chain.head}", soft_wrap=True
    )


def verify_journal(path: Place, *, as_json: bool) -> int:
    """
    Follow the hash chain, print how far it holds, and return the exit code: 0 or 1.

    Raises:
        ConfigurationError: There is no journal at all.
    """
    if isinstance(path, Path) and not path.is_file():
        raise no_journal(path)
    try:
        chain = check(path)
    except ConfigurationError as error:
        if as_json:
            _print_json({"journal": str(path), "sound": False, "problem": error.message})
        else:
            Console(highlight=False).print(f"[red]unreadable[/]: {escape(error.message)}")
        return EXIT_FAILED
    sound = chain.first_broken is None
    if as_json:
        _print_json(
            {
                "journal": str(path),
                "sound": sound,
                "entries": chain.entries,
                "head": chain.head,
                "first_broken": chain.first_broken,
            }
        )
    elif sound:
        Console(highlight=False).print(
            f"[green]sound[/]: {chain.entries} entries, the last with digest {chain.head}",
            soft_wrap=True,
        )
    else:
        Console(highlight=False).print(
            f"[red]broken[/]: entry {chain.first_broken} does not fit the {chain.entries} "
            "before it: it was changed, or entries were removed or put in",
            soft_wrap=True,
        )
    return EXIT_FINE if sound else EXIT_FAILED


async def cancel_orders(
    order_ids: Sequence[int], cancel: CancelOne
) -> tuple[list[OrderReport], list[tuple[int, IBKRError]]]:
    """Cancel each order, whatever becomes of the others; return reports and failures."""
    reports, failures = [], []
    for order_id in order_ids:
        try:
            reports.append(await cancel(order_id))
        except IBKRError as error:
            failures.append((order_id, error))
    return reports, failures


def show_cancelled(
    reports: Sequence[OrderReport], failures: Sequence[tuple[int, IBKRError]], *, as_json: bool
) -> int:
    """Print what became of cancellations; return the exit code: 1 when one failed."""
    if as_json:
        told: list[object] = [_plain_report(report) for report in reports]
        told += [
            {"order_id": order_id, "error": type(error).__name__, "message": error.message}
            for order_id, error in failures
        ]
        _print_json(told)
    else:
        console = Console(highlight=False)
        if reports:
            console.print(_orders_table([(report, True) for report in reports]))
        for order_id, error in failures:
            console.print(
                f"  order {order_id}: [red]{type(error).__name__}[/] {escape(str(error))}",
                soft_wrap=True,
            )
        if not reports and not failures:
            console.print("  no open orders of this client")
    return EXIT_FAILED if failures else EXIT_FINE


def open_ids(path: Place, *, client_id: int) -> tuple[int, ...]:
    """Return the ids of the orders of this client that are open by the journal, oldest first."""
    return tuple(
        order.report.order_id
        for order in read_orders(path)
        if order.is_open and order.is_own and order.report.client_id == client_id
    )


def _changed(order: RecordedOrder) -> datetime:
    return order.report.timestamp


def _orders_table(rows: Iterable[tuple[OrderReport, bool]]) -> Table:
    table = Table(title="orders", title_justify="left", box=None)
    for name in ("id", "client", "order", "status", "filled", "price", "fee", "changed"):
        justify: JustifyMethod = "left" if name in ("client", "order", "status") else "right"
        # on a narrow terminal the order is broken into lines, and no figure
        is_order = name == "order"
        table.add_column(name, justify=justify, no_wrap=not is_order, overflow="fold")
    for report, is_own in rows:
        limit = "" if report.limit_price is None else f" {report.limit_price}"
        size = size_text(report.quantity, report.cash_quantity, form=",")
        what = f"{report.action} {size} {report.contract} {report.order_type}{limit}"
        table.add_row(
            str(report.order_id or report.perm_id or "-"),
            str(report.client_id) + ("" if is_own else " (foreign)"),
            escape(what),
            str(report.status),
            f"{report.filled_quantity:,}",
            "-" if report.avg_fill_price is None else _price(report.avg_fill_price),
            "-" if report.commission is None else str(report.commission),
            f"{report.timestamp:%m-%d %H:%M:%S}",
        )
    return table


def _price(average: Decimal) -> str:
    """Write an average to a hundredth of a cent, without the zeros that say nothing."""
    text = f"{average:.5f}"
    return text[:-3] if text.endswith("000") else text


def _print_history(history: OrderHistory) -> None:
    console = Console(highlight=False)
    order = history.order
    size = size_text(order.quantity, order.cash_quantity)
    console.print(
        f"order {order.order_id} ({escape(order.order_ref or str(order.perm_id))}): "
        f"[bold]{order.status}[/], {order.filled_quantity} of {size} filled",
        soft_wrap=True,
    )
    for step in history.steps:
        cause = f" [dim]{escape(step.cause)}[/]" if step.cause else ""
        console.print(
            f"  {step.seq:>6}  {step.time:%Y-%m-%d %H:%M:%S.%f} UTC  {escape(step.what)}{cause}",
            soft_wrap=True,
        )
        for rule in step.rules:
            console.print(f"          [dim]{escape(rule.sentence)}[/]", soft_wrap=True)
    if history.namesakes:
        console.print(f"  [dim]of the same number: {escape(', '.join(history.namesakes))}[/]")


def _row(order: RecordedOrder) -> dict[str, Any]:
    return {
        **_plain_report(order.report),
        "created": order.created,
        "is_own": order.is_own,
        "is_open": order.is_open,
    }


def _plain_report(report: OrderReport) -> dict[str, Any]:
    return report.as_dict()


def _print_json(thing: object) -> None:
    print(json.dumps(thing, default=_text))


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if hasattr(value, "keys") else str(value)  # type: ignore[call-overload]  # a mapping proxy
