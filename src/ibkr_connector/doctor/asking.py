"""Ask for what trading needs: a price, and what presets would do to an order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ibkr_connector.codes import Scope as CodeScope
from ibkr_connector.codes import SessionEffect, StreamEffect, lookup, session_effect, stream_effect
from ibkr_connector.errors import (
    IBKRError,
    MarketDataPermissionError,
    NoDataError,
    ReadOnlyError,
)
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.model.orders import Action, OrderType, TimeInForce
from ibkr_connector.settings import Settings

from .findings import Check, Finding, menu, ok, problem, warning
from .session import Visit

__all__ = ["examine_market_data", "examine_presets"]

_SNAPSHOT_S: Final = 15.0
"""TWS itself ends a snapshot after about 11 s."""

_FAR: Final = Decimal("0.5")
"""So far from the market that a percentage precaution stops it."""


async def examine_market_data(
    settings: Settings, visit: Visit, contract: Contract
) -> tuple[Finding, ContractDetails | None, Quote | None]:
    """Take one snapshot, and return what it says; with contract and quote for who goes on."""
    try:
        rows = await visit.ask(visit.session.contract_details(contract))
    except IBKRError as error:
        told = warning(
            Check.DATA,
            f"{contract} cannot be looked up: {error.message}",
            error.hint or "name another contract with --contract",
        )
        return told, None, None
    details = rows[0]
    wanted = DataType[settings.market_data_type.name]
    try:
        quote = await visit.ask(
            visit.session.quote(details.contract, data_type=wanted), within_s=_SNAPSHOT_S
        )
    except NoDataError:
        told = ok(Check.DATA, f"{contract} has no price now: is its market closed?")
        return told, details, None
    except IBKRError as error:
        return _no_data(settings, contract, error), details, None
    if quote.is_delayed and wanted is DataType.LIVE:
        return _delayed(contract, "only delayed data come"), details, quote
    return ok(Check.DATA, f"{contract} is quoted, {quote.data_type.name.lower()}"), details, quote


def _no_data(settings: Settings, contract: Contract, error: IBKRError) -> Finding:
    code = error.code or 0
    if session_effect(code) is SessionEffect.COMPETING:
        return problem(
            Check.COMPETING,
            f"{contract}: another session of the same user has the market data",
            "log that session out (TWS, mobile, Client Portal), or give the gateway a user of its "
            "own; then tick 'Reconnect this session' where it asks",
        )
    if stream_effect(code) is StreamEffect.NO_LINE:
        return problem(
            Check.LINES,
            f"no market data line is left; the settings count on {settings.market_data_lines}",
            "close streams and watch lists, also those of TWS itself, which share the lines; or "
            "buy a Quote Booster Pack, and correct IBKR_MARKET_DATA_LINES",
        )
    if isinstance(error, MarketDataPermissionError):
        if settings.delayed_fallback:
            return _delayed(contract, "live data are not subscribed, delayed ones are taken")
        return problem(
            Check.DATA,
            f"{contract}: {error.message}",
            "subscribe in Client Portal (Settings > User Settings > Market Data Subscriptions; "
            "share them with the paper user), or set IBKR_DELAYED_FALLBACK=true",
        )
    return warning(
        Check.DATA, f"{contract}: {error.message}", error.hint or "retry while the market is open"
    )


def _delayed(contract: Contract, how: str) -> Finding:
    return warning(
        Check.DATA,
        f"{contract}: {how}",
        "subscribe in Client Portal (Settings > User Settings > Market Data Subscriptions), or "
        "share the live user's ones with the paper user (Settings > Paper Trading Account)",
    )


async def examine_presets(
    settings: Settings, visit: Visit, *, details: ContractDetails | None, quote: Quote | None
) -> tuple[Finding, ...]:
    """
    Ask what two orders would do, one at the market and one far from it; neither is ever placed.

    The message of each is proven to be a question before it is sent (`gateway.what_if`).
    """
    price = None if quote is None else quote.last or quote.bid or quote.close
    if details is None or price is None or price <= 0:
        told = warning(
            Check.PRESETS,
            "without a price no order can be asked about",
            "retry while the market is open, or name another contract with --contract",
        )
        return (told,)
    session = visit.session
    near = OrderTicket(
        order_id=session.reserve_order_id(floor=OrderId(1)),
        order_ref="",
        contract=details.contract,
        action=Action.BUY,
        quantity=Decimal(1),
        order_type=OrderType.LIMIT,
        limit_price=price,
        stop_price=None,
        time_in_force=TimeInForce.DAY,
        outside_regular_hours=False,
        account=settings.account_id or session.info.accounts[0],
    )
    far = replace(
        near,
        order_id=session.reserve_order_id(floor=OrderId(1)),
        limit_price=_tick(price * _FAR, details),
    )
    # a refusal is waited upon for seconds, in case that figures follow: both at once
    return tuple(
        await asyncio.gather(
            _asked(settings, visit, near, words="at the market"),
            _asked(settings, visit, far, words="far from it"),
        )
    )


async def _asked(settings: Settings, visit: Visit, ticket: OrderTicket, *, words: str) -> Finding:
    page = menu(settings.application, "Precautions")
    what = f"an order of 1 {ticket.contract.symbol} {words}"
    try:
        answer = await visit.ask(visit.session.what_if(ticket), within_s=_SNAPSHOT_S)
    except IBKRError as error:
        return warning(Check.PRESETS, f"{what} is not answered: {error.message}", f"look at {page}")
    if answer.rejected_reason:
        row = lookup(answer.code or 0, CodeScope.ORDER, answer.rejected_reason)
        remedy = (
            f"{page}: tick 'Bypass Order Precautions for API Orders', or widen the limits under "
            f"Presets"
        )
        if row.error is ReadOnlyError:
            remedy = menu(settings.application, "Settings")
        return problem(
            Check.PRESETS,
            f"{what} would be refused: {answer.rejected_reason} (TWS code {answer.code})",
            f"{remedy}; {row.hint}" if row.hint else remedy,
        )
    if answer.warnings:
        return warning(
            Check.PRESETS,
            f"{what} would bring a warning: {'; '.join(answer.warnings)}",
            f"{page}: tick 'Bypass Order Precautions for API Orders'; look at Presets for what "
            "they fill in",
        )
    return ok(Check.PRESETS, f"{what} would be taken")


def _tick(price: Decimal, details: ContractDetails) -> Decimal:
    tick = details.min_tick or Decimal("0.01")
    return max(tick, price // tick * tick)
