"""The commands of `ibkr`, each a few lines around the connector or the simulator."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.market.progress import shown_progress
from ibkr_connector.orders.journal import Place
from ibkr_connector.settings import Settings

from . import (
    account,
    alerts,
    check,
    config,
    doctor,
    flex,
    instruments,
    kill,
    metrics,
    order,
    paid_in,
    serve,
    shell,
    sim,
    watch,
)
from .connecting import connector_of
from .demo import DemoPlan, run_demo
from .options import (
    EXIT_FAILED,
    EXIT_USAGE,
    KEPT_ELSEWHERE,
    OF_A_GATEWAY,
    ClientId,
    Contract,
    Host,
    Json,
    Port,
    Profile,
    settings_of,
)
from .orders import (
    cancel_orders,
    export_orders,
    open_ids,
    show_cancelled,
    show_denials,
    show_history,
    show_orders,
    verify_journal,
)
from .render import Renderer
from .sim import address

if TYPE_CHECKING:
    from ibkr_connector.connector import IBKRConnector

__all__ = ["app"]

T = TypeVar("T")


app = typer.Typer(
    name="ibkr",
    help="Interactive Brokers from the command line: paper, loopback and read-only by default.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
account.register(app)
alerts.register(app)
config.register(app)
doctor.register(app)
flex.register(app)
kill.register(app)
paid_in.register(app)
order.register(app)
instruments.register(app)
serve.register(app)
shell.register(app)
watch.register(app)
sim.register(app)
check.register(app)
metrics.register(app)


@app.command()
def status(
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Connect, and show the connection."""

    async def ask(ib: IBKRConnector) -> object:
        return ib.get_connection_status()

    _with_gateway(
        ask,
        settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id),
        as_json,
    )


@app.command()
def quote(
    contract: Contract,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show a quote."""
    settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)
    _with_gateway(lambda ib: ib.get_quote(contract), settings, as_json)


@app.command()
def bars(
    contract: Contract,
    duration: Annotated[str, typer.Option(help="Count and unit, as in '6 M'.")] = "1 D",
    bar_size: Annotated[str, typer.Option(help="As in '5 mins'.")] = "5 mins",
    stored: Annotated[
        bool, typer.Option("--stored", help="Read the store first, and keep what is fetched.")
    ] = False,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show historical bars, of any length."""
    settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)
    # the bar is for whoever looks on, not for what reads the output
    with shown_progress(console=Console(stderr=True)) as tell:
        _with_gateway(
            lambda ib: ib.get_historical_data(
                contract, duration=duration, bar_size=bar_size, stored=stored, progress=tell
            ),
            settings,
            as_json,
        )


@app.command()
def orders(
    history: Annotated[
        str | None,
        typer.Option(help="Show every step of one order: its id, reference or client_order_id."),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the journal's chain.")] = False,
    denied: Annotated[
        bool, typer.Option("--denied", help="Show the orders that were refused here, and why.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write the whole journal to FILE: .csv or .jsonl.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Older ones too.")] = False,
    journal: Annotated[
        Path | None, typer.Option(help="A journal file instead of the profile's.")
    ] = None,
    profile: Profile = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Show open orders and those of today, from the journal; needs no gateway."""
    path = journal or _journal_place(settings_of(profile, as_json=as_json, client_id=client_id))
    code = 0
    try:
        if verify:
            code = verify_journal(path, as_json=as_json)
        elif export is not None:
            export_orders(path, export, as_json=as_json)
        elif denied:
            show_denials(path, everything=everything, as_json=as_json)
        elif history is not None:
            show_history(path, history, as_json=as_json)
        else:
            show_orders(path, everything=everything, as_json=as_json)
    except IBKRError as error:
        Renderer(as_json=as_json).fail(error)
        code = EXIT_USAGE if isinstance(error, ConfigurationError) else EXIT_FAILED
    raise typer.Exit(code)


@app.command()
def cancel(
    order_id: Annotated[int | None, typer.Argument(help="Id of the order.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every open order of this client id.")
    ] = False,
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """Cancel an order, or all of this client id, and show what became of them."""
    if (order_id is None) == (not everything):
        raise typer.BadParameter("name one order id, or say --all")
    settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)

    async def session() -> int:
        async with connector_of(settings) as ib:
            if order_id is not None:
                ids: tuple[int, ...] = (order_id,)
            else:
                # connecting has compared the journal with the broker: it is up to date
                path, own = _journal_place(settings), settings.client_id
                ids = await asyncio.to_thread(lambda: open_ids(path, client_id=own))
            return show_cancelled(*await cancel_orders(ids, ib.cancel_order), as_json=as_json)

    raise typer.Exit(_outcome(session(), as_json=as_json))


@app.command()
def settle(
    order_id: Annotated[int, typer.Argument(help="Id of the order.")],
    why: Annotated[str, typer.Option(help="What you have seen: 'expired, says the statement'.")],
    profile: Profile = None,
    host: Host = None,
    port: Port = None,
    client_id: ClientId = None,
    as_json: Json = False,
) -> None:
    """End an uncertain order on your word, once TWS or the statement shows that it is over."""
    settings = settings_of(profile, as_json=as_json, host=host, port=port, client_id=client_id)

    async def session() -> int:
        async with connector_of(settings) as ib:
            one = partial(ib.settle_order, why=why)
            return show_cancelled(*await cancel_orders((order_id,), one), as_json=as_json)

    raise typer.Exit(_outcome(session(), as_json=as_json))


def _outcome(session: Coroutine[Any, Any, int], *, as_json: bool) -> int:
    try:
        return asyncio.run(session)
    except IBKRError as error:
        Renderer(as_json=as_json).fail(error)
        return EXIT_FAILED


@app.command()
def demo(
    gateway: Annotated[
        str | None, typer.Option(help="HOST:PORT of a paper gateway instead of the simulator.")
    ] = None,
    client_id: Annotated[int, typer.Option(help="Client id to use.")] = 77,
    as_json: Json = False,
) -> None:
    """Look around, trade, survive a cut connection, and report what held."""
    renderer = Renderer(as_json=as_json)
    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="ibkr-demo-"))
        if gateway is None:
            host, port = _simulated(stack)
            ask: Callable[[str], bool] = lambda sentence: True  # noqa: E731
            renderer.heading("a simulated gateway, replaying recorded exchange rates (ECB)")
        else:
            host, port = address(gateway)
            ask = _asked_first
            renderer.heading(f"the gateway at {host}:{port}")
        plan = DemoPlan(host=host, port=port, client_id=client_id, ask=ask)
        # paper is not a wish here: the connector refuses a live account before any order
        settings = settings_of(
            None,
            without=KEPT_ELSEWHERE if gateway else (*KEPT_ELSEWHERE, *OF_A_GATEWAY),
            paper_trading=True,
            readonly=False,
            client_id=client_id,
            state_dir=Path(state),
        )
        try:
            report = asyncio.run(run_demo(plan, settings, renderer))
        except IBKRError as error:
            renderer.fail(error)
            raise typer.Exit(EXIT_FAILED) from error
    renderer.heading("what was promised, and whether it held")
    renderer.checks(report.checks)
    if not report.is_good:
        raise typer.Exit(EXIT_FAILED)


def _simulated(stack: ExitStack) -> tuple[str, int]:
    from ibkr_connector.simulator import GatewaySimulator  # noqa: PLC0415  # see `sim`
    from ibkr_connector.simulator.command import (  # noqa: PLC0415
        SimulatorOptions,
        make_simulator,
    )

    options = SimulatorOptions(port=0, replay=True)
    hosted = stack.enter_context(GatewaySimulator.in_thread(lambda: make_simulator(options)))
    return hosted.host, hosted.port


def _asked_first(sentence: str) -> bool:
    return typer.confirm(f"Send to your paper account: {sentence}?", default=False)


def _journal_place(settings: Settings) -> Place:
    # the engine brings ib_async with it, which takes a third of a second to import
    from ibkr_connector.tuning import journal_place  # noqa: PLC0415

    return journal_place(settings)


def _with_gateway(
    ask: Callable[[IBKRConnector], Awaitable[object]], settings: Settings, as_json: bool
) -> None:
    renderer = Renderer(as_json=as_json)

    async def session() -> object:
        async with connector_of(settings) as ib:
            return await ask(ib)

    try:
        renderer.show(asyncio.run(session()))
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error
