"""Reference data without an order or a price in it, asked for through the escape hatch."""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any, Final

import ib_async.contract

from ibkr_connector.errors import NoDataError, RequestTimeoutError
from ibkr_connector.model.contracts import (
    Contract,
    ContractDetails,
    ContractMatch,
    SecurityType,
)
from ibkr_connector.model.derivatives import OptionClass
from ibkr_connector.model.extras import QuoteExtra
from ibkr_connector.model.greeks import Greeks
from ibkr_connector.model.instruments import PriceBand

from . import translate
from .figures import decimal_or_none, positive
from .following import followed_extra

__all__ = [
    "futures_of",
    "implied_volatility",
    "market_rule",
    "matching_symbols",
    "open_interest",
    "option_classes",
    "option_price",
]

_PATIENCE_S: Final = 1.0
"""How long ib_async waits for a market rule; it has no way to be told otherwise."""

_FUTURES: Final = frozenset({SecurityType.FUTURE, SecurityType.CONTINUOUS_FUTURE})
_INTEREST_PATIENCE_S: Final = 2.0
_NOT_COMPUTED: Final = -2
_PRICE_BASED: Final = 1
_LARGEST: Final = 1e300
"""IB writes a figure that it does not have as the largest double."""


async def market_rule(ib: Any, rule_id: int) -> tuple[PriceBand, ...]:
    """
    Ask for the price bands of a market rule.

    Raises:
        RequestTimeoutError: TWS did not answer; it says nothing of rules that do not exist either.
    """
    rows = await ib.reqMarketRuleAsync(rule_id)
    if rows is None:
        raise RequestTimeoutError(
            f"the gateway told no market rule {rule_id} within {_PATIENCE_S:g} s", replay_safe=True
        )
    bands = []
    for row in rows:
        low, step = decimal_or_none(row.lowEdge), decimal_or_none(row.increment)
        if step is not None and step > 0:
            bands.append(PriceBand(low=low or Decimal(0), increment=step))
    return tuple(bands)


async def matching_symbols(ib: Any, pattern: str) -> tuple[ContractMatch, ...]:
    """
    Ask which contracts have a symbol or a name that begins so.

    Raises:
        RequestTimeoutError: TWS did not answer; it is silent to searches that come too fast.
    """
    rows = await ib.reqMatchingSymbolsAsync(pattern)
    if rows is None:
        raise RequestTimeoutError(
            f"the gateway did not answer the search for {pattern!r}", replay_safe=True
        )
    return tuple(
        ContractMatch(
            contract=translate.contract(row.contract),
            name=row.contract.description,
            derivatives=tuple(row.derivativeSecTypes),
        )
        for row in rows
    )


async def option_classes(ib: Any, contract: Contract) -> tuple[OptionClass, ...]:
    """Ask which options there are on a qualified underlying, by exchange and class."""
    future = contract.security_type in _FUTURES
    rows = await ib.reqSecDefOptParamsAsync(
        contract.symbol,
        contract.exchange if future else "",
        SecurityType.FUTURE.value if future else contract.security_type.value,
        contract.con_id,
    )
    return tuple(
        OptionClass(
            exchange=row.exchange,
            trading_class=row.tradingClass,
            multiplier=positive(row.multiplier),
            expiries=tuple(sorted(map(_day, row.expirations))),
            strikes=tuple(sorted(filter(None, map(positive, row.strikes)))),
        )
        for row in rows
    )


async def implied_volatility(
    ib: Any, contract: Contract, *, price: Decimal, under_price: Decimal
) -> Greeks:
    """Ask which volatility a price of an option implies."""
    told = await ib.calculateImpliedVolatilityAsync(
        translate.ib_contract(contract), float(price), float(under_price)
    )
    return _computed(told, "volatility")


async def option_price(
    ib: Any, contract: Contract, *, volatility: float, under_price: Decimal
) -> Greeks:
    """Ask which price of an option a volatility implies."""
    told = await ib.calculateOptionPriceAsync(
        translate.ib_contract(contract), volatility, float(under_price)
    )
    return _computed(told, "price")


def _computed(row: Any, what: str) -> Greeks:
    if row is None:
        raise RequestTimeoutError(f"the gateway did not say which {what} is implied")
    found = _greeks(row)
    if getattr(found, what) is None:
        raise NoDataError(f"no {what} is implied by these figures", hint="look at the price asked")
    return found


def _greeks(row: Any) -> Greeks:
    return Greeks(
        volatility=_estimate(row.impliedVol),
        delta=_estimate(row.delta),
        gamma=_estimate(row.gamma),
        # ib_async keeps IB's -2, "not computed", of these two
        vega=None if row.vega == _NOT_COMPUTED else _estimate(row.vega),
        theta=None if row.theta == _NOT_COMPUTED else _estimate(row.theta),
        price=_figure(row.optPrice),
        under_price=_figure(row.undPrice),
        dividend=_figure(row.pvDividend),
        is_price_based=row.tickAttrib == _PRICE_BASED,
    )


def _estimate(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) or abs(number) > _LARGEST else number


def _figure(number: float | None) -> Decimal | None:
    return None if number is None else decimal_or_none(number)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


async def futures_of(
    ib: Any, symbol: str, *, exchange: str, include_expired: bool
) -> tuple[ContractDetails, ...]:
    """Ask for every future of a symbol, those that have expired within two years too if wanted."""
    asked = ib_async.contract.Contract(
        secType="FUT", symbol=symbol, exchange=exchange, includeExpired=include_expired
    )
    return tuple(map(translate.contract_details, await ib.reqContractDetailsAsync(asked)))


async def open_interest(ib: Any, contract: Contract) -> Decimal:
    """
    Ask how many contracts of a future are open; 0 where IB does not say within two seconds.

    Raises:
        MarketDataPermissionError: No subscription (TWS 354, 10089, 10168).
    """
    told = await followed_extra(
        ib,
        contract,
        QuoteExtra.FUTURES_OPEN_INTEREST,
        field="futures_open_interest",
        patience_s=_INTEREST_PATIENCE_S,
    )
    return told or Decimal(0)
