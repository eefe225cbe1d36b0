"""
The short text form of contracts.

    AAPL                    a stock or ETF, smart-routed, in USD
    BRK B                   a share class, as IB writes it
    EUR.USD                 a currency pair
    BTC.USD                 a crypto currency
    ES 202612               a future, by contract month or last trading day
    AAPL 20261218 C 250     an option: expiry, right, strike

Whatever the text leaves open stays open: the gateway is asked, and says so when several contracts
fit. Anything the form cannot say is said with `Contract` and its constructors.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import Contract, Right, SecurityType, crypto, forex

__all__ = ["parse_contract"]

_CRYPTO: Final = frozenset({"BTC", "ETH", "LTC", "BCH", "SOL", "XRP", "ADA", "DOGE"})
"""Bases that IB lists at PAXOS or ZEROHASH; every other `XXX.YYY` is a currency pair."""

_PAIR: Final = re.compile(r"(?P<base>[A-Z]{3,4})[./](?P<quote>[A-Z]{3})")
_FUTURE: Final = re.compile(r"(?P<symbol>[A-Z0-9]{1,8}) (?P<expiry>\d{6}(?:\d{2})?)")
_OPTION: Final = re.compile(
    r"(?P<symbol>[A-Z0-9]{1,8}(?: [A-Z])?) (?P<expiry>\d{8}) (?P<right>[CP]) "
    r"(?P<strike>\d+(?:\.\d+)?)"
)
_STOCK: Final = re.compile(r"[A-Z0-9]{1,12}(?: [A-Z]{1,2})?")


def parse_contract(text: str) -> Contract:
    """
    Read the short text form; nothing is looked up.

    Raises:
        ContractError: The text has none of the forms above.
    """
    words = " ".join(text.upper().split())
    if match := _PAIR.fullmatch(words):
        return _pair(match["base"], match["quote"])
    if match := _OPTION.fullmatch(words):
        return Contract(
            symbol=match["symbol"],
            security_type=SecurityType.OPTION,
            expiry=match["expiry"],
            right=Right(match["right"]),
            strike=Decimal(match["strike"]),
        )
    if match := _FUTURE.fullmatch(words):
        # the exchange stays open: the root symbol names it, and the gateway knows which
        return Contract(
            symbol=match["symbol"],
            security_type=SecurityType.FUTURE,
            exchange="",
            expiry=match["expiry"],
        )
    if _STOCK.fullmatch(words):
        return Contract(symbol=words)
    raise ContractError(
        f"cannot read {text!r} as a contract",
        hint="write 'AAPL', 'EUR.USD', 'ES 202612' or 'AAPL 20261218 C 250', or pass a Contract",
    )


def _pair(base: str, quote: str) -> Contract:
    if base in _CRYPTO:
        return crypto(base, currency=quote)
    if len(base) != 3:
        raise ContractError(
            f"{base}.{quote} is neither a currency pair nor a known crypto currency",
            hint="pass crypto(...) or stock(...) to say which it is",
        )
    return forex(base + quote)
