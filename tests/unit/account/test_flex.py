"""Statements as Flex queries write them: what is read of them, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.account.flex import parse_flex, read_flex
from ibkr_connector.account.flex_check import OUR_PREFIX, check_flex
from ibkr_connector.account.flex_findings import Finding, Whose
from ibkr_connector.account.flex_service import fetch_flex
from ibkr_connector.errors import AccountError, ConfigurationError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId
from ibkr_connector.model.orders import (
    Action,
    Fill,
    OrderReport,
    OrderStatus,
    OrderType,
    SendDisposition,
    TimeInForce,
)
from ibkr_connector.model.statements import FlexTrade
from ibkr_connector.orders.history import RecordedOrder
from ibkr_connector.orders.references import PREFIX

TRADE = (
    '<Trade accountId="DU1234567" conid="265598" symbol="AAPL" assetCategory="STK" currency="USD" '
    'multiplier="1" quantity="10" buySell="BUY" tradePrice="100.5" proceeds="-1005" '
    'ibCommission="-1.25" ibCommissionCurrency="USD" ibExecID="0000e0d5.1.01" ibOrderID="77" '
    'orderReference="ibc-abc" dateTime="20260304;120000" tradeDate="20260304" '
    'levelOfDetail="EXECUTION" somethingNew="1"/>'
)


def document(inside: str, **attributes: str) -> bytes:
    told = {
        "accountId": "DU1234567",
        "fromDate": "20260304",
        "toDate": "20260305",
        "whenGenerated": "20260306;040000",
        **attributes,
    }
    said = " ".join(f'{name}="{value}"' for name, value in told.items())
    return (
        '<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1">'
        f"<FlexStatement {said}>{inside}</FlexStatement></FlexStatements></FlexQueryResponse>"
    ).encode()


def trades(*rows: str, section: str = "Trades") -> bytes:
    return document(f"<{section}>{''.join(rows)}</{section}>")


def only(data: bytes) -> FlexTrade:
    (statement,) = parse_flex(data)
    assert statement.trades is not None
    (row,) = statement.trades
    return row


def test_an_execution_is_read_with_all_that_it_says() -> None:
    (statement,) = parse_flex(trades(TRADE))
    assert (statement.account, statement.from_date) == ("DU1234567", date(2026, 3, 4))
    assert statement.to_date == date(2026, 3, 5)
    assert statement.generated == datetime(2026, 3, 6, 9, tzinfo=UTC)
    assert (statement.cash, statement.positions, statement.equity) == (None, None, None)
    row = only(trades(TRADE))
    assert (row.con_id, row.symbol) == (ConId(265598), "AAPL")
    assert (row.quantity, row.price) == (Decimal(10), Decimal("100.5"))
    assert (row.commission, row.commission_currency) == (Decimal("1.25"), "USD")
    assert (row.exec_id, row.order_id, row.order_ref) == ("0000e0d5.1.01", "77", "ibc-abc")
    assert row.time == datetime(2026, 3, 4, 17, tzinfo=UTC)
    assert row.multiplier == 1


def test_a_trade_confirmation_is_the_same_record() -> None:
    text = TRADE.replace("<Trade ", "<TradeConfirm ").replace("tradePrice", "price")
    for old, new in (
        ("ibCommissionCurrency", "commissionCurrency"),
        ("ibCommission", "commission"),
        ("ibExecID", "execID"),
        ("ibOrderID", "orderID"),
    ):
        text = text.replace(old, new)
    order = '<Order accountId="DU1234567" quantity="10" levelOfDetail="ORDER"/>'
    assert only(trades(order, text, section="TradeConfirms")) == only(trades(TRADE))


@pytest.mark.parametrize(
    "said",
    [
        "20260304;120000",
        "20260304 12:00:00",
        "20260304120000",
        "2026-03-04, 12:00:00",
        "2026-03-04;12:00:00",
        "2026-03-04 12:00:00 EST",
        "2026-03-04T12:00:00",
        "2026-03-04T17:00:00Z",
        "2026-03-04T18:00:00+01:00",
        "20260304;130000 EDT",
    ],
)
def test_every_form_of_a_time_is_the_same_moment(said: str) -> None:
    row = only(trades(TRADE.replace("20260304;120000", said)))
    assert row.time == datetime(2026, 3, 4, 17, tzinfo=UTC)
    assert row.day == date(2026, 3, 4)


def test_summer_time_and_other_zones_are_reckoned_with() -> None:
    summer = trades(TRADE.replace("20260304;120000", "20260704;120000"))
    assert only(summer).time == datetime(2026, 7, 4, 16, tzinfo=UTC)
    (zurich,) = parse_flex(trades(TRADE), zone="Europe/Zurich")
    assert zurich.trades is not None
    assert zurich.trades[0].time == datetime(2026, 3, 4, 11, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="no time zone 'Mars/Olympus'"):
        parse_flex(trades(TRADE), zone="Mars/Olympus")


def test_a_day_without_a_time_is_no_midnight() -> None:
    row = only(trades(TRADE.replace("20260304;120000", "20260304")))
    assert (row.time, row.day) == (None, date(2026, 3, 4))


def test_day_and_time_of_a_trade_may_stand_apart() -> None:
    row = only(trades(TRADE.replace('dateTime="20260304;120000"', 'tradeTime="120000"')))
    assert row.time == datetime(2026, 3, 4, 17, tzinfo=UTC)


def test_what_a_query_left_out_is_not_known() -> None:
    row = only(trades("<Trade/>"))
    assert row.account == "DU1234567"
    assert (row.con_id, row.quantity, row.price, row.commission, row.time) == (None,) * 5
    assert (row.exec_id, row.order_ref, row.symbol) == ("", "", "")


def test_a_sale_is_negative_and_a_rebate_too() -> None:
    sale = TRADE.replace('buySell="BUY"', 'buySell="SELL"').replace('"-1.25"', '"0.25"')
    row = only(trades(sale))
    assert (row.quantity, row.commission) == (Decimal(-10), Decimal("-0.25"))
    assert only(trades(sale.replace('quantity="10"', 'quantity="-10"'))) == row


def test_no_section_is_not_told_and_an_empty_one_is_nothing() -> None:
    (without,) = parse_flex(document("<CashReport><CashReportCurrency/></CashReport>"))
    (empty,) = parse_flex(trades())
    coarse = TRADE.replace("EXECUTION", "ORDER")
    (orders,) = parse_flex(trades(coarse))
    (mixed,) = parse_flex(trades(coarse, TRADE, TRADE.replace("EXECUTION", "CLOSED_LOT")))
    assert (without.trades, empty.trades, orders.trades) == (None, (), None)
    assert mixed.trades is not None
    assert len(mixed.trades) == 1
    with pytest.raises(AccountError, match=r"DU1\*\*\*67 tells no executions; add the section"):
        check_flex(without, ())
    assert check_flex(empty, ()).is_clean


def test_cash_positions_and_worth_are_read() -> None:
    (told,) = parse_flex(
        document(
            '<CashTransactions><CashTransaction type="Dividends" amount="12.5" currency="USD" '
            'symbol="KO" dateTime="20260304"/></CashTransactions>'
            '<OpenPositions><OpenPosition conid="1" symbol="KO" position="-3" markPrice="61" '
            'positionValue="-183" reportDate="20260305"/>'
            '<OpenPosition conid="1" position="-3" levelOfDetail="LOT"/></OpenPositions>'
            '<EquitySummaryInBase><EquitySummaryByReportDateInBase reportDate="20260305" '
            'total="1,000,000.25" cash="5"/></EquitySummaryInBase>'
        )
    )
    assert told.cash is not None
    assert (told.cash[0].kind, told.cash[0].amount) == ("Dividends", Decimal("12.5"))
    assert told.positions is not None
    assert [(row.quantity, row.value) for row in told.positions] == [(Decimal(-3), Decimal(-183))]
    assert told.equity is not None
    assert told.equity[0].total == Decimal("1000000.25")


BOMB = b"""<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><FlexQueryResponse>&b;
</FlexQueryResponse>"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB, "declares a document type or entities"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><FlexQueryResponse/>', "declares a document"),
        (b"<html/>", "begins with 'html'"),
        (b"", "is no XML to its end"),
        (trades(TRADE)[:-20], "is no XML to its end"),
        (b"<FlexQueryResponse>" + b"<a>" * 40, "nested more than 32 deep"),
        (trades(TRADE.replace('"100.5"', '"NaN"')), "tradePrice='NaN' of a Trade cannot be read"),
        (trades(TRADE.replace('"100.5"', '"9e"')), "tradePrice='9e' of a Trade cannot be read"),
        (trades(TRADE.replace('"265598"', '"2.5"')), "conid='2.5' of a Trade"),
        (
            trades(TRADE.replace("20260304;120000", "03/04/2026;120000")),
            r"dateTime='03/04/2026;120000' of a Trade .* with dates as yyyyMMdd",
        ),
        (trades(TRADE.replace("20260304;120000", "20260304;250000")), "dateTime='20260304;25"),
        (trades(TRADE.replace("20260304;120000", "20260304;120000 XYZ")), "time zone XYZ"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(AccountError, match=said) as caught:
        parse_flex(data, place="march.xml")
    assert "march.xml" in str(caught.value)
    assert caught.value.hint


def test_a_file_is_read_and_one_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.xml"
    path.write_bytes(trades(TRADE))
    assert read_flex(path) == parse_flex(trades(TRADE))
    with pytest.raises(AccountError, match="more than 100 bytes"):
        read_flex(path, largest=100)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        read_flex(tmp_path / "none.xml")


def test_a_row_taken_back_is_no_execution_and_a_later_revision_wins() -> None:
    taken = TRADE.replace('"BUY"', '"BUY (Ca.)"').replace('quantity="10"', 'quantity="-10"')
    (gone,) = parse_flex(trades(TRADE, taken))
    assert check_flex(gone, ()).is_clean
    corrected = TRADE.replace("0000e0d5.1.01", "0000e0d5.1.02").replace('"100.5"', '"100.25"')
    (told,) = parse_flex(trades(TRADE, taken, corrected))
    (row,) = check_flex(told, ())
    assert (row.finding, row.exec_id) == (Finding.MISSING_HERE, "0000e0d5.1.02")
    assert row.there == "10 at 100.25"


@pytest.mark.parametrize(
    ("reference", "whose"),
    [
        ("", Whose.MANUAL),
        ("rebalancer", Whose.OTHER_PROGRAM),
        ("ibc-abc", Whose.OTHER_JOURNAL),
    ],
)
def test_it_is_told_whose_order_is_missing_here(reference: str, whose: Whose) -> None:
    (told,) = parse_flex(trades(TRADE.replace("ibc-abc", reference)))
    (row,) = check_flex(told, ())
    assert (row.finding, row.whose) == (Finding.MISSING_HERE, whose)


def recorded(*fills: Fill) -> RecordedOrder:
    """Return an order of the journal with these fills."""
    first = fills[0]
    report = OrderReport(
        order_id=first.order_id,
        status=OrderStatus.FILLED,
        timestamp=first.time,
        contract=first.contract,
        action=first.action,
        quantity=Decimal(10),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        limit_price=None,
        stop_price=None,
        filled_quantity=Decimal(10),
        remaining_quantity=Decimal(0),
        avg_fill_price=first.price,
        commission=first.commission,
        account="DU1234567",
        order_ref="ibc-abc",
        client_order_id=None,
        client_id=ClientId(1),
        perm_id=None,
        disposition=next(iter(SendDisposition)),
        fills=fills,
    )
    return RecordedOrder(report=report, created=first.time, is_own=True, is_open=False)


def fill(**more: Any) -> Fill:
    """Return the fill that `TRADE` tells."""
    told: dict[str, Any] = {
        "exec_id": ExecId("0000e0d5.1.01"),
        "order_id": OrderId(1),
        "perm_id": None,
        "client_id": ClientId(1),
        "contract": Contract(symbol="AAPL"),
        "action": Action.BUY,
        "quantity": Decimal(10),
        "price": Decimal("100.5"),
        "time": datetime(2026, 3, 4, 17, tzinfo=UTC),
        "commission": Decimal("1.25"),
        "commission_currency": "USD",
        **more,
    }
    return Fill(**told)


@pytest.mark.parametrize(
    ("more", "findings", "later"),
    [
        ({}, [Finding.MISSING_THERE], 0),
        ({"account": "DU7654321"}, [], 0),
        ({"quantity": Decimal(0)}, [], 0),
        ({"time": datetime(2026, 3, 3, 17, tzinfo=UTC)}, [], 0),
        ({"time": datetime(2026, 3, 6, 17, tzinfo=UTC)}, [], 0),
        # the days are New York's: this is the evening before, and this the last one
        ({"time": datetime(2026, 3, 4, 3, tzinfo=UTC)}, [], 0),
        ({"time": datetime(2026, 3, 6, 0, tzinfo=UTC)}, [], 1),
        ({"time": datetime(2026, 3, 5, 21, 59, tzinfo=UTC)}, [Finding.MISSING_THERE], 0),
        ({"time": datetime(2026, 3, 5, 0, tzinfo=UTC)}, [Finding.MISSING_THERE], 0),
    ],
)
def test_a_fill_of_these_days_and_this_account_must_be_in_the_statement(
    more: dict[str, Any], findings: list[Finding], later: int
) -> None:
    (told,) = parse_flex(trades())
    check = check_flex(told, [recorded(fill(**more))])
    assert [row.finding for row in check] == findings
    assert all((row.whose, row.here) == (Whose.OURS, "10 at 100.5") for row in check)
    assert check.later == later


def test_what_came_after_the_statement_was_written_is_not_missing() -> None:
    told = parse_flex(document("<Trades/>", whenGenerated="20260304;110000"))
    assert check_flex(told, [recorded(fill())]).is_clean


@pytest.mark.parametrize(
    ("more", "findings"),
    [
        ({}, []),
        ({"commission": Decimal("1.2549")}, []),
        ({"commission": Decimal("1.256")}, [Finding.COMMISSION]),
        ({"commission": None}, [Finding.COMMISSION]),
        ({"commission_currency": "EUR"}, [Finding.COMMISSION]),
        ({"action": Action.SELL}, [Finding.QUANTITY]),
        ({"price": Decimal("100.51")}, [Finding.PRICE]),
        ({"time": datetime(2026, 3, 4, 17, 0, 1, tzinfo=UTC)}, []),
        ({"time": datetime(2026, 3, 4, 18, tzinfo=UTC)}, [Finding.TIME]),
        ({"exec_id": ExecId("0000e0d5.1.02")}, [Finding.REVISION]),
    ],
)
def test_what_both_have_is_compared(more: dict[str, Any], findings: list[Finding]) -> None:
    (told,) = parse_flex(trades(TRADE))
    check = check_flex(told, [recorded(fill(**more))])
    assert (check.matched, [row.finding for row in check]) == (1, findings)


def test_an_advisers_execution_is_compared_in_each_account() -> None:
    other = TRADE.replace("DU1234567", "DU7654321").replace('quantity="10"', 'quantity="4"')
    statements = (
        *parse_flex(trades(TRADE)),
        *parse_flex(document(f"<Trades>{other}</Trades>", accountId="DU7654321")),
    )
    fills = (fill(account="DU1234567"), fill(account="DU7654321", quantity=Decimal(4)))
    check = check_flex(statements, [recorded(*fills)])
    assert (check.is_clean, check.matched, check.accounts) == (True, 2, ("DU1234567", "DU7654321"))
    alone = check_flex(statements, [recorded(fills[0])])
    assert [(row.finding, row.account) for row in alone] == [(Finding.MISSING_HERE, "DU7654321")]


def test_what_no_order_did_is_counted_and_not_compared() -> None:
    (told,) = parse_flex(trades(TRADE.replace("0000e0d5.1.01", "")))
    check = check_flex(told, ())
    assert (check.is_clean, check.uncompared, check.matched) == (True, 1, 0)


def test_our_references_are_known_by_their_beginning() -> None:
    assert OUR_PREFIX == PREFIX


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": "http://ndcdyn.interactivebrokers.com/x"}, "not https"),
        ({"url": "file:///etc/passwd"}, "not https"),
        ({"query": "../1"}, "which is no number"),
        ({"token": ""}, "the token is empty"),
    ],
)
async def test_a_download_that_cannot_be_is_refused_before_a_byte_is_sent(
    more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        await fetch_flex(**{"token": "sesame", "query": "1", **more})
    assert "sesame" not in str(caught.value)
