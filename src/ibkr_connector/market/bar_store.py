"""
Bars on disk: Parquet files, one for each series and stretch of time.

    bars/con_id=265598/bar_size=1_min/show=TRADES/hours=regular/2026-11.parquet

What is known of a stretch stands in the file itself, beside the bars: which spans of time were
asked for, also those that turned out empty. So bars and knowledge are always of one mind: a file is
written whole beside its place, flushed, and put there in one step, and whoever removes one has its
bars downloaded again. Several processes may read and write; `lock` keeps a second download of the
same series waiting. The columns are those of `BarSeries.to_arrow`, the folders are columns as well,
so that DuckDB, polars and pandas read all of it as one table.

Every call here waits for the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.model.bars import BarColumns, micros, moment
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.frames import arrow_table, columns_of_table, with_library
from ibkr_connector.model.history import StoredSeries
from ibkr_connector.storage.file_lock import FileLock

from .chunks import BAR_S
from .intervals import Span, common, joined, time_spans, without

__all__ = ["BarStore", "SeriesKey"]

_MARK: Final = b"ibkr_connector.bars"
_FORMAT: Final = 1
_SUFFIX: Final = ".parquet"
_ASIDE: Final = ".unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """
    Which series: the instrument by its number, and everything that makes bars differ.

    The number is IB's own. What has none, or shares it, has a number below zero that follows from
    what it is: a combination by its legs, a continuous future (which bears the number of the
    contract that is in front today) by its symbol.
    """

    con_id: int
    bar_size: str
    what_to_show: str
    regular_hours_only: bool
    symbol: str = ""
    contract: str = ""

    @classmethod
    def of(
        cls, contract: Contract, *, bar_size: str, what_to_show: str, regular_hours_only: bool
    ) -> SeriesKey:
        """
        Return the key of a qualified contract's series.

        Raises:
            HistoricalDataError: It is not qualified, and neither are its legs.
        """
        return cls(
            con_id=_number(contract),
            bar_size=bar_size,
            what_to_show=what_to_show,
            regular_hours_only=regular_hours_only,
            symbol=contract.symbol,
            contract=str(contract),
        )

    @property
    def folder(self) -> Path:
        """Where its files are, below the root."""
        return Path(
            "bars",
            f"con_id={self.con_id}",
            f"bar_size={self.bar_size.replace(' ', '_')}",
            f"show={self.what_to_show}",
            f"hours={'regular' if self.regular_hours_only else 'all'}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One file: whose it is, what is known, and how much is in it."""

    path: Path
    key: SeriesKey
    known: tuple[Span, ...]
    bars: int


class BarStore:
    """
    The files below one folder.

    Args:
        root: The folder; made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- reading --------------------------------------------------------------------------------

    def series(self) -> tuple[StoredSeries, ...]:
        """
        Return what is stored, by instrument and bar size.

        Raises:
            HistoricalDataError: A file is torn, or none of ours; it is named.
        """
        found: dict[Path, list[_Part]] = {}
        for path in self._files(self.root / "bars"):
            found.setdefault(path.parent, []).append(_part(path))
        return tuple(_summary(parts) for _, parts in sorted(found.items()))

    def coverage(self, key: SeriesKey) -> list[Span]:
        """Return the spans of time that are known of a series, also where they are empty."""
        parts = [_part(path) for path in self._files(self.root / key.folder)]
        return joined(span for part in parts for span in part.known)

    def read(self, key: SeriesKey, span: Span | None = None) -> BarColumns:
        """
        Return the bars of a series, or those that begin within a span.

        Raises:
            HistoricalDataError: A file is torn, or none of ours; it is named.
        """
        tables = [
            columns_of_table(_table(path))
            for path in self._files(self.root / key.folder)
            if span is None or _reaches(path.stem, key.bar_size, span)
        ]
        whole = BarColumns.merged(tables)
        return whole if span is None else whole.between(moment(span[0]), moment(span[1]))

    def problems(self) -> tuple[HistoricalDataError, ...]:
        """Return what is wrong with files that cannot be read; each error names one."""
        wrong = []
        for path in self._files(self.root / "bars"):
            try:
                _part(path)
            except HistoricalDataError as error:
                wrong.append(error)
        return tuple(wrong)

    def pattern(self, key: SeriesKey | None = None) -> str:
        """Return the paths of all files, or of one series, for libraries that take patterns."""
        if key is None:
            return str(self.root / "bars" / "**" / f"*{_SUFFIX}")
        return str(self.root / key.folder / f"*{_SUFFIX}")

    # --- writing --------------------------------------------------------------------------------

    def take(self, key: SeriesKey) -> FileLock | None:
        """
        Take the lock of a series, which whoever writes holds; `None` while somebody else does.

        Raises:
            HistoricalDataError: The disk does not let it.
        """
        lock = FileLock(self.root / key.folder / ".lock")
        with _on_disk(self.root / key.folder):
            return lock if lock.acquire() else None

    def tidy(self, key: SeriesKey) -> None:
        """Remove what a writer of this series that was killed has left; with the lock held."""
        with _on_disk(self.root / key.folder):
            for path in (self.root / key.folder).glob(f".*{_SUFFIX}.*"):
                path.unlink(missing_ok=True)

    def add(self, key: SeriesKey, columns: BarColumns, *, known: Iterable[Span]) -> None:
        """
        Keep bars, and that these spans are known now; with the lock held.

        Each file is written whole or not at all. Bars outside the spans are left out: of a time
        that is known in part nobody could tell.

        Raises:
            HistoricalDataError: A file that is there already is torn, or none of ours; or the disk
                is full, or cannot be written.
        """
        with _on_disk(self.root / key.folder):
            self._add(key, columns, joined(known))

    def replace(self, key: SeriesKey, columns: BarColumns, *, known: Iterable[Span]) -> None:
        """
        Put bars in the place of all that is stored of a series; with the lock held.

        Whoever is killed in it leaves fewer bars, and never old ones beside new ones that are
        older: the oldest go first, and nothing is written before all are gone.
        """
        self.forget(key)
        self.add(key, columns, known=known)

    def _add(self, key: SeriesKey, columns: BarColumns, spans: list[Span]) -> None:
        stretches = {stretch: None for span in spans for stretch in _stretches(key.bar_size, span)}
        for name, bounds in stretches:
            here = common([bounds], spans)
            parts = [columns.between(moment(start), moment(end)) for start, end in here]
            path = self.root / key.folder / f"{name}{_SUFFIX}"
            stored = BarColumns()
            before: tuple[Span, ...] = ()
            if path.exists():
                part = _part(path)
                stored, before = columns_of_table(_table(path)), part.known
            _write(
                path,
                BarColumns.merged([stored, *parts]),
                key=key,
                known=joined([*before, *here]),
            )

    def forget(self, key: SeriesKey, spans: Iterable[Span] | None = None) -> None:
        """Remove a series, or spans of it; they are downloaded again when they are asked for."""
        with _on_disk(self.root / key.folder):
            self._forget(key, None if spans is None else joined(spans))

    def _forget(self, key: SeriesKey, gone: list[Span] | None) -> None:
        for path in self._files(self.root / key.folder):
            if gone is None:
                path.unlink()
                continue
            part = _part(path)
            left = without(part.known, gone)
            if left == list(part.known):
                continue
            stored = columns_of_table(_table(path))
            kept = [stored.between(moment(start), moment(end)) for start, end in left]
            if left:
                _write(path, BarColumns.merged(kept), key=part.key, known=left)
            else:
                path.unlink()
        _flush_folder(self.root / key.folder)

    def repair(self) -> tuple[Path, ...]:
        """Put torn files aside, under another ending; return where they are now.

        What only cannot be read just now, or is of a newer version, stays where it is.
        """
        moved = []
        for path in self._files(self.root / "bars"):
            try:
                _part(path)
            except _TornError:
                aside = path.with_suffix(_ASIDE)
                path.replace(aside)
                moved.append(aside)
            except HistoricalDataError:
                # the disk's, or a newer version's: the file itself may be whole
                continue
        return tuple(moved)

    @staticmethod
    def _files(folder: Path) -> Iterator[Path]:
        return iter(sorted(folder.rglob(f"*{_SUFFIX}")))


class _TornError(HistoricalDataError):
    """A file that is no file of bars, as opposed to a disk that cannot be read just now."""


def _number(contract: Contract) -> int:
    if not contract.is_qualified:
        raise HistoricalDataError(
            f"{contract} has no number by which it could be stored",
            hint="qualify it first: `await ib.instruments.resolve(...)`",
        )
    if contract.security_type is SecurityType.CONTINUOUS_FUTURE:
        said = [contract.symbol, contract.exchange, contract.currency, contract.trading_class]
        return _made_number("CONTFUT", *said, contract.multiplier)
    if contract.legs:
        legs = sorted(f"{leg.con_id}*{leg.sign * leg.ratio}" for leg in contract.legs)
        return _made_number("BAG", contract.exchange, contract.currency, *legs)
    assert contract.con_id is not None
    return contract.con_id


def _made_number(*said: object) -> int:
    text = "/".join("" if one is None else str(one) for one in said)
    # six bytes: far from any number of IB's, and exact in every library that reads the folders
    return -int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") - 1


# --- one file -----------------------------------------------------------------------------------


def _part(path: Path) -> _Part:
    parquet = with_library("pyarrow.parquet")
    try:
        footer = parquet.read_metadata(path)
        told = json.loads((footer.metadata or {})[_MARK])
        if told["format"] != _FORMAT:
            # before anything else is looked at: it may say more than this version knows
            raise HistoricalDataError(
                f"{path} was written by a newer version of this program",
                hint="use that version, or another `history_dir`",
            )
        key = SeriesKey(**told["series"])
        known = tuple((int(start), int(end)) for start, end in told["known"])
    except (OSError, KeyError, TypeError, ValueError) as exc:
        raise _unreadable(path, exc) from exc
    return _Part(path=path, key=key, known=known, bars=footer.num_rows)


def _table(path: Path) -> Any:
    parquet = with_library("pyarrow.parquet")
    try:
        # the folders' names are no columns of a file
        return parquet.ParquetFile(path).read()
    except (OSError, ValueError) as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, cause: Exception) -> HistoricalDataError:
    # pyarrow's own errors are ValueError and OSError, the latter without a number
    if isinstance(cause, OSError) and cause.errno is not None:
        return disk_trouble(path, cause)
    return _TornError(
        f"{path} is torn, or no file of bars",
        hint="move it away, or let `store.repair()` do so: its bars are downloaded again",
    )


def disk_trouble(path: Path, cause: OSError) -> HistoricalDataError:
    """Return the error that says what the disk, and not a file of ours, has."""
    return HistoricalDataError(
        f"the store of history cannot be used: {cause.strerror or cause}: {cause.filename or path}",
        hint="look at the space and the rights of `history_dir`; what was stored is kept",
    )


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise disk_trouble(path, exc) from exc


def _write(path: Path, columns: BarColumns, *, key: SeriesKey, known: list[Span]) -> None:
    parquet = with_library("pyarrow.parquet")
    told = {
        "format": _FORMAT,
        "series": {name: getattr(key, name) for name in SeriesKey.__dataclass_fields__},
        "known": known,
    }
    table = arrow_table(columns).replace_schema_metadata({_MARK: json.dumps(told).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    # one of each process, so that nobody writes into another's
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            parquet.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    # Windows has no such thing, and needs none
    if os.name != "posix" or not folder.exists():
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _summary(parts: list[_Part]) -> StoredSeries:
    key = parts[-1].key
    return StoredSeries(
        con_id=key.con_id,
        symbol=key.symbol,
        contract=key.contract,
        bar_size=key.bar_size,
        what_to_show=key.what_to_show,
        regular_hours_only=key.regular_hours_only,
        bars=sum(part.bars for part in parts),
        bytes=sum(part.path.stat().st_size for part in parts),
        coverage=time_spans(joined(span for part in parts for span in part.known)),
    )


# --- stretches ----------------------------------------------------------------------------------

_BY_DAY: Final = "%Y-%m-%d"
_BY_MONTH: Final = "%Y-%m"
_BY_YEAR: Final = "%Y"


def _form(bar_size: str) -> str:
    """Return how long a file's stretch is: some thousands of bars."""
    seconds = BAR_S[bar_size]
    if seconds < 60:
        return _BY_DAY
    return _BY_MONTH if seconds < 1_800 else _BY_YEAR


def _stretches(bar_size: str, span: Span) -> Iterator[tuple[str, Span]]:
    form = _form(bar_size)
    at = moment(span[0])
    while True:
        name = at.strftime(form)
        bounds = _bounds(name, form)
        yield name, bounds
        if bounds[1] >= span[1]:
            return
        at = moment(bounds[1])


def _bounds(name: str, form: str) -> Span:
    start = datetime.strptime(name, form).replace(tzinfo=UTC)
    if form == _BY_DAY:
        end = start + timedelta(days=1)
    elif form == _BY_MONTH:
        end = (start + timedelta(days=32)).replace(day=1)
    else:
        end = start.replace(year=start.year + 1)
    return micros(start), micros(end)


def _reaches(name: str, bar_size: str, span: Span) -> bool:
    try:
        start, end = _bounds(name, _form(bar_size))
    except ValueError:
        # no name of ours: reading it says so
        return True
    return start < span[1] and span[0] < end
