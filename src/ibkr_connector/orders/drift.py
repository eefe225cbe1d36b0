"""
Where the ledger and the broker differ although nothing should be between them.

Events keep the ledger in step while a connection lives. Whether they all came is seen only by
asking again: for the open orders, the executions and the positions. What is compared:

- Orders of ours that are open on one side only, or of another quantity or limit.
- Executions of our orders that the ledger does not have, has in another revision, or has alone.
- Positions: what changed since the last check must be the sum of the executions since then, those
  of everybody included. A transfer, an exercise or a split is such a difference too, rightly.

What moved while the lists were on their way is left out, and the rest must be seen twice. Orders
whose fate is open (`uncertain`, or in flight) are no drift: `reconcile.py` settles those. Of orders
of others the ledger knows what it happens to see, so only their positions are compared.

Pure: it is told what was seen; `drift_watch.py` asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ibkr_connector.gateway.blocks import without_blocks
from ibkr_connector.gateway.port import BrokerOrder, Execution, PositionRow
from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import Action, OrderType, size_text
from ibkr_connector.model.record import Record

from .entry import ZERO, OrderEntry
from .ledger import Ledger, exec_base
from .reconcile import memory_starts

__all__ = [
    "Drift",
    "DriftKind",
    "DriftReport",
    "Holding",
    "Holdings",
    "Traded",
    "compare",
    "holding",
    "traded",
    "unexplained",
]

Holding = tuple[str, str]
"""An account, and what it holds: the contract's id at the broker, or its words without one."""

Holdings = Mapping[Holding, Decimal]
Traded = Mapping[str, tuple[Holding, Decimal]]
"""What each execution moved, by its id without the revision; signed."""


class DriftKind(StrEnum):
    """What differs."""

    ORDER_MISSING = "order_missing"
    """Open here, and in no list of the broker."""

    ORDER_ALIVE = "order_alive"
    """Closed here, and open at the broker."""

    ORDER_UNKNOWN = "order_unknown"
    """Open at the broker under our client id, and not known here."""

    ORDER_DIFFERS = "order_differs"
    """Another quantity, or another limit price."""

    FILL_UNHEARD = "fill_unheard"
    """The broker has an execution of an order of ours that is not known here."""

    FILL_DIFFERS = "fill_differs"
    """The broker has another revision of an execution."""

    FILL_VANISHED = "fill_vanished"
    """An execution of today is known here, and the broker does not list it."""

    POSITION_UNEXPLAINED = "position_unexplained"
    """A position changed by something else than the executions of the broker's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(Record):
    """
    One difference.

    `subject` names the order (reference or permanent id), the execution, or the position (account
    and contract). `ours` and `brokers` say what each side has.
    """

    kind: DriftKind
    subject: str
    ours: str
    brokers: str

    @property
    def sentence(self) -> str:
        """The same in words."""
        return f"{self.kind} {self.subject}: {self.ours} here, {self.brokers} at the broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport(Record):
    """What one check found; times are UTC. `orders, fills, positions` count what was compared."""

    started: datetime
    finished: datetime
    differences: tuple[Drift, ...]
    orders: int
    fills: int
    positions: int

    @property
    def is_clean(self) -> bool:
        """Whether both sides agree."""
        return not self.differences


def compare(
    ledger: Ledger,
    *,
    client_id: ClientId,
    mark: int,
    now: datetime,
    listed: Iterable[BrokerOrder],
    executions: Iterable[Execution],
) -> tuple[Drift, ...]:
    """Compare orders and executions; `mark` is the ledger's moment before the first question."""
    calm = [entry for entry in ledger if not ledger.touched_since(entry.key, mark)]
    rows = list(listed)
    told = list(executions)
    return (
        *_missing(calm, ledger, rows),
        *_listed(ledger, rows, client_id=client_id, mark=mark),
        *_unheard(ledger, told, mark=mark),
        *_vanished(calm, told, now=now),
    )


def traded(executions: Iterable[Execution]) -> dict[str, tuple[Holding, Decimal]]:
    """Say what executions moved, the latest revision of each; a combination moves by its legs."""
    latest: dict[str, tuple[int, tuple[Holding, Decimal]]] = {}
    for execution in without_blocks(executions):
        if execution.contract.security_type is SecurityType.COMBO:
            continue
        base, revision = exec_base(execution.exec_id)
        sign = 1 if execution.action is Action.BUY else -1
        moved = (holding(execution), sign * execution.quantity)
        if base not in latest or revision > latest[base][0]:
            latest[base] = (revision, moved)
    return {base: moved for base, (_, moved) in latest.items()}


def holding(row: Execution | PositionRow) -> Holding:
    """Name what a row is about."""
    return row.account, str(row.contract.con_id or row.contract)


def unexplained(
    *, before: Holdings, then: Traded, after: Holdings, now: Traded, names: Mapping[Holding, str]
) -> tuple[Drift, ...]:
    """
    Compare how positions changed with what was traded meanwhile.

    An execution that is no longer listed has not moved anything since: the broker's list goes back
    to midnight only.
    """
    expected = dict(before)
    for base, (where, moved) in now.items():
        earlier = then[base][1] if base in then else ZERO
        expected[where] = expected.get(where, ZERO) + moved - earlier
    found = []
    for where in sorted({*expected, *after}):
        should, is_now = expected.get(where, ZERO), after.get(where, ZERO)
        if should != is_now:
            found.append(
                Drift(
                    kind=DriftKind.POSITION_UNEXPLAINED,
                    subject=f"{where[0]} {names.get(where, where[1])}",
                    ours=str(should),
                    brokers=str(is_now),
                )
            )
    return tuple(found)


def _missing(
    calm: Iterable[OrderEntry], ledger: Ledger, rows: Iterable[BrokerOrder]
) -> Iterable[Drift]:
    there = {entry.key for row in rows if (entry := ledger.about(row)) is not None}
    for entry in calm:
        settled = entry.is_open and not entry.is_awaiting
        if entry.is_own and settled and entry.key not in there:
            yield Drift(
                kind=DriftKind.ORDER_MISSING,
                subject=_name(entry),
                ours=entry.state.value,
                brokers="not listed",
            )


def _listed(
    ledger: Ledger, rows: Iterable[BrokerOrder], *, client_id: ClientId, mark: int
) -> Iterable[Drift]:
    for row in rows:
        entry = ledger.about(row)
        if entry is None:
            if row.client_id == client_id:
                yield Drift(
                    kind=DriftKind.ORDER_UNKNOWN,
                    subject=row.order_ref or str(row.perm_id),
                    ours="not known",
                    brokers=f"{row.status} {row.action} {_size(row)} {row.contract}",
                )
            continue
        if not entry.is_own or ledger.touched_since(entry.key, mark):
            continue
        if not entry.is_open:
            yield Drift(
                kind=DriftKind.ORDER_ALIVE,
                subject=_name(entry),
                ours=entry.state.value,
                brokers=row.status,
            )
            continue
        # other types have prices that the broker moves by itself
        limits = entry.order_type == row.order_type == OrderType.LIMIT
        # of an order by cash the broker may name any quantity, none is the order's own
        said = row.quantity if entry.cash is None else None
        ours = (entry.quantity, entry.limit_price if limits else None)
        brokers = (said or entry.quantity, row.limit_price if limits else None)
        if ours != brokers:
            yield Drift(
                kind=DriftKind.ORDER_DIFFERS,
                subject=_name(entry),
                ours=_terms(*ours),
                brokers=_terms(*brokers),
            )


def _unheard(ledger: Ledger, executions: Iterable[Execution], *, mark: int) -> Iterable[Drift]:
    for execution in executions:
        owner, known = ledger.revision(exec_base(execution.exec_id)[0])
        revision = exec_base(execution.exec_id)[1]
        entry = ledger.entry(owner) or ledger.find(
            perm_id=execution.perm_id,
            client_id=execution.client_id,
            order_id=execution.order_id,
            order_ref=execution.order_ref,
        )
        if entry is None or not entry.is_own or revision <= known:
            continue
        if ledger.touched_since(entry.key, mark):
            continue
        yield Drift(
            kind=DriftKind.FILL_UNHEARD if owner is None else DriftKind.FILL_DIFFERS,
            subject=execution.exec_id,
            ours="not known" if owner is None else f"revision {known}",
            brokers=f"{execution.quantity} at {execution.price} of {_name(entry)}",
        )


def _vanished(
    calm: Iterable[OrderEntry], executions: Iterable[Execution], *, now: datetime
) -> Iterable[Drift]:
    there = {exec_base(execution.exec_id)[0] for execution in executions}
    since = memory_starts(now)
    for entry in calm:
        for fill in entry.fills:
            if entry.is_own and fill.time >= since and exec_base(fill.exec_id)[0] not in there:
                yield Drift(
                    kind=DriftKind.FILL_VANISHED,
                    subject=fill.exec_id,
                    ours=f"{fill.quantity} at {fill.price} of {_name(entry)}",
                    brokers="not listed",
                )


def _name(entry: OrderEntry) -> str:
    return entry.order_ref or str(entry.perm_id)


def _size(row: BrokerOrder) -> str:
    return size_text(row.quantity, row.terms.cash_quantity)


def _terms(quantity: Decimal, limit: Decimal | None) -> str:
    return f"{quantity}" if limit is None else f"{quantity} at {limit}"
