"""
The HTTP bridge: every capability of the connector for programs in other languages.

    from ibkr_connector.bridge import create_app

`create_app` makes an ASGI application, `ibkr serve` runs it. It needs the extra `bridge`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings.bridge import BridgeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ibkr_connector.connector import IBKRConnector

__all__ = ["BridgeSettings", "create_app", "missing_extra"]

_BROUGHT: Final = frozenset({"fastapi", "starlette", "uvicorn", "websockets"})
"""What the extra brings, by the names under which it is imported."""


def create_app(
    connector: IBKRConnector | None = None, *, bridge: BridgeSettings | None = None
) -> FastAPI:
    """
    Make the application of one connector.

    Its lifespan connects the connector, unless `auto_connect` is off, and disconnects it at the
    end. The application belongs to one process: sequence numbers, replay and rate limits are its
    own, so it is to be run with one worker.

    Args:
        connector: What it serves; the shared one of the default profile when not given.
        bridge: Where it listens and who may enter; read from the environment when not given.

    Raises:
        ConfigurationError: The extra `bridge` is missing, or a setting is wrong.
    """
    try:
        from .app import make_app  # noqa: PLC0415  # the extra may be missing
    except ModuleNotFoundError as missing:
        raise missing_extra(missing) from missing
    from ibkr_connector.connector import IBKRConnector as Connector  # noqa: PLC0415  # see above

    return make_app(connector or Connector(), bridge or BridgeSettings.load())


def missing_extra(missing: ModuleNotFoundError) -> Exception:
    """Return what to raise for a module that is not there: ours to explain, or its own error."""
    if (missing.name or "").partition(".")[0] not in _BROUGHT:
        return missing
    return ConfigurationError(
        "the bridge needs the extra 'bridge'", hint="pip install 'ibkr-connector[bridge]'"
    )
