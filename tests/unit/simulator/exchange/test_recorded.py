from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from ibkr_connector.simulator.exchange.contract import Instrument, Query
from ibkr_connector.simulator.exchange.history import bars
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.tape import (
    QuoteTick,
    ReplayTape,
    TapeError,
    read_recorded,
    read_tape,
    script_tape,
)

START = datetime(2026, 11, 18, 15, tzinfo=UTC)
CATALOGUE = default_catalogue(START.date())
[APPLE] = CATALOGUE.find(Query(con_id=265598))
[EURO] = CATALOGUE.find(Query(con_id=12087792))

TICKS = """time,symbol,price,size
2026-11-18T15:00:01Z,AAPL,190.01,100
2026-11-18T15:00:00Z,AAPL,190.00,200
2026-11-18T15:00:01.5Z,EUR.USD,1.1,
1795014003,AAPL,189.99,50
"""
QUOTES = """time,symbol,bid,ask,bid_size,ask_size
2026-11-18T15:00:00Z,AAPL,189.99,190.01,300,200
2026-11-18T15:00:05Z,AAPL,190.00,190.03,100,100
"""
BARS = """time,symbol,open,high,low,close,volume
2026-11-18T15:00:00Z,AAPL,190,191,189,190.5,1001
2026-11-18T15:01:00Z,AAPL,190.5,190.6,188,188.5,7
2026-11-18T15:02:00Z,AAPL,188.5,188.5,188.5,188.5,0
2026-11-18T15:05:00Z,AAPL,188.5,189,188,188.2,
"""

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        path = tmp_path / "mine.csv"
        path.write_text(text, "utf-8")
        return path

    return write


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_ticks_are_put_into_order_and_stand_until_the_next(written: Written) -> None:
    tape = read_tape(written(TICKS))
    assert tape.price(APPLE, after(-1)) is None
    assert tape.price(APPLE, after(0.5)) == Decimal("190.00")
    assert tape.price(APPLE, after(2)) == tape.last(APPLE, after(2)) == Decimal("190.01")
    assert tape.price(APPLE, after(99)) == Decimal("189.99")
    assert tape.price(EURO, after(2)) == Decimal("1.1")
    swing = tape.swing(APPLE, START, after(10))
    assert swing is not None
    assert (swing.open, swing.high, swing.low, swing.close) == (
        Decimal("190.00"),
        Decimal("190.01"),
        Decimal("189.99"),
        Decimal("189.99"),
    )
    assert (swing.volume, swing.count) == (Decimal(350), 3)
    assert [trade.size for trade in tape.trades(APPLE, after(1), after(3))] == [100]
    # a price without a size was no trade
    assert list(tape.trades(EURO, START, after(9))) == []
    assert tape.last(EURO, after(2)) == EURO.last(*EURO.sides(Decimal("1.1")))


def test_quotes_are_told_as_they_were_recorded(written: Written) -> None:
    tape = read_tape(written(QUOTES))
    assert tape.price(APPLE, after(1)) == Decimal("190.00")
    assert tape.ladder(APPLE, after(1), 5) == (
        ((Decimal("189.99"), Decimal(300)),),
        ((Decimal("190.01"), Decimal(200)),),
    )
    assert tape.ladder(APPLE, after(6), 5)[1] == ((Decimal("190.03"), Decimal(100)),)
    assert tape.ladder(APPLE, after(-1), 5) == ((), ())
    assert tape.ladder(EURO, after(1), 5) == ((), ())
    [second] = tape.quotes(APPLE, after(1), after(6))
    assert second == QuoteTick(
        at=after(5),
        bid=Decimal("190.00"),
        ask=Decimal("190.03"),
        bid_size=Decimal(100),
        ask_size=Decimal(100),
    )


def test_recorded_bars_come_out_as_they_went_in(written: Written) -> None:
    tape = read_tape(written(BARS))
    found = list(
        bars(
            tape,
            APPLE,
            start=START,
            end=after(600),
            bar_size="1 min",
            what_to_show="MIDPOINT",
        )
    )
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in found] == [
        tuple(Decimal(price) for price in row.split(",")[2:6])
        for row in BARS.strip().splitlines()[1:]
    ]
    assert [(bar.start - START).total_seconds() for bar in found] == [0, 60, 120, 300]
    volumes = [
        swing.volume
        for n in range(3)
        if (swing := tape.swing(APPLE, after(60 * n), after(60 * n + 60)))
    ]
    assert volumes == [1_001, 7, 0]
    assert tape.price(APPLE, after(14)) == 190
    # a rising bar goes down first
    assert tape.price(APPLE, after(15)) == 189
    assert tape.price(APPLE, after(75)) == Decimal("190.6")


def test_one_bar_alone_is_a_minute_or_a_day(written: Written) -> None:
    head = "time,symbol,open,high,low,close\n"
    minute = read_tape(written(head + "2026-11-18T15:00:00,AAPL,1,2,1,2\n"))
    assert minute.price(APPLE, after(45)) == 2
    day = read_tape(written(head + "2026-11-18,AAPL,1,2,1,2\n"))
    assert day.price(APPLE, datetime(2026, 11, 18, 5, tzinfo=UTC)) == 1
    assert day.price(APPLE, datetime(2026, 11, 18, 12, tzinfo=UTC)) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["mine.csv", "missing", "ticks are time,symbol,price"]),
        ("time,price\n", ["mine.csv", "time, price", "bars"]),
        ("time,symbol,price\n", ["mine.csv", "nothing"]),
        ("time,symbol,price\nnoon,AAPL,1\n", ["mine.csv:2", "'noon'", "2026-11-18T15:00:00Z"]),
        ("time,symbol,price\n0,AAPL,1\n1,AAPL,1e\n", ["mine.csv:3", "price '1e'", "190.25"]),
        ("time,symbol,price\n0,AAPL,nan\n", ["mine.csv:2", "finite", "leave"]),
        ("time,symbol,price\n0,,1\n", ["mine.csv:2", "symbol", "AAPL"]),
        ("time,symbol,price\n0,AAPL\n", ["mine.csv:2", "price is missing"]),
        ("time,symbol,price\n0,AAPL,1,2\n", ["mine.csv:2", "more values", "quote"]),
        ("time,symbol,price,size\n0,AAPL,1,-2\n", ["mine.csv:2", "size '-2'", "negative"]),
        (
            "time,symbol,bid,ask,bid_size,ask_size\n0,AAPL,2,1,1,1\n",
            ["mine.csv:2", "bid 2", "ask 1", "exchange"],
        ),
        (
            "time,symbol,open,high,low,close\n0,AAPL,5,4,3,3.5\n",
            ["mine.csv:2", "open 5", "high 4", "order"],
        ),
    ],
)
def test_a_broken_row_is_named_with_a_remedy(written: Written, text: str, says: list[str]) -> None:
    with pytest.raises(TapeError) as caught:
        read_tape(written(text))
    for part in says:
        assert part in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_file_that_is_not_there_or_not_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"absent.csv: cannot be read"):
        read_tape(tmp_path / "absent.csv")
    with pytest.raises(TapeError, match=r"prices.xls: .xls is not known; use .csv or .parquet"):
        read_tape(tmp_path / "prices.xls")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TapeError, match=r"bytes.csv: cannot be read"):
        read_tape(tmp_path / "bytes.csv")


def test_lines_that_are_broken_are_named_too() -> None:
    with pytest.raises(TapeError, match="lines:2: price 'x' is not a number"):
        read_recorded(["time,symbol,price", "2026-11-18T15:00:00Z,AAPL,x"])


def test_without_pyarrow_parquet_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(TapeError, match=r"pip install 'ibkr-connector\[data\]'"):
        read_tape(tmp_path / "ticks.parquet")


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    columns = {
        "time": [START, after(1)],
        "symbol": ["AAPL", "AAPL"],
        "price": [190.0, 190.01],
        "size": [100, 200],
    }
    parquet.write_table(pyarrow.table(columns), path)
    tape = read_tape(path)
    assert tape.price(APPLE, after(2)) == Decimal("190.01")
    swing = tape.swing(APPLE, START, after(2))
    assert swing is not None
    assert swing.volume == 300
    parquet.write_table(pyarrow.table({"price": [1.0]}), path)
    with pytest.raises(TapeError, match="the columns are price"):
        read_tape(path)
    path.write_bytes(b"no parquet")
    with pytest.raises(TapeError, match="no Parquet file"):
        read_tape(path)


def test_several_files_make_one_tape(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TICKS, "utf-8")
    (tmp_path / "b.yaml").write_text("- {at: 0, symbol: MSFT, last: 400}\n", "utf-8")
    tape = read_tape(tmp_path / "a.csv", tmp_path / "b.yaml", begin=START)
    assert set(tape.symbols) == {"AAPL", "EUR.USD", "MSFT"}
    assert tape.span == (START, after(3))


# --- scripts ------------------------------------------------------------------------------------


def test_a_script_stands_until_its_next_entry() -> None:
    tape = script_tape(
        [
            {"at": 0, "symbol": "AAPL", "bid": 189.99, "ask": 190.01, "bid_size": 300},
            {"at": 10, "symbol": "AAPL", "bid": None},
            {"at": 5, "symbol": "AAPL", "last": "190.01", "last_size": 20},
            {"at": after(20), "symbol": "AAPL", "bid": 190, "ask": 190.02, "ask_size": 7},
        ],
        begin=START,
    )
    assert tape.ladder(APPLE, after(1), 3) == (
        ((Decimal("189.99"), Decimal(300)),),
        ((Decimal("190.01"), Decimal(100)),),
    )
    assert tape.last(APPLE, after(1)) == APPLE.last(*APPLE.sides(Decimal("190.00")))
    assert tape.last(APPLE, after(6)) == Decimal("190.01")
    assert tape.ladder(APPLE, after(11), 3)[0] == ()
    assert tape.ladder(APPLE, after(21), 3) == (
        ((Decimal(190), Decimal(300)),),
        ((Decimal("190.02"), Decimal(7)),),
    )
    [trade] = tape.trades(APPLE, START, after(30))
    assert (trade.at, trade.price, trade.size) == (after(5), Decimal("190.01"), Decimal(20))
    assert tape.price(APPLE, after(-1)) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("at: 0", ["must be a list"]),
        ("- 5", ["mine.yaml:1", "5 is no entry"]),
        ("- {symbol: A, bid: 1}", ["mine.yaml:1", "at is missing"]),
        ("- {at: 1, bid: 1}", ["mine.yaml:1", "symbol is missing"]),
        ("- {at: 1, symbol: A, bd: 1}", ["mine.yaml:1", "'bd' is not known", "bid_size"]),
        ("- {at: 1, symbol: A, bid: x}", ["mine.yaml:1", "bid 'x' is not a number"]),
        ("- {at: soon, symbol: A, bid: 1}", ["mine.yaml:1", "time 'soon'"]),
        ("- {at: 1, symbol: A, bid: 1, bid_size: -1}", ["mine.yaml:1", "negative"]),
        ("- {at: 1, symbol: A, bid: 2, ask: 1}", ["mine.yaml:1", "bid 2 is above ask 1"]),
        ("- {at: [", ["mine.yaml: cannot be read"]),
        ("[]", ["nothing"]),
    ],
)
def test_a_broken_entry_is_named_with_a_remedy(tmp_path: Path, text: str, says: list[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(TapeError) as caught:
        read_tape(path, begin=START)
    for part in says:
        assert part in str(caught.value)


def test_seconds_need_a_beginning() -> None:
    with pytest.raises(TapeError, match="at 3 counts from a beginning"):
        script_tape([{"at": 3, "symbol": "A", "last": 1}])


def test_a_recording_may_name_con_ids_and_plain_symbols() -> None:
    rows = [(START, Decimal(5))]
    for name in ("265598", "AAPL"):
        assert ReplayTape({name: rows}).price(APPLE, START) == 5
    [vodafone] = CATALOGUE.find(Query(symbol="BP.", sec_type="STK"))
    assert ReplayTape({"BP.": rows}).price(vodafone, START) == 5


def _ladder_of(instrument: Instrument) -> int:
    tape = ReplayTape({instrument.local_symbol: [(START, Decimal("190.00"))]})
    bids, asks = tape.ladder(instrument, START, 4)
    assert (bids[0][0], asks[0][0]) == instrument.sides(Decimal("190.00"))
    return len(bids) + len(asks)


def test_prices_without_quotes_have_a_ladder_about_them() -> None:
    assert _ladder_of(APPLE) == 8
    tape = ReplayTape({"AAPL": [(START, Decimal(190)), (after(5), Decimal(191))]})
    assert [quote.at for quote in tape.quotes(APPLE, START, after(9))] == [START, after(5)]
    assert list(tape.quotes(EURO, START, after(9))) == []
    assert list(tape.trades(EURO, START, after(9))) == []
    assert tape.last(EURO, START) is None
