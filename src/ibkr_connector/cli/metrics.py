"""`ibkr metrics`: what Prometheus would read, once or for as long as it asks."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from ibkr_connector.errors import IBKRError
from ibkr_connector.observe.metrics import Metrics

from .connecting import connector_of
from .options import EXIT_FAILED, ClientId, Host, Json, Port, Profile, settings_of
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
        as_json: Json = False,
    ) -> None:
        """Connect, and print the metrics of that connection, or serve them."""
        settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)
        renderer = Renderer(as_json=as_json)

        async def tell() -> None:
            async with connector_of(settings) as ib:
                if serve is None:
                    said = (await asyncio.to_thread(ib.metrics.exposition)).body.decode()
                    if as_json:
                        renderer.show(_samples(said))
                    else:
                        typer.echo(said, nl=False)
                else:
                    await _serve(ib.metrics, listen, serve, as_json=as_json)

        try:
            asyncio.run(tell())
        except IBKRError as error:
            renderer.fail(error)
            raise typer.Exit(EXIT_FAILED) from error
        except KeyboardInterrupt:
            pass  # the way to end it


def _samples(said: str) -> list[dict[str, object]]:
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    return [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    ]


async def _serve(metrics: Metrics, host: str, port: int, *, as_json: bool) -> None:
    server = metrics.serve(host=host, port=port)
    try:
        typer.echo(json.dumps({"url": server.url}) if as_json else server.url)
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(server.close)
