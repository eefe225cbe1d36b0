"""Log in as a program does, and ask what changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.codes import LinkEffect, SessionEffect, farm_effect, link_effect, session_effect
from ibkr_connector.errors import (
    AuthenticationError,
    ClientIdInUseError,
    ConfigurationError,
    IBKRError,
    ReadOnlyError,
    RequestTimeoutError,
)
from ibkr_connector.gateway.port import GatewayEvent, GatewayNotice, SessionInfo
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.status import FarmState
from ibkr_connector.settings import Settings, check_accounts

from .findings import Check, Finding, menu, ok, problem, warning

if TYPE_CHECKING:
    from ibkr_connector.gateway.session import Session

__all__ = [
    "Visit",
    "examine_clock",
    "examine_link",
    "examine_login",
    "examine_mode",
    "examine_read_only",
]

_SPARE_IDS: Final = tuple(ClientId(number) for number in range(90_417, 90_422))
"""Ids that hardly anybody uses; one of them asks the questions, so that no bot is kept out."""

_SKEW_S: Final = 2.0
_LARGE_SKEW_S: Final = 30.0

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Visit:
    """A session for questions, and what was said in it that belongs to none of them."""

    session: Session
    clock: Clock
    within_s: float
    notices: list[GatewayNotice] = field(default_factory=list)

    async def ask(self, question: Awaitable[T], *, within_s: float | None = None) -> T:
        """
        Wait for an answer.

        Raises:
            RequestTimeoutError: None came.
            IBKRError: The gateway refused.
        """
        limit = within_s or self.within_s
        try:
            async with asyncio.timeout(limit):
                return await question
        except TimeoutError as error:
            raise RequestTimeoutError(f"no answer within {limit:g} s") from error


@asynccontextmanager
async def _session(
    settings: Settings, client_id: ClientId, *, clock: Clock, within_s: float
) -> AsyncIterator[Visit]:
    notices: list[GatewayNotice] = []

    def heard(event: GatewayEvent) -> None:
        if isinstance(event, GatewayNotice):
            notices.append(event)

    # ib_async takes a third of a second to import, and most commands of `ibkr` need none
    from ibkr_connector.gateway.session import Session  # noqa: PLC0415

    session = await Session.open(
        host=settings.host,
        port=settings.effective_port,
        client_id=client_id,
        clock=clock,
        sink=heard,
        connect_timeout_s=within_s,
        request_timeout_s=within_s,
    )
    try:
        yield Visit(session=session, clock=clock, within_s=within_s, notices=notices)
    finally:
        await session.aclose()


async def examine_login(
    settings: Settings,
    look_round: Callable[[Visit], Awaitable[None]],
    *,
    clock: Clock,
    within_s: float,
    holder: int | None,
) -> tuple[Finding, ...]:
    """
    Log in with the configured id, leave at once, and ask everything else under a spare one.

    Args:
        settings: Where, and as whom.
        look_round: Asks the questions.
        clock: For what is timed.
        within_s: How long each step may take.
        holder: The process that holds the journal, which may well have the id.
    """
    client_id = ClientId(settings.client_id)
    try:
        async with _session(settings, client_id, clock=clock, within_s=within_s):
            own = ok(Check.CLIENT_ID, f"client id {client_id} is free")
    except ClientIdInUseError:
        own = _taken(client_id, holder)
    except AuthenticationError as error:
        return (_locked_out(settings, error),)
    except IBKRError as error:
        return (problem(Check.LOGIN, error.message, error.hint or "look at the gateway's screen"),)
    findings = [ok(Check.LOGIN, "the gateway is logged in and lets programs in"), own]
    if client_id == 0:
        findings.append(
            warning(
                Check.MANUAL,
                "client id 0 also receives orders that are entered by hand in TWS, and can change "
                "and cancel them",
                "take another client id unless that is wanted; to only see the orders of all "
                f"programs, {menu(settings.application, 'Settings')}: 'Master API client ID'",
            )
        )
    for spare in _SPARE_IDS:
        try:
            async with _session(settings, spare, clock=clock, within_s=within_s) as visit:
                await look_round(visit)
        except ClientIdInUseError:
            continue
        except IBKRError as error:
            findings.append(
                problem(
                    Check.LOGIN,
                    f"the session ended while it was looked at: {error.message}",
                    error.hint or "look at the gateway's screen, and ask again",
                )
            )
        return tuple(findings)
    findings.append(
        problem(
            Check.LOGIN,
            "no client id is free, not even those that nobody uses",
            "end programs that are connected: the gateway takes 32 of them; then restart it",
        )
    )
    return tuple(findings)


def _taken(client_id: ClientId, holder: int | None) -> Finding:
    if holder is not None:
        return ok(
            Check.CLIENT_ID,
            f"client id {client_id} is in use, by the connector of this profile as it seems",
        )
    return problem(
        Check.CLIENT_ID,
        f"client id {client_id} is in use, and not by a connector of this profile here",
        "choose another IBKR_CLIENT_ID, or stop the other program; after a crash the gateway "
        "frees the id within some minutes, and IBKR_CLIENT_ID_POLICY=wait waits for it",
    )


def _locked_out(settings: Settings, error: AuthenticationError) -> Finding:
    page = menu(settings.application, "Settings")
    return problem(
        Check.LOGIN,
        error.message,
        "finish the login, second factor included, and look for a dialog on the gateway's screen; "
        f"then {page}: tick 'Enable ActiveX and Socket Clients', add this machine to 'Trusted IPs'",
    )


def examine_mode(settings: Settings, info: SessionInfo) -> Finding:
    """Compare the accounts of the login with the mode; names none of them."""
    try:
        check_accounts(settings, info.accounts)
    except ConfigurationError as error:
        return problem(Check.MODE, error.message, error.hint or "log in to the other account")
    count = len(info.accounts)
    return ok(Check.MODE, f"a login for {settings.mode} trading with {count} account(s)")


async def examine_clock(visit: Visit) -> Finding:
    """Compare the gateway's clock, which tells whole seconds, with this machine's."""
    before = visit.clock.utcnow()
    try:
        told = await visit.ask(visit.session.data.server_time())
    except IBKRError as error:
        return warning(Check.CLOCK, f"the gateway does not tell its time: {error.message}", "retry")
    after = visit.clock.utcnow()
    # anything between the question and the answer, and the second that it is cut off to
    early = (before - told).total_seconds() - 1
    late = (told - after).total_seconds()
    skew = max(early, late, 0.0)
    if skew <= _SKEW_S:
        return ok(Check.CLOCK, "the clocks of gateway and machine agree")
    who = "behind" if early > late else "ahead of"
    seen = f"the gateway's clock is {skew:.0f} s {who} this machine's"
    remedy = (
        "let both machines keep time by NTP (timedatectl set-ntp true; on Windows w32tm /resync): "
        "ages of prices, planned outages and good-till dates are wrong by as much"
    )
    if skew > _LARGE_SKEW_S:
        return problem(Check.CLOCK, seen, remedy)
    return warning(Check.CLOCK, seen, remedy)


async def examine_read_only(settings: Settings, visit: Visit) -> Finding:
    """Ask for the list of orders, which a read-only API refuses; places and binds nothing."""
    try:
        await visit.ask(visit.session.open_orders())
    except ReadOnlyError:
        seen = "the API of the gateway is read-only"
        if settings.readonly:
            return ok(Check.READ_ONLY, f"{seen}, and so is this profile")
        return problem(
            Check.READ_ONLY,
            f"{seen}: it refuses every order",
            f"{menu(settings.application, 'Settings')}: untick 'Read-Only API'; or set "
            "IBKR_READONLY=true here",
        )
    except IBKRError as error:
        return warning(
            Check.READ_ONLY,
            f"the list of open orders does not come: {error.message}",
            "look at the gateway's screen, and retry",
        )
    if settings.readonly:
        return ok(Check.READ_ONLY, "the gateway takes orders; this profile is read-only")
    return ok(Check.READ_ONLY, "the gateway takes orders, and this profile may send them")


def examine_link(visit: Visit) -> tuple[Finding, ...]:
    """Say what the gateway has told of its own way to IB, up to now."""
    link: LinkEffect | None = None
    farms: dict[str, FarmState] = {}
    competing = ""
    for notice in visit.notices:
        link = link_effect(notice.code) or link
        if state := farm_effect(notice.code):
            farms[notice.text.rpartition(":")[2].strip() or notice.text] = state
        if session_effect(notice.code) is SessionEffect.COMPETING:
            competing = notice.text
    findings = []
    if link in {LinkEffect.DOWN, LinkEffect.DOWN_QUIETLY}:
        findings.append(
            problem(
                Check.LINK,
                "the gateway has lost its link to IB",
                "wait: it comes back by itself; look at IB's system status and at the network of "
                "the gateway's machine",
            )
        )
    broken = sorted(name for name, state in farms.items() if state is FarmState.BROKEN)
    if broken:
        findings.append(
            problem(
                Check.LINK,
                f"broken data farms: {', '.join(broken)}",
                "wait a minute; if it stays, look at IB's system status, then restart the gateway",
            )
        )
    if competing:
        findings.append(_competing(competing))
    if not findings:
        findings.append(ok(Check.LINK, "the gateway says nothing bad of its link to IB"))
    return tuple(findings)


def _competing(text: str) -> Finding:
    return problem(
        Check.COMPETING,
        f"another session of the same user has the market data: {text.strip().rstrip('.')}",
        "log that session out (TWS, mobile, Client Portal), or give the gateway a user of its own",
    )
