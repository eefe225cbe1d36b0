"""`ibkr kill`: engage or release the kill switch; needs neither a gateway nor sound rules."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import typer

from ibkr_connector.clock import Clock, SystemClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.status import TradingMode
from ibkr_connector.orders.kill_switch import KillState, KillSwitch
from ibkr_connector.settings import PermissionSettings, RiskSettings, Settings

from .connecting import connector_of
from .options import EXIT_FAILED, EXIT_USAGE, UNWATCHED, Json, Profile, WaitS, of_a_command
from .render import Renderer

__all__ = ["register"]

_LOOK_S: Final = 0.2
_WARNING: Final = (
    "cancelling the orders of every program and every person of this login; "
    "programs that do not know this switch go on placing new ones"
)


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command()(kill)


def kill(
    reason: Annotated[
        str, typer.Argument(help="Told to everybody whose order is refused.")
    ] = "ibkr kill",
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel open orders too.")] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Cancel, and close all positions at the market.")
    ] = False,
    everyone: Annotated[
        bool,
        typer.Option(
            "--everyone",
            help="Cancel the orders of ALL programs of this login, and those entered in TWS.",
        ),
    ] = False,
    account: Annotated[
        list[str] | None,
        typer.Option(help="Cancel and close in this account alone; may be said several times."),
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Let orders go again.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only tell whether it is engaged.")] = False,
    connect: Annotated[
        bool, typer.Option("--connect", help="Connect to cancel or flatten, if nobody else does.")
    ] = False,
    wait_s: WaitS = 15.0,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Stop every program of the profile from opening anything; cancelling and closing go on."""
    renderer = Renderer(as_json=as_json)
    if (release or show) and (cancel or flatten or everyone or connect or (release and show)):
        raise typer.BadParameter("--release and --show stand alone")
    if account and (everyone or not (cancel or flatten)):
        raise typer.BadParameter("--account says where to --cancel or --flatten")
    try:
        # the rules' files may be what is broken: stopping must not need them
        settings = of_a_command(
            Settings.load(
                profile,
                risk=RiskSettings.built_in(TradingMode.PAPER),
                permissions=PermissionSettings(),
                alerts=UNWATCHED,
            )
        )
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_USAGE) from error
    switch = KillSwitch(settings.state_dir, clock=SystemClock(), by_setting=settings.kill_switch)
    try:
        if release:
            switch.release()
        elif not show:
            switch.engage(
                reason, cancel=cancel, flatten=flatten, everyone=everyone, accounts=account or ()
            )
            problems: tuple[str, ...] = ()
            if everyone and not as_json:
                renderer.show(_WARNING)
            if cancel or flatten or everyone:
                problems = asyncio.run(
                    _carried_out(settings, switch, connect=connect, wait_s=wait_s)
                )
            _show(renderer, switch.state(), problems, as_json=as_json)
            if problems:
                raise typer.Exit(EXIT_FAILED)
            return
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error
    _show(renderer, switch.state(), (), as_json=as_json)


async def _carried_out(
    settings: Settings, switch: KillSwitch, *, connect: bool, wait_s: float
) -> tuple[str, ...]:
    """Connect and do what was asked for, or wait for the program that does; say what is left."""
    if connect:
        # who asks for this by name wants orders to be sent
        willing = settings.model_copy(update={"readonly": False, "kill_switch": False})
        async with connector_of(willing) as ib:
            state = switch.state()
            if state is None or state.done_at is not None:
                return ()
            return (await ib.kill_switch.carry_out()).problems
    clock: Clock = SystemClock()
    state = switch.state()
    end = clock.monotonic() + wait_s
    while clock.monotonic() < end:
        state = switch.state()
        if state is None or state.done_at is not None:
            return ()
        await clock.sleep(_LOOK_S)
    again = "--flatten" if state is not None and state.flatten else "--cancel"
    again += " --everyone" if state is not None and state.everyone else ""
    if state is not None and not state.everyone:
        # who follows the advice must not close what was to be kept
        within = state.flatten_in if state.flatten else state.cancel_in
        again += "".join(f" --account {one}" for one in within)
    return (
        "nobody has done what was asked for yet: it is done by the next connector of this profile "
        f"that is ready, or now by `ibkr kill {again} --connect`",
    )


def _show(
    renderer: Renderer, state: KillState | None, problems: tuple[str, ...], *, as_json: bool
) -> None:
    if as_json:
        renderer.show(
            {
                "engaged": state is not None,
                "reason": None if state is None else state.reason,
                "since": None if state is None or state.at is None else state.at.isoformat(),
                "cancel": state is not None and state.cancel,
                "flatten": state is not None and state.flatten,
                "everyone": state is not None and state.everyone,
                "cancel_in": [] if state is None else list(state.cancel_in),
                "flatten_in": [] if state is None else list(state.flatten_in),
                "done": state is not None and state.done_at is not None,
                "problems": list(problems),
            }
        )
        return
    renderer.show("the kill switch is released" if state is None else state.sentence)
    for problem in problems:
        renderer.show(problem)
