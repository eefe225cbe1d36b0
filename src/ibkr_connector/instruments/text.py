"""
The short text form of contracts.

    AAPL                    a stock or ETF, smart-routed, in USD
    BRK B                   a share class, as IB writes it
    EUR.USD                 a currency pair
    BTC.USD                 a crypto currency
    ES 202612               a future, by contract month or last trading day
    AAPL 20261218 C 250     an option: expiry, right, strike
    #265598                 whatever has this contract id

    ES 202703 - ES 202612   a combination: the first is bought, the other is sold
    KO - 2*PEP              one with two of the second leg in it

Whatever the text leaves open stays open: the gateway is asked, and says so when several contracts
fit. Anything the form cannot say is said with `Contract` and its constructors.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import (
    Action,
    ComboLeg,
    Contract,
    Right,
    SecurityType,
    combo,
    crypto,
    forex,
)
from ibkr_connector.model.ids import ConId

__all__ = ["parse_contract"]

_CRYPTO: Final = frozenset({"BTC", "ETH", "LTC", "BCH", "SOL", "XRP", "ADA", "DOGE"})
"""Bases that IB lists at PAXOS or ZEROHASH; every other `XXX.YYY` is a currency pair."""

_PAIR: Final = re.compile(r"(?P<base>[A-Z]{3,4})[./](?P<quote>[A-Z]{3})")
_FUTURE: Final = re.compile(r"(?P<symbol>[A-Z0-9]{1,8}) (?P<expiry>\d{6}(?:\d{2})?)")
_OPTION: Final = re.compile(
    r"(?P<symbol>[A-Z0-9]{1,8}(?: [A-Z])?) (?P<expiry>\d{8}) (?P<right>[CP]) "
    r"(?P<strike>\d+(?:\.\d+)?)"
)
_CON_ID: Final = re.compile(r"#(?P<con_id>[1-9]\d{0,9})")
_LEG: Final = re.compile(r"(?:(?P<ratio>[1-9]\d{0,3}) ?\* ?)?(?P<what>[^*]+)")
_SIGNS: Final = {"+": Action.BUY, "-": Action.SELL}
"""What parts legs, with spaces around it: `BRK-B` is no combination."""

_STOCK: Final = re.compile(r"[A-Z0-9]{1,12}(?: [A-Z]{1,2})?")

_FORMS: Final = (
    "write 'AAPL', 'EUR.USD', 'ES 202612', 'AAPL 20261218 C 250' or a combination such as "
    "'ES 202703 - ES 202612', or pass a Contract"
)


@lru_cache(maxsize=1024)
def parse_contract(text: str) -> Contract:
    """
    Read the short text form; nothing is looked up.

    Raises:
        ContractError: The text has none of the forms above.
    """
    words = " ".join(text.upper().split())
    parts = words.split(" ")
    if not _SIGNS.keys().isdisjoint(parts):
        return _combo(text, parts)
    if match := _CON_ID.fullmatch(words):
        return Contract(symbol="", con_id=ConId(int(match["con_id"])), exchange="")
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
        hint=_FORMS,
    )


def _combo(text: str, parts: list[str]) -> Contract:
    # the first leg needs no sign, each of the others has one
    signed = parts if parts[0] in _SIGNS else ["+", *parts]
    starts = [at for at, part in enumerate(signed) if part in _SIGNS]
    legs = []
    for start, end in zip(starts, [*starts[1:], len(signed)], strict=True):
        match = _LEG.fullmatch(" ".join(signed[start + 1 : end]))
        if match is None:
            raise ContractError(f"cannot read {text!r} as a combination", hint=_FORMS)
        legs.append(
            ComboLeg(
                contract=parse_contract(match["what"]),
                action=_SIGNS[signed[start]],
                ratio=int(match["ratio"] or 1),
            )
        )
    return combo(*legs)


def _pair(base: str, quote: str) -> Contract:
    if base in _CRYPTO:
        return crypto(base, currency=quote)
    if len(base) != 3:
        raise ContractError(
            f"{base}.{quote} is neither a currency pair nor a known crypto currency",
            hint="pass crypto(...) or stock(...) to say which it is",
        )
    return forex(base + quote)
