"""The alerts of one connector, put together from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ibkr_connector.clock import Clock
from ibkr_connector.observe.services import Service, service_of
from ibkr_connector.orders.kill_switch import KillSwitch
from ibkr_connector.settings import Settings

from .actions import Actions
from .desk import Alarms, Sources
from .outbox import Outbox, RunWork

__all__ = ["alarms_of", "open_services", "owner_of", "sender_of"]


async def open_services(settings: Settings) -> Mapping[str, Service]:
    """
    Make the services of all routes that are enabled; sends nothing.

    Raises:
        ConfigurationError: The extra is not installed, or a URL is none of Apprise's.
    """
    alerts = settings.alerts
    routes = {name: one for name, one in alerts.routes.items() if one.enabled and alerts.enabled}
    if not routes:
        return {}

    def make() -> dict[str, Service]:
        return {name: service_of(name, route) for name, route in routes.items()}

    # it imports all of Apprise
    return await asyncio.to_thread(make)


def owner_of(settings: Settings) -> str:
    """Return whose alerts these are, among all in one database: the same as of the journal."""
    return f"{settings.profile}-{settings.mode}-client{settings.client_id}"


def sender_of(settings: Settings) -> str:
    """Return what messages call this connector."""
    return f"ibkr-connector {settings.profile} ({settings.mode})"


def alarms_of(
    settings: Settings,
    *,
    services: Mapping[str, Service],
    run: RunWork,
    sources: Sources,
    kill: KillSwitch,
    clock: Clock,
) -> Alarms:
    """Put the alerts of a connector together."""
    outbox = Outbox(
        settings.alerts.routes,
        services=services,
        run=run,
        owner=owner_of(settings),
        sender=sender_of(settings),
        clock=clock,
    )
    return Alarms(
        settings.alerts,
        sources=sources,
        outbox=outbox,
        clock=clock,
        act=Actions(kill, readonly=lambda: settings.readonly),
    )
