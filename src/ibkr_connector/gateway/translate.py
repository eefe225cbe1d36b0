"""
ib_async's objects to our records, and back; the one place where both vocabularies are known.

Everything here is a pure function. What IB leaves open becomes `None` (numbers) or empty text.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

import ib_async.contract
import ib_async.order

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.account import AccountValue, FigureSource
from ibkr_connector.model.contracts import (
    ComboLeg,
    Contract,
    ContractDetails,
    OpenClose,
    SecurityType,
)
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId, PermId
from ibkr_connector.model.market import Bar
from ibkr_connector.model.orders import Action

from .bonds import BONDS, bond_terms
from .described import said_of, shared, unshared
from .figures import UNSET_TEXTS, decimal_or_none, figure, integer, positive, quantity
from .order_terms import read_terms, stop_price, write_terms
from .port import (
    BrokerOrder,
    CommissionReported,
    CompletedOrder,
    Execution,
    OrderStatusSeen,
    OrderTicket,
    PortfolioRow,
    PositionRow,
)
from .times import parse_time

# Called with decimals where ib_async declares floats; `fields` writes them digit by digit.
IBContract: Any = ib_async.contract.Contract
IBLeg: Any = ib_async.contract.ComboLeg
IBOrder: Any = ib_async.order.Order

__all__ = [
    "account_value",
    "bar",
    "broker_order",
    "commission",
    "completed_order",
    "contract",
    "contract_details",
    "execution",
    "ib_contract",
    "ib_order",
    "order_status",
    "portfolio_row",
    "position_row",
]

SIDES: Final = {
    "BOT": Action.BUY,
    "BUY": Action.BUY,
    "SLONG": Action.BUY,
    "SLD": Action.SELL,
    "SELL": Action.SELL,
    "SSHORT": Action.SELL,
}

NOT_SAID: Final = "?"
"""What TWS writes into fields of orders that this client may not see (ib_async wrapper.py)."""


# --- contracts ----------------------------------------------------------------------------------


def contract(source: Any) -> Contract:
    """
    Read a contract.

    Raises:
        ValueError: A security type that has no name here.
    """
    if not source.comboLegs:
        return shared(said_of(source))
    return replace(unshared(said_of(source)), legs=tuple(map(_leg, source.comboLegs)))


def ib_contract(source: Contract) -> Any:
    """Write a contract for ib_async; one that is named by its id alone has no type either."""
    by_id = source.con_id is not None and not source.symbol
    return IBContract(
        secType="" if by_id else source.security_type.value,
        conId=source.con_id or 0,
        symbol=source.symbol,
        lastTradeDateOrContractMonth=source.expiry,
        strike=0.0 if source.strike is None else source.strike,
        right="" if source.right is None else source.right.value,
        multiplier="" if source.multiplier is None else _plain(source.multiplier),
        exchange=source.exchange,
        primaryExchange=source.primary_exchange,
        currency="" if by_id else source.currency,
        localSymbol=source.local_symbol,
        tradingClass=source.trading_class,
        comboLegs=[_ib_leg(leg) for leg in source.legs],
        # one that is named by its id is meant, whether it has expired or not
        includeExpired=source.con_id is not None and source.security_type is SecurityType.FUTURE,
    )


def _leg(source: Any) -> ComboLeg:
    # the wire names the contract by its id alone
    con_id = integer(source.conId)
    return ComboLeg(
        contract=Contract(
            symbol="", con_id=None if con_id is None else ConId(con_id), exchange=source.exchange
        ),
        action=_action(source.action),
        ratio=source.ratio,
        exchange=source.exchange,
        open_close=OpenClose(source.openClose),
        short_sale_slot=source.shortSaleSlot,
        designated_location=source.designatedLocation,
    )


def _ib_leg(leg: ComboLeg) -> Any:
    if leg.con_id is None:
        raise OrderValidationError(f"the leg {leg} has no contract yet")
    return IBLeg(
        conId=leg.con_id,
        ratio=leg.ratio,
        action=leg.action.value,
        exchange=leg.exchange,
        openClose=leg.open_close.value,
        shortSaleSlot=leg.short_sale_slot,
        designatedLocation=leg.designated_location,
    )


def contract_details(source: Any) -> ContractDetails:
    """Read contract details."""
    under = integer(source.underConId)
    return ContractDetails(
        contract=contract(source.contract),
        long_name=source.longName,
        market_name=source.marketName,
        min_tick=positive(source.minTick),
        min_size=positive(source.minSize),
        size_increment=positive(source.sizeIncrement),
        price_magnifier=source.priceMagnifier or 1,
        order_types=_words(source.orderTypes),
        valid_exchanges=_words(source.validExchanges),
        market_rule_ids=tuple(int(word) for word in _words(source.marketRuleIds)),
        time_zone_id=source.timeZoneId,
        trading_hours=source.tradingHours,
        liquid_hours=source.liquidHours,
        industry=source.industry,
        category=source.category,
        subcategory=source.subcategory,
        stock_type=source.stockType,
        under_con_id=None if under is None else ConId(under),
        under_symbol=source.underSymbol,
        under_security_type=source.underSecType,
        contract_month=source.contractMonth,
        last_trade_date=source.realExpirationDate,
        last_trade_time=source.lastTradeTime,
        suggested_size_increment=positive(source.suggestedSizeIncrement),
        security_ids=tuple((pair.tag, pair.value) for pair in source.secIdList or ()),
        bond=bond_terms(source) if source.contract.secType in BONDS else None,
    )


# --- orders -------------------------------------------------------------------------------------


def ib_order(ticket: OrderTicket, *, client_id: ClientId) -> Any:
    """Write an order for ib_async; prices and quantity stay decimals up to the wire."""
    order = IBOrder(
        orderId=ticket.order_id,
        clientId=client_id,
        action=ticket.action.value,
        totalQuantity=ticket.quantity,
        orderType=ticket.order_type.value,
        tif=ticket.time_in_force.value,
        orderRef=ticket.order_ref,
        account=ticket.account,
        transmit=ticket.transmit,
        outsideRth=ticket.outside_regular_hours,
        parentId=ticket.parent_id or 0,
    )
    if ticket.limit_price is not None:
        order.lmtPrice = ticket.limit_price
    write_terms(order, ticket.terms, stop=ticket.stop_price)
    return order


def broker_order(
    order_contract: Any, order: Any, state: Any, *, login_zone: tzinfo = UTC
) -> BrokerOrder:
    """Read an order as the broker describes it; `login_zone` is that of times without one."""
    stop = stop_price(order)
    parent = integer(order.parentId)
    return BrokerOrder(
        order_id=OrderId(order.orderId),
        client_id=ClientId(order.clientId),
        perm_id=_perm_id(order.permId),
        order_ref=_said(order.orderRef),
        account=_said(order.account),
        contract=contract(order_contract),
        action=_action(order.action),
        quantity=quantity(order.totalQuantity) or Decimal(0),
        order_type=order.orderType,
        limit_price=_order_price(order.lmtPrice, "LMT" in order.orderType),
        stop_price=None if stop is None else _order_price(stop, "STP" in order.orderType),
        time_in_force=_said(order.tif),
        status=state.status,
        warning=state.warningText or "",
        outside_regular_hours=bool(order.outsideRth),
        parent_id=None if parent is None else OrderId(parent),
        terms=read_terms(order, login_zone=login_zone),
    )


def completed_order(order_contract: Any, order: Any, state: Any) -> CompletedOrder:
    """
    Read a closed order.

    TWS sends zeros for the quantities of filled orders (facts, order identity): a quantity of
    zero is "not said", and then so is a filled quantity of zero.
    """
    total = positive(order.totalQuantity)
    filled = quantity(order.filledQuantity)
    if not filled and (total is None or state.status == "Filled"):
        filled = None
    return CompletedOrder(
        perm_id=_perm_id(order.permId),
        order_ref=_said(order.orderRef),
        account=_said(order.account),
        contract=contract(order_contract),
        action=_action(order.action),
        quantity=total,
        filled_quantity=filled,
        status=state.status,
        completed_status=state.completedStatus or "",
    )


def order_status(
    order_id: int,
    client_id: int,
    perm_id: int,
    *,
    status: str,
    filled: float,
    remaining: float,
    average_price: float,
    last_price: float,
    parent_id: int,
    why_held: str,
) -> OrderStatusSeen:
    """Read an order status; a price of zero without a fill is none."""
    parent = integer(parent_id)
    return OrderStatusSeen(
        order_id=OrderId(order_id),
        client_id=ClientId(client_id),
        perm_id=_perm_id(perm_id),
        status=status,
        filled=quantity(filled) or Decimal(0),
        remaining=quantity(remaining) or Decimal(0),
        average_fill_price=_fill_price(average_price, filled),
        last_fill_price=_fill_price(last_price, filled),
        parent_id=None if parent is None else OrderId(parent),
        why_held=why_held,
    )


def execution(order_contract: Any, source: Any, *, time: datetime, recovered: bool) -> Execution:
    """Read one execution; the order id of a hand-typed order is unset on the wire and 0 here."""
    return Execution(
        exec_id=ExecId(source.execId),
        order_id=OrderId(integer(source.orderId) or 0),
        client_id=ClientId(integer(source.clientId) or 0),
        perm_id=_perm_id(source.permId),
        order_ref=source.orderRef,
        account=source.acctNumber,
        contract=contract(order_contract),
        action=_action(source.side),
        quantity=quantity(source.shares) or Decimal(0),
        price=figure(source.price) or Decimal(0),
        cumulative_quantity=positive(source.cumQty),
        average_price=_fill_price(source.avgPrice, source.cumQty),
        exchange=source.exchange,
        time=time,
        recovered=recovered,
        is_liquidation=bool(integer(source.liquidation)),
    )


def commission(exec_id: str, amount: str, *, currency: str, realized: str) -> CommissionReported:
    """Read a commission report; a figure that is unset or empty is not known."""
    return CommissionReported(
        exec_id=ExecId(exec_id),
        commission=figure(amount),
        currency=currency,
        realized_pnl=figure(realized),
    )


# --- accounts -----------------------------------------------------------------------------------


def position_row(account: str, held: Any, *, size: float, cost: float) -> PositionRow:
    """Read what an account holds of one contract."""
    return PositionRow(
        account=account,
        contract=contract(held),
        quantity=quantity(size) or Decimal(0),
        average_cost=figure(cost) or Decimal(0),
    )


def portfolio_row(
    account: str,
    held: Any,
    size: float,
    *,
    price: float,
    value: float,
    cost: float,
    unrealized: float,
    realized: float,
) -> PortfolioRow:
    """Read one line of the account window."""
    return PortfolioRow(
        account=account,
        contract=contract(held),
        quantity=quantity(size) or Decimal(0),
        market_price=figure(price),
        market_value=figure(value),
        average_cost=figure(cost),
        unrealized_pnl=figure(unrealized),
        realized_pnl=figure(realized),
    )


def account_value(
    account: str,
    tag: str,
    value: str,
    *,
    currency: str,
    source: FigureSource = FigureSource.SUMMARY,
) -> AccountValue:
    """Read one figure of an account; the text stays as it came, and an unset one is empty."""
    said = "" if value in UNSET_TEXTS else value
    return AccountValue(account=account, tag=tag, value=said, currency=currency, source=source)


# --- prices -------------------------------------------------------------------------------------


def bar(fields: list[str], *, login_zone: tzinfo) -> Bar:
    """
    Read one historical bar from its eight fields.

    Raises:
        ValueError: A price is missing, or the time is none.
    """
    start, opened, high, low, close, volume, average, count = fields
    prices = [figure(text) for text in (opened, high, low, close)]
    if None in prices:
        raise ValueError(f"expected four prices, found {fields[1:5]}")
    # -1 is IB's "none" for currencies and midpoints (IB campus: historical bars).
    traded = quantity(volume)
    return Bar(
        timestamp=parse_time(start, login_zone=login_zone),
        open=prices[0],  # type: ignore[arg-type]  # checked above, for all four
        high=prices[1],  # type: ignore[arg-type]
        low=prices[2],  # type: ignore[arg-type]
        close=prices[3],  # type: ignore[arg-type]
        volume=traded if traded is not None and traded >= 0 else None,
        average=figure(average) if float(average or -1) != -1 else None,
        trade_count=int(count) if int(count or -1) >= 0 else None,
    )


# --- small pieces -------------------------------------------------------------------------------


def _action(word: str) -> Action:
    action = SIDES.get(word)
    if action is None:
        raise ValueError(f"expected a side, found {word!r}")
    return action


def _perm_id(number: int) -> PermId | None:
    value = integer(number)
    return None if value is None else PermId(value)


def _order_price(number: float, is_used: bool) -> Decimal | None:  # noqa: FBT001  # one caller each
    # TWS fills prices that the order type does not use with zero.
    value = decimal_or_none(number)
    return value if value or is_used else None


def _fill_price(price: float, filled: float) -> Decimal | None:
    return decimal_or_none(price) if filled and quantity(filled) else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _said(text: str) -> str:
    return "" if text == NOT_SAID else text


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
