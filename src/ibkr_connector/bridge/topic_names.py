"""Names of topics: `quotes:AAPL`, `bars:ES 202612:1 min`, `orders`, `pnl:DU1234567`. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["OLDER", "TopicName", "UnknownTopicError"]

OLDER: Final = "older"
"""Quotes in the form of the older bridge; no name that a reader can ask for."""

_LONGEST: Final = 128
_ALONE: Final = frozenset({"orders", "status", "alerts", "pacing"})
_OF_ACCOUNTS: Final = frozenset({"account", "pnl"})
_OF_CONTRACTS: Final = frozenset({"quotes", "trades", "depth", "bars", OLDER})
_PICTURES: Final = frozenset(
    {"quotes", OLDER, "depth", "account", "status", "alerts", "pacing", "pnl"}
)


class UnknownTopicError(ValueError):
    """A topic that is none."""


class TopicName:
    """
    The parts of a topic's name.

    Args:
        text: As a reader writes it: what is followed, of which contract or account, and the detail
            of it, with colons.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind, colon, rest = text.partition(":")
        self.symbol, _, self.detail = rest.partition(":")
        alone = self.kind in _ALONE | _OF_ACCOUNTS and not colon
        followed = self.kind in _OF_CONTRACTS | _OF_ACCOUNTS and self.symbol
        if not (alone or followed) or len(text) > _LONGEST or (self.detail and self.kind != "bars"):
            raise UnknownTopicError(
                "a topic is quotes:SYMBOL, trades:SYMBOL, depth:SYMBOL, bars:SYMBOL:SIZE, orders, "
                "account, account:ACCOUNT, pnl, pnl:ACCOUNT, alerts, pacing or status"
            )

    @property
    def account(self) -> str | None:
        """Which account it is of; `None` for the one of the settings, or the only one."""
        return self.symbol or None

    @property
    def is_state(self) -> bool:
        """Whether its newest message is the whole picture."""
        return self.kind in _PICTURES
