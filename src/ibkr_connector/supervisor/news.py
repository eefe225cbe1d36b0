"""
What the gateway says about itself, kept for one session: its link, its farms, its port.

Owns what follows from a code's row in `codes`; refuses to know what the supervisor does about it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.codes import (
    LinkEffect,
    SessionEffect,
    farm_effect,
    link_effect,
    session_effect,
)
from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.model.status import FarmState

from .address import Address
from .notices import moved_port, with_notice

__all__ = ["News"]

_log = logging.getLogger(__name__)

_NO_FARMS: Final[Mapping[str, FarmState]] = MappingProxyType({})


class News:
    """Takes the notices of one session after the other."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._is_quietly_down = False
        self.farms = _NO_FARMS
        self.is_competing = False

    def begin(self) -> None:
        """A new session is tried for: what the old one said is of no use."""
        self.farms = _NO_FARMS
        self.is_competing = self._is_quietly_down = False

    def hear(self, notice: GatewayNotice) -> LinkEffect | None:
        """Take a notice, and return what it says about the link to IB; `None`: nothing."""
        self.farms = with_notice(self.farms, notice)
        match session_effect(notice.code):
            case SessionEffect.PORT_MOVED:
                self._moved(notice.text)
            case SessionEffect.COMPETING:
                self.compete(is_competing=True)
            case None:
                return self._link(notice.code)
        return None

    def compete(self, *, is_competing: bool) -> None:
        """Note whether a session elsewhere holds the market data; said once for each change."""
        if is_competing is self.is_competing:
            return
        self.is_competing = is_competing
        if is_competing:
            _log.warning("the same user is logged in elsewhere: market data stands still")
        else:
            _log.info("market data flows again after a competing session")

    def _moved(self, text: str) -> None:
        port = moved_port(text)
        if port is None:
            _log.warning("the gateway moves to another port and does not say to which: %s", text)
        elif self._address.moved(port):
            _log.warning("the gateway moves to port %d", port)

    def _link(self, code: int) -> LinkEffect | None:
        effect = link_effect(code)
        if effect is not None:
            self._is_quietly_down = effect is LinkEffect.DOWN_QUIETLY
        elif self._is_quietly_down and farm_effect(code) is FarmState.OK:
            # nobody else says that a link which broke quietly is back
            self._is_quietly_down = False
            return LinkEffect.DATA_KEPT
        return effect
