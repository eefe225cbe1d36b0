"""
Quotes of many contracts at once, within the lines that are free.

A contract that is followed by a stream is answered from it and costs nothing. The others are asked
for one snapshot each, as many at a time as there are lines; one for which none is free waits until
an earlier snapshot is done. A snapshot holds its line from its request to its end, and none while
it waits for its turn at the wire: with few lines TWS takes few messages a second too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Quote, QuoteSet
from ibkr_connector.resilience.line_turns import LineTurns, each
from ibkr_connector.resilience.lines import LineBudget

__all__ = ["Line", "ManyQuotes"]

Line = Callable[[], AbstractAsyncContextManager[None]]
"""Holds a line while something is open."""

_AT_ONCE: Final = 50
"""Snapshots that are open at a time, whatever the lines would allow."""


class ManyQuotes:
    """
    Asks for many quotes.

    Args:
        take: Takes one snapshot, holding the line it is given; an error is of that contract alone.
        followed: The newest quote of a stream that is whole, if there is one.
        lines: Counts lines.
    """

    def __init__(
        self,
        *,
        take: Callable[[Contract | str, Line], Awaitable[Quote]],
        followed: Callable[[Contract | str], Awaitable[Quote | None]],
        lines: LineBudget,
    ) -> None:
        self._take = take
        self._followed = followed
        self._turns = LineTurns(lines)

    async def ask(self, descriptions: Iterable[Contract | str]) -> QuoteSet:
        """
        Return the quotes, and why the others could not be had.

        Raises:
            IBKRError: Not one could be had; the error of the first.
        """
        wanted = tuple(dict.fromkeys(descriptions))
        answers, failures = await each(wanted, self._one, at_once=_AT_ONCE)
        if failures and not answers:
            raise next(iter(failures.values()))
        return QuoteSet(quotes=tuple(answers.values()), failures=failures)

    async def _one(self, description: Contract | str) -> Quote:
        followed = await self._followed(description)
        if followed is not None:
            return followed
        async with self._turns.turn():
            return await self._take(description, self._turns.line)
