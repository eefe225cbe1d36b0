"""
The text of the notes that every order makes, without a serialiser in between.

An order waits while its intent is put into words, and most of the words are those of the last one:
the terms that a plain order has none of, the contract. What is written here is what pydantic writes
of the same note; a note with anything out of the ordinary in it is left to pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import OrderTerms
from ibkr_connector.model.preview import RuleVerdict
from ibkr_connector.model.terms import NO_TERMS

from .notes import Intended, Learned, Moved, Note

__all__ = ["short_text"]

_MOST_CONTRACTS: Final = 256
_NULL: Final = "null"
_TRUE_FALSE: Final = ("false", "true")

_OF_CONTRACT: Final = TypeAdapter(Contract)
_NO_TERMS_TEXT: Final = TypeAdapter(OrderTerms).dump_json(NO_TERMS).decode()

# held here with the contract, so that an id is nobody else's; two that are equal may be written in
# different ways (a strike of 100 and of 100.0), so equality would not do
_contracts: dict[int, tuple[Contract, str]] = {}


class _Uncommon(Exception):  # noqa: N818  # nothing went wrong
    """There is something in it that the short way does not write."""


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
    rules = ",".join([_rule(row) for row in note.rules])
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},"client_id":{note.client_id},'
        f'"ticket":{{"order_id":{ticket.order_id},"order_ref":{_text(ticket.order_ref)},'
        f'"contract":{_contract(ticket.contract)},"action":"{ticket.action}",'
        f'"quantity":"{ticket.quantity}","order_type":"{ticket.order_type}",'
        f'"limit_price":{_figure(ticket.limit_price)},"stop_price":{_figure(ticket.stop_price)},'
        f'"time_in_force":"{ticket.time_in_force}",'
        f'"outside_regular_hours":{_TRUE_FALSE[ticket.outside_regular_hours]},'
        f'"account":{_text(ticket.account)},"transmit":{_TRUE_FALSE[ticket.transmit]},'
        f'"parent_id":{_number(ticket.parent_id)},"terms":{_NO_TERMS_TEXT},'
        f'"reckoned":{_figure(ticket.reckoned)}}},'
        f'"client_order_id":{_text(note.client_order_id)},'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_text(note.cause)},'
        f'"rules":[{rules}]}}'
    )


def _rule(row: RuleVerdict) -> str:
    return (
        f'{{"rule":{_text(row.rule)},"verdict":"{row.verdict}","value":{_text(row.value)},'
        f'"limit":{_text(row.limit)},"remedy":{_text(row.remedy)}}}'
    )


def _moved(note: Moved) -> str:
    disposition = _NULL if note.disposition is None else f'"{note.disposition}"'
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},"event":"{note.event}",'
        f'"source":"{note.source}","target":"{note.target}","reason":{_text(note.reason)},'
        f'"code":{_number(note.code)},"disposition":{disposition},'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_text(note.cause)}}}'
    )


def _learned(note: Learned) -> str:
    if note.terms is not None:
        raise _Uncommon
    hours = note.outside_regular_hours
    return (
        f'{{"at":{_time(note.at)},"key":{_text(note.key)},"perm_id":{_number(note.perm_id)},'
        f'"quantity":{_figure(note.quantity)},"stated_filled":{_figure(note.stated_filled)},'
        f'"stated_average":{_figure(note.stated_average)},"reason":{_text(note.reason)},'
        f'"limit_price":{_figure(note.limit_price)},"stop_price":{_figure(note.stop_price)},'
        f'"time_in_force":{_text(note.time_in_force)},'
        f'"outside_regular_hours":{_NULL if hours is None else _TRUE_FALSE[hours]},'
        f'"terms":null,'
        f'"correlation_id":{_text(note.correlation_id)},"cause":{_text(note.cause)}}}'
    )


def _contract(contract: Contract) -> str:
    known = _contracts.get(id(contract))
    if known is None:
        if len(_contracts) >= _MOST_CONTRACTS:
            _contracts.clear()
        known = _contracts[id(contract)] = (contract, _OF_CONTRACT.dump_json(contract).decode())
    return known[1]


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


def _figure(figure: Decimal | None) -> str:
    return _NULL if figure is None else f'"{figure}"'


def _number(number: int | None) -> str:
    return _NULL if number is None else str(number)


_WRITERS: Final[Mapping[type[Any], Callable[[Any], str]]] = MappingProxyType(
    {Intended: _intended, Moved: _moved, Learned: _learned}
)
