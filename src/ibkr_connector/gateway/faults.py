"""
What went wrong, in our words: messages of the gateway by their row in `codes`, and exceptions of
ib_async, asyncio and the system by one mapping. Nothing foreign passes this border.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ib_async.wrapper import RequestError

from ibkr_connector.codes import CodeRow, Ends, Scope, lookup
from ibkr_connector.errors import (
    AccountError,
    AuthenticationError,
    ClientIdInUseError,
    ConnectionLostError,
    ContractError,
    GatewayUnavailableError,
    HistoricalDataError,
    IBKRError,
    MarketDataError,
    ReadOnlyError,
    RequestTimeoutError,
)

from .client import Phase

__all__ = [
    "anonymous_error",
    "border",
    "connect_error",
    "handshake_error",
    "lost",
    "request_error",
    "silence",
]

_FAMILY: Final[Mapping[str, type[IBKRError]]] = MappingProxyType(
    {
        "account_summary": AccountError,
        "contract_details": ContractError,
        **dict.fromkeys(
            (
                *("portfolio", "positions", "pnl", "advisor", "model_positions", "model_values"),
                "soft_dollar_tiers",
            ),
            AccountError,
        ),
        "quote": MarketDataError,
        **dict.fromkeys(
            ("article", "calendar", "fundamentals", "headlines", "histogram", "news", "scan"),
            MarketDataError,
        ),
        "executions": IBKRError,
        "request": IBKRError,
    }
)
"""What a refusal is of, where the code's row thinks of history because that gets it most."""

_ORDER_LISTINGS: Final = frozenset({"open_orders", "completed_orders"})


def request_error(
    name: str, code: int, text: str, *, request_id: int | None = None
) -> tuple[IBKRError | None, CodeRow]:
    """
    Return what a message says to the request it names: an error, or `None` when it goes on.

    The row comes along, because `Ends.DEPENDS` is for the request itself to decide.
    """
    row = lookup(code, Scope.REQUEST, text)
    if row.ends is Ends.NO:
        return None, row
    return _error(row, name, text, request_id=request_id), row


def anonymous_error(name: str, code: int, text: str) -> IBKRError | None:
    """
    Return the error of an id-less question when a message without an id refuses it.

    TWS answers a question that has no id with an error that has none either, as for the open
    orders of a read-only API. Only a code that is documented for requests alone counts, so that
    no notice about the connection can end a question.
    """
    row = lookup(code, Scope.REQUEST, text)
    if row.ends is not Ends.YES or Scope.SYSTEM in row.scopes:
        return None
    if name in _ORDER_LISTINGS and lookup(code, Scope.ORDER, text).error is ReadOnlyError:
        row = lookup(code, Scope.ORDER, text)
    return _error(row, name, text)


def handshake_error(code: int, text: str) -> IBKRError | None:
    """Return the error that ends the connecting, `None` when the message does not."""
    row = lookup(code, Scope.SYSTEM, text)
    if row.ends is Ends.YES and row.error is ClientIdInUseError:
        return ClientIdInUseError(_tidy(text), code=code)
    return None


def _error(row: CodeRow, name: str, text: str, *, request_id: int | None = None) -> IBKRError:
    kind = row.error or IBKRError
    if kind is HistoricalDataError and name in _FAMILY:
        kind = _FAMILY[name]
    return kind(
        f"{name.replace('_', ' ')}: {_tidy(text)}",
        code=row.code,
        request_id=request_id,
        hint=row.hint or None,
    )


def _tidy(text: str) -> str:
    # TWS breaks lines in its own ways (facts, message codes: `<br>` and newlines).
    return " ".join(text.replace("<br>", " ").split()).rstrip(".")


def connect_error(exc: OSError, *, host: str, port: int) -> IBKRError:
    """Return the error of a TCP connection that did not come about."""
    if isinstance(exc, socket.gaierror):
        return GatewayUnavailableError(
            f"host name {host!r} is not known", hint="check IBKR_HOST", replay_safe=True
        )
    reason = exc.strerror or str(exc)
    return GatewayUnavailableError(f"no connection to {host}:{port}: {reason}")


def silence(
    phase: Phase, *, host: str, port: int, waited_s: float, has_accounts: bool = True
) -> IBKRError:
    """Return what it means that nothing came in the phase in which the budget ran out."""
    if phase is Phase.LOGIN and has_accounts is False:
        return AuthenticationError(
            f"the gateway at {host}:{port} greeted and named no account within {waited_s:g} s: "
            "it waits for its login or for a confirmation, or does not let this program in"
        )
    if phase is Phase.LOGIN:
        return AuthenticationError(
            f"the gateway at {host}:{port} greeted and then said nothing for {waited_s:g} s: "
            "it waits for its login, or does not let this program in"
        )
    if phase is Phase.GREETING:
        return GatewayUnavailableError(
            f"something at {host}:{port} took the connection and said nothing for {waited_s:g} s",
            hint="is this the API port of TWS or IB Gateway, and does a dialog wait on its screen?",
        )
    return GatewayUnavailableError(f"no answer from {host}:{port} for {waited_s:g} s")


def lost(name: str) -> ConnectionLostError:
    """Return the error of a call that was under way when the session ended."""
    return ConnectionLostError(f"the session ended before {name.replace('_', ' ')} was answered")


@contextlib.contextmanager
def border(name: str) -> Iterator[None]:
    """
    Turn foreign exceptions of the enclosed call into ours, each with its cause.

    Raises:
        IBKRError: In place of ib_async's `RequestError`, of `OSError` and of `TimeoutError`.
    """
    try:
        yield
    except RequestError as exc:
        error, row = request_error(name, exc.code, exc.message, request_id=exc.reqId)
        raise (error or _error(row, name, exc.message, request_id=exc.reqId)) from exc
    except TimeoutError as exc:
        raise RequestTimeoutError(f"{name}: no answer in the time that was given") from exc
    except ConnectionError as exc:
        raise ConnectionLostError(f"{name}: {exc}", replay_safe=False) from exc
    except OSError as exc:
        raise GatewayUnavailableError(f"{name}: {exc}", replay_safe=False) from exc
