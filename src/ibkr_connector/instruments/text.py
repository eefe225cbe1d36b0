"""
The short text form of contracts.

    AAPL                    a stock or ETF, smart-routed, in USD
    BRK B                   a share class, as IB writes it
    EUR.USD                 a currency pair
    BTC.USD                 a crypto currency
    ES 202612               a future, by contract month or last trading day
    AAPL 20261218 C 250     an option: expiry, right, strike
    #265598                 whatever has this contract id

    CONTFUT ES              a continuous future
    FOP ES 20261218 C 6000  an option on a future
    IND SPX                 an index
    CFD IBUS500             a contract for difference; CFD EUR.USD one on a currency pair
    BOND US912828C574       a bond, by its ISIN or CUSIP
    FUND VTSMX              a mutual fund
    CMDTY XAUUSD            a metal
    WAR SIMW1               a warrant, by its local symbol
    CRYPTO XYZ.USD          a crypto currency that is not in the list below

    SAP@IBIS/EUR            any of these at an exchange, and in a currency
    IND DAX@EUREX/EUR
    SAP@XETR                a stock that is listed there, by MIC; routed by SMART

    ES 202703 - ES 202612   a combination: the first is bought, the other is sold
    KO - 2*PEP              one with two of the second leg in it

Whatever the text leaves open stays open: the gateway is asked, and says so when several contracts
fit. Anything the form cannot say is said with `Contract` and its constructors. `contract_text`
writes a contract in this form, so that it reads back as the same.
"""

from __future__ import annotations

import re
from dataclasses import replace
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
    bond,
    combo,
    crypto,
    forex,
)
from ibkr_connector.model.ids import ConId

from .mics import Venue, mic_of, venue_of

__all__ = ["contract_text", "parse_contract"]

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
    "write 'AAPL', 'EUR.USD', 'ES 202612', 'AAPL 20261218 C 250', 'IND SPX', 'SAP@IBIS/EUR' or a "
    "combination such as 'ES 202703 - ES 202612', or pass a Contract"
)

_PLACED: Final = re.compile(
    r"(?P<what>.+?) ?@ ?(?P<place>[A-Z0-9.]{1,16})(?:/(?P<money>[A-Z]{3}))?"
)
_NAME: Final = re.compile(r"[A-Z0-9.]{1,24}")

_PLACES: Final = {
    SecurityType.CONTINUOUS_FUTURE: "",
    SecurityType.INDEX: "",
    SecurityType.BOND: "SMART",
    SecurityType.FUND: "FUNDSERV",
    SecurityType.COMMODITY: "SMART",
    SecurityType.WARRANT: "",
}
"""Where a kind is looked for when the text does not say; empty leaves it open."""

_PLAIN: Final = frozenset(
    {SecurityType.STOCK, SecurityType.FUTURE, SecurityType.OPTION, SecurityType.FOREX}
)
"""Kinds that need no word before them."""

_KINDS: Final = {
    kind.value: kind
    for kind in (
        *_PLAIN, *_PLACES, SecurityType.CRYPTO, SecurityType.CFD, SecurityType.FUTURE_OPTION,
    )
}  # fmt: skip


@lru_cache(maxsize=1024)
def parse_contract(text: str) -> Contract:
    """
    Read the short text form; nothing is looked up.

    Raises:
        ContractError: The text has none of the forms above.
    """
    if text.isalnum() and text.isupper() and _STOCK.fullmatch(text):
        # most of what is asked for, and of a thousand it counts
        return Contract(symbol=text)
    words = " ".join(text.upper().split())
    parts = words.split(" ")
    if not _SIGNS.keys().isdisjoint(parts):
        return _combo(text, parts)
    if match := _CON_ID.fullmatch(words):
        return Contract(symbol="", con_id=ConId(int(match["con_id"])), exchange="")
    if "@" in words and (match := _PLACED.fullmatch(words)):
        read = _single(match["what"], text)
        venue = _by_mic(match["place"])
        money = match["money"] or _usual(read, venue)
        if money != read.currency and _PAIR.fullmatch(match["what"].rpartition(" ")[2]):
            raise ContractError(
                f"{text!r} names two currencies: {read.currency} and {money}",
                hint="leave out the one behind the exchange",
            )
        if venue is None:
            return replace(read, exchange=match["place"], currency=money)
        if read.security_type is SecurityType.STOCK:
            return replace(read, primary_exchange=venue.exchange, currency=money)
        return replace(read, exchange=venue.exchange, currency=money)
    return _single(words, text)


def _by_mic(place: str) -> Venue | None:
    """Return the exchange of a MIC; one that IB has as a name of its own stays that name."""
    venue = venue_of(place)
    return None if venue is None or venue.exchange == place else venue


def _usual(read: Contract, venue: Venue | None) -> str:
    """Return the currency of what no currency is said of: a MIC tells, for all but pairs."""
    is_pair = read.security_type in {SecurityType.FOREX, SecurityType.CRYPTO}
    return read.currency if venue is None or is_pair else venue.currency


def contract_text(contract: Contract) -> str:
    """
    Write a contract in the short text form; `parse_contract` reads the same contract.

    Raises:
        ContractError: It says more than the form can.
    """
    if contract.legs:
        signed = [f"{'+' if leg.sign > 0 else '-'} {_leg_text(leg)}" for leg in contract.legs]
        text = " ".join(signed).removeprefix("+ ")
    elif not contract.symbol and contract.con_id is not None:
        text = f"#{contract.con_id}"
    else:
        text = _single_text(contract)
    try:
        read = parse_contract(text)
        if read != contract and not contract.legs:
            is_listed = contract.exchange == "SMART" and contract.primary_exchange
            text += f"@{(is_listed and mic_of(contract)) or contract.exchange}"
            read = parse_contract(text)
            if contract.currency != read.currency:
                text += f"/{contract.currency}"
                read = parse_contract(text)
    except ContractError:
        read = None
    if read != contract:
        raise ContractError(
            f"{contract} says more than the short text form can",
            hint="pass the Contract itself, or its id as in '#265598'",
        )
    return text


def _leg_text(leg: ComboLeg) -> str:
    what = leg.contract if isinstance(leg.contract, str) else contract_text(leg.contract)
    return what if leg.ratio == 1 else f"{leg.ratio}*{what}"


def _single_text(contract: Contract) -> str:
    kind = contract.security_type
    said = [contract.local_symbol if kind is SecurityType.WARRANT else contract.symbol]
    if kind in {SecurityType.FOREX, SecurityType.CRYPTO}:
        said = [f"{said[0]}.{contract.currency}"]
    if contract.expiry:
        said.append(contract.expiry)
    if contract.right is not None:
        said.append(contract.right.value)
    if contract.strike is not None:
        said.append(f"{contract.strike.normalize():f}")
    # a stock of a class may begin like a word for a kind: FUND A
    is_known = kind in _PLAIN and said[0].partition(" ")[0] not in _KINDS
    is_known = is_known or (kind is SecurityType.CRYPTO and contract.symbol in _CRYPTO)
    return " ".join(said if is_known else [kind.value, *said])


def _single(words: str, text: str) -> Contract:
    word, _, rest = words.partition(" ")
    if rest and (kind := _KINDS.get(word)) is not None:
        return _named(kind, rest, text)
    if match := _PAIR.fullmatch(words):
        return _pair(match["base"], match["quote"])
    if match := _OPTION.fullmatch(words):
        return _option(match, SecurityType.OPTION, "SMART")
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
    raise ContractError(f"cannot read {text!r} as a contract", hint=_FORMS)


def _named(kind: SecurityType, rest: str, text: str) -> Contract:
    """Read what comes after the word for its kind."""
    if kind is SecurityType.STOCK and _STOCK.fullmatch(rest):
        return Contract(symbol=rest)
    if kind in _PLAIN:
        read = _single(rest, text)
        if read.security_type is kind:
            return read
    pair = _PAIR.fullmatch(rest)
    if kind is SecurityType.CRYPTO and pair:
        return crypto(pair["base"], currency=pair["quote"])
    if kind is SecurityType.CFD and pair:
        return Contract(symbol=pair["base"], security_type=kind, currency=pair["quote"])
    if kind is SecurityType.CFD and _STOCK.fullmatch(rest):
        return Contract(symbol=rest, security_type=kind)
    if kind is SecurityType.FUTURE_OPTION and (match := _OPTION.fullmatch(rest)):
        return _option(match, kind, "")
    if kind in _PLACES and _NAME.fullmatch(rest):
        place = _PLACES[kind]
        if kind is SecurityType.WARRANT:
            return Contract(symbol="", local_symbol=rest, security_type=kind, exchange=place)
        if kind is SecurityType.BOND:
            return bond(rest)
        return Contract(symbol=rest, security_type=kind, exchange=place)
    raise ContractError(f"cannot read {text!r} as a contract", hint=_FORMS)


def _option(match: re.Match[str], kind: SecurityType, exchange: str) -> Contract:
    return Contract(
        symbol=match["symbol"],
        security_type=kind,
        exchange=exchange,
        expiry=match["expiry"],
        right=Right(match["right"]),
        strike=Decimal(match["strike"]),
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
