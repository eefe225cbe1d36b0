"""
Executions of divided orders that say once more what those of the accounts say.

TWS tells an advisor of the order as a whole, in the advisor's own account, and then of each part
(IB's guide to its API, executions and commissions). The whole moves nobody's position. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from ibkr_connector.model.advisor import is_advisors_own

from .port import Execution

__all__ = ["without_blocks"]


def without_blocks(executions: Iterable[Execution]) -> tuple[Execution, ...]:
    """Leave out what was executed in an advisor's own account of orders that have parts."""
    rows = tuple(executions)
    if not any(is_advisors_own(row.account) for row in rows):
        return rows
    divided = {row.perm_id for row in rows if row.perm_id and not is_advisors_own(row.account)}
    return tuple(r for r in rows if r.perm_id not in divided or not is_advisors_own(r.account))
