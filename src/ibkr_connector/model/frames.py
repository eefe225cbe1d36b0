"""
Columns as frames of pandas, polars and Arrow, without a Python object for each bar.

Each frame has `timestamp` (UTC), `open`, `high`, `low`, `close`, `volume`, `average` and
`trade_count`. What the gateway did not say is missing in the frame: NaN among doubles, null among
whole numbers. The libraries come with the extra `data`.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError

from .bars import FIGURES, NO_COUNT, BarColumns

__all__ = ["arrow_table", "columns_of_table", "pandas_frame", "polars_frame", "with_library"]

_TIME: Final = "timestamp"
_COUNT: Final = "trade_count"


def with_library(name: str, *, extra: str = "data") -> Any:
    """
    Import a library that is not needed for anything else.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"this needs {name.partition('.')[0]}",
            hint=f"pip install 'ibkr-connector[{extra}]'",
        ) from missing


def pandas_frame(columns: BarColumns) -> Any:
    """Return a `pandas.DataFrame` whose index is `timestamp`."""
    pandas, numpy = with_library("pandas"), with_library("numpy")
    counts = numpy.array(columns.trade_count, dtype="int64")
    index = pandas.DatetimeIndex(
        numpy.array(columns.timestamp, dtype="int64").view("datetime64[us]"), name=_TIME
    ).tz_localize("UTC")
    data: dict[str, Any] = {
        name: numpy.array(getattr(columns, name), dtype="float64") for name in FIGURES
    }
    data[_COUNT] = pandas.arrays.IntegerArray(counts, counts == NO_COUNT)
    return pandas.DataFrame(data, index=index, copy=False)


def arrow_table(columns: BarColumns) -> Any:
    """Return a `pyarrow.Table`."""
    arrow, numpy = with_library("pyarrow"), with_library("numpy")
    counts = numpy.array(columns.trade_count, dtype="int64")
    arrays = [
        arrow.array(
            numpy.array(columns.timestamp, dtype="int64").view("datetime64[us]"),
            type=arrow.timestamp("us", tz="UTC"),
        ),
        # NaN is how pandas says that something is missing, so it becomes a null here
        *(
            arrow.array(numpy.array(getattr(columns, name), dtype="float64"), from_pandas=True)
            for name in FIGURES
        ),
        arrow.array(counts, mask=counts == NO_COUNT),
    ]
    return arrow.table(arrays, names=[_TIME, *FIGURES, _COUNT])


def polars_frame(columns: BarColumns) -> Any:
    """Return a `polars.DataFrame`."""
    return with_library("polars").from_arrow(arrow_table(columns))


def columns_of_table(table: Any) -> BarColumns:
    """Return the columns of an Arrow table that has those of `arrow_table`."""
    arrow, compute = with_library("pyarrow"), with_library("pyarrow.compute")
    made = BarColumns()
    times = table.column(_TIME).cast(arrow.timestamp("us", tz="UTC")).cast(arrow.int64())
    made.timestamp.frombytes(times.to_numpy().tobytes())
    for name in FIGURES:
        column = table.column(name).cast(arrow.float64())
        getattr(made, name).frombytes(column.to_numpy().astype("float64", copy=False).tobytes())
    counts = compute.fill_null(table.column(_COUNT).cast(arrow.int64()), NO_COUNT)
    made.trade_count.frombytes(counts.to_numpy().tobytes())
    return made
