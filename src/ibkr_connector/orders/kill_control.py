"""The kill switch as users hold it: works without a connection, and acts where there is one."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import ConfigurationError, IBKRError, WrongThreadError
from ibkr_connector.settings import Settings

from .guard import KillReport
from .kill_switch import KillState, KillSwitch

__all__ = ["KillControl"]

_log = logging.getLogger("ibkr_connector.orders")


class KillControl:
    """
    Stop everything that opens a position, at once, in every process of this state directory.

    Args:
        settings: Say where the switch is.
        carry_out: Does what the engaged switch asks for, over the connection.
    """

    def __init__(
        self, settings: Settings, *, carry_out: Callable[[], Awaitable[KillReport]]
    ) -> None:
        self._switch = KillSwitch(
            settings.state_dir, clock=SystemClock(), by_setting=settings.kill_switch
        )
        self._carry_out = carry_out

    @property
    def state(self) -> KillState | None:
        """The engaged switch with its reason and time; `None` when it is released."""
        return self._switch.state()

    async def engage(
        self,
        reason: str,
        *,
        cancel: bool = False,
        flatten: bool = False,
        everyone: bool = False,
        account: str | None = None,
    ) -> KillReport:
        """
        Refuse new orders from now on, also after a restart, until `release`.

        Cancelling and orders that only close a position stay possible.

        Args:
            reason: Told to everybody whose order is refused.
            cancel: Cancel the open orders of this connector too.
            flatten: Cancel them, and close every position at the market.
            everyone: Cancel the open orders of all other clients, and those entered in TWS by
                hand, too: also of programs that know nothing of this switch and go on placing.
            account: Cancel and close in this account alone; new orders are refused in all. What an
                advisor has divided is cancelled too, since it may come to this account.

        Returns:
            What was cancelled and closed. Without a connection nothing is: then `problems` says so,
            and it is done as soon as a connector of this state directory is ready.

        Raises:
            ConfigurationError: The switch could not be written, so it is not engaged.
        """
        within = () if account is None else (account,)
        state = self._switch.engage(
            reason, cancel=cancel, flatten=flatten, everyone=everyone, accounts=within
        )
        if not state.cancel and not state.flatten:
            return KillReport(reason=state.reason)
        try:
            return await self._carry_out()
        except IBKRError as error:
            return KillReport(
                reason=state.reason, problems=(f"nothing is cancelled or closed yet: {error}",)
            )

    def engage_on_signal(
        self, number: int, *, cancel: bool = False, flatten: bool = False, everyone: bool = False
    ) -> None:
        """
        Engage whenever this process gets a signal, as `kill -USR1` sends it.

        What is asked for with it is done by the running connector within a second. A handler that
        was there before is called afterwards; where there was none, the process goes on, also after
        `SIGTERM`.

        Args:
            number: Such as `signal.SIGUSR1`.
            cancel: As for `engage`, and so are the others.

        Raises:
            WrongThreadError: Python takes handlers from the main thread only.
            ConfigurationError: The system does not let that signal be handled.
        """
        try:
            name, before = signal.Signals(number).name, signal.getsignal(number)
        except ValueError as error:
            raise ConfigurationError(
                f"there is no signal {number!r} on this system", hint="use signal.SIGTERM"
            ) from error

        def handle(number: int, frame: FrameType | None) -> None:
            try:
                self._switch.engage(
                    f"signal {name}", cancel=cancel, flatten=flatten, everyone=everyone
                )
            except IBKRError as error:
                # it would be raised in whatever the program does at the moment
                _log.critical("the kill switch is NOT engaged by the signal %s: %s", name, error)
            if callable(before):
                before(number, frame)

        if threading.current_thread() is not threading.main_thread():
            raise WrongThreadError(
                f"the signal {name} can be handled from the main thread only",
                hint="call it where the program starts, before other threads",
            )
        try:
            signal.signal(number, handle)
        except OSError as error:
            raise ConfigurationError(
                f"the system does not let the signal {name} be handled",
                hint="use another one, such as SIGUSR1",
            ) from error

    async def carry_out(self) -> KillReport:
        """
        Do now what the engaged switch asks for and nobody has done yet.

        Raises:
            NotConnectedError: There is no connection to do it over.
        """
        return await self._carry_out()

    def release(self) -> None:
        """
        Let orders go again; harmless when the switch is not engaged.

        Raises:
            TradingHaltedError: The setting `kill_switch` engages it, so it stays engaged.
            ConfigurationError: The file could not be removed, so it stays engaged.
        """
        self._switch.release()
