"""
The connector of a command, made when it connects.

What the class brings with it takes longer to load than all the rest of the command line, and who
asks for help, or for the settings, connects to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibkr_connector.settings import Settings

if TYPE_CHECKING:
    from ibkr_connector.connector import IBKRConnector

__all__ = ["connector_of"]


def connector_of(settings: Settings) -> IBKRConnector:
    """Return a connector that nobody else shares; not connected yet."""
    from ibkr_connector import IBKRConnector  # noqa: PLC0415  # see above

    return IBKRConnector.create(settings)
