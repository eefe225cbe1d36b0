"""
Where each message goes: to the request that asked, to the sink as an event, or on to ib_async.

ib_async guesses: an error code makes an order cancelled, fills of orders it does not know raise
no event, a warning never ends a request. So every message that our ports need is taken here
before it guesses. What belongs to our own requests ends here; ib_async's own state is fed only
for what was asked through the escape hatch, and we never read it.
"""

# ruff: noqa: PLR0917
# The callbacks' arguments are ib_async's, and it passes them by position.
# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

from ib_async.contract import Contract
from ib_async.objects import PortfolioItem, Position

from ibkr_connector.clock import Clock
from ibkr_connector.model.account import AccountValue
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.research import NewsProvider

from . import readings, translate
from .bar_columns import BarRows
from .fault_router import FaultRouter
from .faults import handshake_error, lost
from .ib_tables import IBTables
from .port import (
    BrokerOrder,
    CompletedOrder,
    Execution,
    FiguresTold,
    GatewayEvent,
    OpenOrderSeen,
    PortfolioRow,
    PositionRow,
)
from .requests import Listing, Requests
from .snapshot import Snapshot
from .stream_port import NoStreams, StreamTable
from .times import BadTimeError
from .what_if import WhatIfs

__all__ = ["GatewayWrapper"]

_log = logging.getLogger(__name__)


class GatewayWrapper(IBTables):
    """Receives every decoded message of one session."""

    def __init__(
        self,
        ib: Any,
        *,
        clock: Clock,
        sink: Callable[[GatewayEvent], None],
        grace_s: float,
    ) -> None:
        super().__init__(ib)
        self.requests = Requests()
        self.what_ifs = WhatIfs()
        self.open_orders = self._listing(BrokerOrder, "open_orders", clock, grace_s=grace_s)
        self.completed = self._listing(CompletedOrder, "completed_orders", clock, grace_s=grace_s)
        self.held = self._listing(PositionRow, "positions", clock, grace_s=grace_s)
        self.window = self._listing(PortfolioRow, "portfolio", clock, grace_s=grace_s)
        self.now = self._listing(int, "current_time", clock, grace_s=grace_s)
        self.providers = self._listing(NewsProvider, "news_providers", clock, grace_s=grace_s)
        self.scan_parameters = self._listing(str, "scan_parameters", clock, grace_s=grace_s)
        self.advisor = self._listing(tuple, "advisor", clock, grace_s=grace_s)
        self.family = self._listing(tuple, "family_codes", clock, grace_s=grace_s)
        self.summary: dict[tuple[str, str, str], AccountValue] = {}
        self.window_rows: dict[tuple[str, ConId | None], PortfolioRow] = {}
        self.login_zone: tzinfo = UTC
        self.last_received = clock.monotonic()
        self._clock = clock
        self._sink = sink
        self.streams: StreamTable = NoStreams()
        self.pnl_error: Callable[[int, int, str], bool] = lambda number, code, text: False
        self._events: list[GatewayEvent] = []
        self.on_data_lost: Callable[[], None] = lambda: None
        self.on_combination: Callable[[BrokerOrder], None] = lambda order: None
        self._faults = FaultRouter(
            self.requests,
            self.listings,
            what_ifs=self.what_ifs,
            emit=self.emit,
            on_data_lost=lambda: self.on_data_lost(),
        )

    @staticmethod
    def _listing(_row: type, name: str, clock: Clock, *, grace_s: float) -> Listing[Any]:
        return Listing(name, monotonic=clock.monotonic, grace_s=grace_s)

    @property
    def listings(self) -> tuple[Listing[Any], ...]:
        """Every question without an id."""
        own = (self.open_orders, self.completed, self.held, self.window, self.now)
        return (*own, self.providers, self.scan_parameters, self.advisor, self.family)

    # --- towards the sink -----------------------------------------------------------------------

    def emit(self, event: GatewayEvent) -> None:
        """Put an event behind those of the same message."""
        self._events.append(event)

    def deliver(self) -> None:
        """
        Hand the events of one message to the sink.

        An exception of the sink goes up and ends the session: what has missed an event is not to
        be trusted, and a new session reconciles.
        """
        if self._events:
            events, self._events = self._events, []
            for event in events:
                self._sink(event)

    def emit_figures(self) -> None:
        """Put figures that wait behind the events so far."""
        self._events.extend(self.take_figures())

    def unreadable(self, fields: list[str], exc: Exception) -> None:
        """Say that a message could not be read, and end the questions that it may answer."""
        self._faults.unreadable(fields, exc)

    def end_all(self) -> None:
        """The session is over: every open question fails now, ib_async's own ones too."""
        self.requests.fail_all(lost)
        self.streams.end_all()
        for listing in self.listings:
            listing.fail(lost(listing.name))
        self.hatch.end_all()
        self.reset()

    # --- errors ---------------------------------------------------------------------------------

    def error(
        self, reqId: int, errorCode: int, errorString: str, advancedOrderRejectJson: str = ""
    ) -> None:
        """Send an error message to whom it is about; it never changes an order's state here."""
        if not self.ib.client.isReady() and (error := handshake_error(errorCode, errorString)):
            self.ib.client.refuse(error)
        elif reqId in self.reqId2Ticker or reqId in self.reqId2Subscriber:
            # A stream of the escape hatch; ib_async renews it where it must.
            super().error(reqId, errorCode, errorString, advancedOrderRejectJson)
        else:
            # data that came before it in the same read are told before it
            self.streams.flush()
            if self.is_hatch(reqId):
                self.end_hatch(reqId, errorCode, errorString)
            elif not (
                self.streams.error(reqId, errorCode, errorString)
                or self.pnl_error(reqId, errorCode, errorString)
            ):
                reject = advancedOrderRejectJson
                self._faults.route(reqId, errorCode, text=errorString, advanced_reject=reject)
            self.ib.errorEvent.emit(reqId, errorCode, errorString, None)

    # --- orders ---------------------------------------------------------------------------------

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        """An order as the broker describes it, live or as a row of an answer."""
        if order.whatIf:
            if not self.what_ifs.told(orderId, orderState) and orderId in self._futures:
                super().openOrder(orderId, contract, order, orderState)
            return
        seen = translate.broker_order(contract, order, orderState, login_zone=self.login_zone)
        self.order_seen(seen)
        known = self.hatch_knows(seen.client_id, orderId, order.permId)
        if known or "openOrders" in self._futures:
            super().openOrder(orderId, contract, order, orderState)

    def order_seen(self, seen: BrokerOrder) -> None:
        """Take in an order as the broker describes it."""
        if seen.client_id == self.ib.client.clientId:
            self.ib.client.updateReqId(seen.order_id + 1)
        if seen.contract.legs:
            self.on_combination(seen)
        self.open_orders.row(seen.perm_id or (seen.client_id, seen.order_id), seen)
        self.emit(OpenOrderSeen(order=seen))

    def openOrderEnd(self) -> None:
        """All open orders have been sent."""
        self.open_orders.end()
        super().openOrderEnd()

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        whyHeld: str,
        mktCapPrice: float = 0.0,
    ) -> None:
        """Where an order is; also those of other clients and of TWS itself."""
        self.emit(
            translate.order_status(
                orderId,
                clientId,
                permId,
                status=status,
                filled=filled,
                remaining=remaining,
                average_price=avgFillPrice,
                last_price=lastFillPrice,
                parent_id=parentId,
                why_held=whyHeld,
            )
        )
        if self.hatch_knows(clientId, orderId, permId):
            super().orderStatus(
                orderId, status, filled, remaining, avgFillPrice, permId, parentId,
                lastFillPrice, clientId, whyHeld, mktCapPrice,
            )  # fmt: skip

    def execution_time(self, text: str) -> datetime:
        """Return the time of an execution; the time of arrival when the text says none."""
        try:
            return readings.moment(text, login_zone=self.login_zone)
        except BadTimeError as exc:
            # The fill counts whatever its time is.
            _log.error("an execution's time was replaced by that of its arrival: %s", exc)
            return self._clock.utcnow()

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        """One execution: of an answer, or as it happens, whosever order it is."""
        is_hatch = self.is_hatch(reqId)
        if not is_hatch:
            recovered = self.requests.owns(reqId)
            self.execution_seen(
                reqId,
                translate.execution(contract, execution, time=execution.time, recovered=recovered),
            )
            if recovered:
                return
        if is_hatch or self.hatch_knows(execution.clientId, execution.orderId, execution.permId):
            super().execDetails(reqId, contract, execution)

    def execution_seen(self, request_id: int, seen: Execution) -> None:
        """Take in an execution: of one of our answers, or as it happens."""
        if not seen.recovered:
            self.emit(seen)
        elif (rows := self.requests.collector(request_id)) is not None:
            rows.append(seen)

    def execDetailsEnd(self, reqId: int) -> None:
        """All executions have been sent."""
        self._end(reqId, super().execDetailsEnd)

    def commission_text(self, exec_id: str, amount: str, currency: str, realized: str) -> None:
        """What one execution cost, as text, before ib_async makes zeros of what is unknown."""
        self.emit(translate.commission(exec_id, amount, currency=currency, realized=realized))

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
        """A closed order, as a row of an answer."""
        seen = translate.completed_order(contract, order, orderState)
        self.completed.row(seen.perm_id or object(), seen)
        if "completedOrders" in self._futures:
            super().completedOrder(contract, order, orderState)

    def completedOrdersEnd(self) -> None:
        """All closed orders have been sent."""
        self.completed.end()
        super().completedOrdersEnd()

    # --- accounts -------------------------------------------------------------------------------

    def position(self, account: str, contract: Any, posSize: float, avgCost: float) -> None:
        """What an account holds of one contract, now."""
        row = translate.position_row(account, contract, size=posSize, cost=avgCost)
        self.position_seen(row, Position(account, Contract.recreate(contract), posSize, avgCost))

    def position_seen(self, row: PositionRow, kept: Position) -> None:
        """Take in a position, ours and as ib_async keeps it."""
        self.held.row(row.key, row)
        self.emit(row)
        self.keep_position(kept)

    @property
    def takes_runs(self) -> bool:
        """Whether lists of holdings are under way, and nobody wants each row of them by itself."""
        return (self.held.is_awaited or self.window.is_awaited) and not self.hears_holdings

    def positionEnd(self) -> None:
        """All positions have been sent."""
        self.held.end()
        super().positionEnd()

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """One figure of the summary, in the answer or as it changes."""
        if not self.requests.owns(reqId):
            super().accountSummary(reqId, account, tag, value, currency)
            return
        seen = translate.account_value(account, tag, value, currency=currency)
        self.summary[account, tag, currency] = seen
        self.emit(FiguresTold.of(seen))

    def accountSummaryEnd(self, reqId: int) -> None:
        """All figures of the summary have been sent once."""
        self._end(reqId, super().accountSummaryEnd)

    def updateAccountValue(self, tag: str, val: str, currency: str, account: str) -> None:
        """One figure of the account window."""
        self.emit(self.figures.one(account, tag, val, currency=currency))
        super().updateAccountValue(tag, val, currency, account)

    def updatePortfolio(
        self,
        contract: Any,
        posSize: float,
        marketPrice: float,
        marketValue: float,
        averageCost: float,
        unrealizedPNL: float,
        realizedPNL: float,
        account: str,
    ) -> None:
        """One line of the account window."""
        row = translate.portfolio_row(
            account,
            contract,
            posSize,
            price=marketPrice,
            value=marketValue,
            cost=averageCost,
            unrealized=unrealizedPNL,
            realized=realizedPNL,
        )
        kept = PortfolioItem(
            Contract.recreate(contract), posSize, marketPrice, marketValue, averageCost,
            unrealizedPNL, realizedPNL, account,
        )  # fmt: skip
        self.portfolio_seen(row, kept)

    def portfolio_seen(self, row: PortfolioRow, kept: PortfolioItem) -> None:
        """Take in a line of the account window, ours and as ib_async keeps it."""
        key = row.key
        self.window_rows[key] = row
        self.window.row(key, row)
        self.emit(row)
        self.keep_portfolio(kept)

    def accountDownloadEnd(self, account: str) -> None:
        """The account window has been sent once."""
        self.window.end()
        super().accountDownloadEnd(account)

    # --- contracts, prices, time ----------------------------------------------------------------

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        """One contract that fits."""
        if not self.requests.owns(reqId):
            super().contractDetails(reqId, contractDetails)
        elif (rows := self.requests.collector(reqId)) is not None:
            rows.append(translate.contract_details(contractDetails))

    bondContractDetails = contractDetails

    def contractDetailsEnd(self, reqId: int) -> None:
        """All contracts have been sent."""
        self._end(reqId, super().contractDetailsEnd)

    def bars_of(self, request_id: int, fields: list[str], *, count: int) -> bool:
        """Take the bars of one of our requests, eight fields each; tell whether it is ours."""
        if not self.requests.owns(request_id):
            return False
        rows = self.requests.collector(request_id)
        if rows is not None:
            rows.append(BarRows(fields, count=count, login_zone=self.login_zone))
            self.requests.end(request_id)
        return True

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        """A price, with its size where it has one."""
        if snapshot := self._snapshot(reqId):
            snapshot.price(tickType, price, size)
        elif reqId in self.reqId2Ticker:
            super().priceSizeTick(reqId, tickType, price, size)

    def tickSize(self, reqId: int, tickType: int, size: float) -> None:
        """A size alone."""
        if snapshot := self._snapshot(reqId):
            snapshot.size(tickType, size)
        elif reqId in self.reqId2Ticker:
            super().tickSize(reqId, tickType, size)

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        """A figure that is neither, such as whether trading is halted."""
        if snapshot := self._snapshot(reqId):
            snapshot.generic(tickType, value)
        else:
            super().tickGeneric(reqId, tickType, value)

    def marketDataType(self, reqId: int, marketDataId: int) -> None:
        """Where the prices of a request come from."""
        if snapshot := self._snapshot(reqId):
            snapshot.data_type(marketDataId)
        else:
            super().marketDataType(reqId, marketDataId)

    def tickSnapshotEnd(self, reqId: int) -> None:
        """A snapshot is over."""
        self._end(reqId, super().tickSnapshotEnd)

    def currentTime(self, time: int) -> None:
        """The gateway's clock."""
        self.now.row("now", time)
        self.now.end()
        super().currentTime(time)

    def _snapshot(self, request_id: int) -> Snapshot | None:
        collector = self.requests.collector(request_id)
        return collector if isinstance(collector, Snapshot) else None

    def _end(self, request_id: int, otherwise: Callable[[int], None]) -> None:
        if self.requests.owns(request_id):
            self.requests.end(request_id)
        else:
            otherwise(request_id)

    # --- the beat of the socket -------------------------------------------------------------------

    def tcpDataArrived(self) -> None:
        """Note that the gateway lives."""
        self.last_received = self._clock.monotonic()
        if self.tickers:
            super().tcpDataArrived()

    def tcpDataProcessed(self) -> None:
        """Tell figures that wait, the streams' listeners, and those of the escape hatch."""
        if self.figures.waiting:
            self.emit_figures()
            self.deliver()
        self.streams.flush()
        if self.tickers or len(self.ib.updateEvent):
            super().tcpDataProcessed()
