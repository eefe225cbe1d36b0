"""
The text of the notes that every order makes, without a serialiser in between.

An order waits while its intent is put into words, and most of the words are those of the last one:
the terms that a plain order has none of, the contract. What is written here is what pydantic writes
of the same note; a note with anything out of the ordinary in it is left to pydantic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.preview import Verdict
from ibkr_connector.model.terms import NO_TERMS

from .notes import Intended, Learned, Met, Moved, Note

__all__ = ["no_terms_text", "of_contract", "short_text"]

_MOST_CONTRACTS: Final = 256
_MOST_WORDS: Final = 1024
_NULL: Final = "null"
_TRUE_FALSE: Final = ("false", "true")

# held here with the contract, so that an id is nobody else's; two that are equal may be written in
# different ways (a strike of 100 and of 100.0), so equality would not do
_contracts: dict[int, tuple[Contract, str]] = {}


class _Uncommon(Exception):  # noqa: N818  # nothing went wrong
    """There is something in it that the short way does not write."""


@cache
def of_contract() -> TypeAdapter[Contract]:
    """Return what writes contracts; made when it is first needed."""
    return TypeAdapter(Contract)


@cache
def no_terms_text() -> str:
    """Return the text of the terms of a plain order: nothing that needs more than JSON."""
    plain = {one.name: getattr(NO_TERMS, one.name) for one in fields(NO_TERMS)}
    return json.dumps(plain, separators=(",", ":"))


def short_text(note: Note) -> str | None:
    """Return the JSON of a note, `None` when it is for the long way."""
    write = _WRITERS.get(type(note))
    if write is None:
        return None
    try:
        return write(note)
    except _Uncommon:
        return None


def _intended(note: Intended) -> str:
    ticket = note.ticket
    if ticket.terms is not NO_TERMS:
        raise _Uncommon
    rules = ",".join(
        [_rule((row.rule, row.verdict, row.value, row.limit, row.remedy)) for row in note.rules]
    )
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},"client_id":{note.client_id},'
        f'"ticket":{{"order_id":{ticket.order_id},"order_ref":{_text(ticket.order_ref)},'
        f'"contract":{_contract(ticket.contract)},"action":"{ticket.action}",'
        f'"quantity":"{ticket.quantity}","order_type":"{ticket.order_type}",'
        f'"limit_price":{_figure(ticket.limit_price)},"stop_price":{_figure(ticket.stop_price)},'
        f'"time_in_force":"{ticket.time_in_force}",'
        f'"outside_regular_hours":{_TRUE_FALSE[ticket.outside_regular_hours]},'
        f'"account":{_word(ticket.account)},"transmit":{_TRUE_FALSE[ticket.transmit]},'
        f'"parent_id":{_number(ticket.parent_id)},"terms":{no_terms_text()},'
        f'"reckoned":{_figure(ticket.reckoned)}}},'
        f'"client_order_id":{_text(note.client_order_id)},'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_word(note.cause)},'
        f'"rules":[{rules}]}}'
    )


@lru_cache(_MOST_WORDS)
def _rule(row: tuple[str, Verdict, str, str, str]) -> str:
    rule, verdict, value, limit, remedy = row
    return (
        f'{{"rule":{_word(rule)},"verdict":"{verdict}","value":{_text(value)},'
        f'"limit":{_word(limit)},"remedy":{_word(remedy)}}}'
    )


def _met(note: Met) -> str:
    order = note.order
    if order.terms is not NO_TERMS:
        raise _Uncommon
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},'
        f'"order":{{"order_id":{order.order_id},"client_id":{order.client_id},'
        f'"perm_id":{_number(order.perm_id)},"order_ref":{_text(order.order_ref)},'
        f'"account":{_word(order.account)},"contract":{_contract(order.contract)},'
        f'"action":"{order.action}","quantity":"{order.quantity}",'
        f'"order_type":{_word(order.order_type)},"limit_price":{_figure(order.limit_price)},'
        f'"stop_price":{_figure(order.stop_price)},"time_in_force":{_word(order.time_in_force)},'
        f'"status":{_word(order.status)},"reject_reason":{_word(order.reject_reason)},'
        f'"warning":{_word(order.warning)},'
        f'"outside_regular_hours":{_TRUE_FALSE[order.outside_regular_hours]},'
        f'"parent_id":{_number(order.parent_id)},"terms":{no_terms_text()}}},'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_word(note.cause)}}}'
    )


def _moved(note: Moved) -> str:
    disposition = _NULL if note.disposition is None else f'"{note.disposition}"'
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},"event":"{note.event}",'
        f'"source":"{note.source}","target":"{note.target}","reason":{_word(note.reason)},'
        f'"code":{_number(note.code)},"disposition":{disposition},'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_word(note.cause)}}}'
    )


def _learned(note: Learned) -> str:
    if note.terms is not None:
        raise _Uncommon
    hours = note.outside_regular_hours
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},"perm_id":{_number(note.perm_id)},'
        f'"quantity":{_figure(note.quantity)},"stated_filled":{_figure(note.stated_filled)},'
        f'"stated_average":{_figure(note.stated_average)},"reason":{_word(note.reason)},'
        f'"limit_price":{_figure(note.limit_price)},"stop_price":{_figure(note.stop_price)},'
        f'"time_in_force":{_word(note.time_in_force)},'
        f'"outside_regular_hours":{_NULL if hours is None else _TRUE_FALSE[hours]},'
        f'"terms":null,'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_word(note.cause)}}}'
    )


def _contract(contract: Contract) -> str:
    known = _contracts.get(id(contract))
    if known is None:
        if len(_contracts) >= _MOST_CONTRACTS:
            _contracts.clear()
        known = _contracts[id(contract)] = (contract, _new_contract(contract))
    return known[1]


def _new_contract(one: Contract) -> str:
    try:
        if one.legs:
            raise _Uncommon
        return (
            f'{{"symbol":{_text(one.symbol)},"security_type":"{one.security_type}",'
            f'"exchange":{_word(one.exchange)},"currency":{_word(one.currency)},'
            f'"primary_exchange":{_word(one.primary_exchange)},"con_id":{_number(one.con_id)},'
            f'"expiry":{_word(one.expiry)},"strike":{_figure(one.strike)},'
            f'"right":{_NULL if one.right is None else _word(one.right.value)},'
            f'"multiplier":{_figure(one.multiplier)},"local_symbol":{_text(one.local_symbol)},'
            f'"trading_class":{_text(one.trading_class)},"legs":[]}}'
        )
    except _Uncommon:
        return of_contract().dump_json(one).decode()


def _time(at: datetime) -> str:
    if at.tzinfo is not UTC:
        raise _Uncommon
    return f'"{at.isoformat()[:-6]}Z"'


def _text(text: str | None) -> str:
    if text is None:
        return _NULL
    # half of a surrogate pair would be written in a way that nobody can read again
    if not text.isascii():
        raise _Uncommon
    return quoted(text)


_word: Final = lru_cache(_MOST_WORDS)(_text)
"""The same for texts that come again and again."""


def _figure(figure: Decimal | None) -> str:
    return _NULL if figure is None else f'"{figure}"'


def _number(number: int | None) -> str:
    return _NULL if number is None else str(number)


_WRITERS: Final[Mapping[type[Any], Callable[[Any], str]]] = MappingProxyType(
    {Intended: _intended, Met: _met, Moved: _moved, Learned: _learned}
)
