"""Show records to people: tables and panels; or to programs: one JSON document a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.model.market import BarSeries, Quote
from ibkr_connector.model.orders import OrderReport, size_text
from ibkr_connector.model.record import Record
from ibkr_connector.model.status import ConnectionStatus
from ibkr_connector.observe.logs import mask_accounts

__all__ = ["Renderer"]

_LAST_BARS = 5


class Renderer:
    """Prints what commands have to say."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self.console = Console(highlight=False)

    def show(self, thing: object) -> None:
        """Print a record, a tuple of records, or an error."""
        if self._as_json:
            self._print_json(thing)
            return
        match thing:
            case ConnectionStatus():
                self._fields("connection", _status_rows(thing))
            case Quote():
                self._fields(f"quote {thing.contract}", _quote_rows(thing))
            case BarSeries():
                self._bars(thing)
            case AccountSummary():
                self._fields(f"account {mask_accounts(thing.account)}", _account_rows(thing))
            case OrderReport():
                self.console.print(f"  [bold]order {thing.order_id}[/] {_order_line(thing)}")
            case IBKRError():
                self.console.print(f"  [yellow]{type(thing).__name__}[/]: {escape(str(thing))}")
            case tuple():
                self._positions(thing)
            case _:
                # what was written by people or by the broker may have brackets of its own
                self.console.print(escape(str(thing)))

    def heading(self, text: str) -> None:
        """Print the title of a part; nothing when programs read."""
        if not self._as_json:
            self.console.rule(f"[bold]{text}", align="left")

    def fail(self, error: IBKRError) -> None:
        """Print an error to standard error."""
        if self._as_json:
            body = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
            print(json.dumps({**body, "code": error.code}), file=sys.stderr)
        else:
            # what stands in brackets is a section of a file here, and no colour
            text = f"[red]{type(error).__name__}[/]: {escape(str(error))}"
            Console(stderr=True, highlight=False).print(text)

    def lines(self, text: str, *, to_errors: bool = False) -> None:
        """Print one line, however long: a terminal breaks it, a program that reads it does not."""
        console = Console(stderr=True, highlight=False) if to_errors else self.console
        console.print(text, soft_wrap=True)

    def checks(self, checks: Iterable[tuple[str, bool, str]]) -> None:
        """Print what was promised and whether it held."""
        if self._as_json:
            rows = [{"check": what, "held": held, "detail": why} for what, held, why in checks]
            print(json.dumps({"checks": rows}))
            return
        for what, held, detail in checks:
            mark = "[green]held[/]  " if held else "[red]failed[/]"
            self.console.print(f"  {mark} {escape(what + (f' ({detail})' if detail else ''))}")

    def _print_json(self, thing: object) -> None:
        if isinstance(thing, IBKRError):
            body: Any = {"error": type(thing).__name__, "message": thing.message}
        elif isinstance(thing, Record):
            body = {type(thing).__name__: thing.as_dict()}
        elif isinstance(thing, tuple):
            body = [row.as_dict() if isinstance(row, Record) else row for row in thing]
        else:
            body = thing
        print(json.dumps(body, default=_plain))

    def _fields(self, title: str, rows: Iterable[tuple[str, object]]) -> None:
        table = Table(title=title, title_justify="left", show_header=False, box=None)
        for name, value in rows:
            table.add_row(f"  {name}", "-" if value is None else escape(str(value)))
        self.console.print(table)

    def _bars(self, series: BarSeries) -> None:
        title = f"{len(series)} bars of {series.bar_size}, the last {_LAST_BARS}"
        table = Table(title=f"{title}: {series.contract}", title_justify="left", box=None)
        for name in ("start (UTC)", "open", "high", "low", "close", "volume"):
            table.add_column(name, justify="right")
        for bar in series.bars[-_LAST_BARS:]:
            prices = (bar.open, bar.high, bar.low, bar.close)
            volume = "-" if bar.volume is None else f"{bar.volume:,}"
            table.add_row(f"{bar.timestamp:%Y-%m-%d %H:%M}", *map(str, prices), volume)
        self.console.print(table)

    def _positions(self, rows: tuple[Any, ...]) -> None:
        if not rows:
            self.console.print("  no positions")
            return
        table = Table(title="positions", title_justify="left", box=None)
        for name in ("symbol", "quantity", "avg price", "price", "unrealized"):
            table.add_column(name, justify="right")
        for row in rows:
            if isinstance(row, Position):
                price, gain = row.current_price, row.unrealized_pnl
                table.add_row(
                    escape(str(row.contract)),
                    f"{row.quantity:,}",
                    f"{row.avg_price:.5f}",
                    "-" if price is None else str(price),
                    "-" if gain is None else f"{gain:,.2f}",
                )
        self.console.print(table)


def _status_rows(status: ConnectionStatus) -> Iterable[tuple[str, object]]:
    yield (
        "state",
        status.state + (f" ({', '.join(status.degraded_by)})" if status.degraded_by else ""),
    )
    yield "gateway", f"{status.host}:{status.port}, client {status.client_id}"
    yield "mode", f"{status.mode}{', read-only' if status.readonly else ''}"
    yield "accounts", ", ".join(mask_accounts(account) for account in status.accounts) or None
    yield "server version", status.server_version
    yield "reconnects", status.reconnect_count
    yield "farms", ", ".join(f"{name} {state}" for name, state in status.farms.items()) or None
    yield "circuits", "; ".join(_circuit_lines(status)) or "closed"
    if status.streams_lost:
        yield "streams", f"{status.streams_lost} bring nothing until they have been asked for again"
    if status.unreadable_count:
        newest = f", the newest: {status.unreadable[-1].reason}" if status.unreadable else ""
        yield "unreadable", f"{status.unreadable_count} messages of the gateway{newest}"
    yield "open orders", f"{status.open_orders}, {status.uncertain_orders} of them uncertain"
    if status.attention:
        yield "attention", "; ".join(status.attention)
    yield "rules", status.rules or None
    refused = "; ".join(status.halted_by) or ("the connection is read-only" * status.readonly)
    yield "new orders", f"refused: {refused}" if refused else "judged by the rules, then sent"
    yield "kill switch", status.kill_switch or "released"
    yield "drift", status.drift.sentence
    yield "last error", status.last_error


def _circuit_lines(status: ConnectionStatus) -> Iterable[str]:
    """Tell of each circuit that is not closed, or was not, and what came of it."""
    for name, state in status.breakers.items():
        counted = status.circuits.get(name)
        if state == "closed" and not (counted and counted.opened):
            continue
        parts = [f"{name} {state}"]
        if counted is not None:
            parts.append(f"opened {counted.opened} times, {counted.refused} calls refused")
            if counted.retry_after_s is not None:
                parts.append(f"tried again in {counted.retry_after_s:.0f} s")
        yield ", ".join(parts)


def _quote_rows(quote: Quote) -> Iterable[tuple[str, object]]:
    yield "bid", _side(quote.bid, quote.bid_size)
    yield "ask", _side(quote.ask, quote.ask_size)
    yield "last", quote.last
    if quote.halted:
        yield "halted", "yes"
    yield "data", "delayed" if quote.is_delayed else quote.data_type.name.lower()
    yield "at", f"{quote.timestamp:%Y-%m-%d %H:%M:%S} UTC"


def _side(price: Decimal | None, size: Decimal | None) -> str | None:
    if price is None:
        return None
    return str(price) if size is None else f"{price} x {size}"


def _account_rows(account: AccountSummary) -> Iterable[tuple[str, object]]:
    for name in ("total_value", "cash", "buying_power", "initial_margin", "maintenance_margin"):
        value = account[name]
        yield name.replace("_", " "), None if value is None else f"{value:,} {account.currency}"
    yield "as of", f"{account.as_of:%Y-%m-%d %H:%M:%S} UTC"


def _order_line(order: OrderReport) -> str:
    price = "at the market" if order.limit_price is None else f"limit {order.limit_price}"
    size = size_text(order.quantity, order.cash_quantity, form=",")
    text = f"{order.action} {size} {escape(order.symbol)} {price}: [bold]{order.status}[/]"
    if order.filled_quantity:
        text += f", {order.filled_quantity:,} filled at {order.avg_fill_price}"
    return text + (f", {escape(order.reason)}" if order.reason else "")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Record):
        return value.as_dict()
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value) if hasattr(value, "keys") else str(value)  # type: ignore[call-overload]  # a mapping proxy
