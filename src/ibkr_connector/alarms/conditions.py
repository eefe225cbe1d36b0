"""
From a picture of the connection to what is wrong in it: one table of findings. Pure.

A condition is stated as it is at each look; what has to stand for a while before it matters, and
what is told once, is the book's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ibkr_connector.model.alerts import AlertKind
from ibkr_connector.model.status import ConnectionState, ConnectionStatus
from ibkr_connector.model.streams import StreamState
from ibkr_connector.observe.alerts import Finding

__all__ = ["GATEWAY", "ORDERS", "Beside", "findings"]

GATEWAY: Final = "gateway"
ORDERS: Final = "orders"

_K = AlertKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """
    What the picture of the connection does not show.

    `lost`, `failed` and `login` are why, when it is so, and empty otherwise. `silent` are the
    streams that bring nothing although they should, `rules_problem` is what is wrong with the
    rules' files, and `halts` why loss limits stop trading.
    """

    lost: str = ""
    failed: str = ""
    login: str = ""
    silent: Sequence[StreamState] = ()
    rules_problem: str = ""
    halts: Sequence[str] = ()


def findings(picture: ConnectionStatus, beside: Beside) -> Mapping[AlertKind, list[Finding]]:
    """Return, for each kind that is looked at, all that is wrong of it now."""
    where = f"{picture.host}:{picture.port}"
    planned = picture.planned_outage is not None
    is_incomplete = picture.state is ConnectionState.DEGRADED and bool(picture.degraded_by)
    missing = ", ".join(picture.degraded_by)
    last = picture.last_error or "no reason is known"
    uncertain = picture.uncertain_orders
    return {
        _K.CONNECTION_LOST: _one(
            _K.CONNECTION_LOST,
            beside.lost,
            text=f"no connection with the gateway at {where}: {beside.lost}",
            remedy="nothing, when it comes back by itself; otherwise look at the gateway",
        ),
        _K.CONNECTION_FAILED: _one(
            _K.CONNECTION_FAILED,
            beside.failed,
            text=f"the connection with {where} is given up: {beside.failed}",
            remedy="repair what it says, and connect again",
        ),
        _K.BROKER_LINK_LOST: _one(
            _K.BROKER_LINK_LOST,
            missing if is_incomplete and not planned else "",
            text=f"the connection with {where} is incomplete, without: {missing}",
            remedy="wait; the gateway comes back to IB by itself, or restart it",
        ),
        _K.OUTAGE_OVERDUE: _one(
            _K.OUTAGE_OVERDUE,
            picture.is_escalated,
            text=f"the outage of {where} lasts longer than it may: {last}",
            remedy="log in to the gateway's machine and look at it",
        ),
        _K.LOGIN_NEEDED: _one(
            _K.LOGIN_NEEDED,
            beside.login,
            text=f"the gateway at {where} waits for a login: {beside.login}",
            remedy="log in, or confirm the login on your phone",
        ),
        _K.COMPETING_SESSION: _one(
            _K.COMPETING_SESSION,
            picture.competing_session,
            text="the same user is logged in elsewhere: market data stands still",
            remedy="log out there, or use another user for this program",
        ),
        _K.ORDER_UNCERTAIN: _one(
            _K.ORDER_UNCERTAIN,
            uncertain,
            key=ORDERS,
            text=f"nobody knows what became of {uncertain} order(s)",
            value=str(uncertain),
            remedy="look at them in TWS, then `settle_order`; `ibkr orders` lists them",
        ),
        _K.ORDER_ATTENTION: _one(
            _K.ORDER_ATTENTION,
            picture.attention,
            key=ORDERS,
            text="; ".join(picture.attention),
            remedy="place what is missing, or close the position",
        ),
        _K.DRIFT: _one(
            _K.DRIFT,
            picture.drift.differences,
            key=ORDERS,
            text=f"the ledger and the broker differ: {'; '.join(picture.drift.differences)}",
            remedy="compare with TWS; `ibkr orders` shows what was taken over",
        ),
        _K.RULES_BROKEN: _one(
            _K.RULES_BROKEN,
            beside.rules_problem,
            key="rules",
            text=beside.rules_problem,
            remedy="correct the file; it is read again by itself",
        ),
        _K.KILL_SWITCH: _one(
            _K.KILL_SWITCH,
            picture.kill_switch,
            key="kill switch",
            text=picture.kill_switch,
            remedy="`ibkr kill --release` when the reason is gone",
        ),
        _K.TRADING_HALTED: _one(
            _K.TRADING_HALTED,
            beside.halts,
            key="losses",
            text="; ".join(beside.halts),
            remedy="only closing orders go; see `reset_losses`",
        ),
        _K.STREAM_STALE: [_stale(one) for one in beside.silent] if picture.is_connected else [],
    }


def _one(
    kind: AlertKind,
    is_wrong: object,
    *,
    text: str,
    remedy: str,
    key: str = GATEWAY,
    value: str = "",
) -> list[Finding]:
    return [Finding(kind=kind, key=key, text=text, value=value, remedy=remedy)] if is_wrong else []


def _stale(stream: StreamState) -> Finding:
    return Finding(
        kind=_K.STREAM_STALE,
        key=f"{stream.kind} {stream.about}",
        text=f"the {stream.kind} of {stream.about} bring nothing: {stream.phase}",
        value=f"{stream.silent_s:.0f} s",
        remedy="it is asked for again by itself; look at the market and the data subscription",
    )
