"""What comes of holding a statement against the journal: differences, totals, and a table."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.ids import ExecId
from ibkr_connector.model.record import Record

__all__ = ["Finding", "FlexCheck", "FlexDifference", "FlexTotal", "Whose"]

ZERO: Final = Decimal(0)


class Finding(StrEnum):
    """What is the matter with one execution."""

    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"
    REVISION = "revision"
    QUANTITY = "quantity"
    PRICE = "price"
    COMMISSION = "commission"
    TIME = "time"


class Whose(StrEnum):
    """Who placed the order of an execution, as far as its reference tells."""

    OURS = "ours"
    OTHER_JOURNAL = "ours, of another journal"
    OTHER_PROGRAM = "another program"
    MANUAL = "no reference: typed into TWS, or another program"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexDifference(Record):
    """One thing that the statement and the journal do not agree on; `None` is: not told."""

    finding: Finding
    account: str
    exec_id: ExecId
    symbol: str
    order_ref: str
    whose: Whose
    here: Decimal | datetime | str | None
    there: Decimal | datetime | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexTotal(Record):
    """
    What the executions of one currency come to, here and there.

    `value` is what was paid for purchases less what came of sales, with multipliers. `commission`
    is what was charged in this currency.
    """

    currency: str
    executions_here: int = 0
    executions_there: int = 0
    value_here: Decimal = ZERO
    value_there: Decimal = ZERO
    commission_here: Decimal = ZERO
    commission_there: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexCheck(Record):
    """
    What became of holding statements against the journal.

    `matched` counts executions that both sides have, also where they differ in something.
    `uncompared` counts rows of the statement without an execution id, `later` fills that may belong
    to the statement of the next day.
    """

    accounts: tuple[str, ...]
    matched: int
    differences: tuple[FlexDifference, ...]
    totals: tuple[FlexTotal, ...]
    uncompared: int = 0
    later: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether both sides tell the same of every execution that was compared."""
        return not self.differences

    def of(self, *findings: Finding) -> tuple[FlexDifference, ...]:
        """Return the differences of these kinds."""
        return tuple(row for row in self.differences if row.finding in findings)

    def __iter__(self) -> Iterator[FlexDifference]:
        return iter(self.differences)

    def to_pandas(self) -> Any:
        """
        Return a `pandas.DataFrame`, one row for each difference; decimals stay decimals.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")  # an extra, and heavy
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                "a table needs pandas",
                hint="pip install 'ibkr-connector[data]'",
            ) from missing
        columns = [field.name for field in fields(FlexDifference)]
        return pandas.DataFrame([row.as_dict() for row in self.differences], columns=columns)
