"""What an examination finds: each a record with what was seen and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ibkr_connector.model.record import Record
from ibkr_connector.model.status import Application

__all__ = ["Check", "Finding", "Health", "is_well", "menu", "ok", "problem", "warning"]

_PAGE: Final = "docs/how-to/doctor.md"


class Health(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and something is probably not as it was meant."""

    PROBLEM = "problem"
    """Something does not work."""


class Check(StrEnum):
    """What was looked at; also the name of its part of the page about the doctor."""

    CONFIGURATION = "configuration"
    STATE = "state-directory"
    DISK = "disk-space"
    JOURNAL = "journal"
    EXTRAS = "extras"
    RESET = "reset-windows"
    GATEWAY = "gateway"
    PORTS = "other-ports"
    LAUNCHER = "launcher"
    LOGIN = "login"
    CLIENT_ID = "client-id"
    MANUAL = "manual-orders"
    MODE = "paper-or-live"
    VERSION = "server-version"
    CLOCK = "clock"
    ZONE = "time-zone"
    LINK = "link-to-ib"
    READ_ONLY = "read-only-api"
    DATA = "market-data"
    COMPETING = "competing-session"
    LINES = "market-data-lines"
    PRESETS = "order-presets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Record):
    """
    One thing that was looked at.

    Args:
        check: What was looked at.
        health: How bad it is.
        seen: What was seen, without account numbers and secrets.
        remedy: What to do, and where to tick it; empty when nothing is to be done.
    """

    check: Check
    health: Health
    seen: str
    remedy: str = ""

    @property
    def reference(self) -> str:
        """Where the documentation says more."""
        return f"{_PAGE}#{self.check}"


def ok(check: Check, seen: str) -> Finding:
    """Tell that all is well."""
    return Finding(check=check, health=Health.OK, seen=seen)


def warning(check: Check, seen: str, remedy: str) -> Finding:
    """Tell what works and is hardly meant."""
    return Finding(check=check, health=Health.WARNING, seen=seen, remedy=remedy)


def problem(check: Check, seen: str, remedy: str) -> Finding:
    """Tell what does not work."""
    return Finding(check=check, health=Health.PROBLEM, seen=seen, remedy=remedy)


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether there is no problem among them."""
    return all(one.health is not Health.PROBLEM for one in findings)


def menu(application: Application, page: str) -> str:
    """Return the way to a page of the settings, as in `File > Global Configuration > API > ...`."""
    first = "File > Global Configuration" if application is Application.TWS else "Configure"
    return f"{first} > {'Settings > ' if first == 'Configure' else ''}API > {page}"
