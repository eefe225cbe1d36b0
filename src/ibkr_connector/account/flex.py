"""
Statements of IB as Flex queries write them: activity and trade confirmations, in XML.

Owns: what of such a file is read, and as what. Attributes that a query left out are `None`, a
section that it left out is `None` as well (it is not told, which is not the same as empty), and
what is not known is passed over: IB adds sections and attributes as it likes.
Refuses to know: where a file comes from (`flex_service`), and what it is held against
(`flex_check`).

The file is somebody else's: one with a document type or entities is refused, and so is one that
is larger than 64 MiB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar
from xml.parsers import expat

from ibkr_connector.errors import AccountError, ConfigurationError
from ibkr_connector.model.ids import ConId, ExecId
from ibkr_connector.model.statements import (
    FlexBalance,
    FlexCash,
    FlexCommission,
    FlexEquity,
    FlexPosition,
    FlexStatement,
    FlexTrade,
)

from .flex_values import NOTHING, DateForms, read_date, read_moment, read_number, read_whole

__all__ = ["FlexStatement", "FlexTrade", "parse_flex", "read_flex"]

T = TypeVar("T")

LARGEST: Final = 64 * 1024 * 1024
_DEEPEST: Final = 32
_EXECUTION: Final = "EXECUTION"
_CANCELLED: Final = "(Ca.)"
"""What IB writes behind BUY or SELL of a row that takes a trade back."""

_BASE: Final = "BASE_SUMMARY"
"""What IB writes as the currency of a sum over all of them."""

_SECTIONS: Final = frozenset(
    {
        "Trades",
        "TradeConfirms",
        "CashTransactions",
        "OpenPositions",
        "EquitySummaryInBase",
        "UnbundledCommissionDetails",
        "CashReport",
    }
)


def read_flex(
    path: Path | str,
    *,
    zone: str = "America/New_York",
    dates: str = "",
    largest: int = LARGEST,
) -> tuple[FlexStatement, ...]:
    """
    Read a file of statements, one for each account in it; blocks.

    Args:
        path: What Client Portal or the web service wrote, as XML.
        zone: Time zone of the times in it: that of the account's statements, by default IB's own.
        dates: Form of its dates when the query writes them with slashes: `MM/dd/yyyy` or
            `dd/MM/yyyy`; all other forms are known by themselves.
        largest: Bytes that it may have.

    Raises:
        ConfigurationError: There is no such file, or it cannot be opened.
        AccountError: It holds no statements, or something in it cannot be read.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the statement {place} cannot be opened: {error.strerror}",
            hint="name the XML file of a Flex query that you have downloaded",
        ) from error
    return parse_flex(data, place=str(place), zone=zone, dates=dates, largest=largest)


def parse_flex(
    data: bytes,
    *,
    place: str = "statement",
    zone: str = "America/New_York",
    dates: str = "",
    largest: int = LARGEST,
) -> tuple[FlexStatement, ...]:
    """
    Read statements from what a file holds; `place` names it in errors.

    Raises:
        AccountError: It holds no statements, or something in it cannot be read.
        ConfigurationError: There is no such time zone, or no such form of dates.
    """
    if len(data) > largest:
        raise AccountError(
            f"{place} has more than {largest} bytes",
            hint="ask for fewer days or sections, or pass a larger `largest`",
        )
    return _Reading(place, DateForms.of(zone, dates)).read(data)


@dataclass(slots=True)
class _Open:
    """A statement of which the end is not read yet."""

    row: _Row
    has: set[str] = field(default_factory=set)
    trades: list[FlexTrade] = field(default_factory=list)
    is_coarse: bool = False
    cash: list[FlexCash] = field(default_factory=list)
    cash_sums: list[FlexCash] = field(default_factory=list)
    positions: list[FlexPosition] = field(default_factory=list)
    has_lots: bool = False
    equity: list[FlexEquity] = field(default_factory=list)
    commissions: list[FlexCommission] = field(default_factory=list)
    balances: list[FlexBalance] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    """The attributes of one element."""

    place: str
    element: str
    told: Mapping[str, str]
    forms: DateForms

    def text(self, *names: str) -> str:
        """Return the first of them that is there and says something."""
        return next((self.told[name].strip() for name in names if self.told.get(name)), "")

    def value(self, read: Callable[[str], T], *names: str) -> T | None:
        """Return what the first of them says, `None` when none of them is there."""
        for name in names:
            text = self.told.get(name, "").strip()
            if text in NOTHING:
                continue
            try:
                return read(text)
            except ValueError as error:
                raise AccountError(
                    f"{self.place}: {name}={text!r} of a {self.element} cannot be read: {error}",
                    hint="correct the file, or write the query anew with dates as yyyyMMdd, times "
                    "as HHmmss and XML as its form",
                ) from None
        return None

    def number(self, *names: str) -> Decimal | None:
        return self.value(read_number, *names)

    def cost(self, *names: str) -> Decimal | None:
        """Return the sum of what was paid under these names: the file has it as a loss."""
        told = [value for name in names if (value := self.number(name)) is not None]
        # no minus before a zero
        return Decimal(0) - sum(told, Decimal(0)) if told else None

    def con_id(self) -> ConId | None:
        number = self.value(read_whole, "conid")
        return None if number is None else ConId(number)

    def day(self, *names: str) -> date | None:
        return self.value(lambda text: read_date(text, self.forms), *names)

    def moment(self, *names: str) -> datetime | None:
        return self.value(lambda text: read_moment(text, self.forms), *names)


class _Reading:
    """Reads one document from its beginning to its end, without keeping it."""

    def __init__(self, place: str, forms: DateForms) -> None:
        self._place = place
        self._forms = forms
        self._depth = 0
        self._open: _Open | None = None
        self._done: list[FlexStatement] = []
        self._count: int | None = None

    def read(self, data: bytes) -> tuple[FlexStatement, ...]:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(data, True)  # noqa: FBT003  # expat takes no keywords
        except expat.ExpatError as error:
            raise AccountError(
                f"{self._place} is no XML to its end: {error}",
                hint="download it again, with XML as the form of the query",
            ) from None
        if self._count not in (None, len(self._done)):
            raise AccountError(
                f"{self._place} should hold {self._count} statements, and holds {len(self._done)}",
                hint="download it again from IB",
            )
        return tuple(self._done)

    def _refuse(self, *_: Any) -> NoReturn:
        raise AccountError(
            f"{self._place} declares a document type or entities, which no statement of IB does",
            hint="download it again from IB; do not use this file",
        )

    def _start(self, name: str, told: dict[str, str]) -> None:
        if self._depth == 0 and name != "FlexQueryResponse":
            raise AccountError(
                f"{self._place} begins with {name[:40]!r}, a statement with 'FlexQueryResponse'",
                hint="name the XML file of an activity or trade confirmation Flex query",
            )
        self._depth += 1
        if self._depth > _DEEPEST:
            raise AccountError(
                f"{self._place} is nested more than {_DEEPEST} deep",
                hint="download it again from IB",
            )
        row = _Row(self._place, name, told, self._forms)
        if name == "FlexStatements":
            self._count = row.value(read_whole, "count")
        elif name == "FlexStatement":
            self._open = _Open(row)
        elif self._open is not None:
            _take(row, self._open)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == "FlexStatement" and self._open is not None:
            self._done.append(_closed(self._open))
            self._open = None


def _take(row: _Row, into: _Open) -> None:
    account = row.text("accountId") or into.row.text("accountId")
    match row.element:
        case section if section in _SECTIONS:
            into.has.add(section)
        case "Trade" | "TradeConfirm":
            if row.text("levelOfDetail").upper() in {"", _EXECUTION}:
                into.trades.append(_trade(row, account))
            else:
                into.is_coarse = True
        case "Order" | "SymbolSummary" | "AssetSummary":
            into.is_coarse = True
        case "CashTransaction" if row.text("currency") != _BASE:
            # a query may ask for both: the sums repeat what the details say
            is_sum = row.text("levelOfDetail").upper() == "SUMMARY"
            (into.cash_sums if is_sum else into.cash).append(_cash(row, account))
        case "OpenPosition":
            # lots repeat what the summary of a position says
            if row.text("levelOfDetail").upper() in {"", "SUMMARY"}:
                into.positions.append(_position(row, account))
            else:
                into.has_lots = True
        case "UnbundledCommissionDetail":
            into.commissions.append(_commission(row, account))
        case "CashReportCurrency":
            currency = row.text("currency")
            into.balances.append(
                FlexBalance(
                    account=account,
                    currency="BASE" if currency == _BASE else currency,
                    start=row.number("startingCash"),
                    end=row.number("endingCash"),
                    settled=row.number("endingSettledCash"),
                )
            )
        case "EquitySummaryByReportDateInBase":
            into.equity.append(
                FlexEquity(
                    account=account,
                    day=row.day("reportDate"),
                    total=row.number("total"),
                    cash=row.number("cash"),
                    currency=row.text("currency"),
                )
            )
        case _:
            pass  # of no use here


def _closed(one: _Open) -> FlexStatement:
    row, has = one.row, one.has
    is_told = bool({"Trades", "TradeConfirms"} & has) and (bool(one.trades) or not one.is_coarse)
    has_positions = "OpenPositions" in has and (bool(one.positions) or not one.has_lots)
    return FlexStatement(
        account=row.text("accountId"),
        from_date=row.day("fromDate"),
        to_date=row.day("toDate"),
        generated=row.moment("whenGenerated"),
        zone=row.forms.zone,
        trades=tuple(one.trades) if is_told else None,
        cash=tuple(one.cash or one.cash_sums) if "CashTransactions" in has else None,
        positions=tuple(one.positions) if has_positions else None,
        equity=tuple(one.equity) if "EquitySummaryInBase" in has else None,
        commissions=tuple(one.commissions) if "UnbundledCommissionDetails" in has else None,
        balances=tuple(one.balances) if "CashReport" in has else None,
    )


def _trade(row: _Row, account: str) -> FlexTrade:
    side = row.text("buySell").upper()
    quantity = row.number("quantity")
    is_cancel = _CANCELLED.upper() in side or row.text("transactionType").endswith("Cancel")
    if quantity is not None and not is_cancel and side.startswith("SELL"):
        quantity = -abs(quantity)
    time = row.moment("dateTime")
    clock, day = row.text("tradeTime"), row.text("tradeDate")
    if time is None and clock not in NOTHING and day not in NOTHING:
        joined = {"tradeDate and tradeTime": f"{day};{clock}"}
        time = _Row(row.place, row.element, joined, row.forms).moment(*joined)
    return FlexTrade(
        account=account,
        con_id=row.con_id(),
        symbol=row.text("symbol"),
        asset_class=row.text("assetCategory"),
        currency=row.text("currency"),
        multiplier=row.number("multiplier"),
        quantity=quantity,
        price=row.number("tradePrice", "price"),
        proceeds=row.number("proceeds"),
        commission=row.cost("ibCommission" if row.told.get("ibCommission") else "commission"),
        commission_currency=row.text("ibCommissionCurrency", "commissionCurrency"),
        exec_id=ExecId(row.text("ibExecID", "execID")),
        order_id=row.text("ibOrderID", "orderID"),
        order_ref=row.text("orderReference"),
        time=time,
        day=row.day("tradeDate", "dateTime"),
        exchange="" if row.text("exchange") in NOTHING else row.text("exchange"),
        is_cancel=is_cancel,
        fx_to_base=row.number("fxRateToBase"),
    )


def _cash(row: _Row, account: str) -> FlexCash:
    return FlexCash(
        account=account,
        kind=row.text("type"),
        amount=row.number("amount"),
        currency=row.text("currency"),
        time=row.moment("dateTime"),
        day=row.day("dateTime", "reportDate"),
        symbol=row.text("symbol"),
        description=row.text("description"),
        transaction_id=row.text("transactionID"),
        fx_to_base=row.number("fxRateToBase"),
    )


def _position(row: _Row, account: str) -> FlexPosition:
    return FlexPosition(
        account=account,
        con_id=row.con_id(),
        symbol=row.text("symbol"),
        asset_class=row.text("assetCategory"),
        currency=row.text("currency"),
        multiplier=row.number("multiplier"),
        quantity=row.number("position"),
        price=row.number("markPrice"),
        value=row.number("positionValue"),
        day=row.day("reportDate"),
        avg_price=row.number("costBasisPrice"),
        fx_to_base=row.number("fxRateToBase"),
    )


def _commission(row: _Row, account: str) -> FlexCommission:
    return FlexCommission(
        account=account,
        con_id=row.con_id(),
        symbol=row.text("symbol"),
        currency=row.text("currency"),
        total=row.cost("totalCommission"),
        broker=row.cost("brokerExecutionCharge", "brokerClearingCharge"),
        exchange=row.cost("thirdPartyExecutionCharge", "thirdPartyClearingCharge"),
        regulatory=row.cost("thirdPartyRegulatoryCharge"),
        other=row.cost("other"),
        order_ref=row.text("orderReference"),
        trade_id=row.text("tradeID"),
        time=row.moment("dateTime"),
        day=row.day("dateTime"),
    )
