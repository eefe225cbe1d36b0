"""Open a gateway as a scenario describes it: listed instruments, accounts, hours, models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ibkr_connector.clock import Clock, ScaledClock, SystemClock
from ibkr_connector.simulator.dialogue import Gateway
from ibkr_connector.simulator.exchange.instruments import Catalogue, Instrument, Query
from ibkr_connector.simulator.exchange.models import (
    FeeModel,
    FillModel,
    FixedLatency,
    LatencyModel,
    SlippageModel,
)
from ibkr_connector.simulator.exchange.tape import Tape
from ibkr_connector.simulator.exchange.trading_hours import ExchangeHours
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.inputs import InputError

from .values import Account, Holding, Scenario

__all__ = ["Models", "clock_of", "find_instrument", "open_gateway", "plain_accounts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """How the market of a gateway is made; what is `None` is the venue's default."""

    tape: Tape
    catalogue: Catalogue
    seed: int = 1
    fees: FeeModel | None = None
    fills: FillModel | None = None
    slippage: SlippageModel | None = None
    latency: LatencyModel | None = None


def open_gateway(scenario: Scenario, models: Models, *, session: int) -> Gateway:
    """
    Make a gateway as at its beginning.

    Args:
        scenario: What it is.
        models: How its market is made.
        session: Number of this run, part of execution ids.

    Raises:
        InputError: A position names an instrument that is not listed.
    """
    latency = models.latency
    if latency is None and scenario.latency_s:
        latency = FixedLatency(place_s=scenario.latency_s, seed=models.seed)
    venue = Venue(
        catalogue=models.catalogue,
        tape=models.tape,
        accounts={name: account.cash for name, account in scenario.accounts.items()},
        fees=models.fees,
        fills=models.fills,
        slippage=models.slippage,
        latency=latency,
        hours=ExchangeHours() if scenario.sessions else None,
        session=session,
    )
    for name, account in scenario.accounts.items():
        for holding in account.positions:
            _hold(venue, name, holding)
    return Gateway(
        venue=venue, permissions=scenario.permissions, first_order_id=scenario.next_order_id
    )


def _hold(venue: Venue, account: str, holding: Holding) -> None:
    instrument = find_instrument(
        venue.catalogue, con_id=holding.con_id, symbol=holding.symbol, where=f"accounts: {account}"
    )
    ledger = venue.ledgers[account]
    cash = dict(ledger.cash)
    ledger.book(instrument, holding.quantity, price=holding.price, commission=Decimal(0))
    # it was paid for before the beginning
    ledger.cash.clear()
    ledger.cash.update(cash)


def plain_accounts(
    given: Mapping[str, Decimal | Mapping[str, Decimal]],
) -> Mapping[str, Account]:
    """Return accounts that are money only: a number is in USD."""
    return {
        name: Account(cash=cash if isinstance(cash, Mapping) else {"USD": Decimal(cash)})
        for name, cash in given.items()
    }


def clock_of(scenario: Scenario) -> Clock:
    """Return the clock that a scenario asks for, the machine's own when it does not."""
    if scenario.start is None and scenario.speed is None:
        return SystemClock()
    start = scenario.start or SystemClock().utcnow()
    return ScaledClock(start, speed=scenario.speed or 1.0)


def find_instrument(
    catalogue: Catalogue, *, con_id: int = 0, symbol: str = "", where: str = ""
) -> Instrument:
    """
    Find what a scenario names: a con id, a local symbol, or the symbol of a stock.

    Raises:
        InputError: Nothing of that name is listed, or several things are.
    """
    if con_id:
        listed = catalogue.get(con_id)
        found = [] if listed is None else [listed]
    else:
        found = list(catalogue.find(Query(local_symbol=symbol)))
        stocks = [one for one in found if one.sec_type == "STK" and one.currency == "USD"]
        found = stocks if len(found) > 1 and stocks else found
        found = found or list(catalogue.find(Query(symbol=symbol, sec_type="STK")))
    if len(found) != 1:
        what = f"con_id {con_id}" if con_id else f"symbol {symbol!r}"
        several = f" alone; con ids are {[one.con_id for one in found]}" if found else ""
        raise InputError(f"{where}: {what} is not listed{several}")
    return found[0]
