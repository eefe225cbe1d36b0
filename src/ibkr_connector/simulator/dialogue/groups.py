"""Display groups: the coloured chains that tie windows of TWS, and clients, to one contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import DisplayGroupList, DisplayGroupUpdated

from .feed import feed_of

if TYPE_CHECKING:
    from .gateway import Gateway
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "show"]

_GROUPS: Final = (1, 2, 3, 4, 5, 6, 7)
_NONE: Final = "none"


def query(session: ClientSession, request: ask.QueryDisplayGroups, now: datetime) -> None:
    """Send the numbers of all groups, the most used first (IB: display groups)."""
    text = "|".join(str(group) for group in _GROUPS)
    session.say(DisplayGroupList(request_id=request.request_id, groups=text))


def subscribe(session: ClientSession, request: ask.SubscribeToGroupEvents, now: datetime) -> None:
    """Follow what a group shows; what it shows now comes at once."""
    if request.group_id not in _GROUPS:
        session.fail(
            request.request_id,
            321,
            f"Error validating request.-'ci' : cause - Invalid group id {request.group_id}",
        )
        return
    if request.request_id in session.streams.groups:
        session.fail(request.request_id, 102, "Duplicate ticker ID.")
        return
    session.streams.groups[request.request_id] = request.group_id
    shown = feed_of(session.gateway).groups.get(request.group_id, _NONE)
    session.say(DisplayGroupUpdated(request_id=request.request_id, contract_info=shown))


def update(session: ClientSession, request: ask.UpdateDisplayGroup, now: datetime) -> None:
    """Let the group of a subscription show something else."""
    group = session.streams.groups.get(request.request_id)
    if group is None:
        session.fail(
            request.request_id,
            300,
            f"Can't find EId with tickerId:{request.request_id}",
        )
        return
    show(session.gateway, group, request.contract_info)


def show(gateway: Gateway, group: int, contract_info: str) -> None:
    """Let a group show a contract, as `con_id@exchange`, `none` or `combo`: all who follow hear."""
    feed_of(gateway).groups[group] = contract_info
    for session in gateway.sessions.values():
        for request_id, followed in session.streams.groups.items():
            if followed == group:
                session.say(DisplayGroupUpdated(request_id=request_id, contract_info=contract_info))


def unsubscribe(
    session: ClientSession, request: ask.UnsubscribeFromGroupEvents, now: datetime
) -> None:
    """End that."""
    if session.streams.groups.pop(request.request_id, None) is None:
        session.fail(request.request_id, 300, f"Can't find EId with tickerId:{request.request_id}")


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.QueryDisplayGroups: query,
    ask.SubscribeToGroupEvents: subscribe,
    ask.UpdateDisplayGroup: update,
    ask.UnsubscribeFromGroupEvents: unsubscribe,
}
