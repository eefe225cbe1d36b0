"""Requests about contracts: what they are, what fits a text, and what derives from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    ContractDetailsEnd,
    DepthExchange,
    DepthExchanges,
    MarketRule,
    PriceStep,
    SecDefOptParams,
    SecDefOptParamsEnd,
    SmartComponent,
    SmartComponents,
    SymbolSamples,
)
from ibkr_connector.simulator.wire.replies import Expiration as ExpirationRow
from ibkr_connector.simulator.wire.replies import Strike as StrikeRow

from .details import details_of, sample_of
from .exchanges import COMPONENTS, DEPTH
from .translate import query_of

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "NO_CONTRACT", "find_for_data", "find_one"]

NO_CONTRACT: Final = "No security definition has been found for the request"
_SEARCH_EVERY: Final = timedelta(seconds=1)
_TYPES: Final = frozenset(
    {"STK", "ETF", "OPT", "FUT", "IND", "FOP", "CASH", "BAG", "WAR", "IOPT", "BOND", "BILL"}
    | {"CMDTY", "NEWS", "FUND", "CRYPTO", "CFD", "CONTFUT"}
)
_ID_TYPES: Final = frozenset({"ISIN", "CUSIP", "SEDOL", "RIC", "FIGI"})


def find_one(
    session: ClientSession,
    contract: WireContract,
    request_id: int,
    *,
    include_expired: bool = False,
) -> Instrument | None:
    """Return the one instrument that a description means; otherwise answer 200 and return none."""
    query = replace(query_of(contract), include_expired=include_expired)
    found = session.gateway.venue.catalogue.find(query)
    if len(found) == 1:
        return found[0]
    text = (
        "The contract description specified for "
        f"{contract.symbol} is ambiguous; you must specify the primary exchange"
        if found
        else NO_CONTRACT
    )
    session.fail(request_id, 200, text)
    return None


def find_for_data(
    session: ClientSession,
    contract: WireContract,
    request_id: int,
    *,
    include_expired: bool = False,
) -> Instrument | None:
    """
    Return the one instrument that a request for data means; otherwise answer why not.

    Data needs an exchange even of what a con id names (ib_insync issue 478).
    """
    if not contract.exchange:
        session.fail(
            request_id, 321, "Error validating request.-'bW' : cause - Please enter exchange"
        )
        return None
    if not contract.con_id and contract.sec_type not in _TYPES:
        session.fail(
            request_id,
            321,
            "Error validating request.-'bW' : cause - Please enter a valid security type",
        )
        return None
    return find_one(session, contract, request_id, include_expired=include_expired)


def contract_details(
    session: ClientSession, request: ask.ReqContractDetails, now: datetime
) -> None:
    """Send every contract that fits."""
    asked = request.contract
    if request.sec_id_type and request.sec_id_type not in _ID_TYPES:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'bG' : cause - Invalid security id type.",
        )
        return
    query = replace(
        query_of(asked),
        include_expired=request.include_expired,
        sec_id_type=request.sec_id_type,
        sec_id=request.sec_id,
    )
    found = session.gateway.venue.catalogue.find(query)
    if not found:
        session.fail(request.request_id, 200, NO_CONTRACT)
        return
    for instrument in found:
        session.say(
            details_of(
                instrument,
                now,
                request_id=request.request_id,
                exchange=asked.exchange or instrument.home,
            )
        )
    session.say(ContractDetailsEnd(request_id=request.request_id))


def matching_symbols(
    session: ClientSession, request: ask.ReqMatchingSymbols, now: datetime
) -> None:
    """
    Send what a search finds.

    A search sooner than a second after the one before is not answered (IB campus: at least a second
    between calls; that TWS stays silent is reported by clients).
    """
    before = session.streams.searched_at
    if before is not None and now - before < _SEARCH_EVERY and _paces(session):
        session.fail(
            request.request_id,
            322,
            "Error processing request.-'bH' : cause - Symbol search requests are limited to one a "
            "second",
        )
        return
    session.streams.searched_at = now
    catalogue = session.gateway.venue.catalogue
    samples = tuple(
        sample_of(found, catalogue.derivatives(found.symbol))
        for found in catalogue.search(request.pattern)
    )
    session.say(SymbolSamples(request_id=request.request_id, samples=samples))


def _paces(session: ClientSession) -> bool:
    return session.gateway.permissions.historical_pacing


def option_parameters(
    session: ClientSession, request: ask.ReqSecDefOptParams, now: datetime
) -> None:
    """Send expirations and strikes, one message per exchange and trading class."""
    for one in session.gateway.venue.catalogue.option_classes(
        request.con_id, exchange=request.exchange
    ):
        session.say(
            SecDefOptParams(
                request_id=request.request_id,
                exchange=one.exchange,
                under_con_id=one.under_con_id,
                trading_class=one.trading_class,
                multiplier=one.multiplier,
                expirations=tuple(ExpirationRow(date=date) for date in one.expirations),
                strikes=tuple(StrikeRow(strike=strike) for strike in one.strikes),
            )
        )
    session.say(SecDefOptParamsEnd(request_id=request.request_id))


def market_rule(session: ClientSession, request: ask.ReqMarketRule, now: datetime) -> None:
    """Send the price steps of a rule."""
    steps = session.gateway.venue.catalogue.rule(request.rule_id)
    if steps is None:
        session.fail(-1, 322, "Error processing request.-'bY' : cause - Unknown market rule")
        return
    rows = tuple(PriceStep(low_edge=low, increment=step) for low, step in steps)
    session.say(MarketRule(rule_id=request.rule_id, steps=rows))


def smart_components(
    session: ClientSession, request: ask.ReqSmartComponents, now: datetime
) -> None:
    """Send the exchanges and letters of a group."""
    group = COMPONENTS.get(request.bbo_exchange)
    if group is None:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'bX' : cause - Invalid BBO exchange identifier",
        )
        return
    session.say(
        SmartComponents(
            request_id=request.request_id,
            components=tuple(
                SmartComponent(bit=one.bit, exchange=one.exchange, letter=one.letter)
                for one in group
            ),
        )
    )


def depth_exchanges(session: ClientSession, request: ask.ReqDepthExchanges, now: datetime) -> None:
    """Send who shows depth."""
    session.say(
        DepthExchanges(
            rows=tuple(
                DepthExchange(
                    exchange=one.exchange,
                    sec_type=one.sec_type,
                    listing_exchange=one.listing,
                    service_data_type=one.service,
                    aggregate_group=one.aggregate_group,
                )
                for one in DEPTH
            )
        )
    )


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqContractDetails: contract_details,
    ask.ReqMatchingSymbols: matching_symbols,
    ask.ReqSecDefOptParams: option_parameters,
    ask.ReqMarketRule: market_rule,
    ask.ReqSmartComponents: smart_components,
    ask.ReqDepthExchanges: depth_exchanges,
}
