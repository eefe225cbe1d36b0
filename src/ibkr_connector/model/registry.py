"""Instruments under the user's own ids, and what came of registering and resolving them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from .contracts import Contract, ContractDetails
from .ids import ConId
from .record import Record

if TYPE_CHECKING:
    from ibkr_connector.errors import IBKRError

__all__ = ["BadLine", "Change", "ChangeKind", "ImportReport", "Instrument", "Resolution"]


class ChangeKind(StrEnum):
    """What a change looks like."""

    OTHER_CONTRACT = "other contract"
    """The same description means another contract: a merger, or a symbol given anew."""

    RENAMED = "renamed"
    LISTED_ELSEWHERE = "listed elsewhere"
    TERMS = "terms"
    """Another multiplier, currency or expiry, as after a split of what an option is on."""

    OTHER = "other"
    """A note, a description, a price step, an id that was taken away."""


_KINDS: Final[Mapping[str, ChangeKind]] = MappingProxyType(
    {
        "con_id": ChangeKind.OTHER_CONTRACT,
        "symbol": ChangeKind.RENAMED,
        "local_symbol": ChangeKind.RENAMED,
        "trading_class": ChangeKind.RENAMED,
        "long_name": ChangeKind.RENAMED,
        "primary_exchange": ChangeKind.LISTED_ELSEWHERE,
        "currency": ChangeKind.TERMS,
        "multiplier": ChangeKind.TERMS,
        "expiry": ChangeKind.TERMS,
        "last_trade_date": ChangeKind.TERMS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Record):
    """
    An instrument under an id of the user's.

    `contract` is the qualified contract; the description as it was registered while IB has not been
    asked, and of combinations.
    """

    instrument_id: str
    contract: Contract
    description: Contract
    con_id: ConId | None = None
    note: str = ""
    registered_at: datetime
    updated_at: datetime
    qualified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Record):
    """Something that became different; `subject` is an instrument id or `#` and a contract id."""

    at: datetime
    subject: str
    field: str
    old: str
    new: str

    @property
    def kind(self) -> ChangeKind:
        """What it looks like."""
        # what is told for the first time has not changed
        return _KINDS.get(self.field, ChangeKind.OTHER) if self.old else ChangeKind.OTHER

    @property
    def is_corporate_action(self) -> bool:
        """Whether it is what a merger, a split, a renaming or a new listing leaves behind."""
        return self.kind is not ChangeKind.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine(Record):
    """A line of a file that says no instrument, and why; the first line is 1."""

    line: int
    instrument_id: str
    reason: str

    def __str__(self) -> str:
        named = f" ({self.instrument_id})" if self.instrument_id else ""
        return f"line {self.line}{named}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport(Record):
    """What came of a file: ids that were written, those that were known as they are, bad lines."""

    imported: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    problems: tuple[BadLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """
    What many descriptions turned out to be.

    Iterating gives the details in the order asked for; `failures` says why the others are missing.
    Both are keyed by what was asked for.
    """

    found: Mapping[Contract | str, ContractDetails]
    failures: Mapping[Contract | str, IBKRError]

    def __iter__(self) -> Iterator[ContractDetails]:
        return iter(self.found.values())

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, description: Contract | str) -> ContractDetails:
        """Return the details, or raise why there are none."""
        if description in self.failures:
            raise self.failures[description]
        return self.found[description]
