"""
What all streams have brought since the start, by kind; streams that have ended are still in it.

Written on the loop of the streams, one addition for each record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.model.streams import GapReason

if TYPE_CHECKING:
    from .consumers import Consumer
    from .subscription import Subscription

__all__ = ["KindTotals", "StreamTotals"]

Rows = list[tuple[tuple[str, ...], float]]


class KindTotals:
    """Of one kind of streams; `conflated` and `dropped` are those of readers who have left."""

    __slots__ = ("conflated", "dropped", "gaps", "records", "renewals")

    def __init__(self) -> None:
        self.records = self.renewals = self.conflated = self.dropped = 0
        self.gaps: Counter[GapReason] = Counter()

    def left(self, consumer: Consumer) -> None:
        """Keep what a reader who leaves has missed."""
        self.conflated += consumer.box.conflated
        self.dropped += consumer.box.dropped


class StreamTotals:
    """
    Of all kinds.

    Args:
        streams: Those that there are now.
    """

    def __init__(self, streams: Callable[[], Iterable[Subscription]]) -> None:
        self._streams = streams
        self._kinds: dict[StreamKind, KindTotals] = {}

    def of(self, kind: StreamKind) -> KindTotals:
        """Return those of one kind, to be added to."""
        return self._kinds.setdefault(kind, KindTotals())

    def ages(self) -> Iterator[tuple[str, float]]:
        """Give the kind of each stream that has brought something, and how long ago."""
        for one in self._streams():
            if one.has_data and one.gap is None:
                yield one.request.kind.value, one.silent_s

    def rows(self) -> Iterator[tuple[str, str, Rows]]:
        """Give a name, what it means, and the numbers by kind (of gaps, by kind and reason)."""
        kinds = [(kind.value, totals) for kind, totals in self._kinds.items()]
        conflated: Counter[str] = Counter({kind: one.conflated for kind, one in kinds})
        dropped: Counter[str] = Counter({kind: one.dropped for kind, one in kinds})
        for stream in self._streams():
            for consumer in stream.consumers:
                conflated[stream.request.kind.value] += consumer.box.conflated
                dropped[stream.request.kind.value] += consumer.box.dropped
        yield "records", "Records that came.", [((k,), one.records) for k, one in kinds]
        yield "renewals", "Streams asked for again.", [((k,), one.renewals) for k, one in kinds]
        yield "conflated", "Records that gave way to newer.", _by_kind(conflated)
        yield "dropped", "Records lost to slow readers.", _by_kind(dropped)
        gaps: Rows = [
            ((kind, reason.value), count)
            for kind, one in kinds
            for reason, count in one.gaps.items()
        ]
        yield "gaps", "Times in which a stream may have missed something.", gaps


def _by_kind(counts: Counter[str]) -> Rows:
    return [((kind,), count) for kind, count in counts.items()]
