"""`ibkr serve`: run the HTTP bridge, before a gateway or before a simulator of its own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ibkr_connector.bridge import BridgeSettings, create_app, missing_extra
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.loops import loop_factory
from ibkr_connector.observe.logs import configure_logging
from ibkr_connector.settings import Settings
from ibkr_connector.settings.alerts import AlertSettings
from ibkr_connector.settings.bridge_load import older_overrides

from .connecting import connector_of
from .options import (
    EXIT_FAILED,
    EXIT_USAGE,
    KEPT_ELSEWHERE,
    OF_A_GATEWAY,
    ClientId,
    Json,
    Profile,
)
from .render import Renderer
from .sim import address

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command()(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 127.0.0.1 when not given.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 8092 when not given, 0: a free one.")
    ] = None,
    sim: Annotated[
        bool, typer.Option("--sim", help="Before a simulated gateway, in which orders may go.")
    ] = False,
    gateway: Annotated[
        str | None, typer.Option(help="HOST:PORT of the gateway, instead of the settings'.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File of tokens: scopes, token and name in each line.")
    ] = None,
    auto_connect: Annotated[
        bool | None,
        typer.Option("--connect/--no-connect", help="Connect to the gateway at the start."),
    ] = None,
    profile: Profile = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Run the HTTP bridge until interrupted; see docs/how-to/bridge.md."""
    if sim and gateway is not None:
        raise typer.BadParameter("--sim brings its own gateway")
    renderer = Renderer(as_json=as_json)
    with ExitStack() as stack:
        try:
            bridge = BridgeSettings.load(
                **_said(host=host, port=port, token_file=token_file, auto_connect=auto_connect)
            )
            given = _said(client_id=client_id)
            if sim:
                given |= _simulated(stack)
            elif gateway is not None:
                gateway_host, gateway_port = address(gateway)
                given |= {"host": gateway_host, "port": gateway_port}
            settings = Settings.load(profile, **{**older_overrides(given), **given})
            configure_logging(settings.log_level, form=settings.log_format)
            _run(settings, bridge, as_json=as_json)
        except ConfigurationError as error:
            renderer.fail(error)
            raise typer.Exit(EXIT_USAGE) from error
        except IBKRError as error:
            renderer.fail(error)
            raise typer.Exit(EXIT_FAILED) from error


def _run(settings: Settings, bridge: BridgeSettings, *, as_json: bool) -> None:
    try:
        from ibkr_connector.bridge.serving import listen, make_server  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as missing:
        raise missing_extra(missing) from missing
    app = create_app(connector_of(settings), bridge=bridge)

    def tell(host: str, port: int) -> None:
        scheme = "http" if bridge.tls_certificate is None else "https"
        shown = f"[{host}]" if ":" in host else host
        told = {"url": f"{scheme}://{shown}:{port}", "host": host, "port": port}
        if as_json:
            print(json.dumps(told), flush=True)
            return
        orders = "no orders (read-only)" if settings.readonly else f"{settings.mode} orders"
        Console(highlight=False).print(
            f"serving {told['url']}, {orders}, "
            f"{'tokens needed' if bridge.has_tokens else 'for programs of this machine only'}"
        )
        if not bridge.is_local and bridge.tls_certificate is None:
            Console(stderr=True, highlight=False).print(
                "[yellow]tokens cross the network unencrypted: set IBKR_BRIDGE_TLS_CERTIFICATE and "
                "IBKR_BRIDGE_TLS_KEY, or put a proxy with TLS before it[/]"
            )

    socket = listen(bridge)
    server = make_server(app, bridge, on_ready=tell)
    with asyncio.Runner(loop_factory=loop_factory(settings.event_loop)) as runner:
        runner.run(server.serve(sockets=[socket]))


def _simulated(stack: ExitStack) -> dict[str, Any]:
    # a program of its own, which is not loaded for a real gateway
    from ibkr_connector.simulator import GatewaySimulator  # noqa: PLC0415
    from ibkr_connector.simulator.command import (  # noqa: PLC0415
        SimulatorOptions,
        make_simulator,
    )

    options = SimulatorOptions(port=0)
    hosted = stack.enter_context(GatewaySimulator.in_thread(lambda: make_simulator(options)))
    # its orders end with it, so their journal does too, and it has nothing to do with a real one's
    state = stack.enter_context(tempfile.TemporaryDirectory(prefix="ibkr-serve-"))
    return {
        "host": hosted.host,
        "port": hosted.port,
        "paper_trading": True,
        "readonly": False,
        "state_dir": Path(state),
        "reset_windows": "none",
        "alerts": AlertSettings(),
        **dict.fromkeys((*KEPT_ELSEWHERE, *OF_A_GATEWAY)),
    }


def _said(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
