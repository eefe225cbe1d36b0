"""Questions to all stored bars at once, in SQL or as a lazy frame; each waits for the disk."""

from __future__ import annotations

from typing import Any

from ibkr_connector.errors import NoDataError
from ibkr_connector.model.frames import with_library

from .bar_store import BarStore, SeriesKey

__all__ = ["query", "scan"]


def query(store: BarStore, sql: str) -> Any:
    """
    Run SQL over the store and return a `pyarrow.Table`.

    There are two tables: `bars`, with the columns of a frame and `con_id`, `bar_size` (as in
    `1_min`), `show` and `hours`; and `series`, with `con_id`, `symbol`, `contract`, and what else
    is stored under it.

    Raises:
        NoDataError: Nothing is stored.
        HistoricalDataError: A file is torn, or none of ours; it is named.
    """
    duckdb, arrow = with_library("duckdb"), with_library("pyarrow")
    known = store.series()
    if not known:
        raise NoDataError(f"nothing is stored in {store.root}")
    columns = ("con_id", "symbol", "contract", "bar_size", "what_to_show", "regular_hours_only")
    series = arrow.table({name: [getattr(one, name) for one in known] for name in columns})
    pattern = store.pattern().replace("'", "''")
    with duckdb.connect(":memory:") as database:
        # times are shown and cut in UTC, wherever this runs
        database.execute("SET TimeZone = 'UTC'")
        database.register("series", series)
        database.execute(
            f"CREATE VIEW bars AS SELECT * FROM read_parquet('{pattern}', hive_partitioning = true)"
        )
        return database.sql(sql).to_arrow_table()


def scan(store: BarStore, key: SeriesKey) -> Any:
    """
    Return a `polars.LazyFrame` over one series; files are read as far as they are needed.

    Raises:
        NoDataError: Nothing is stored of it.
    """
    polars = with_library("polars")
    if not store.coverage(key):
        raise NoDataError(f"nothing is stored of {key.contract} in bars of {key.bar_size}")
    return polars.scan_parquet(store.pattern(key), hive_partitioning=False)
