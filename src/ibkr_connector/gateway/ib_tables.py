"""
ib_async's own tables and events, for whoever comes by the escape hatch.

The same as in ib_async, value by value and event by event; but texts for its log, with all that an
object holds, are made only when somebody reads that log.
"""

# mypy: disallow-untyped-calls=False
# ib_async's callbacks are not typed.

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from ib_async.objects import AccountValue, PortfolioItem, Position
from ib_async.wrapper import RequestError, Wrapper

from ibkr_connector.codes import Ends, Scope, lookup

from . import readings
from .hatch import Hatch
from .late_table import LateTable, LateValues
from .port import FiguresTold
from .window_figures import WindowFigures

__all__ = ["IBTables"]


class IBTables(Wrapper):
    """Keeps what ib_async keeps, and tells who may want it."""

    ib: Any

    def __init__(self, ib: Any) -> None:
        self.figures = WindowFigures(is_watched=lambda: self.hears_figures)
        super().__init__(ib)

    # --- who may want it ------------------------------------------------------------------------

    @property
    def wants_trades(self) -> bool:
        """Whether the escape hatch has an order, or waits for some."""
        return bool(self.trades or self.permId2Trade or "openOrders" in self._futures)

    def hatch_knows(self, client_id: int, order_id: int, perm_id: int) -> bool:
        """Whether an order is one of the escape hatch."""
        key = self.orderKey(client_id, order_id, perm_id)
        return perm_id in self.permId2Trade or key in self.trades

    def is_hatch(self, request_id: int) -> bool:
        """Whether an answer is for a question of the escape hatch."""
        return request_id in self._futures

    def rows_of(self, request_id: int) -> Any | None:
        """Return what an answer for the escape hatch is gathered in."""
        return self._results.get(request_id)

    def end_hatch(self, request_id: int, code: int, text: str) -> None:
        """Take an error message about a question of the escape hatch."""
        # ib_async takes some for warnings and leaves the request open (wrapper.py: warningCodes).
        if lookup(code, Scope.REQUEST, text).ends is not Ends.NO:
            self._endReq(request_id, RequestError(request_id, code, text), success=False)

    # --- questions ------------------------------------------------------------------------------

    def startReq(self, key: Any, contract: Any = None, container: Any = None) -> Any:
        """Enter a question of the escape hatch, when nobody else asks the same without an id."""
        begin = partial(super().startReq, key, contract, container)
        return self.hatch.start(key, begin, container=container)

    def _endReq(self, key: Any, result: Any = None, success: Any = True) -> None:  # noqa: FBT002
        """End one, and let the next of its name have its turn."""
        super()._endReq(key, result, success)
        self.hatch.ended(key)

    def reset(self) -> None:
        """Empty ib_async's tables, which makes new ones."""
        super().reset()
        self.hatch = Hatch(
            lambda: self.ib.client,
            futures=self._futures,
            results=self._results,
            contracts=self._reqId2Contract,
        )

    # --- tables ---------------------------------------------------------------------------------

    @property
    def hears_holdings(self) -> bool:
        """Whether somebody at the escape hatch, or a log, wants each row of what is held."""
        return bool(
            len(self.ib.positionEvent)
            or len(self.ib.updatePortfolioEvent)
            or "positions" in self._results
            or self._logger.isEnabledFor(logging.INFO)
        )

    @property
    def hears_figures(self) -> bool:
        """Whether somebody at the escape hatch wants each figure of an account window."""
        return bool(len(self.ib.accountValueEvent))

    # The tables are fields of the base class, which its `reset` assigns.

    @property
    def accountValues(self) -> dict[tuple[str, str, str, str], AccountValue]:
        """ib_async's table of the figures of account windows."""
        return self.late_values.look()

    @accountValues.setter
    def accountValues(self, table: dict[tuple[str, str, str, str], AccountValue]) -> None:
        self.late_values = LateValues(table)

    @property
    def positions(self) -> dict[str, dict[int, Position]]:
        """ib_async's table of positions."""
        return self.late_positions.look()

    @positions.setter
    def positions(self, table: dict[str, dict[int, Position]]) -> None:
        self.late_positions = LateTable(table, readings.ib_position)

    @property
    def portfolio(self) -> dict[str, dict[int, PortfolioItem]]:
        """ib_async's table of the lines of account windows."""
        return self.late_lines.look()

    @portfolio.setter
    def portfolio(self, table: dict[str, dict[int, PortfolioItem]]) -> None:
        self.late_lines = LateTable(table, readings.ib_item)

    def take_figures(self) -> Iterator[FiguresTold]:
        """Enter figures that wait, and return them as events."""
        for told, texts in self.figures.take():
            self.late_values.keep(zip(told.values, texts, strict=True))
            yield told

    def keep_position(self, position: Position) -> None:
        """Enter a position, or strike it out when it is closed."""
        held, con_id = position.position != 0, position.contract.conId
        self.late_positions.keep(position.account, con_id, position, is_held=held)
        self._logger.info("position: %s", position)
        results = self._results.get("positions")
        if results is not None:
            results.append(position)
        self.ib.positionEvent.emit(position)

    def keep_portfolio(self, item: PortfolioItem) -> None:
        """Enter a line of the account window, or strike it out when the position is closed."""
        held, con_id = item.position != 0, item.contract.conId
        self.late_lines.keep(item.account, con_id, item, is_held=held)
        self._logger.info("updatePortfolio: %s", item)
        self.ib.updatePortfolioEvent.emit(item)
