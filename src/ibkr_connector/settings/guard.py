"""
Paper or live: what must agree before anything is sent.

A standard port belongs to one mode, and a paper account's id starts with `D`. Any other port
(container, tunnel, simulator) says nothing and is allowed; the account ids must agree in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import Application, TradingMode

if TYPE_CHECKING:
    from .model import Settings

__all__ = ["check_accounts", "check_port", "standard_port"]

_PORTS: Final[Mapping[tuple[Application, TradingMode], int]] = MappingProxyType(
    # IB campus: default socket ports
    {
        (Application.TWS, TradingMode.PAPER): 7497,
        (Application.TWS, TradingMode.LIVE): 7496,
        (Application.GATEWAY, TradingMode.PAPER): 4002,
        (Application.GATEWAY, TradingMode.LIVE): 4001,
    }
)


def standard_port(application: Application, mode: TradingMode) -> int:
    """Return the port that the application listens on in that mode unless it was changed."""
    return _PORTS[application, mode]


def check_port(port: int, mode: TradingMode) -> None:
    """
    Refuse a standard port of the other mode.

    Raises:
        ConfigurationError: The port is the other mode's.
    """
    belongs_to = {port: mode for (_, mode), port in _PORTS.items()}.get(port)
    if belongs_to is not None and belongs_to is not mode:
        other = "false" if belongs_to is TradingMode.LIVE else "true"
        fitting = sorted(p for (_, m), p in _PORTS.items() if m is mode)
        raise ConfigurationError(
            f"port {port} is the standard port of {belongs_to} trading, but the mode is {mode}",
            hint=f"set IBKR_PORT to {fitting[0]} or {fitting[1]}, or IBKR_PAPER_TRADING={other}",
        )


def check_accounts(settings: Settings, accounts: Sequence[str]) -> None:
    """
    Refuse a login whose accounts contradict the mode, before any order can be sent.

    Raises:
        ConfigurationError: A live account on a paper profile, a paper account on a live one, or
            the configured account is not of this login.
    """
    paper = [account.startswith("D") for account in accounts]
    if settings.mode is TradingMode.PAPER and not all(paper):
        raise ConfigurationError(
            "the profile is for paper trading, but the gateway is logged in to a live account",
            hint="log in to the paper account, or set IBKR_PAPER_TRADING=false and mean it",
        )
    if settings.mode is TradingMode.LIVE and any(paper):
        raise ConfigurationError(
            "the profile is for live trading, but the gateway is logged in to a paper account",
            hint="log in to the live account, or set IBKR_PAPER_TRADING=true",
        )
    if settings.account_id is not None and settings.account_id not in accounts:
        raise ConfigurationError(
            f"IBKR_ACCOUNT_ID is not one of the {len(accounts)} account(s) of this login",
            hint="correct IBKR_ACCOUNT_ID, or leave it out when the login has one account",
        )
