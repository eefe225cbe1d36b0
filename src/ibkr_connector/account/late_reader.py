"""
Read behind the start what was left to be read later.

A long list of holdings is taken as it comes, and of each row only what makes it known is read
(`gateway/holdings.py`). Whoever is the first to look at all of them would wait for the rest of all
rows at once, and the loop with him; so they are read a few at a time when the list is complete,
and whatever else the loop has to do goes in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final

from ibkr_connector.gateway.port import PortfolioRow, PositionRow

__all__ = ["AT_ONCE", "BEHIND_S", "LateReader"]

AT_ONCE: Final = 64
"""So many rows take about a millisecond."""

BEHIND_S: Final = 0.1
"""So long behind the list the reading begins: what waits for the list goes on first."""


class LateReader:
    """Reads rows a few at a time; all calls on one loop."""

    def __init__(self) -> None:
        self._next: asyncio.Handle | None = None

    def begin(self, rows: Iterable[PositionRow | PortfolioRow]) -> None:
        """Read these; what was under way is given up, since it is of an older list."""
        self.close()
        late = iter([row for row in rows if row.raw])
        self._next = asyncio.get_running_loop().call_later(BEHIND_S, self._go_on, late)

    def close(self) -> None:
        """Read no more; idempotent."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _go_on(self, rows: Iterable[PositionRow | PortfolioRow]) -> None:
        read = [_rest(row) for row in islice(rows, AT_ONCE)]
        self._next = None
        if len(read) == AT_ONCE:
            self._next = asyncio.get_running_loop().call_soon(self._go_on, rows)


def _rest(row: PositionRow | PortfolioRow) -> object:
    """Look at what is shown of a row, which reads it."""
    return row.contract if isinstance(row, PositionRow) else row.market_value
