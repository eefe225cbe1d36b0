"""
The control port: how tests in other languages drive a running simulator.

A second TCP port on the loopback, where each line is a command in JSON and is answered by a line:

    {"command": "quirk", "name": "commission_late", "id": 1}
    {"ok": true, "result": null, "id": 1}
    {"command": "inject", "kind": "cut", "on": "PlaceOrder", "handled": true}
    {"ok": true, "result": null}

Commands that act are those of scenarios (`quote`, `release`, `halt`, `order`, `notice`, `bulletin`,
`restart`, `cut`, `quirk`, `fault`, `clear_faults`; also called `set_quote`, `inject`, `clear`).
Those that look are in `_LOOKS`; `advance` moves a clock that stands still, and `help` names them
all. What cannot be is answered with `{"ok": false, "error": ...}`. `id` is given back as it came.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from .exchange.records import VenueOrder
from .faults import KINDS
from .inputs import InputError, check_names, convert
from .quirks import QUIRKS
from .scenario import ACTIONS, read_action
from .server import GatewaySimulator
from .wire.fields import number_text

__all__ = ["ControlPort"]

_LOOPBACK: Final = "127.0.0.1"
_LONGEST_LINE: Final = 1024 * 1024
_LONGEST_ADVANCE_S: Final = 31 * 86_400.0
_log: Final = logging.getLogger("ibkr_connector.simulator")


class ControlPort:
    """
    The control port of a simulator, open while it is entered.

    Args:
        simulator: What is driven; runs on the same loop.
        port: Port on the loopback; 0 picks a free one.
    """

    def __init__(self, simulator: GatewaySimulator, *, port: int = 0) -> None:
        self.port = port
        self._simulator = simulator
        self._server: asyncio.Server | None = None
        self._talking: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._talk, _LOOPBACK, self.port, limit=_LONGEST_LINE
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        talking = tuple(self._talking)
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talking.add(task)
        try:
            while (line := await _next_line(reader)) != b"":
                if line is None:
                    answer: Mapping[str, Any] = _failure("a line of more than 1 MiB")
                elif line.strip():
                    answer = await self.answer(line)
                else:
                    continue
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except OSError as error:
            _log.info("a control connection ended: %s", error)
        except asyncio.CancelledError:
            # the simulator is leaving; there is nobody to tell but the one that cancelled
            pass
        finally:
            self._talking.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def answer(self, line: bytes) -> Mapping[str, Any]:
        """Do one command, and return what is answered; nothing is raised."""
        number: object = None
        try:
            given = _read(line)
            number = given.pop("id", None)
            result = await self._do(given)
            answer = {"ok": True, "result": result}
        except (AssertionError, InputError, TypeError, ValueError) as error:
            answer = _failure(str(error))
        except Exception as error:  # noqa: BLE001  # a port that others depend on answers
            _log.exception("a control command failed")
            answer = _failure(f"{type(error).__name__}: {error}")
        return answer if number is None else {**answer, "id": number}

    async def _do(self, given: dict[str, Any]) -> object:
        name = given.pop("command", None)
        if not isinstance(name, str):
            raise InputError('a command is an object such as {"command": "help"}')
        name = _ALIASES.get(name, name)
        if name in ACTIONS:
            self._simulator.act(read_action(name, given, "command"))
            return None
        if name == "advance":
            return await self._advance(given)
        look = _LOOKS.get(name)
        if look is None:
            raise InputError(f"there is no command {name!r}; known are {', '.join(_COMMANDS)}")
        check_names(given, (), name)
        return look(self._simulator)

    async def _advance(self, given: dict[str, Any]) -> object:
        check_names(given, ("seconds",), "advance")
        seconds = convert(float, given.get("seconds"), "advance: seconds")
        if not 0 <= seconds <= _LONGEST_ADVANCE_S:
            raise InputError(f"advance: seconds must be 0 to {_LONGEST_ADVANCE_S}, got {seconds}")
        await self._simulator.advance(seconds)
        return self._simulator.clock.utcnow().isoformat()


async def _next_line(reader: asyncio.StreamReader) -> bytes | None:
    """Return a line, nothing at the end, and `None` for one that is too long to be kept."""
    is_too_long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError as error:
            is_too_long = True
            await reader.readexactly(error.consumed)
            continue
        return None if is_too_long else line


def _read(line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError(f"a line must be an object in JSON: {error}") from error
    if not isinstance(given, dict):
        raise InputError(f"a line must be an object in JSON, got {type(given).__name__}")
    return given


def _failure(text: str) -> dict[str, Any]:
    return {"ok": False, "error": text}


# --- looking ------------------------------------------------------------------------------------


def _order(order: VenueOrder) -> dict[str, Any]:
    terms = order.terms
    return {
        "perm_id": order.perm_id,
        "client_id": order.owner.client_id,
        "order_id": order.owner.order_id,
        "account": order.account,
        "con_id": order.instrument.con_id,
        "symbol": order.instrument.symbol,
        "action": terms.action,
        "quantity": number_text(terms.quantity),
        "order_type": terms.order_type,
        "limit_price": _number(terms.limit_price),
        "stop_price": _number(terms.stop_price),
        "time_in_force": terms.time_in_force,
        "status": str(order.status),
        "filled": number_text(order.filled),
        "average_price": number_text(order.average_price),
        "order_ref": order.order_ref,
    }


def _orders(simulator: GatewaySimulator) -> object:
    venue = simulator.venue
    return [_order(order) for order in (*venue.open_orders(), *venue.closed_orders())]


def _positions(simulator: GatewaySimulator) -> object:
    venue = simulator.venue
    return [
        {
            "account": account,
            "con_id": con_id,
            "symbol": venue.instrument(con_id).symbol,
            "quantity": number_text(holding.quantity),
        }
        for account, ledger in venue.ledgers.items()
        for con_id, holding in ledger.holdings.items()
        if holding.quantity
    ]


def _executions(simulator: GatewaySimulator) -> object:
    return [
        {
            "exec_id": execution.exec_id,
            "client_id": execution.order.owner.client_id,
            "order_id": execution.order.owner.order_id,
            "account": execution.order.account,
            "con_id": execution.order.instrument.con_id,
            "action": execution.order.terms.action,
            "quantity": number_text(execution.quantity),
            "price": number_text(execution.price),
            "time": execution.time.isoformat(),
            "commission": number_text(commission.amount),
            "currency": commission.currency,
        }
        for execution, commission in simulator.venue.executions()
    ]


def _log_of(simulator: GatewaySimulator) -> object:
    return [
        {
            "client_id": exchange.client_id,
            "request": type(exchange.request).__name__,
            "fields": {
                one.name: _plain(getattr(exchange.request, one.name))
                for one in fields(exchange.request)
            },
            "replies": [type(reply).__name__ for reply in exchange.replies],
        }
        for exchange in simulator.log
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return str(value)


def _number(value: Decimal | None) -> str | None:
    return None if value is None else number_text(value)


def _clients(simulator: GatewaySimulator) -> object:
    return [
        connection.client_id
        for connection in simulator.connections.values()
        if connection.client_id is not None
    ]


def _faults(simulator: GatewaySimulator) -> object:
    return [
        {"kind": one.fault.name, "left": one.left, "quirk": one.label or None}
        for one in simulator.faults.armed
    ]


def _help(simulator: GatewaySimulator) -> object:
    return {
        "commands": list(_COMMANDS),
        "faults": {
            name: [one.name for one in fields(kind) if one.init] for name, kind in KINDS.items()
        },
        "quirks": {str(quirk): row.what for quirk, row in QUIRKS.items()},
    }


_LOOKS: Final[Mapping[str, Callable[[GatewaySimulator], object]]] = MappingProxyType(
    {
        "orders": _orders,
        "positions": _positions,
        "executions": _executions,
        "log": _log_of,
        "clients": _clients,
        "quirks": lambda simulator: sorted(simulator.quirks),
        "faults": _faults,
        "time": lambda simulator: simulator.clock.utcnow().isoformat(),
        "port": lambda simulator: simulator.port,
        "check": lambda simulator: simulator.check(),
        "assert_no_duplicate_orders": lambda simulator: simulator.assert_no_duplicate_orders(),
        "help": _help,
    }
)
"""Commands that look, each with what it returns."""

_ALIASES: Final = {"set_quote": "quote", "inject": "fault", "clear": "clear_faults"}
_COMMANDS: Final = (*ACTIONS, *_ALIASES, "advance", *_LOOKS)
