"""`ibkr paid-in` and `ibkr paid-out`: money that is no gain and no loss."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

import typer

from ibkr_connector.clock import Clock, SystemClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.status import TradingMode
from ibkr_connector.orders.paid_in import check_paid_in, leave_paid_in
from ibkr_connector.settings import PermissionSettings, RiskSettings, Settings

from .options import EXIT_FAILED, Account, Json, Profile, WaitS
from .render import Renderer

__all__ = ["register"]

_LOOK_S: Final = 0.2

Amount = Annotated[str, typer.Argument(help="In the base currency of the account.")]
At = Annotated[
    str | None, typer.Option(help="When it came, with its zone: 2026-12-18T10:00:00-05:00.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command(name="paid-in")(paid_in)
    app.command(name="paid-out")(paid_out)


def paid_in(
    amount: Amount,
    account: Account = None,
    at: At = None,
    wait_s: WaitS = 15.0,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Tell the program that trades that money came: it counts as no gain."""
    _tell(amount, 1, account=account, at=at, wait_s=wait_s, profile=profile, as_json=as_json)


def paid_out(
    amount: Amount,
    account: Account = None,
    at: At = None,
    wait_s: WaitS = 15.0,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Tell the program that trades that money went: it counts as no loss."""
    _tell(amount, -1, account=account, at=at, wait_s=wait_s, profile=profile, as_json=as_json)


def _tell(
    amount: str,
    sign: int,
    *,
    account: str | None,
    at: str | None,
    wait_s: float,
    profile: str | None,
    as_json: bool,
) -> None:
    renderer, clock = Renderer(as_json=as_json), SystemClock()
    try:
        number, arrived = check_paid_in(amount, _moment(at, clock))
        # only the state directory matters, so the rules may be broken
        settings = Settings.load(
            profile,
            risk=RiskSettings.built_in(TradingMode.PAPER),
            permissions=PermissionSettings(),
        )
        left = leave_paid_in(
            settings.state_dir, sign * abs(number), arrived=arrived, account=account
        )
    except IBKRError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_FAILED) from error

    async def taken() -> bool:
        end = clock.monotonic() + wait_s
        while left.exists() and clock.monotonic() < end:
            await clock.sleep(_LOOK_S)
        return not left.exists()

    is_taken = asyncio.run(taken())
    is_refused = left.with_suffix(".bad").exists()
    _show(renderer, sign * abs(number), is_taken=is_taken, is_refused=is_refused, as_json=as_json)
    if is_refused:
        raise typer.Exit(EXIT_FAILED)


def _show(
    renderer: Renderer, amount: Decimal, *, is_taken: bool, is_refused: bool, as_json: bool
) -> None:
    if as_json:
        taken = is_taken and not is_refused
        renderer.show({"amount": str(amount), "taken": taken, "refused": is_refused})
    elif is_refused:
        renderer.show("the program that trades has refused it: its log says why")
    elif is_taken:
        renderer.show(f"noted: {amount} is no gain and no loss")
    else:
        renderer.show("noted for the next program of this profile that is ready")


def _moment(at: str | None, clock: Clock) -> object:
    try:
        return clock.utcnow() if at is None else datetime.fromisoformat(at)
    except ValueError:
        return at
