"""Fundamental data: reports about companies as XML, with made-up figures and usual elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import FundamentalData

from .contracts import find_for_data
from .draws import seeded

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "REPORTS"]

Element = ElementTree.Element
Writer = Callable[[Instrument, date], Element]


def fundamentals(session: ClientSession, request: ask.ReqFundamentalData, now: datetime) -> None:
    """Send a report."""
    request_id = request.request_id
    writer = REPORTS.get(request.report_type)
    if writer is None:
        session.fail(
            request_id,
            321,
            f"Error validating request.-'bV' : cause - Invalid report type {request.report_type}",
        )
        return
    instrument = find_for_data(session, request.contract, request_id)
    if instrument is None:
        return
    if not session.gateway.permissions.fundamentals or instrument.sec_type != "STK":
        session.fail(
            request_id,
            430,
            "The fundamentals data for the security specified is not available.Not allowed",
        )
        return
    root = writer(instrument, now.date())
    ElementTree.indent(root)
    xml = '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode")
    session.say(FundamentalData(request_id=request_id, xml=xml))


def cancel(session: ClientSession, request: ask.CancelFundamentalData, now: datetime) -> None:
    """End that; it was answered at once."""


def _snapshot(instrument: Instrument, today: date) -> Element:
    root = Element("ReportSnapshot", Major="1", Minor="0", Revision="1")
    _identity(root, instrument)
    general = _under(root, "CoGeneralInfo")
    _under(general, "CoStatus", Code="1").text = "Active"
    _under(general, "CoType", Code="EQU").text = "Equity Issue"
    _under(general, "Employees").text = str(int(500 + _draw(instrument, "staff") * 200_000))
    _under(general, "SharesOut").text = str(int(_shares(instrument) * 1e6))
    texts = _under(root, "TextInfo")
    summary = _under(texts, "Text", Type="Business Summary")
    summary.text = f"{instrument.long_name} works in {instrument.industry or 'several industries'}."
    industries = _under(root, "peerInfo")
    group = _under(industries, "IndustryInfo")
    _under(group, "Industry", type="TRBC", order="1").text = instrument.industry
    ratios = _under(root, "Ratios", PriceCurrency=instrument.currency)
    prices = _under(ratios, "Group", ID="Price and Volume")
    price = float(instrument.price)
    for name, value in (
        ("NPRICE", price),
        ("NHIG", price * 1.2),
        ("NLOW", price * 0.7),
        ("BETA", 0.4 + 1.4 * _draw(instrument, "beta")),
        ("MKTCAP", price * _shares(instrument)),
    ):
        _under(prices, "Ratio", FieldName=name, Type="N").text = f"{value:.5f}"
    income = _under(ratios, "Group", ID="Income Statement")
    earned = _earnings(instrument)
    for name, value in (("TTMREV", earned * 6), ("TTMNIAC", earned), ("TTMEBITD", earned * 1.8)):
        _under(income, "Ratio", FieldName=name, Type="N").text = f"{value:.5f}"
    return root


def _summary(instrument: Instrument, today: date) -> Element:
    root = Element("FinancialSummary")
    per_share = _under(root, "EPSs", currency=instrument.currency)
    dividends = _under(root, "DividendPerShares", currency=instrument.currency)
    revenues = _under(root, "TotalRevenues", currency=instrument.currency)
    earned = _earnings(instrument)
    for back in range(8):
        day = _quarter(today, back)
        marks = {"asofDate": day, "reportType": "R", "period": "3M"}
        one = earned / 4 * (1 - 0.02 * back)
        _under(per_share, "EPS", **marks).text = f"{one / _shares(instrument):.5f}"
        paid = one / _shares(instrument) * 0.3
        _under(dividends, "DividendPerShare", **marks).text = f"{paid:.5f}"
        _under(revenues, "TotalRevenue", **marks).text = f"{one * 6 * 1e6:.2f}"
    return root


def _statements(instrument: Instrument, today: date) -> Element:
    root = Element("ReportFinancialStatements", Major="1", Minor="0", Revision="1")
    _identity(root, instrument)
    statements = _under(root, "FinancialStatements")
    names = _under(statements, "COAMap")
    lines = (
        ("RTLR", "INC", "Total Revenue", 6.0),
        ("SOPI", "INC", "Operating Income", 1.4),
        ("NINC", "INC", "Net Income", 1.0),
        ("ATOT", "BAL", "Total Assets", 12.0),
        ("LTLL", "BAL", "Total Liabilities", 7.0),
        ("OTLO", "CAS", "Cash from Operating Activities", 1.3),
    )
    for code, kind, name, _ in lines:
        _under(names, "mapItem", coaItem=code, statementType=kind).text = name
    for element, step, count in (("AnnualPeriods", 4, 4), ("InterimPeriods", 1, 8)):
        periods = _under(statements, element)
        for back in range(0, step * count, step):
            day = _quarter(today, back)
            period = _under(
                periods,
                "FiscalPeriod",
                Type=element.removesuffix("Periods"),
                EndDate=day,
                FiscalYear=day[:4],
            )
            for kind in ("INC", "BAL", "CAS"):
                statement = _under(period, "Statement", Type=kind)
                for code, line_kind, _, factor in lines:
                    if line_kind == kind:
                        value = _earnings(instrument) * factor * step / 4 * (1 - 0.02 * back)
                        _under(statement, "lineItem", coaCode=code).text = f"{value:.2f}"
    return root


def _ownership(instrument: Instrument, today: date) -> Element:
    root = Element("OwnershipDetails")
    _under(root, "ISIN").text = ""
    _under(root, "floatShares", asofDate=f"{today}").text = str(int(_shares(instrument) * 0.9e6))
    for number in range(10):
        owner = _under(root, "Owner", ownerId=str(1_000 + number))
        _under(owner, "type").text = "3"
        _under(owner, "name").text = f"Fund {number + 1} of the simulator"
        held = _shares(instrument) * 1e6 * 0.08 / (number + 1)
        _under(owner, "quantity", asofDate=_quarter(today, 1)).text = f"{held:.0f}"
    return root


def _estimates(instrument: Instrument, today: date) -> Element:
    root = Element("REarnEstCons", Major="1", Minor="0", Revision="1")
    _identity(root, instrument)
    actuals = _under(root, "NActuals")
    estimates = _under(root, "NEstimates")
    share = _earnings(instrument) / _shares(instrument) / 4
    for back in range(4):
        _under(actuals, "NActual", type="EPS", endDate=_quarter(today, back)).text = f"{share:.4f}"
        _under(
            estimates, "NEstimate", type="EPS", endDate=_quarter(today, -back - 1)
        ).text = f"{share * (1.01 + 0.01 * back):.4f}"
    return root


def _calendar(instrument: Instrument, today: date) -> Element:
    root = Element("CompanyCalendar")
    _identity(root, instrument)
    events = _under(root, "Events")
    for ahead in range(1, 5):
        event = _under(events, "Event", type="Earnings")
        _under(event, "Date").text = _quarter(today, -ahead)
        _under(event, "Name").text = f"Results of {instrument.long_name}"
    return root


REPORTS: Final[Mapping[str, Writer]] = MappingProxyType(
    # IB campus: report types
    {
        "ReportSnapshot": _snapshot,
        "ReportsFinSummary": _summary,
        "ReportsFinStatements": _statements,
        "ReportsOwnership": _ownership,
        "RESC": _estimates,
        "CalendarReport": _calendar,
    }
)


def _identity(root: Element, instrument: Instrument) -> None:
    ids = _under(root, "CoIDs")
    _under(ids, "CoID", Type="CompanyName").text = instrument.long_name
    issues = _under(root, "Issues")
    issue = _under(issues, "Issue", ID="1", Type="C", Desc="Common Stock", Order="1")
    _under(issue, "IssueID", Type="Name").text = "Ordinary Shares"
    _under(issue, "IssueID", Type="Ticker").text = instrument.symbol
    place = instrument.primary_exchange or instrument.home
    _under(issue, "Exchange", Code=place, Country="USA").text = place


def _under(parent: Element, name: str, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, name, attributes)


def _draw(instrument: Instrument, name: str) -> float:
    return seeded(instrument.con_id, name)


def _shares(instrument: Instrument) -> float:
    """Shares outstanding, in millions."""
    return 50 + _draw(instrument, "shares") * 15_000


def _earnings(instrument: Instrument) -> float:
    """Earnings of a year, in millions."""
    return _shares(instrument) * float(instrument.price) / (8 + 40 * _draw(instrument, "earnings"))


def _quarter(today: date, back: int) -> str:
    """Return the last day of a quarter, so many before the current one."""
    number = today.year * 4 + (today.month - 1) // 3 - back - 1
    year, quarter = divmod(number, 4)
    return f"{year}-{('03-31', '06-30', '09-30', '12-31')[quarter]}"


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqFundamentalData: fundamentals,
    ask.CancelFundamentalData: cancel,
}
