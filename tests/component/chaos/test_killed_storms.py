"""
A process that trades through a storm is killed in the midst of it, and another one goes on.

`make soak` makes forty of them; `STORM_SEEDS=17 pytest tests/component/chaos/test_killed_storms.py`
repeats one, as far as the machine's own time can be repeated.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from ibkr_connector.clock import ScaledClock
from ibkr_connector.simulator import GatewaySimulator
from kit.order_mortal import MortalTrader
from kit.order_trader import NOON, journal_of
from kit.order_truth import check_end, check_journal, check_said, check_wire
from kit.order_world import World
from kit.storm_mortal import MortalStorm

SOAKS: Final = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SEEDS: Final = (
    [int(seed) for seed in os.environ["STORM_SEEDS"].split(",")]
    if "STORM_SEEDS" in os.environ
    else list(range(40 if SOAKS else 1))
)
BLOW_COUNT: Final = 30 if SOAKS else 5


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_kill_in_a_storm_venue_and_journal_are_the_same(
    tmp_path: Path, seed: int
) -> None:
    async with GatewaySimulator(clock=ScaledClock(NOON)) as simulator:
        world = World(simulator)
        world.open()
        trader = MortalTrader(port=simulator.port, folder=tmp_path)
        storm = MortalStorm(world, trader, seed)
        try:
            await storm.rage(BLOW_COUNT)
            own, trouble = await storm.end()
            there = world.ours()
            check_end(own, there, simulator)
            assert trouble == []
            check_said(trader.heard, there)
            check_wire(simulator)
            check_journal(journal_of(tmp_path), there, own)
            assert storm.kills
            assert trader.lives > storm.kills / 2
        except BaseException as error:
            error.add_note(f"seed {seed}: {storm.told}")
            raise
        finally:
            trader.kill()
            trader.bury()
