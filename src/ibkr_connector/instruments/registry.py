"""
The user's instruments and everything learned about contracts, kept in a database.

Owns when what is known is still good, and the memory in front of the database. Trading does not
hang on it: a database that cannot be used is told of once, and until it can be used again the
gateway is asked as if nothing were known. What the user asks of the registry himself raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ContractError, IBKRError
from ibkr_connector.gateway.times import BadTimeError
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.registry import (
    BadLine,
    Change,
    ChangeKind,
    ImportReport,
    Instrument,
)
from ibkr_connector.storage.database import Connection, Database, open_database

from . import records
from .hours import hours_of
from .records import Finding, Recalled
from .sheets import Row
from .text import parse_contract

__all__ = ["Registry"]

T = TypeVar("T")

_log = logging.getLogger("ibkr_connector.instruments")

_AGAIN_AFTER_S: Final = 60.0
_RULES_FOR: Final = timedelta(days=7)
_KEPT_FOR: Final = timedelta(days=90)
"""How long contracts without an id of the user's are kept that nobody asks for any more."""

_PRUNE_EVERY: Final = timedelta(days=1)
_LONGEST_ID: Final = 128
_TOGETHER: Final = 200
"""Written in one transaction, so that nobody waits long for its end."""


@dataclass(slots=True)
class _Trouble:
    until: float


class Registry:
    """
    Instruments by the user's ids, and contracts by what was asked for, over one database.

    Args:
        place: The file, or the URL of a server.
        clock: Tells how old what is known is.
        max_age_s: How long what IB said of a contract is good; 0 asks anew in every run.
        patience_s: How long trading waits for the database before it goes on without.
    """

    def __init__(
        self, place: Path | str, *, clock: Clock, max_age_s: float, patience_s: float = 2.0
    ) -> None:
        self._place = place
        self._clock = clock
        self._max_age = timedelta(seconds=max_age_s)
        self._patience_s = patience_s
        self._opening: asyncio.Task[Database] | None = None
        self._ids: dict[str, Instrument] | None = None
        self._notes: list[Finding] = []
        self._writer: asyncio.Task[None] | None = None
        self._trouble: _Trouble | None = None
        self._pruned_at: datetime | None = None

    async def aclose(self) -> None:
        """Write what is noted, and let the database go; idempotent."""
        if self._writer is not None:
            await self._writer
        opening, self._opening = self._opening, None
        if opening is not None:
            (done,) = await asyncio.gather(opening, return_exceptions=True)
            if not isinstance(done, BaseException):
                await done.aclose()

    # --- what the user asks for: raises ---------------------------------------------------------

    async def register(
        self, instrument_id: str, description: Contract | str, *, note: str = ""
    ) -> tuple[Instrument, bool]:
        """
        Give an instrument an id; also say whether that is anything new.

        Raises:
            ContractError: The id is none, reads as another contract, or the description as none.
            ConfigurationError: The database cannot be used.
        """
        name = check_id(instrument_id)
        contract = parse_contract(description) if isinstance(description, str) else description
        _check_shadow(name, contract)
        now = self._clock.utcnow()
        made = Instrument(
            instrument_id=name,
            contract=contract,
            description=contract,
            con_id=contract.con_id,
            note=note,
            registered_at=now,
            updated_at=now,
        )
        is_new = await self._run(partial(records.put_instrument, instrument=made))
        kept = await self.lookup(name)
        return kept or made, is_new

    async def unregister(self, instrument_id: str) -> bool:
        """Take an id away; tell whether it was there."""
        now = self._clock.utcnow()
        drop = partial(records.drop_instrument, instrument_id=instrument_id.strip(), at=now)
        was_there = await self._run(drop)
        if self._ids is not None:
            self._ids.pop(instrument_id.strip(), None)
        return was_there

    async def lookup(self, instrument_id: str) -> Instrument | None:
        """Return the instrument of an id, as the database has it now."""
        name = instrument_id.strip()
        found = await self._read(partial(records.all_instruments, instrument_id=name))
        if self._ids is not None:
            self._ids.pop(name, None)
            self._ids.update({one.instrument_id: one for one in found})
        return found[0] if found else None

    async def every(self) -> tuple[Instrument, ...]:
        """Return all instruments, by their ids."""
        found = await self._read(records.all_instruments)
        self._ids = {one.instrument_id: one for one in found}
        return found

    async def history(self, subject: str) -> tuple[Change, ...]:
        """Return what became different of an instrument, and of its contract."""
        name = subject.strip()
        subjects = [name]
        known = await self.lookup(name)
        if known is not None and known.con_id is not None:
            subjects.append(f"#{known.con_id}")
        return await self._read(partial(records.history_of, subjects=subjects))

    async def changes(self, since: datetime | None) -> tuple[Change, ...]:
        """Return what became different of all instruments that have an id, oldest first."""
        return await self._read(partial(records.changes_since, since=since))

    async def bring_in(self, rows: Sequence[Row], problems: Sequence[BadLine] = ()) -> ImportReport:
        """Register what a file says, in one piece; lines that make no sense are named."""
        now = self._clock.utcnow()
        wrong = list(problems)
        made: list[Instrument] = []
        for row in rows:
            try:
                name = check_id(row.instrument_id)
                _check_shadow(name, row.contract)
            except ContractError as error:
                wrong.append(
                    BadLine(line=row.line, instrument_id=row.instrument_id, reason=error.message)
                )
                continue
            made.append(
                Instrument(
                    instrument_id=name,
                    contract=row.contract,
                    description=row.contract,
                    con_id=row.contract.con_id,
                    note=row.note,
                    registered_at=now,
                    updated_at=now,
                )
            )
        new = await self._run(partial(records.put_instruments, made=made))
        self._ids = None
        return ImportReport(
            imported=tuple(one.instrument_id for one in made if one.instrument_id in new),
            unchanged=tuple(one.instrument_id for one in made if one.instrument_id not in new),
            problems=tuple(sorted(wrong, key=lambda one: one.line)),
        )

    async def work(self, work: Callable[[Connection], T]) -> T:
        """
        Do a piece of work on the database, all of it or nothing.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        return await self._run(work)

    @property
    def is_open(self) -> bool:
        """Whether the database was opened already, so that writing a little more costs little."""
        return self._opening is not None and self._opening.done()

    async def settle(self) -> None:
        """Return when all that is noted is written, or could not be."""
        if self._writer is not None:
            await asyncio.shield(self._writer)

    # --- what trading asks for: never raises ----------------------------------------------------

    async def named(self, text: str) -> Contract | None:
        """Return the contract of an id; `None` when there is no such id, or nobody can tell."""
        name = text.strip()
        if self._ids is None:
            await self._guarded(self.every())
        known = (self._ids or {}).get(name)
        return None if known is None else known.description

    async def named_anew(self, text: str) -> Contract | None:
        """Look once more, for an id that another process may have registered meanwhile."""
        known = await self._guarded(self.lookup(text))
        return None if known is None else known.description

    async def recall(self, wanted: Sequence[Contract]) -> Sequence[ContractDetails | None]:
        """Return what is known and still good of each description, in their order."""
        found: list[Recalled | None] = [None] * len(wanted)
        if wanted and self._max_age:
            asking = self._read(partial(records.recall, wanted=wanted))
            found = await self._guarded(asking) or found
        now = self._clock.utcnow()
        return [
            known.details if known is not None and self._is_good(known, now) else None
            for known in found
        ]

    def note(self, wanted: Contract, details: ContractDetails) -> None:
        """Remember what a description turned out to be; it is written by and by."""
        self._notes.append(Finding(wanted=wanted, details=details, at=self._clock.utcnow()))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="ibkr-registry")

    async def bands(self) -> Mapping[int, tuple[PriceBand, ...]]:
        """Return the market rules that were asked for in the last days."""
        if not self._max_age:
            return {}
        since = self._clock.utcnow() - _RULES_FOR
        return await self._guarded(self._read(partial(records.all_bands, since=since))) or {}

    async def keep_bands(self, rule_id: int, bands: tuple[PriceBand, ...]) -> None:
        """Remember a market rule."""
        keep = partial(records.keep_bands, rule_id=rule_id, bands=bands, at=self._clock.utcnow())
        await self._guarded(self._run(keep))

    # --- inside ---------------------------------------------------------------------------------

    def _is_good(self, known: Recalled, now: datetime) -> bool:
        """Whether details may stand for what IB would say now."""
        if not timedelta(0) <= now - known.qualified_at < self._max_age:
            return False
        ends = known.details.last_trade_date
        # on the other side of the world the last day may have begun already, or go on
        if ends and ends < f"{now - timedelta(days=1):%Y%m%d}":
            return False
        try:
            hours = hours_of(known.details, regular=False)
        except BadTimeError:
            return True
        return hours.first is None or hours.knows(now)

    async def _run(self, work: Callable[..., T]) -> T:
        return await (await self._database()).run(work)

    async def _read(self, work: Callable[..., T]) -> T:
        return await (await self._database()).read(work)

    async def _database(self) -> Database:
        if self._opening is None or (self._opening.done() and self._failed(self._opening)):
            self._opening = asyncio.create_task(
                open_database(self._place), name="ibkr-registry-open"
            )
        return await asyncio.shield(self._opening)

    @staticmethod
    def _failed(opening: asyncio.Task[Database]) -> bool:
        return opening.cancelled() or opening.exception() is not None

    async def _guarded(self, asking: Awaitable[T], *, is_awaited: bool = True) -> T | None:
        """Do it if the database lets; otherwise say so once and go on."""
        now = self._clock.monotonic()
        if self._trouble is not None and now < self._trouble.until:
            if hasattr(asking, "close"):
                asking.close()
            return None
        try:
            async with asyncio.timeout(self._patience_s if is_awaited else None):
                answer = await asking
        except (IBKRError, TimeoutError) as error:
            if self._trouble is None:
                why = error if isinstance(error, IBKRError) else "its database does not answer"
                _log.error("instruments are resolved without their registry: %s", why)
            self._trouble = _Trouble(until=now + _AGAIN_AFTER_S)
            return None
        if self._trouble is not None:
            _log.warning("the registry of instruments can be used again")
            self._trouble = None
        return answer

    async def _write(self) -> None:
        try:
            while self._notes:
                notes, self._notes = self._notes[:_TOGETHER], self._notes[_TOGETHER:]
                keep = self._run(partial(records.keep_findings, findings=notes))
                for change in await self._guarded(keep, is_awaited=False) or ():
                    if change.kind is ChangeKind.OTHER_CONTRACT:
                        _log.warning(
                            "the instrument %s is the contract %s now, and was %s",
                            *(change.subject, change.new, change.old),
                        )
                # within the loop: what is noted while this is awaited must be written too
                if not self._notes:
                    await self._prune()
        finally:
            self._writer = None

    async def _prune(self) -> None:
        """Let go once a day what nobody has asked for in a long time."""
        now = self._clock.utcnow()
        if self._pruned_at is not None and now - self._pruned_at < _PRUNE_EVERY:
            return
        self._pruned_at = now
        before = now - max(_KEPT_FOR, 2 * self._max_age)
        gone = await self._guarded(
            self._run(partial(records.prune, before=before)), is_awaited=False
        )
        if gone:
            _log.info("%d contracts that nobody asks for any more were let go", gone)


def check_id(instrument_id: str) -> str:
    """
    Return an id as it is kept.

    Raises:
        ContractError: It is empty, longer than 128 characters, or has characters that do not print.
    """
    name = instrument_id.strip()
    if not name or len(name) > _LONGEST_ID or not name.isprintable():
        raise ContractError(
            f"expected an id of 1 to {_LONGEST_ID} characters that print, found {instrument_id!r}",
            hint="as in 'us.apple' or 'front:ES'",
        )
    return name


def _check_shadow(name: str, contract: Contract) -> None:
    try:
        reads_as = parse_contract(name)
    except ContractError:
        return
    if reads_as != contract:
        raise ContractError(
            f"the id {name!r} reads as {reads_as}, which is not {contract}",
            hint="choose one that is no short text form, as in 'my:ES'",
        )
