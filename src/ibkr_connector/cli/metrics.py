"""`ibkr metrics`: what Prometheus would read, once or for as long as it asks."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError
from ibkr_connector.observe.metrics import Metrics

from .options import EXIT_FAILED, ClientId, Host, Port, Profile, settings_of
from .render import Renderer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command()
    def metrics(
        serve: Annotated[
            int | None, typer.Option("--serve", help="Serve them at this port until Ctrl-C.")
        ] = None,
        listen: Annotated[
            str, typer.Option("--listen", help="Address to serve at; there is no password.")
        ] = "127.0.0.1",
        profile: Profile = None,
        host: Host = None,
        port: Port = None,
        client_id: ClientId = None,
    ) -> None:
        """Connect, and print the metrics of that connection, or serve them."""
        settings = settings_of(profile, host=host, port=port, client_id=client_id)

        async def tell() -> None:
            async with IBKRConnector.create(settings) as ib:
                if serve is None:
                    said = await asyncio.to_thread(ib.metrics.exposition)
                    typer.echo(said.body.decode(), nl=False)
                else:
                    await _serve(ib.metrics, listen, serve)

        try:
            asyncio.run(tell())
        except IBKRError as error:
            Renderer(as_json=False).fail(error)
            raise typer.Exit(EXIT_FAILED) from error
        except KeyboardInterrupt:
            pass  # the way to end it


async def _serve(metrics: Metrics, host: str, port: int) -> None:
    server = metrics.serve(host=host, port=port)
    try:
        typer.echo(server.url)
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(server.close)
