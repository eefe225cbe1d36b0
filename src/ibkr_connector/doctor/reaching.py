"""Find out what is at the other end: the configured port, and the standard ones beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from ibkr_connector.gateway.times import BadTimeError, zone_of_greeting
from ibkr_connector.model.status import Application, TradingMode
from ibkr_connector.settings import Settings, standard_port

from .findings import Check, Finding, menu, ok, problem, warning
from .knocking import Answer, Knock, knock

__all__ = ["STANDARD_PORTS", "examine_greeting", "examine_ports", "examine_reach"]

STANDARD_PORTS: Final[Mapping[int, str]] = {
    standard_port(application, mode): f"{words} for {mode} trading"
    for application, words in ((Application.TWS, "TWS"), (Application.GATEWAY, "IB Gateway"))
    for mode in TradingMode
}
"""What usually listens where."""


def examine_reach(settings: Settings, found: Knock) -> Finding:
    """Say what the answer at the configured port means."""
    where = f"{settings.host}:{settings.effective_port}"
    page = menu(settings.application, "Settings")
    match found.answer:
        case Answer.TWS:
            return ok(Check.GATEWAY, f"TWS or IB Gateway answers at {where}")
        case Answer.UNKNOWN_HOST:
            return problem(
                Check.GATEWAY,
                f"the name {settings.host!r} is not known: {found.detail}",
                "correct IBKR_HOST; in a container the host of the gateway is the name of its "
                "service, not localhost",
            )
        case Answer.REFUSED:
            return problem(
                Check.GATEWAY,
                f"nobody listens at {where}",
                "start TWS or IB Gateway and log in; then "
                f"{page}: tick 'Enable ActiveX and Socket Clients' (TWS) and compare 'Socket port' "
                f"with {settings.effective_port}",
            )
        case Answer.UNREACHABLE:
            return problem(
                Check.GATEWAY,
                f"nothing comes back from {where}: {found.detail}",
                "compare IBKR_HOST and IBKR_PORT, and look at firewall, VPN and security group: a "
                "machine that is there refuses at once",
            )
        case Answer.CLOSED:
            return problem(
                Check.GATEWAY,
                f"{where} takes the connection and ends it: {found.detail}",
                f"{page}: add the address of this machine to 'Trusted IPs', or untick 'Allow "
                "connections from localhost only'; behind a forwarded port, start the gateway",
            )
        case Answer.SILENT:
            return problem(
                Check.GATEWAY,
                f"{where} takes the connection and is silent: {found.detail}",
                "look at the gateway's screen: a login, an update or 'Accept incoming connection' "
                f"waits there; then {page}: tick 'Enable ActiveX and Socket Clients'",
            )
        case Answer.FOREIGN:
            return problem(
                Check.GATEWAY,
                f"what answers at {where} is not the API of TWS: {found.detail}",
                f"{page}: compare 'Socket port' with {settings.effective_port}; the Client Portal "
                "gateway, a web server or TLS cannot be spoken to here",
            )


async def examine_ports(
    settings: Settings, ports: Mapping[int, str], *, within_s: float
) -> Finding | None:
    """Knock at the ports that are usual and not configured; `None` when nobody is there."""
    others = [port for port in ports if port != settings.effective_port]
    answers = await asyncio.gather(
        *(knock(settings.host, port, within_s=within_s) for port in others)
    )
    found = [
        (port, ports[port])
        for port, one in zip(others, answers, strict=True)
        if one.answer in {Answer.TWS, Answer.SILENT}
    ]
    if not found:
        return None
    names = ", ".join(f"{port} answers: {what}" for port, what in found)
    first, what = found[0]
    return warning(
        Check.PORTS,
        f"nothing to talk to on {settings.effective_port}, but {names}",
        f"if {what} is meant, set IBKR_PORT={first}"
        + ("" if str(settings.mode) in what else " and IBKR_PAPER_TRADING, after a second thought"),
    )


def examine_greeting(settings: Settings, found: Knock) -> tuple[Finding, ...]:
    """Say what the greeting tells: the version, and whose clock the gateway goes by."""
    # as in `knocking`
    from ibkr_connector.gateway.capabilities import CLIENT_VERSION  # noqa: PLC0415
    from ibkr_connector.gateway.client import GatewayClient  # noqa: PLC0415

    version = found.server_version or 0
    update = "update TWS or IB Gateway, or take its 'latest' instead of 'stable' version"
    oldest = GatewayClient.MinClientVersion
    if version < oldest:
        told = problem(
            Check.VERSION,
            f"server version {version}, older than the oldest spoken {oldest}",
            update,
        )
    elif version < CLIENT_VERSION:
        told = warning(
            Check.VERSION,
            f"server version {version}; this program speaks up to {CLIENT_VERSION}",
            f"{update}; `ib.capabilities()` lists what is missing",
        )
    else:
        told = ok(Check.VERSION, f"server version {version}")
    try:
        zone = ok(Check.ZONE, f"the gateway goes by {zone_of_greeting(found.greeting)}")
    except BadTimeError as error:
        zone = warning(
            Check.ZONE,
            f"the time zone of the gateway cannot be told: {error}",
            "times without a zone are read as UTC: choose another time zone when logging in (login "
            f"screen > More options), or {menu(settings.application, 'Settings')}: 'Send "
            "instrument-specific attributes for dual-mode API client in' UTC format",
        )
    return told, zone
