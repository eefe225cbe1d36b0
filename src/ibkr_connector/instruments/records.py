"""
What the registry reads and writes: each function is a piece of work on one connection.

Nothing here awaits and nothing is kept between two calls; a piece of work is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json import JSONEncoder
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.registry import Change, Instrument
from ibkr_connector.storage.schema import (
    changes,
    contracts,
    descriptions,
    instruments,
    market_rules,
)

from .codec import (
    bands_json,
    contract_json,
    details_json,
    key_of,
    read_bands,
    read_contract,
    read_details,
)

__all__ = [
    "Finding",
    "Recalled",
    "all_bands",
    "all_instruments",
    "changes_since",
    "drop_instrument",
    "history_of",
    "keep_bands",
    "keep_findings",
    "prune",
    "put_instrument",
    "put_instruments",
    "recall",
    "upsert",
]

_TOLD: Final = (
    "symbol",
    "local_symbol",
    "trading_class",
    "primary_exchange",
    "currency",
    "multiplier",
    "expiry",
)
_TOLD_OF_DETAILS: Final = ("long_name", "min_tick", "last_trade_date")
"""What is worth telling when it becomes different; hours do so every day."""


_as_json: Final = JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a description turned out to be."""

    wanted: Contract
    details: ContractDetails
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Details as they were when IB was last asked."""

    details: ContractDetails
    qualified_at: datetime


def recall(connection: Connection, wanted: Sequence[Contract]) -> list[Recalled | None]:
    """Return what is known of each description, in their order."""
    keys = [key_of(one) for one in wanted]
    rows = connection.execute(_recalling(connection.dialect.name), {"keys": _as_json(keys)})
    found = {key: Recalled(details=read_details(text), qualified_at=at) for key, text, at in rows}
    return [found.get(key) for key in keys]


def keep_findings(connection: Connection, findings: Sequence[Finding]) -> Sequence[Change]:
    """Write what descriptions turned out to be; return what became different thereby."""
    # a combination is what its legs are, and has no id to be known by
    singles = [one for one in findings if one.details.contract.con_id is not None]
    if not singles:
        return ()
    known = _known_details(connection, singles)
    earlier = _known_ids(connection, singles)
    told: list[Change] = []
    for one in singles:
        told += _changes_of(one, known.get(_identity(one.details.contract)))
        before = earlier.get(key_of(one.wanted))
        if before != one.details.contract.con_id:
            told += _moved(connection, one, before)
    if told:
        connection.execute(insert(changes), [change.as_dict() for change in told])
    rows = {
        _identity(one.details.contract): {
            "con_id": one.details.contract.con_id,
            "security_type": one.details.contract.security_type.value,
            "symbol": one.details.contract.symbol,
            "local_symbol": one.details.contract.local_symbol,
            "exchange": one.details.contract.exchange,
            "currency": one.details.contract.currency,
            "last_trade_date": one.details.last_trade_date,
            "details": details_json(one.details),
            "qualified_at": one.at,
        }
        for one in singles
    }
    upsert(connection, contracts, list(rows.values()))
    described = {
        key_of(contract): {
            "key": key_of(contract),
            "con_id": one.details.contract.con_id,
            "security_type": one.details.contract.security_type.value,
            "qualified_at": one.at,
        }
        for one in singles
        for contract in (one.wanted, one.details.contract)
    }
    upsert(connection, descriptions, list(described.values()))
    return told


def prune(connection: Connection, before: datetime) -> int:
    """
    Let go of contracts that were asked for before then and not since; return how many.

    Those of the user's own instruments stay, and so does all that ever became different.
    """
    kept = select(instruments.c.con_id).where(instruments.c.con_id.is_not(None))
    connection.execute(
        delete(descriptions).where(
            descriptions.c.qualified_at < before, descriptions.c.con_id.not_in(kept)
        )
    )
    is_described = exists().where(
        (descriptions.c.con_id == contracts.c.con_id)
        & (descriptions.c.security_type == contracts.c.security_type)
    )
    gone = connection.execute(
        delete(contracts).where(
            contracts.c.qualified_at < before, contracts.c.con_id.not_in(kept), ~is_described
        )
    )
    return gone.rowcount


def put_instrument(connection: Connection, instrument: Instrument) -> bool:
    """Write an instrument under its id; tell whether anything became different."""
    known = connection.execute(
        select(instruments).where(instruments.c.instrument_id == instrument.instrument_id)
    ).one_or_none()
    (recalled,) = recall(connection, [instrument.description])
    con_id = instrument.con_id if recalled is None else recalled.details.contract.con_id
    new = {
        "description": contract_json(instrument.description),
        "con_id": con_id,
        "note": instrument.note,
    }
    if known is None:
        connection.execute(
            insert(instruments).values(
                instrument_id=instrument.instrument_id,
                created_at=instrument.registered_at,
                updated_at=instrument.updated_at,
                **new,
            )
        )
        return True
    old = {name: getattr(known, name) for name in new}
    if old == new:
        return False
    for name, value in new.items():
        if old[name] != value:
            connection.execute(
                insert(changes).values(
                    at=instrument.updated_at,
                    subject=instrument.instrument_id,
                    field=name,
                    old=_text(old[name]),
                    new=_text(value),
                )
            )
    connection.execute(
        update(instruments)
        .where(instruments.c.instrument_id == instrument.instrument_id)
        .values(updated_at=instrument.updated_at, **new)
    )
    return True


def put_instruments(connection: Connection, made: Sequence[Instrument]) -> frozenset[str]:
    """Write instruments under their ids; return those of which anything became different."""
    return frozenset(one.instrument_id for one in made if put_instrument(connection, one))


def drop_instrument(connection: Connection, instrument_id: str, at: datetime) -> bool:
    """Take an id out; tell whether it was there. What is known of its contract stays."""
    gone = connection.execute(
        delete(instruments).where(instruments.c.instrument_id == instrument_id)
    )
    if gone.rowcount:
        connection.execute(
            insert(changes).values(
                at=at, subject=instrument_id, field="registered", old="yes", new="no"
            )
        )
    return bool(gone.rowcount)


def all_instruments(
    connection: Connection, instrument_id: str | None = None
) -> tuple[Instrument, ...]:
    """Return the instruments by their ids; one of them when it is named."""
    wanted = select(instruments).order_by(instruments.c.instrument_id)
    if instrument_id is not None:
        wanted = wanted.where(instruments.c.instrument_id == instrument_id)
    rows = connection.execute(wanted).all()
    described = [read_contract(row.description) for row in rows]
    known = recall(connection, described)
    return tuple(
        Instrument(
            instrument_id=row.instrument_id,
            description=description,
            contract=description if qualified is None else qualified.details.contract,
            con_id=row.con_id,
            note=row.note,
            registered_at=row.created_at,
            updated_at=row.updated_at,
            qualified_at=None if qualified is None else qualified.qualified_at,
        )
        for row, description, qualified in zip(rows, described, known, strict=True)
    )


def history_of(connection: Connection, subjects: Sequence[str]) -> tuple[Change, ...]:
    """Return what became different of some subjects, oldest first."""
    rows = connection.execute(
        select(changes).where(changes.c.subject.in_(subjects)).order_by(changes.c.change_id)
    )
    return tuple(
        Change(at=row.at, subject=row.subject, field=row.field, old=row.old, new=row.new)
        for row in rows
    )


def changes_since(connection: Connection, since: datetime | None) -> tuple[Change, ...]:
    """Return what became different of the user's instruments and of their contracts."""
    named = select(instruments.c.instrument_id, instruments.c.con_id)
    subjects = {text for row in connection.execute(named) for text in (row[0], f"#{row[1]}")}
    wanted = select(changes).order_by(changes.c.change_id)
    if since is not None:
        wanted = wanted.where(changes.c.at >= since)
    return tuple(
        Change(at=row.at, subject=row.subject, field=row.field, old=row.old, new=row.new)
        for row in connection.execute(wanted)
        if row.subject in subjects
    )


def keep_bands(
    connection: Connection, rule_id: int, *, bands: tuple[PriceBand, ...], at: datetime
) -> None:
    """Write the price bands of a market rule."""
    upsert(
        connection,
        market_rules,
        [{"rule_id": rule_id, "bands": bands_json(bands), "asked_at": at}],
    )


def all_bands(connection: Connection, since: datetime) -> dict[int, tuple[PriceBand, ...]]:
    """Return the market rules that were asked for since then."""
    rows = connection.execute(select(market_rules).where(market_rules.c.asked_at >= since))
    return {row.rule_id: read_bands(row.bands) for row in rows}


@lru_cache
def _recalling(dialect: str) -> Select[Any]:
    """
    Return the one question for any number of descriptions, made once.

    Their keys go as one value, a list in JSON: a value for each would be bound by itself, and
    databases take some thousand at most.
    """
    listed = bindparam("keys", type_=Text())
    each = (
        func.json_array_elements_text(cast(listed, JSON))
        if dialect == "postgresql"
        else func.json_each(listed)
    ).table_valued("value")
    return (
        select(descriptions.c.key, contracts.c.details, contracts.c.qualified_at)
        .select_from(each)
        .join(descriptions, descriptions.c.key == each.c.value)
        .join(
            contracts,
            (contracts.c.con_id == descriptions.c.con_id)
            & (contracts.c.security_type == descriptions.c.security_type),
        )
    )


def _identity(contract: Contract) -> tuple[int | None, str]:
    return contract.con_id, contract.security_type.value


def _known_details(
    connection: Connection, findings: Sequence[Finding]
) -> dict[tuple[int | None, str], ContractDetails]:
    rows = connection.execute(
        select(contracts.c.con_id, contracts.c.security_type, contracts.c.details).where(
            contracts.c.con_id.in_([one.details.contract.con_id for one in findings])
        )
    )
    return {(row.con_id, row.security_type): read_details(row.details) for row in rows}


def _known_ids(connection: Connection, findings: Sequence[Finding]) -> dict[str, int]:
    rows = connection.execute(
        select(descriptions.c.key, descriptions.c.con_id).where(
            descriptions.c.key.in_([key_of(one.wanted) for one in findings])
        )
    )
    return {row.key: row.con_id for row in rows}


def _changes_of(finding: Finding, before: ContractDetails | None) -> Iterator[Change]:
    """Tell what is different from what was known of the contract."""
    if before is None:
        return
    contract = finding.details.contract
    pairs = [(name, before.contract[name], contract[name]) for name in _TOLD]
    pairs += [(name, before[name], finding.details[name]) for name in _TOLD_OF_DETAILS]
    for name, old, new in pairs:
        if old != new:
            yield Change(
                at=finding.at,
                subject=f"#{contract.con_id}",
                field=name,
                old=_text(old),
                new=_text(new),
            )


def _moved(connection: Connection, finding: Finding, before: int | None) -> Iterator[Change]:
    """Note that a description means another contract, or one for the first time."""
    description, con_id = contract_json(finding.wanted), finding.details.contract.con_id
    if before is not None:
        named = connection.execute(
            select(instruments.c.instrument_id).where(instruments.c.description == description)
        ).scalars()
        for subject in (*named, f"#{before}"):
            yield Change(
                at=finding.at, subject=subject, field="con_id", old=_text(before), new=_text(con_id)
            )
    connection.execute(
        update(instruments)
        .where(instruments.c.description == description)
        .values(con_id=con_id, updated_at=finding.at)
    )


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, over those with the same key."""
    if not rows:
        return
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    keys = [column.name for column in table.primary_key]
    statement = dialect.insert(table)
    rest = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=rest), [dict(row) for row in rows]
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
