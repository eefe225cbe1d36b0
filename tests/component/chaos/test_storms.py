"""
Storms: up to fifty faults of every kind, drawn by a seed, over a real socket on virtual time.

`make soak` makes five hundred of them; a seed that failed is tried alone with
`STORM_SEEDS=17 pytest tests/component/chaos`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import HalfOpen, Quirk
from ibkr_connector.supervisor import SupervisorEvent
from kit.leaks import nothing_left
from kit.rig import rig
from kit.storm import BLOWS, Storm

FEW: Final = 10
MANY: Final = 500
SOAKS: Final = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SEEDS: Final = (
    [int(seed) for seed in os.environ["STORM_SEEDS"].split(",")]
    if "STORM_SEEDS" in os.environ
    else list(range(MANY if SOAKS else FEW))
)
BLOW_COUNT: Final = 50 if SOAKS else 12
GIVEN: Final[dict[str, Any]] = {
    "heartbeat_interval_s": 20.0,
    "max_order_size": 10_000,
    "client_id_wait_s": 60.0,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_storm_leaves_everything_as_it_was(tmp_path: Path, seed: int) -> None:
    async with nothing_left(), rig(tmp_path, **GIVEN) as made:
        storm = Storm(made, seed, blows=BLOW_COUNT)
        await storm.follow()
        try:
            await storm.rage()
            await storm.end()
        except BaseException as error:
            error.add_note(f"seed {seed}: {storm.told}")
            raise


@pytest.mark.parametrize("name", BLOWS)
async def test_each_blow_alone_is_survived(tmp_path: Path, name: str) -> None:
    async with nothing_left(), rig(tmp_path, **GIVEN) as made:
        storm = Storm(made, 1, blows=3)
        await storm.follow()
        await storm.rage([name])
        await storm.end()


async def test_hours_of_flapping_are_one_loop_and_a_connection_for_each_session(
    tmp_path: Path,
) -> None:
    async with nothing_left(), rig(tmp_path, **GIVEN, reconnect_cap_s=60.0) as made:
        storm = Storm(made, 3, trades=False)
        hours = 12 if SOAKS else 3
        ends = made.clock.monotonic() + hours * 3600
        while made.clock.monotonic() < ends:
            made.simulator.cut()
            storm.check_on_the_way()
            await made.advance(storm.up_to(1800))
        await made.ready()
        opened = sum(change.event is SupervisorEvent.OPENED for change in made.changes)
        ready = sum(
            change.target is ConnectionState.READY and change.source is ConnectionState.SYNCING
            for change in made.changes
        )
        assert opened == made.logins()
        assert ready <= opened
        await storm.end()


async def test_an_hour_behind_a_socket_that_is_half_open_is_found_at_once_and_ridden_out(
    tmp_path: Path,
) -> None:
    async with nothing_left(), rig(tmp_path, **GIVEN) as made:
        storm = Storm(made, 5)
        if SOAKS:
            await storm.follow()
        storm.trade()
        await made.advance(10)
        made.simulator.inject(HalfOpen(lasts_s=3600.0))
        found_within_s = 2 * GIVEN["heartbeat_interval_s"]
        await made.until(
            lambda: made.state is not ConnectionState.READY, within_s=found_within_s, step_s=1.0
        )
        storm.trade()
        await made.advance(3650)
        await storm.end()
        assert list(storm.placed.values()) == ["placed", "refused"]


async def test_a_weekend_of_restarts_and_a_login_is_ridden_out(tmp_path: Path) -> None:
    friday_night = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    async with (
        nothing_left(),
        rig(tmp_path, start=friday_night, **{**GIVEN, "heartbeat_interval_s": 300.0}) as made,
    ):
        made.simulator.quirk(Quirk.DAILY_RESTART)
        made.simulator.quirk(Quirk.WEEKLY_LOGOUT)
        storm = Storm(made, 4)
        storm.trade()
        await made.advance(10)
        # until Sunday afternoon
        await made.advance(40 * 3600)
        await storm.end()
        assert made.logins() >= 3
        assert list(storm.placed.values()) == ["placed"]
