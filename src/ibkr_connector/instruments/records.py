"""
What the registry reads and writes: each function is a piece of work on one connection.

Nothing here awaits and nothing is kept between two calls; a piece of work is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import JSONEncoder
from typing import Final

from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.registry import Change, Instrument
from ibkr_connector.storage.statements import Connection, Row, insert, upsert
from ibkr_connector.storage.tables import (
    CHANGES,
    CONTRACTS,
    DESCRIPTIONS,
    INSTRUMENTS,
    MARKET_RULES,
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
    rows = connection.read(
        f"""
        SELECT descriptions.key, contracts.details, contracts.qualified_at
        FROM descriptions JOIN contracts
            ON contracts.con_id = descriptions.con_id
            AND contracts.security_type = descriptions.security_type
        WHERE descriptions.key IN ({connection.each("keys")})
        """,
        keys=_as_json(keys),
    )
    found = {
        row["key"]: Recalled(details=read_details(row["details"]), qualified_at=row["qualified_at"])
        for row in rows
    }
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
    insert(connection, CHANGES, [change.as_dict() for change in told])
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
    upsert(connection, CONTRACTS, list(rows.values()))
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
    upsert(connection, DESCRIPTIONS, list(described.values()))
    return told


def prune(connection: Connection, before: datetime) -> int:
    """
    Let go of contracts that were asked for before then and not since; return how many.

    Those of the user's own instruments stay, and so does all that ever became different.
    """
    connection.write(
        """
        DELETE FROM descriptions WHERE qualified_at < :before AND con_id NOT IN (
            SELECT con_id FROM instruments WHERE con_id IS NOT NULL
        )
        """,
        before=before,
    )
    return connection.write(
        """
        DELETE FROM contracts WHERE qualified_at < :before AND con_id NOT IN (
            SELECT con_id FROM instruments WHERE con_id IS NOT NULL
        ) AND NOT EXISTS (
            SELECT 1 FROM descriptions WHERE descriptions.con_id = contracts.con_id
            AND descriptions.security_type = contracts.security_type
        )
        """,
        before=before,
    )


def put_instrument(connection: Connection, instrument: Instrument) -> bool:
    """Write an instrument under its id; tell whether anything became different."""
    known = _instruments(connection, instrument.instrument_id)
    (recalled,) = recall(connection, [instrument.description])
    con_id = instrument.con_id if recalled is None else recalled.details.contract.con_id
    new = {
        "description": contract_json(instrument.description),
        "con_id": con_id,
        "note": instrument.note,
    }
    if not known:
        made = {
            "instrument_id": instrument.instrument_id,
            "created_at": instrument.registered_at,
            "updated_at": instrument.updated_at,
            **new,
        }
        insert(connection, INSTRUMENTS, [made])
        return True
    old = {name: known[0][name] for name in new}
    if old == new:
        return False
    told = [
        Change(
            at=instrument.updated_at,
            subject=instrument.instrument_id,
            field=name,
            old=_text(old[name]),
            new=_text(value),
        )
        for name, value in new.items()
        if old[name] != value
    ]
    insert(connection, CHANGES, [change.as_dict() for change in told])
    connection.write(
        """
        UPDATE instruments SET description = :description, con_id = :con_id, note = :note,
            updated_at = :updated_at
        WHERE instrument_id = :instrument_id
        """,
        instrument_id=instrument.instrument_id,
        updated_at=instrument.updated_at,
        **new,
    )
    return True


def put_instruments(connection: Connection, made: Sequence[Instrument]) -> frozenset[str]:
    """Write instruments under their ids; return those of which anything became different."""
    return frozenset(one.instrument_id for one in made if put_instrument(connection, one))


def drop_instrument(connection: Connection, instrument_id: str, at: datetime) -> bool:
    """Take an id out; tell whether it was there. What is known of its contract stays."""
    gone = connection.write(
        "DELETE FROM instruments WHERE instrument_id = :instrument_id", instrument_id=instrument_id
    )
    if gone:
        told = Change(at=at, subject=instrument_id, field="registered", old="yes", new="no")
        insert(connection, CHANGES, [told.as_dict()])
    return bool(gone)


def all_instruments(
    connection: Connection, instrument_id: str | None = None
) -> tuple[Instrument, ...]:
    """Return the instruments by their ids; one of them when it is named."""
    rows = _instruments(connection, instrument_id)
    described = [read_contract(row["description"]) for row in rows]
    known = recall(connection, described)
    return tuple(
        Instrument(
            instrument_id=row["instrument_id"],
            description=description,
            contract=description if qualified is None else qualified.details.contract,
            con_id=row["con_id"],
            note=row["note"],
            registered_at=row["created_at"],
            updated_at=row["updated_at"],
            qualified_at=None if qualified is None else qualified.qualified_at,
        )
        for row, description, qualified in zip(rows, described, known, strict=True)
    )


def history_of(connection: Connection, subjects: Sequence[str]) -> tuple[Change, ...]:
    """Return what became different of some subjects, oldest first."""
    rows = connection.read(
        f"""
        SELECT * FROM instrument_changes WHERE subject IN ({connection.each("subjects")})
        ORDER BY change_id
        """,
        subjects=_as_json(list(subjects)),
    )
    return tuple(_change(row) for row in rows)


def changes_since(connection: Connection, since: datetime | None) -> tuple[Change, ...]:
    """Return what became different of the user's instruments and of their contracts."""
    named = connection.read("SELECT instrument_id, con_id FROM instruments")
    subjects = {text for row in named for text in (row["instrument_id"], f"#{row['con_id']}")}
    if since is None:
        rows = connection.read("SELECT * FROM instrument_changes ORDER BY change_id")
    else:
        rows = connection.read(
            "SELECT * FROM instrument_changes WHERE at >= :since ORDER BY change_id", since=since
        )
    return tuple(_change(row) for row in rows if row["subject"] in subjects)


def keep_bands(
    connection: Connection, rule_id: int, *, bands: tuple[PriceBand, ...], at: datetime
) -> None:
    """Write the price bands of a market rule."""
    upsert(
        connection,
        MARKET_RULES,
        [{"rule_id": rule_id, "bands": bands_json(bands), "asked_at": at}],
    )


def all_bands(connection: Connection, since: datetime) -> dict[int, tuple[PriceBand, ...]]:
    """Return the market rules that were asked for since then."""
    rows = connection.read("SELECT * FROM market_rules WHERE asked_at >= :since", since=since)
    return {row["rule_id"]: read_bands(row["bands"]) for row in rows}


def _instruments(connection: Connection, instrument_id: str | None) -> list[Row]:
    if instrument_id is None:
        return connection.read("SELECT * FROM instruments ORDER BY instrument_id")
    return connection.read(
        "SELECT * FROM instruments WHERE instrument_id = :instrument_id",
        instrument_id=instrument_id,
    )


def _change(row: Row) -> Change:
    return Change(
        at=row["at"], subject=row["subject"], field=row["field"], old=row["old"], new=row["new"]
    )


def _identity(contract: Contract) -> tuple[int | None, str]:
    return contract.con_id, contract.security_type.value


def _known_details(
    connection: Connection, findings: Sequence[Finding]
) -> dict[tuple[int | None, str], ContractDetails]:
    rows = connection.read(
        f"""
        SELECT con_id, security_type, details FROM contracts
        WHERE con_id IN (SELECT CAST(value AS BIGINT) FROM ({connection.each("ids")}) AS listed)
        """,
        ids=_as_json([one.details.contract.con_id for one in findings]),
    )
    return {(row["con_id"], row["security_type"]): read_details(row["details"]) for row in rows}


def _known_ids(connection: Connection, findings: Sequence[Finding]) -> dict[str, int]:
    rows = connection.read(
        f"SELECT key, con_id FROM descriptions WHERE key IN ({connection.each('keys')})",
        keys=_as_json([key_of(one.wanted) for one in findings]),
    )
    return {row["key"]: row["con_id"] for row in rows}


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
        named = connection.read(
            "SELECT instrument_id FROM instruments WHERE description = :description",
            description=description,
        )
        for subject in (*(row["instrument_id"] for row in named), f"#{before}"):
            yield Change(
                at=finding.at, subject=subject, field="con_id", old=_text(before), new=_text(con_id)
            )
    connection.write(
        """
        UPDATE instruments SET con_id = :con_id, updated_at = :at
        WHERE description = :description
        """,
        con_id=con_id,
        at=finding.at,
        description=description,
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
