"""Bars on disk: whole or not at all, known with what they hold, and nobody's guess."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import HistoricalDataError, NoDataError
from ibkr_connector.market.bar_store import BarStore, SeriesKey
from ibkr_connector.market.intervals import Span, common, joined, without
from ibkr_connector.market.store_query import query, scan
from ibkr_connector.model.bars import BarColumns, micros
from ibkr_connector.model.contracts import (
    Action,
    ComboLeg,
    Contract,
    combo,
    continuous_future,
    future,
    stock,
)
from ibkr_connector.model.ids import ConId
from unit.market.test_gaps import columns

START = datetime(2026, 10, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = SeriesKey(
    con_id=1, bar_size="1 min", what_to_show="TRADES", regular_hours_only=True, symbol="A",
    contract="A (STK)",
)  # fmt: skip


A, B = (
    ComboLeg(contract=Contract(symbol="ES", con_id=ConId(number)), action=action)
    for number, action in ((1, Action.BUY), (2, Action.SELL))
)


def turned(leg: ComboLeg) -> ComboLeg:
    return replace(leg, action=leg.action.opposite)


def twice(leg: ComboLeg) -> ComboLeg:
    return replace(leg, ratio=2)


def span(first: int, last: int) -> Span:
    return micros(START + first * HOUR), micros(START + last * HOUR)


def bars(first: int, last: int, price: float = 10.0) -> BarColumns:
    return columns((START + number * HOUR for number in range(first, last)), price)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path)


def test_what_is_added_is_read_back_with_what_is_known(store: BarStore) -> None:
    store.add(KEY, bars(0, 48), known=[span(0, 48)])
    assert store.read(KEY) == bars(0, 48)
    assert store.coverage(KEY) == [span(0, 48)]
    assert [path.name for path in sorted((store.root / KEY.folder).glob("*.parquet"))] == [
        "2026-10.parquet", "2026-11.parquet",
    ]  # fmt: skip
    (series,) = store.series()
    assert (series.symbol, series.bars, series.bar_size) == ("A", 48, "1 min")
    assert series.bytes > 0


def test_a_span_without_a_bar_is_known_to_be_empty(store: BarStore) -> None:
    store.add(KEY, BarColumns(), known=[span(0, 30)])
    assert store.coverage(KEY) == [span(0, 30)]
    assert len(store.read(KEY)) == 0


def test_bars_outside_what_is_known_are_left_out(store: BarStore) -> None:
    store.add(KEY, bars(0, 10), known=[span(2, 5)])
    assert store.read(KEY) == bars(2, 5)


hours = st.tuples(st.integers(0, 60), st.integers(0, 60))


@given(steps=st.lists(st.tuples(st.sampled_from(("add", "forget")), hours), max_size=5))
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_store_holds_what_was_added_and_not_forgotten(
    steps: list[tuple[str, tuple[int, int]]], tmp_path: Path
) -> None:
    with_name = BarStore(tmp_path / str(len(list(tmp_path.iterdir()))))
    with_name.root.mkdir()
    known: list[Span] = []
    for what, (first, last) in steps:
        if what == "add":
            with_name.add(KEY, bars(first, last), known=[span(first, last)])
            known = joined([*known, span(first, last)])
        else:
            with_name.forget(KEY, [span(first, last)])
            known = without(known, [span(first, last)])
    assert with_name.coverage(KEY) == known
    everything = bars(0, 60)
    expected = [t for t in everything.timestamp if common([(t, t + 1)], known)]
    assert list(with_name.read(KEY).timestamp) == expected
    assert list(with_name.read(KEY, span(10, 20)).timestamp) == [
        t for t in expected if span(10, 20)[0] <= t < span(10, 20)[1]
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing", os.urandom(200)])
def test_a_torn_file_is_named_with_its_remedy_and_moved_aside(
    content: bytes, store: BarStore
) -> None:
    store.add(KEY, bars(0, 10), known=[span(0, 10)])
    (path,) = (store.root / KEY.folder).glob("*.parquet")
    path.write_bytes(content)
    reads: tuple[Any, ...] = (
        lambda: store.coverage(KEY), lambda: store.read(KEY), store.series,
        lambda: store.add(KEY, bars(0, 1), known=[span(0, 1)]),
    )  # fmt: skip
    for read in reads:
        with pytest.raises(HistoricalDataError, match=path.name) as caught:
            read()
        assert "downloaded again" in str(caught.value.hint)
    assert len(store.problems()) == 1
    assert [moved.name for moved in store.repair()] == ["2026-10.unreadable"]
    assert store.coverage(KEY) == []
    assert store.problems() == ()


def test_a_foreign_file_is_named(store: BarStore) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = store.root / KEY.folder / "2026-10.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"timestamp": [1]}), path)
    with pytest.raises(HistoricalDataError, match="no file of bars"):
        store.coverage(KEY)


def test_a_file_of_a_later_format_is_not_guessed_at(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr("ibkr_connector.market.bar_store._FORMAT", 2)
        store.add(KEY, bars(0, 2), known=[span(0, 2)])
    with pytest.raises(HistoricalDataError, match="newer version"):
        store.coverage(KEY)


def test_a_newer_version_that_says_more_is_not_torn_and_stays_where_it_is(store: BarStore) -> None:
    import pyarrow.parquet as pq

    store.add(KEY, bars(0, 2), known=[span(0, 2)])
    (path,) = (store.root / KEY.folder).glob("*.parquet")
    table = pq.ParquetFile(path).read()
    told = json.loads(table.schema.metadata[b"ibkr_connector.bars"])
    told["format"] = 2
    told["series"]["venue"] = "SMART"
    pq.write_table(
        table.replace_schema_metadata({b"ibkr_connector.bars": json.dumps(told).encode()}), path
    )
    with pytest.raises(HistoricalDataError, match="newer version"):
        store.coverage(KEY)
    assert store.repair() == ()
    assert path.exists()


def test_a_disk_that_cannot_be_read_is_no_torn_file(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    store.add(KEY, bars(0, 2), known=[span(0, 2)])

    def no_files_left(_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(pq, "read_metadata", no_files_left)
        with pytest.raises(HistoricalDataError, match="Too many open files") as caught:
            store.coverage(KEY)
        assert "downloaded again" not in str(caught.value.hint)
        assert len(store.problems()) == 1
        assert store.repair() == ()
    assert store.coverage(KEY) == [span(0, 2)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((A, B), (B, A), True),
        ((A, B), (turned(A), turned(B)), False),
        ((A, B), (A, twice(B)), False),
    ],
    ids=["in another order", "the other way round", "in another ratio"],
)
def test_a_combination_is_stored_by_what_its_legs_are(
    one: tuple[ComboLeg, ...], other: tuple[ComboLeg, ...], same: bool
) -> None:
    first, second = (
        SeriesKey.of(
            combo(*legs, exchange="CME", currency="USD"),
            bar_size="1 min", what_to_show="BID", regular_hours_only=False,
        )
        for legs in (one, other)
    )  # fmt: skip
    assert first.con_id < 0
    assert (first.folder == second.folder) is same


def test_a_continuous_future_is_stored_apart_from_the_contract_in_front() -> None:
    wish: dict[str, Any] = {
        "bar_size": "1 day",
        "what_to_show": "TRADES",
        "regular_hours_only": True,
    }
    number = ConId(7)
    front = SeriesKey.of(replace(future("ES", "202612"), con_id=number), **wish)
    today, later = (
        SeriesKey.of(replace(continuous_future("ES"), con_id=ConId(one)), **wish) for one in (7, 8)
    )
    assert front.con_id == 7
    # a roll changes IB's number, and not the series
    assert today.con_id == later.con_id < 0
    other = SeriesKey.of(replace(continuous_future("NQ"), con_id=number), **wish)
    assert other.con_id != today.con_id


def test_a_writer_that_dies_leaves_the_file_as_it_was(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(KEY, bars(0, 4), known=[span(0, 4)])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(HistoricalDataError, match="space"):
            store.add(KEY, bars(4, 8), known=[span(4, 8)])
    assert store.coverage(KEY) == [span(0, 4)]
    assert [path.name for path in (store.root / KEY.folder).iterdir()] == ["2026-10.parquet"]


def test_what_a_killed_writer_left_is_swept_up(store: BarStore) -> None:
    store.add(KEY, bars(0, 4), known=[span(0, 4)])
    left = store.root / KEY.folder / ".2026-10.parquet.4711"
    left.write_bytes(b"half")
    assert store.problems() == ()
    store.tidy(KEY)
    assert not left.exists()


def test_one_at_a_time_holds_the_lock_of_a_series(store: BarStore) -> None:
    first = store.take(KEY)
    assert first is not None
    assert not first.acquire()
    assert store.take(KEY) is None
    first.release()
    first.release()
    second = store.take(KEY)
    assert second is not None
    second.release()


def test_a_series_is_forgotten_as_a_whole(store: BarStore) -> None:
    store.add(KEY, bars(0, 48), known=[span(0, 48)])
    store.forget(KEY)
    assert store.series() == ()


def test_what_has_no_number_cannot_be_stored() -> None:
    with pytest.raises(HistoricalDataError, match="no number"):
        SeriesKey.of(stock("A"), bar_size="1 min", what_to_show="TRADES", regular_hours_only=True)
    key = SeriesKey.of(
        Contract(symbol="A", con_id=7),  # type: ignore[arg-type]
        bar_size="1 min", what_to_show="BID", regular_hours_only=False,
    )  # fmt: skip
    assert str(key.folder) == "bars/con_id=7/bar_size=1_min/show=BID/hours=all"


def test_the_whole_store_is_one_table_in_sql(store: BarStore) -> None:
    other = SeriesKey(
        con_id=2, bar_size="1 hour", what_to_show="TRADES", regular_hours_only=False, symbol="B"
    )
    store.add(KEY, bars(0, 48), known=[span(0, 48)])
    store.add(other, bars(0, 24, 30.0), known=[span(0, 24)])
    found = query(
        store,
        "SELECT symbol, bar_size, count(*) AS n, max(close) AS top FROM bars "
        "JOIN (SELECT con_id, symbol FROM series) USING (con_id) GROUP BY ALL ORDER BY symbol",
    ).to_pylist()
    assert found == [
        {"symbol": "A", "bar_size": "1_min", "n": 48, "top": 10.0},
        {"symbol": "B", "bar_size": "1_hour", "n": 24, "top": 30.0},
    ]
    days = query(store, "SELECT DISTINCT timestamp::date AS day FROM bars ORDER BY day")
    assert len(days) == 3


def test_a_series_is_a_lazy_frame(store: BarStore) -> None:
    import polars as pl

    store.add(KEY, bars(0, 48), known=[span(0, 48)])
    lazy = scan(store, KEY).filter(pl.col("timestamp") >= START + 40 * HOUR)
    assert len(lazy.collect()) == 8


def test_questions_to_an_empty_store_say_so(store: BarStore) -> None:
    with pytest.raises(NoDataError):
        query(store, "SELECT 1")
    with pytest.raises(NoDataError):
        scan(store, KEY)
    assert store.series() == ()
