"""
Tables of ib_async's that are filled when somebody looks at them.

ib_async keeps what is held by account and by the id of the contract, and the figures of accounts,
as objects that only whoever comes by the escape hatch will see. Until somebody does, what came is
kept as it came; from then on the table is kept at once, because he may hold on to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, Final

from ib_async.objects import AccountValue

from .holdings import HoldingKey, PortfolioRow, PositionRow, quantity_of
from .port import FigureKey

__all__ = ["LateTable", "LateValues"]

_account: Final = itemgetter(0)


class LateTable:
    """
    One table, of one session.

    Args:
        table: That of ib_async, which makes an account's part when it is asked for.
        make: Makes ib_async's object of the message of a row.
    """

    def __init__(self, table: dict[str, dict[int, Any]], make: Callable[[list[str]], Any]) -> None:
        self._table = table
        self._make = make
        self._late: dict[HoldingKey, Any] = {}
        self._is_seen = False

    def look(self) -> dict[str, dict[int, Any]]:
        """Return the table as it is now."""
        self._is_seen = True
        late, self._late = self._late, {}
        for (account, con_id), told in late.items():
            self._table[account][con_id] = self._made(told)  # type: ignore[index]  # never None
        return self._table

    def keep(self, account: str, con_id: int, told: Any, *, is_held: bool) -> None:
        """Enter an object of ib_async's, or strike out what was there when nothing is held."""
        part = self._table[account]
        if not is_held:
            self._late.pop((account, con_id), None)  # type: ignore[arg-type]  # the same number
            part.pop(con_id, None)
        elif self._is_seen:
            part[con_id] = told
        else:
            self._late[account, con_id] = told  # type: ignore[index]  # the same number

    def keep_rows(self, rows: Mapping[HoldingKey, PositionRow | PortfolioRow]) -> None:
        """Enter rows that keep their messages, each of a contract that has an id."""
        if not self._is_seen and all(map(quantity_of, rows.values())):
            for account in dict.fromkeys(map(_account, rows)):
                # makes the part of an account, so that they stand in the order of the wire
                self._table[account]
            self._late.update(rows)
            return
        for (account, con_id), row in rows.items():
            told = self._made(row) if self._is_seen else row
            assert con_id is not None
            self.keep(account, con_id, told, is_held=bool(row.quantity))

    def _made(self, told: Any) -> Any:
        if not isinstance(told, PositionRow | PortfolioRow):
            return told
        return self._make(told.raw.decode(errors="backslashreplace").split("\0")[:-1])


class LateValues:
    """
    That of the figures of account windows, of one session.

    Args:
        table: ib_async's.
    """

    def __init__(self, table: dict[tuple[str, str, str, str], AccountValue]) -> None:
        self._table = table
        self._late: dict[FigureKey, str] = {}
        self._is_seen = False

    def look(self) -> dict[tuple[str, str, str, str], AccountValue]:
        """Return the table as it is now."""
        self._is_seen = True
        self._enter()
        return self._table

    def keep(self, told: Iterable[tuple[FigureKey, str]]) -> None:
        """Enter figures with their texts as they came."""
        self._late.update(told)
        if self._is_seen:
            self._enter()

    def _enter(self) -> None:
        late, self._late = self._late, {}
        for (account, tag, currency), text in late.items():
            # figures of no model
            told = AccountValue(account, tag, text, currency, "")
            self._table[account, tag, currency, ""] = told
