"""Ids that must not be swapped: each is an int on the wire and a type of its own here."""

from __future__ import annotations

from typing import NewType

__all__ = ["ClientId", "ConId", "ExecId", "OrderId", "PermId", "RequestId", "exec_base"]

ClientId = NewType("ClientId", int)
"""Names one API connection at the gateway; orders belong to the client id that sent them."""

ConId = NewType("ConId", int)
"""IB's number of a contract, the same everywhere and for ever."""

OrderId = NewType("OrderId", int)
"""Order number, unique for one client id only; 0 or negative for orders typed into TWS."""

PermId = NewType("PermId", int)
"""IB's number of an order, unique in the account and kept over restarts."""

RequestId = NewType("RequestId", int)
"""Number of one data request on one connection."""

ExecId = NewType("ExecId", str)
"""Execution id; a correction has the same text with another number after the last dot."""


def exec_base(exec_id: ExecId) -> tuple[str, int]:
    """Split an execution id into what stays and the revision that a correction raises."""
    base, dot, revision = exec_id.rpartition(".")
    if not dot or not revision.isdecimal():
        return exec_id, 0
    return base, int(revision)
