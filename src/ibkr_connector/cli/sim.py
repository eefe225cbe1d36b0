"""
The simulator as commands: `ibkr sim`, `ibkr sim record`, `ibkr sim play`.

It is a program of its own: nothing of it is loaded for the other commands, and nothing of the
connector for these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["address", "alone", "register"]

sim_app = typer.Typer(help="Run the gateway simulator, record a gateway, or play a recording.")


@sim_app.callback(invoke_without_command=True)
def sim(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 4002,
    seed: Annotated[int, typer.Option(help="Seed of the market.")] = 1,
    server_version: Annotated[int | None, typer.Option(help="Newest version to speak.")] = None,
    scenario: Annotated[Path | None, typer.Option(help="Scenario file (YAML).")] = None,
    speed: Annotated[float | None, typer.Option(help="Simulated seconds per second.")] = None,
    replay: Annotated[bool, typer.Option(help="Replay recorded market prices.")] = False,
    tape: Annotated[
        list[Path] | None, typer.Option(help="Prices: CSV, Parquet or script; may be repeated.")
    ] = None,
    sessions: Annotated[bool | None, typer.Option(help="Open and close markets.")] = None,
    manual: Annotated[bool, typer.Option(help="A clock that the control port moves.")] = False,
    control_port: Annotated[
        int | None, typer.Option(help="Open a control port, on the loopback; 0: a free one.")
    ] = None,
) -> None:
    """Run the gateway simulator until interrupted."""
    if context.invoked_subcommand is not None:
        return
    from ibkr_connector.simulator.command import (  # noqa: PLC0415
        SimulatorOptions,
        run_simulator,
    )

    options = SimulatorOptions(
        host=host,
        port=port,
        seed=seed,
        server_version=server_version,
        scenario=scenario,
        speed=speed,
        replay=replay,
        tapes=tuple(tape or ()),
        sessions=sessions,
        manual=manual,
        control_port=control_port,
    )
    raise typer.Exit(run_simulator(options))


@sim_app.command()
def record(
    upstream: Annotated[str, typer.Option(help="HOST:PORT of the gateway that is recorded.")],
    out: Annotated[Path | None, typer.Option(help="File to write; standard output if not.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 4002,
    keep_accounts: Annotated[bool, typer.Option(help="Do not mask account ids.")] = False,
) -> None:
    """Stand between clients and a real gateway, and write down what they say."""
    from ibkr_connector.simulator.command import RecorderOptions, run_recorder  # noqa: PLC0415

    options = RecorderOptions(
        upstream=address(upstream), out=out, host=host, port=port, is_masked=not keep_accounts
    )
    raise typer.Exit(run_recorder(options))


@sim_app.command()
def play(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 4002,
) -> None:
    """Answer clients from a recording."""
    from ibkr_connector.simulator.command import run_player  # noqa: PLC0415

    raise typer.Exit(run_player(file, host=host, port=port))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(sim_app, name="sim")


def alone() -> typer.Typer:
    """Return a command line that has nothing else."""
    app = typer.Typer(name="ibkr", pretty_exceptions_enable=False)
    register(app)
    return app


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise typer.BadParameter(f"expected HOST:PORT, as in 127.0.0.1:4002; got {text!r}")
    return host, int(port)
