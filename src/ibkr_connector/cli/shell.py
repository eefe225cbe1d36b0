"""`ibkr shell`: a prompt with a connected connector, where `await` works."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import typer

from ibkr_connector import build
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.model.frames import with_library

from .connecting import connector_of
from .options import EXIT_FAILED, EXIT_USAGE, ClientId, Host, Port, Profile, settings_of
from .render import Renderer

__all__ = ["register"]

BANNER = """\
ib        a connector, {state} at {host}:{port} ({mode}{readonly})
buy, sell, price, ...   words for orders, as in buy("AAPL", 1).limit("1.05")
await ib.get_quote("AAPL")          await ib.get_positions()
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(shell)


def shell(
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
) -> None:
    """Open IPython with a connected connector as `ib`; leaving it disconnects."""
    from ibkr_connector.facades import Blocking  # noqa: PLC0415  # brings the connector with it

    renderer = Renderer()
    settings = settings_of(profile, host=host, port=port, client_id=client_id)
    try:
        ipython = with_library("IPython", extra="notebook")
        with Blocking(connector_of(settings)) as waiting:
            names: dict[str, Any] = {name: getattr(build, name) for name in build.__all__}
            names |= {"ib": waiting.connector, "Decimal": Decimal}
            status = waiting.connector.get_connection_status()
            renderer.console.print(
                BANNER.format(
                    state=status.state,
                    host=status.host,
                    port=status.port,
                    mode=status.mode,
                    readonly=", read-only" if status.readonly else "",
                ),
                markup=False,
            )
            ipython.start_ipython(argv=["--no-banner", "--no-confirm-exit"], user_ns=names)
    except ConfigurationError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_USAGE) from error
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error
