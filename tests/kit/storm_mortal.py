"""
A storm that strikes a trader who is a process of his own, and is killed in the midst of it.

The blows are those of `storm_blows`, drawn by a seed, in the machine's own time and therefore
short; the process is killed at moments of the same draw and begins anew on the same journal.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from ibkr_connector.model.orders import OrderReport
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import GatewaySimulator, Quirk
from kit.order_mortal import DeadError, MortalTrader
from kit.order_steps import Cancel, Market, Modify, Pause, Place, TraderStep, Volley
from kit.order_world import World
from kit.storm_blows import BLOWS

__all__ = ["MortalStorm"]

# a process that begins anew goes to the port it was configured with
_BLOWS: Final = sorted(BLOWS.keys() - {"move_to_another_port"})
_TIMES_FASTER: Final = 500.0
_STEP_S: Final = 0.05
_LONGEST_S: Final = 4.0
_KILLS: Final = 0.3


@dataclass
class MortalStorm:
    """One scenario; what `storm_blows` needs of a storm is here too."""

    world: World
    trader: MortalTrader
    seed: int
    told: list[str] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        # the blows ask only whether somebody is there to hear
        self.rig = SimpleNamespace(state=ConnectionState.READY)

    @property
    def gateway(self) -> GatewaySimulator:
        """The simulator."""
        return self.world.simulator

    def chance(self, share: float) -> bool:
        """Tell, by the seed, whether something happens."""
        return self.draw.random() < share

    def up_to(self, most: float) -> float:
        """Draw seconds, the short ones more often."""
        return max(0.01, most / _TIMES_FASTER * self.draw.random() ** 3)

    async def rage(self, blows: int) -> None:
        """Let it all happen, and kill the process at least once."""
        await self._live()
        for number in range(blows):
            name = self.draw.choice(_BLOWS)
            self.told.append(name)
            blow: Any = BLOWS[name]
            blow(self)
            # some last for minutes by themselves, and a life is given seconds to connect
            self.gateway.later(_LONGEST_S, self.gateway.clear_faults)
            if self.chance(0.2):
                await self.world.do(Market(bid=self.draw.choice((95, 100, 104))))
            if self.chance(_KILLS) or (number == blows - 1 and not self.kills):
                self._kill_soon()
            await self._do(self._step())

    async def end(self) -> tuple[Sequence[OrderReport], list[str]]:
        """Let the last life settle everything, and return what it knows."""
        self.world.clear()
        self.gateway.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
        while True:
            self.trader.spare()
            try:
                return await self.trader.end()
            except DeadError:
                self.trader.bury()
                await self._live()

    def _kill_soon(self) -> None:
        self.kills += 1
        self.told.append("SIGKILL")
        within_s = _STEP_S * self.draw.random()
        self.trader.due.append(asyncio.get_running_loop().call_later(within_s, self.trader.kill))

    def _step(self) -> TraderStep:
        draw = self.draw
        which = draw.randrange(6)
        kind = draw.choice(("rests", "crosses", "market", "waits", "stop"))
        return draw.choice(
            (
                Place(kind=kind, buy=self.chance(0.5), patience_s=2.0),
                Place(kind=kind, buy=self.chance(0.5), patience_s=0.05),
                Volley(count=4),
                Modify(which=which),
                Cancel(which=which, patience_s=2.0),
                Pause(seconds=4.0),
            )
        )

    async def _do(self, step: TraderStep) -> None:
        self.told.append(repr(step))
        try:
            await self.trader.do(step)
            if not self.trader.is_alive:
                raise DeadError
        except DeadError:
            self.trader.bury()
            await self._live()

    async def _live(self) -> None:
        """Begin a life, and another when that was over at once."""
        while True:
            try:
                await self.trader.open()
            except DeadError:
                self.trader.bury()
            else:
                return
