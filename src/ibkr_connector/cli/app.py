"""The commands of `ibkr`, each a few lines around the connector or the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError
from ibkr_connector.settings import Settings

from .render import Renderer

__all__ = ["app"]

T = TypeVar("T")

app = typer.Typer(
    name="ibkr",
    help="Interactive Brokers from the command line: read-only, on paper and on loopback by default.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Look at the settings.", no_args_is_help=True)
app.add_typer(config_app, name="config")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Profile = Annotated[str | None, typer.Option(help="Profile of the settings.")]
Host = Annotated[str | None, typer.Option(help="Host of the gateway.")]
Port = Annotated[int | None, typer.Option(help="Port of the gateway.")]
ClientId = Annotated[int | None, typer.Option(help="Client id of the API connection.")]
