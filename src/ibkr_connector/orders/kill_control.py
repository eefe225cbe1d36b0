"""The kill switch as users hold it: works without a connection, and acts where there is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ibkr_connector.clock import SystemClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.settings import Settings

from .guard import KillReport
from .kill_switch import KillState, KillSwitch

__all__ = ["KillControl"]


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
        self, reason: str, *, cancel: bool = False, flatten: bool = False, everyone: bool = False
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

        Returns:
            What was cancelled and closed. Without a connection nothing is: then `problems` says so,
            and it is done as soon as a connector of this state directory is ready.

        Raises:
            ConfigurationError: The switch could not be written, so it is not engaged.
        """
        state = self._switch.engage(reason, cancel=cancel, flatten=flatten, everyone=everyone)
        if not state.cancel and not state.flatten:
            return KillReport(reason=state.reason)
        try:
            return await self._carry_out()
        except IBKRError as error:
            return KillReport(
                reason=state.reason, problems=(f"nothing is cancelled or closed yet: {error}",)
            )

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
