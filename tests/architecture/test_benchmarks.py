"""The benchmarks run; what they measure is no test's business, since machines differ."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.bridge import PATHS, Requests
from benchmarks.bridge import compare as requests
from benchmarks.bridge import report as requests_report
from benchmarks.desk import FIGURES as DESK_FIGURES
from benchmarks.desk import Comparison as DeskComparison
from benchmarks.desk import Figure as DeskFigure
from benchmarks.desk import compare, judged, turns
from benchmarks.desk import report as desk_report
from benchmarks.desk_side import Aside
from benchmarks.floor import Rows
from benchmarks.history import Bars
from benchmarks.history import compare as frames
from benchmarks.history import report as frames_report
from benchmarks.instruments import Registered
from benchmarks.instruments import compare as registered
from benchmarks.instruments import report as registered_report
from benchmarks.reconnect import Reconnects
from benchmarks.reconnect import compare as reconnects
from benchmarks.reconnect import report as reconnect_report
from benchmarks.sides import BARE, FLUSH, HOP, OURS, SIDES
from benchmarks.simulator import FIGURES, Figure, Measured, report
from benchmarks.streams import Streams
from benchmarks.streams import compare as streams
from benchmarks.streams import report as streams_report
from benchmarks.way import way

ROOT = Path(__file__).parents[2]


def test_a_figure_is_measured_and_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "simulator", "listing", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    assert json.loads(done.stdout)[FIGURES["listing"].name] > 0


@pytest.mark.parametrize(
    ("value", "is_rate", "verdict"),
    [(99.0, True, "MISSED"), (100.0, True, "met"), (101.0, False, "MISSED"), (99.0, False, "met")],
)
def test_a_promise_is_met_or_missed(value: float, is_rate: bool, verdict: str) -> None:
    figure = Figure(name="it", unit="/s", target=100, is_rate=is_rate, run=lambda: value)
    measured = Measured(figure=figure, value=value, profile=None)
    assert measured.is_met is (verdict == "met")
    assert report(measured).endswith(verdict)


def test_the_desk_is_compared_with_bare_ib_async_stage_by_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", str(tmp_path))
    found = compare(1, alone=2, in_flight=4, each=2, settle_s=0)
    assert found.ratios.keys() == {figure.name for figure in DESK_FIGURES}
    assert all(ratio > 0 for ratio in found.ratios.values())
    assert found.ranges == {name: (ratio, ratio) for name, ratio in found.ratios.items()}
    assert all(seconds > 0 for seconds in (*found.stages.values(), *found.legs.values()))
    near = [figure for figure in DESK_FIGURES if not figure.away_s]
    assert found.floors.keys() == {figure.name for figure in near if not figure.is_rate}
    assert all(ratio > 0 for pair in found.floors.values() for ratio in pair)
    shown = (*found.ratios, *found.stages, *found.legs, "the gateway leg", "and a flush")
    assert all(name in desk_report(found) for name in shown)


def test_an_error_of_a_side_ends_the_comparison_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("IBKR_KILL_SWITCH", "true")
    with pytest.raises(RuntimeError, match=r"(?s)^connector ended with 1:.*TradingHaltedError"):
        compare(1, alone=1, in_flight=1, each=1, settle_s=0)


async def test_a_way_leaves_nothing_out_and_keeps_the_order() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.readline():
            writer.write(b"heard " + said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, way(server.sockets[0].getsockname()[1], takes_s=0.001) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(50):
            writer.write(b"%d\n" % number)
            await asyncio.sleep(0)
        assert [await reader.readline() for _ in range(50)] == [
            b"heard %d\n" % number for number in range(50)
        ]
        writer.close()
        await writer.wait_closed()


def test_the_sides_take_turns_one_round_there_and_one_back() -> None:
    there, back = turns(0), turns(1)
    assert sorted(SIDES) == sorted(there)
    assert [*there] == [*reversed(back)]
    assert there == turns(2)


def test_the_floor_flushes_into_a_file_that_need_not_grow(tmp_path: Path) -> None:
    rows, ahead = Rows(tmp_path / "rows.sqlite3"), tmp_path / "rows.sqlite3-wal"
    sizes = []
    for _ in range(250):
        written = threading.Event()
        rows.put(written.set)
        written.wait()
        sizes.append(ahead.stat().st_size)
    rows.close()
    assert {sizes[0]} == {*sizes}


def _judged(*rounds: tuple[float, float]) -> DeskComparison:
    """Judge rounds of so much of bare ib_async and so much of ours, whatever the figure."""
    asides = {
        side: Aside(stages={"risk": 7.0}, legs={side: 8.0}, loop=f"loop of {side}")
        for side in (BARE, OURS)
    }
    measured = [
        {
            figure.name: {BARE: bare, OURS: ours, HOP: 2 * bare, FLUSH: 3 * bare}
            for figure in DESK_FIGURES
        }
        for bare, ours in rounds
    ]
    return judged(measured, asides)


def test_ratios_are_of_one_round_and_their_median_counts() -> None:
    found = _judged((1, 3), (10, 20), (4, 16))
    name = DESK_FIGURES[0].name
    assert found.values[name] == (4, 16)
    assert found.ratios[name] == 3
    assert found.ranges[name] == (2, 4)
    assert found.floors[name] == (2, 3)
    assert found.stages == {"risk": 7}
    assert found.legs == {BARE: 8, OURS: 8}
    assert found.loop == "loop of connector"
    assert "2.00 to 4.00" in desk_report(found)


def _one_of_each() -> tuple[DeskFigure, DeskFigure]:
    """Return a latency and a rate."""
    return (
        next(figure for figure in DESK_FIGURES if not figure.is_rate),
        next(figure for figure in DESK_FIGURES if figure.is_rate),
    )


def test_a_target_of_the_desk_that_is_missed_is_shown() -> None:
    latency, rate = (figure.name for figure in _one_of_each())
    found = _judged((1, 1))
    assert found.missed() == ()
    assert "MISSED" not in desk_report(found)
    slow = replace(found, ratios={**found.ratios, latency: 1.51, rate: 0.79})
    assert slow.missed() == (latency, rate)
    lines = desk_report(slow).splitlines()
    assert {latency, rate} == {line[:30].strip() for line in lines if line.endswith("MISSED")}


def test_a_latency_is_bounded_from_above_and_a_rate_from_below() -> None:
    latency, rate = _one_of_each()
    assert latency.target is not None
    assert rate.target is not None
    assert latency.is_met(latency.target)
    assert not latency.is_met(latency.target + 0.01)
    assert rate.is_met(rate.target)
    assert not rate.is_met(rate.target - 0.01)


def test_a_figure_without_a_target_is_told_and_never_missed() -> None:
    told = [figure for figure in DESK_FIGURES if figure.target is None]
    assert told
    worst = _judged((1000, 1))
    assert {figure.name for figure in told}.isdisjoint(worst.missed())
    lines = desk_report(worst).splitlines()
    shown = [line for line in lines if line[:30].strip() in {figure.name for figure in told}]
    assert len(shown) == len(told)
    assert all(line.endswith("0.00 to 0.00") for line in shown)


def test_requests_are_told_in_answers_a_second() -> None:
    rates = dict.fromkeys(PATHS, 500.0)
    found = Requests(rates=rates, cpu_ms=dict.fromkeys(PATHS, 1.0))
    assert found.is_met
    assert "met" in requests_report(found)
    slow = replace(found, rates={**rates, "a quote that is followed": 499.0})
    assert not slow.is_met
    assert "MISSED" in requests_report(slow)


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "soak", reason="a bridge and a gateway take a while"
)
def test_requests_are_answered_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", str(tmp_path))
    found = requests(1, seconds=0.1, connections=2)
    assert all(rate > 0 for rate in found.rates.values())


def test_the_way_back_to_ready_is_told_in_times_of_a_bare_connect() -> None:
    found = Reconnects(bare=0.2, bare_streams=2.5, ready=0.2, ready_with_streams=0.26, streams=3.0)
    assert found.is_met
    assert not replace(found, ready_with_streams=0.27).is_met
    assert "1.30  target 1.3: met" in reconnect_report(found)
    assert "1.20" in reconnect_report(found), "streams are told in times of bare streams"


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "soak", reason="three gateways take a while to start"
)
@pytest.mark.timeout(180)
def test_the_way_back_to_ready_is_measured_beside_a_bare_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", str(tmp_path))
    found = reconnects(1, orders=2, streams=3)
    assert all(ratio > 0 for ratio in found.ratios.values())


def test_frames_are_told_in_times_of_ib_async() -> None:
    found = Bars(bare=10, pandas=21, polars=19, ratio_pandas=2.1, ratio_polars=1.9)
    assert found.is_met
    assert "2.1 times" in frames_report(found)
    assert not Bars(bare=1, pandas=1, polars=1, ratio_pandas=1.9, ratio_polars=9).is_met


def test_streams_are_told_in_times_of_ib_async() -> None:
    found = Streams(bare=10, ours=12, ratio=1.2, bare_bytes=5, our_bytes=4)
    assert found.is_met
    assert "1.20 times" in streams_report(found)
    assert found.ratios["bytes"] == 0.8
    assert not Streams(bare=2, ours=1, ratio=0.5, bare_bytes=1, our_bytes=1).is_met


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "soak", reason="four connections take a while"
)
def test_ticks_reach_readers_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", str(tmp_path))
    found = streams(1, symbols=5, ticks=200)
    assert all(ratio > 0 for ratio in found.ratios.values())


def test_bars_become_frames_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_CONFIG_DIR", str(tmp_path))
    found = frames(1, bars=200)
    assert all(ratio > 0 for ratio in found.ratios.values())


async def test_instruments_are_read_from_the_registry_and_nowhere_else(tmp_path: Path) -> None:
    found = await registered(tmp_path, rounds=1, count=30)
    assert found.hit_us > 0
    assert f"target 50 ms a thousand: {'met' if found.is_met else 'MISSED'}" in registered_report(
        found
    )
    assert not Registered(count=10, by_text_ms=0.4, by_id_ms=0.6, hit_us=1).is_met
