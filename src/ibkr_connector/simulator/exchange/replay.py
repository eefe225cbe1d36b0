"""Recorded prices as a tape: each stands until the next, and nothing is invented between them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from .contract import Instrument
from .models import DisplayedSize
from .prices import Level, QuoteTick, Swing, TapeError, TradeTick
from .recorded import RecordedPrices, read_file, read_recorded, with_crosses
from .script import read_script, script_tracks
from .seeded import quote_at, rungs
from .tracks import Track

__all__ = [
    "RecordedPrices",
    "ReplayTape",
    "Track",
    "read_recorded",
    "read_tape",
    "script_tape",
    "with_crosses",
]

_SCRIPTS: Final = frozenset({".yaml", ".yml", ".json"})


class ReplayTape:
    """
    Recorded prices, each standing until the next.

    Symbols are local symbols (`EUR.USD`, `ESZ6`), con ids, or plain symbols of stocks. A swing is
    made of what was recorded within the interval: a price that stands from before is not in it, so
    that a bar of recorded trades is that of the trades in it.

    Args:
        prices: Tracks by symbol, or plain prices with their moments.
        seed: Seed of the sizes that are displayed where none were recorded.
    """

    def __init__(self, prices: RecordedPrices | Mapping[str, Track], *, seed: int = 1) -> None:
        self._tracks = {
            name: rows if isinstance(rows, Track) else Track(points=rows)
            for name, rows in prices.items()
        }
        self._sizes = DisplayedSize(seed)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first and the last recorded moment."""
        points = [track.points for track in self._tracks.values() if track.points]
        return min(rows[0][0] for rows in points), max(rows[-1][0] for rows in points)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What was recorded, by the names that the recording has for it."""
        return tuple(self._tracks)

    def first(self, instrument: Instrument) -> datetime | None:
        """Return when the recording of an instrument begins; `None` when it has none."""
        track = self._track(instrument)
        return track.points[0][0] if track is not None and track.points else None

    def stretch(self, at: datetime) -> Hashable:
        """Name the moment itself: what was recorded may change at any."""
        return at

    def price(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the last price recorded until then; `None` before the first."""
        track = self._track(instrument)
        return track.price(at) if track is not None else None

    def swing(self, instrument: Instrument, start: datetime, end: datetime) -> Swing | None:
        """Return what was recorded from `start` until before `end`; `None` when nothing was."""
        track = self._track(instrument)
        if track is None:
            return None
        prices = track.prices_within(start, end)
        if not prices:
            return None
        trades = track.trades_within(start, end)
        return Swing(
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=sum((trade.size for trade in trades), Decimal(0)),
            count=len(trades),
        )

    def last(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the last trade recorded until then, or what a quote makes of the price."""
        track = self._track(instrument)
        if track is None:
            return None
        trade = track.trade(at)
        if trade is not None:
            return trade.price
        middle = track.price(at)
        return None if middle is None else instrument.last(*instrument.sides(middle))

    def path(self, instrument: Instrument, start: datetime, end: datetime) -> Sequence[Decimal]:
        """Return the prices recorded within the interval, its end excluded."""
        track = self._track(instrument)
        return track.prices_within(start, end) if track is not None else []

    def ladder(
        self, instrument: Instrument, at: datetime, depth: int
    ) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the recorded quote, or one about the recorded price with a ladder behind it."""
        track = self._track(instrument)
        if track is None:
            return (), ()
        quote = track.quote(at)
        if quote is not None:
            bids = [(quote.bid, quote.bid_size)] if quote.bid is not None else []
            asks = [(quote.ask, quote.ask_size)] if quote.ask is not None else []
            return tuple(bids[:depth]), tuple(asks[:depth])
        middle = track.price(at)
        if middle is None:
            return (), ()
        return rungs(instrument, middle, at, depth=depth, sizes=self._sizes)

    def trades(self, instrument: Instrument, start: datetime, end: datetime) -> Iterator[TradeTick]:
        """Yield the trades recorded from `start` until before `end`."""
        track = self._track(instrument)
        if track is not None:
            yield from track.trades_within(start, end)

    def quotes(self, instrument: Instrument, start: datetime, end: datetime) -> Iterator[QuoteTick]:
        """Yield the quotes recorded in an interval, or those about the prices recorded in it."""
        track = self._track(instrument)
        if track is None:
            return
        if track.quotes:
            yield from track.quotes_within(start, end)
            return
        for at, price in track.points:
            if start <= at < end:
                yield quote_at(instrument, price, at, sizes=self._sizes)

    def _track(self, instrument: Instrument) -> Track | None:
        track = self._tracks.get(instrument.local_symbol)
        if track is None:
            track = self._tracks.get(str(instrument.con_id))
        if track is None and instrument.sec_type == "STK":
            track = self._tracks.get(instrument.symbol)
        return track


def read_tape(*paths: Path, begin: datetime | None = None, seed: int = 1) -> ReplayTape:
    """
    Make a tape of files: recordings (`.csv`, `.parquet`) and scripts (`.yaml`, `.yml`, `.json`).

    Several files may be of several symbols; where two have the same symbol, the later file counts.

    Args:
        paths: The files.
        begin: From when on a script's numbers are seconds.
        seed: Seed of the sizes that are displayed where none were recorded.

    Raises:
        TapeError: A file cannot be read, or has nothing in it.
    """
    tracks: dict[str, Track] = {}
    for path in paths:
        if path.suffix.lower() in _SCRIPTS:
            tracks.update(read_script(path, begin=begin))
        else:
            tracks.update(read_file(path))
    if not tracks:
        names = ", ".join(path.name for path in paths)
        raise TapeError(f"{names}: there is nothing in it; a tape needs one price at least")
    return ReplayTape(tracks, seed=seed)


def script_tape(
    entries: Iterable[Mapping[str, object]], *, begin: datetime | None = None, seed: int = 1
) -> ReplayTape:
    """Make a tape of entries written by hand; see `script.script_tracks`."""
    return ReplayTape(script_tracks(entries, begin=begin), seed=seed)
