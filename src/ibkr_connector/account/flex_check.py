"""
Statements of IB held against what the journal has: what is missing, and what differs.

Owns: which row of a statement is which fill, and what counts as a difference. Rows and fills are
matched by their execution id without its revision, so neither a clock nor an order id decides.
Refuses to know: files, the journal's format, and what to do about a difference.

*limit*: What has no execution id in the statement (expiries, assignments, transfers) is counted and
not compared, and of a combination its legs are compared. After 17:00 in New York a trade may belong
to the next day's statement, so a fill of the last evening that a statement lacks is counted as
`later`, not as missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from ibkr_connector.errors import AccountError
from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.ids import ExecId, exec_base
from ibkr_connector.model.orders import Action, Fill, OrderReport
from ibkr_connector.model.statements import FlexStatement, FlexTrade
from ibkr_connector.observe.masking import mask_accounts

from .flex_findings import Finding, FlexCheck, FlexDifference, FlexTotal, Whose

__all__ = ["COMMISSION_WITHIN", "OUR_PREFIX", "JournalOrder", "check_flex"]

_Told: TypeAlias = Decimal | datetime | str | None

ZERO: Final = Decimal(0)
OUR_PREFIX: Final = "ibc-"
"""How the references of this package's orders begin."""

PRICE_WITHIN: Final = Decimal("0.000001")
COMMISSION_WITHIN: Final = Decimal("0.005")
TIME_WITHIN: Final = timedelta(seconds=2)
_EVENING: Final = time(17)


class JournalOrder(Protocol):
    """An order as the journal knows it: a `RecordedOrder` of `orders.history`."""

    @property
    def report(self) -> OrderReport:
        """How it stands, with its fills."""
        ...

    @property
    def is_own(self) -> bool:
        """Whether it was placed with this journal."""
        ...


@dataclass(frozen=True, slots=True)
class _Here:
    """A fill of the journal with what its order says."""

    fill: Fill
    account: str
    order_ref: str
    is_own: bool

    @property
    def quantity(self) -> Decimal:
        return self.fill.quantity if self.fill.action is Action.BUY else -self.fill.quantity

    @property
    def value(self) -> Decimal:
        return self.quantity * self.fill.price * (self.fill.contract.multiplier or 1)


def check_flex(
    statements: FlexStatement | Sequence[FlexStatement],
    orders: Iterable[JournalOrder],
    *,
    commission_within: Decimal = COMMISSION_WITHIN,
) -> FlexCheck:
    """
    Hold statements against the orders of a journal, execution by execution.

    Args:
        statements: As `read_flex` returns them; the accounts and days in them are compared.
        orders: As `ibkr_connector.orders.history.read_orders` returns them.
        commission_within: By how much commissions may differ; IB's messages round them.

    Raises:
        AccountError: A statement does not tell executions, or has no days.
    """
    told = (statements,) if isinstance(statements, FlexStatement) else tuple(statements)
    if not told:
        raise AccountError("there is no statement to compare", hint="pass what `read_flex` returns")
    for statement in told:
        _check_told(statement)
    here = _fills(orders)
    own = {one.order_ref for fills in here.values() for one in fills if one.is_own}
    there, uncompared = _rows(told)
    pairs = _Pairs(commission_within, own)
    known: set[tuple[str, ExecId]] = set()
    for row in there.values():
        found = _fill_of(row, here)
        if found is not None:
            known.add((found.account, found.fill.exec_id))
        pairs.add(row, found)
    later = 0
    for fills in here.values():
        for one in fills:
            if (one.account, one.fill.exec_id) in known:
                continue
            covering = _covering(one, told)
            if covering is None:
                continue
            if _may_be_later(one, covering):
                later += 1
            else:
                pairs.missing_there(one, one.account or covering.account)
    return FlexCheck(
        accounts=tuple(dict.fromkeys(account for one in told for account in one.accounts)),
        matched=pairs.matched,
        differences=tuple(pairs.differences),
        totals=tuple(pairs.totals[currency] for currency in sorted(pairs.totals)),
        uncompared=uncompared,
        later=later,
    )


def _check_told(one: FlexStatement) -> None:
    whose = mask_accounts(one.account) or "no account"
    if one.trades is None:
        raise AccountError(
            f"the statement of {whose} tells no executions",
            hint="add the section Trades (or Trade Confirmations) to the query, with Execution "
            "among its options",
        )
    if one.from_date is None or one.to_date is None:
        raise AccountError(
            f"the statement of {whose} does not say of which days it is",
            hint="download it again: IB writes fromDate and toDate into every statement",
        )


def _fills(orders: Iterable[JournalOrder]) -> dict[str, list[_Here]]:
    found: dict[str, list[_Here]] = defaultdict(list)
    for order in orders:
        report = order.report
        for fill in report.fills:
            # a combination's own execution is in no statement; a bust leaves nothing
            if fill.contract.security_type is SecurityType.COMBO or not fill.quantity:
                continue
            found[exec_base(fill.exec_id)[0]].append(
                _Here(
                    fill,
                    fill.account or report.account,
                    fill.order_ref or report.order_ref,
                    order.is_own,
                )
            )
    return found


def _rows(told: Iterable[FlexStatement]) -> tuple[Mapping[tuple[str, str], FlexTrade], int]:
    """Return the last revision of each execution that was not taken back."""
    last: dict[tuple[str, str], FlexTrade] = {}
    gone: dict[tuple[str, str], int] = {}
    uncompared = 0
    rows = [row for one in told for row in one.trades or ()]
    for row in rows:
        base, revision = exec_base(row.exec_id)
        key = (row.account, base)
        if not row.exec_id:
            uncompared += 1
        elif row.is_cancel:
            gone[key] = max(revision, gone.get(key, -1))
        elif key not in last or exec_base(last[key].exec_id)[1] < revision:
            last[key] = row
    standing = {
        key: row for key, row in last.items() if exec_base(row.exec_id)[1] > gone.get(key, -1)
    }
    return standing, uncompared


def _fill_of(row: FlexTrade, here: Mapping[str, Sequence[_Here]]) -> _Here | None:
    """An adviser's execution has one id in all of its accounts."""
    fills = here.get(exec_base(row.exec_id)[0], ())
    return next((one for one in fills if one.account in {row.account, ""}), None)


def _covering(one: _Here, told: Iterable[FlexStatement]) -> FlexStatement | None:
    """Return the statement that a fill should be in."""
    for statement in told:
        assert statement.from_date is not None  # checked before
        assert statement.to_date is not None
        if one.account not in {*statement.accounts, ""}:
            continue
        day = one.fill.time.astimezone(ZoneInfo(statement.zone)).date()
        generated = statement.generated or datetime.max.replace(tzinfo=UTC)
        if statement.from_date <= day <= statement.to_date and one.fill.time <= generated:
            return statement
    return None


def _may_be_later(one: _Here, statement: FlexStatement) -> bool:
    local = one.fill.time.astimezone(ZoneInfo("America/New_York"))
    return local.date() == statement.to_date and local.time() >= _EVENING


class _Pairs:
    """Collects what is found of each execution."""

    def __init__(self, commission_within: Decimal, own: set[str]) -> None:
        self._within = commission_within
        self._own = own
        self.matched = 0
        self.differences: list[FlexDifference] = []
        self.totals: dict[str, FlexTotal] = {}

    def add(self, row: FlexTrade, found: _Here | None) -> None:
        """Take an execution of the statement, and the fill that it is."""
        self._add_there(row)
        if found is None:
            what = f"{row.quantity} at {row.price}"
            self._note(row, Finding.MISSING_HERE, here=None, there=what)
            return
        self.matched += 1
        self._add_here(found)
        fill = found.fill
        ours, theirs = exec_base(fill.exec_id)[1], exec_base(row.exec_id)[1]
        if ours != theirs:
            self._note(row, Finding.REVISION, here=str(fill.exec_id), there=str(row.exec_id))
        for finding, here, there, within in (
            (Finding.QUANTITY, found.quantity, row.quantity, ZERO),
            (Finding.PRICE, fill.price, row.price, PRICE_WITHIN),
            (Finding.COMMISSION, fill.commission, row.commission, self._within),
        ):
            # what the query left out is not told, and says nothing against what is known here
            if there is not None and (here is None or abs(here - there) > within):
                self._note(row, finding, here=here, there=there)
        ours_in, theirs_in = fill.commission_currency, row.commission_currency
        if ours_in and theirs_in and ours_in != theirs_in:
            self._note(row, Finding.COMMISSION, here=ours_in, there=theirs_in)
        if row.time is not None and abs(fill.time - row.time) > TIME_WITHIN:
            self._note(row, Finding.TIME, here=fill.time, there=row.time)

    def missing_there(self, one: _Here, account: str) -> None:
        """Take a fill that the statement should have and has not."""
        self._add_here(one)
        self.differences.append(
            FlexDifference(
                finding=Finding.MISSING_THERE,
                account=account,
                exec_id=one.fill.exec_id,
                symbol=one.fill.contract.symbol,
                order_ref=one.order_ref,
                whose=self._whose(one.order_ref),
                here=f"{one.quantity} at {one.fill.price}",
                there=None,
            )
        )

    def _note(self, row: FlexTrade, finding: Finding, *, here: _Told, there: _Told) -> None:
        self.differences.append(
            FlexDifference(
                finding=finding,
                account=row.account,
                exec_id=row.exec_id,
                symbol=row.symbol,
                order_ref=row.order_ref,
                whose=self._whose(row.order_ref),
                here=here,
                there=there,
            )
        )

    def _whose(self, order_ref: str) -> Whose:
        if not order_ref:
            return Whose.MANUAL
        if order_ref in self._own:
            return Whose.OURS
        is_ours = order_ref.startswith(OUR_PREFIX)
        return Whose.OTHER_JOURNAL if is_ours else Whose.OTHER_PROGRAM

    def _add_there(self, row: FlexTrade) -> None:
        value = (row.quantity or ZERO) * (row.price or ZERO) * (row.multiplier or 1)
        self._sum(row.currency, executions_there=1, value_there=value)
        if row.commission is not None:
            self._sum(row.commission_currency or row.currency, commission_there=row.commission)

    def _add_here(self, one: _Here) -> None:
        currency = one.fill.contract.currency or ""
        self._sum(currency, executions_here=1, value_here=one.value)
        if one.fill.commission is not None:
            charged = one.fill.commission_currency or currency
            self._sum(charged, commission_here=one.fill.commission)

    def _sum(self, currency: str, **more: Decimal | int) -> None:
        old = self.totals.get(currency) or FlexTotal(currency=currency)
        grown: dict[str, Any] = {name: getattr(old, name) + by for name, by in more.items()}
        self.totals[currency] = replace(old, **grown)
