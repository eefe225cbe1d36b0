"""The whole examination, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ibkr_connector.clock import Clock, SystemClock
from ibkr_connector.model.contracts import Contract, stock
from ibkr_connector.model.outages import NO_WINDOWS, parse_windows, window_at
from ibkr_connector.settings import Settings
from ibkr_connector.settings.review import Review
from ibkr_connector.tuning import launcher_of

from .asking import examine_market_data, examine_presets
from .findings import Check, Finding, ok, problem, warning
from .knocking import Answer, knock
from .machine import examine_machine, journal_holder
from .reaching import STANDARD_PORTS, examine_greeting, examine_ports, examine_reach
from .session import (
    Visit,
    examine_clock,
    examine_link,
    examine_login,
    examine_mode,
    examine_read_only,
)

__all__ = ["doctor", "examine_configuration"]

_QUICKLY_S: Final = 1.0
"""For ports beside the configured one: a gateway that is there answers at once."""


async def doctor(
    settings: Settings,
    *,
    contract: Contract | None = None,
    with_orders: bool = False,
    within_s: float = 5.0,
    ports: Mapping[int, str] = STANDARD_PORTS,
    clock: Clock | None = None,
) -> tuple[Finding, ...]:
    """
    Look at everything, and return what was found; raises nothing for what is wrong there.

    Args:
        settings: Whose machine and gateway.
        contract: What is asked for a price; AAPL when not given.
        with_orders: Also ask what two orders would do, to see whether presets stop them. Only
            questions (what-if) are sent, never an order.
        within_s: How long each step may take.
        ports: Other ports to knock at when nothing answers as it should, and what is usual there.
        clock: Time of this machine.
    """
    found = [*examine_machine(settings)]
    time = clock or SystemClock()
    found.append(_reset_windows(settings, time))
    knocked = await knock(settings.host, settings.effective_port, within_s=within_s)
    found.append(examine_reach(settings, knocked))
    if knocked.answer is not Answer.TWS:
        beside = await examine_ports(settings, ports, within_s=min(within_s, _QUICKLY_S))
        found += [] if beside is None else [beside]
        found += await _launcher(settings)
        return tuple(found)
    found += examine_greeting(settings, knocked)
    asked: list[Finding] = []

    async def look_round(visit: Visit) -> None:
        asked.append(examine_mode(settings, visit.session.info))
        asked.append(await examine_clock(visit))
        asked.append(await examine_read_only(settings, visit))
        told, details, quote = await examine_market_data(settings, visit, contract or stock("AAPL"))
        asked.append(told)
        if with_orders:
            asked.extend(await examine_presets(settings, visit, details=details, quote=quote))
        # last of all: what belongs to no question has had time to come
        asked.extend(examine_link(visit))

    found += await examine_login(
        settings, look_round, clock=time, within_s=within_s, holder=journal_holder(settings)
    )
    if not asked:
        found += await _launcher(settings)
    return (*found, *asked)


def examine_configuration(review: Review) -> Iterator[Finding]:
    """Say what was found when the settings were looked through."""
    for mistake in review.mistakes:
        tell = problem if mistake.is_error else warning
        yield tell(Check.CONFIGURATION, mistake.problem, mistake.remedy)
    if not review.mistakes:
        yield ok(Check.CONFIGURATION, f"the settings of the profile {review.profile} hold together")


def _reset_windows(settings: Settings, clock: Clock) -> Finding:
    if settings.reset_windows.strip().lower() == NO_WINDOWS:
        return warning(
            Check.RESET,
            "no planned outages are known",
            "set IBKR_RESET_WINDOWS to IB's windows for your region and to your gateway's "
            "auto-restart (Lock and Exit, in its configuration): a connection that is lost then is "
            "expected, and alarms nobody",
        )
    at = window_at(parse_windows(settings.reset_windows), clock.utcnow())
    if at is not None:
        return warning(
            Check.RESET,
            f"a planned outage is under way: {at[0].text}",
            "what fails now may be nothing: ask again when it is over",
        )
    return ok(Check.RESET, f"planned outages: {settings.reset_windows}")


async def _launcher(settings: Settings) -> list[Finding]:
    if settings.ibc_log is None and settings.ibc_command_port is None:
        return []
    obstacle = await launcher_of(settings).login_obstacle()
    if obstacle is None:
        return [ok(Check.LAUNCHER, "the launcher knows of nothing that its gateway waits for")]
    return [problem(Check.LAUNCHER, obstacle, "finish the login, second factor included")]
