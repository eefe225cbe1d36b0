"""
Statements in the shape in which IB writes them: every attribute, two accounts, three currencies.

Names, order and forms of the attributes are those of statements that the public parsers `ibflex`
and `ib-flex` carry in their tests; people, prices and numbers are made up.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ibkr_connector.account.flex import parse_flex
from ibkr_connector.account.flex_check import check_flex
from ibkr_connector.account.flex_values import DATE_ORDERS
from ibkr_connector.codes.flex import FLEX, flex_row
from ibkr_connector.errors import AccountError, ConfigurationError
from ibkr_connector.model.statements import FlexReason, FlexStatement

D = Decimal
HEAD = (
    'acctAlias="" model="" currency="{currency}" fxRateToBase="{rate}" assetCategory="{kind}" '
    'symbol="{symbol}" description="{symbol} made up" conid="{conid}" securityID="" '
    'securityIDType="" cusip="" isin="" listingExchange="NASDAQ" underlyingConid="" '
    'underlyingSymbol="" underlyingSecurityID="" underlyingListingExchange="" issuer="" '
    'multiplier="{multiplier}" strike="" expiry="" putCall="" principalAdjustFactor=""'
)
STOCK = HEAD.format(
    currency="USD", rate="0.92", kind="STK", symbol="AAA", conid="4391", multiplier="1"
)
OPTION = HEAD.format(
    currency="EUR", rate="1", kind="OPT", symbol="BBB 260619C00100000", conid="77", multiplier="100"
)
FOREX = HEAD.format(
    currency="GBP", rate="1.15", kind="CASH", symbol="GBP.USD", conid="12087797", multiplier="1"
)
REST = (
    'taxes="0" netCash="-1201.5" closePrice="121" openCloseIndicator="O" notes="P" cost="1201.5" '
    'fifoPnlRealized="0" fxPnl="0" mtmPnl="9.5" origTradePrice="0" origTradeDate="" origTradeID="" '
    'origOrderID="0" clearingFirmID="" transactionID="93" brokerageOrderID="0004f96a.00014c43" '
    'volatilityOrderLink="" exchOrderId="N/A" extExecID="0322" orderTime="{at}" openDateTime="" '
    'holdingPeriodDateTime="" whenRealized="" whenReopened="" changeInPrice="0" '
    'changeInQuantity="0" orderType="LMT" traderID="" isAPIOrder="Y" accruedInt="0" '
    'serialNumber="" deliveryType="" commodityType="" fineness="0.0" weight="0.0 ()"'
)


def trade(account: str, about: str, *, at: str, element: str = "Trade", **more: str) -> str:
    told = {
        "tradeID": "33",
        "reportDate": at[:10],
        "tradeDate": at[:10],
        "tradeTime": "",
        "dateTime": at,
        "settleDateTarget": "MULTI",
        "transactionType": "ExchTrade",
        "exchange": "ISLAND",
        "quantity": "10",
        "tradePrice": "120",
        "tradeMoney": "1200",
        "proceeds": "-1200",
        "ibCommission": "-1.000720223",
        "ibCommissionCurrency": "USD",
        "buySell": "BUY",
        "ibOrderID": "300",
        "ibExecID": "0000febb.1.01.01",
        "orderReference": "ibc-x",
        "levelOfDetail": "EXECUTION",
        **more,
    }
    said = " ".join(f'{name}="{value}"' for name, value in told.items())
    return f'<{element} accountId="{account}" {about} {said} {REST.format(at=at)} />'


def statements() -> bytes:
    """Return an activity statement as the service writes it, with no separator in its times."""
    first = "".join(
        (
            "<Trades>",
            '<AssetSummary accountId="" assetCategory="STK" levelOfDetail="ASSET_SUMMARY" />',
            '<SymbolSummary accountId="" symbol="AAA" levelOfDetail="SYMBOL_SUMMARY" />',
            trade("U1000001", STOCK, at="2026-03-0412:00:00", element="Order", ibExecID=""),
            trade("U1000001", STOCK, at="2026-03-0412:00:00"),
            # an option that expired, as the books have it
            trade(
                "U1000001",
                OPTION,
                at="2026-03-0416:20:00",
                transactionType="BookTrade",
                exchange="--",
                quantity="-3",
                tradePrice="0",
                proceeds="-0",
                ibCommission="0",
                ibCommissionCurrency="EUR",
                buySell="SELL",
                ibExecID="",
                orderReference="",
            ),
            '<Lot accountId="U1000001" symbol="AAA" quantity="10" levelOfDetail="CLOSED_LOT" />',
            "</Trades><UnbundledCommissionDetails>",
            f'<UnbundledCommissionDetail accountId="U1000001" {STOCK} '
            'dateTime="2026-03-0412:00:00" exchange="ISLAND" buySell="BUY" quantity="10" '
            'price="120" tradeID="33" orderReference="ibc-x" totalCommission="-1.000720223" '
            'brokerExecutionCharge="-1" brokerClearingCharge="0" thirdPartyExecutionCharge="0" '
            'thirdPartyClearingCharge="0" thirdPartyRegulatoryCharge="-0.00072" '
            'regFINRATradingActivityFee="-0.00013" regSection31TransactionFee="-0.00059" '
            'regOther="0" other="0" />',
            "</UnbundledCommissionDetails><CashReport>",
            '<CashReportCurrency accountId="U1000001" currency="BASE_SUMMARY" '
            'startingCash="1000.5" endingCash="-103.38" endingSettledCash="-103.38" />',
            '<CashReportCurrency accountId="U1000001" currency="USD" startingCash="1,087.5" '
            'endingCash="-113.5" endingSettledCash="" />',
            "</CashReport>",
        )
    )
    second = "".join(
        (
            "<Trades>",
            trade(
                "U1000002",
                FOREX,
                at="2026-03-0509:30:00",
                buySell="SELL",
                quantity="-5000",
                tradePrice="1.25",
                ibExecID="0000febb.2.01.01",
            ),
            "</Trades><CashTransactions>",
            f'<CashTransaction accountId="U1000002" {STOCK} dateTime="2026-03-0520:20:00" '
            'settleDate="2026-03-05" amount="12.5" type="Dividends" tradeID="" code="" '
            'transactionID="51" reportDate="2026-03-05" clientReference="" '
            'levelOfDetail="DETAIL" />',
            f'<CashTransaction accountId="U1000002" {STOCK} dateTime="2026-03-05" '
            'amount="-1.88" type="Withholding Tax" transactionID="52" levelOfDetail="DETAIL" />',
            f'<CashTransaction accountId="U1000002" {STOCK} dateTime="2026-03-05" '
            'amount="12.5" type="Dividends" transactionID="" levelOfDetail="SUMMARY" />',
            '<CashTransaction accountId="U1000002" currency="BASE_SUMMARY" amount="9.77" '
            'type="Dividends" />',
            "</CashTransactions><OpenPositions>",
            f'<OpenPosition accountId="U1000002" {STOCK} reportDate="2026-03-05" '
            'position="-100" markPrice="35.53" positionValue="-3553" openPrice="34.405" '
            'costBasisPrice="34.405" costBasisMoney="-3440.5" percentOfNAV="" '
            'fifoPnlUnrealized="-112.5" side="Short" levelOfDetail="SUMMARY" openDateTime="" '
            'holdingPeriodDateTime="" code="" originatingOrderID="" accruedInt="" />',
            f'<OpenPosition accountId="U1000002" {STOCK} position="-100" levelOfDetail="LOT" />',
            "</OpenPositions>",
        )
    )
    head = 'period="LastNCalendarDays" whenGenerated="2026-03-06 20:41:57 AEDT"'
    return (
        '<FlexQueryResponse queryName="all of it" type="AF">\n<FlexStatements count="2">\n'
        '<FlexStatement accountId="U1000001" fromDate="2026-03-04" toDate="2026-03-05" '
        f"{head}>{first}</FlexStatement>\n"
        '<FlexStatement accountId="U1000002" fromDate="2026-03-04" toDate="2026-03-05" '
        f"{head}>{second}</FlexStatement>\n</FlexStatements>\n</FlexQueryResponse>\n"
    ).encode()


def test_a_statement_of_two_accounts_in_three_currencies_is_read_whole() -> None:
    one, two = parse_flex(statements())
    assert (one.accounts, two.accounts) == (("U1000001",), ("U1000002",))
    assert one.generated == datetime(2026, 3, 6, 9, 41, 57, tzinfo=UTC)
    assert one.trades is not None
    bought, expired = one.trades
    assert bought.time == datetime(2026, 3, 4, 17, tzinfo=UTC)
    assert (bought.commission, bought.fx_to_base) == (D("1.000720223"), D("0.92"))
    assert (expired.exec_id, expired.exchange, expired.quantity) == ("", "", D(-3))
    assert (str(expired.commission), expired.multiplier) == ("0", D(100))
    assert two.trades is not None
    (sold,) = two.trades
    assert (sold.currency, sold.quantity, sold.fx_to_base) == ("GBP", D(-5000), D("1.15"))


def test_what_a_trade_cost_is_told_by_who_took_it() -> None:
    one, _ = parse_flex(statements())
    assert one.commissions is not None
    (cost,) = one.commissions
    parts = (cost.broker, cost.exchange, cost.regulatory, cost.other)
    assert parts == (D(1), D(0), D("0.00072"), D(0))
    assert (cost.total, cost.trade_id, cost.order_ref) == (D("1.000720223"), "33", "ibc-x")
    assert cost.time == datetime(2026, 3, 4, 17, tzinfo=UTC)


def test_cash_is_told_by_currency_and_no_sum_is_counted_beside_its_parts() -> None:
    one, two = parse_flex(statements())
    assert one.balances is not None
    assert [(row.currency, row.start, row.end, row.settled) for row in one.balances] == [
        ("BASE", D("1000.5"), D("-103.38"), D("-103.38")),
        ("USD", D("1087.5"), D("-113.5"), None),
    ]
    assert two.cash is not None
    assert [(row.kind, row.amount, row.transaction_id) for row in two.cash] == [
        ("Dividends", D("12.5"), "51"),
        ("Withholding Tax", D("-1.88"), "52"),
    ]
    assert (one.cash, two.balances, two.commissions) == (None, None, None)


def test_cash_that_is_told_in_sums_alone_is_read_as_that() -> None:
    said = statements().replace(b'levelOfDetail="DETAIL"', b'levelOfDetail="SUMMARY"')
    _, two = parse_flex(said)
    assert two.cash is not None
    assert [row.amount for row in two.cash] == [D("12.5"), D("-1.88"), D("12.5")]


def test_positions_come_with_their_cost_and_lots_alone_are_not_positions() -> None:
    _, two = parse_flex(statements())
    assert two.positions is not None
    (held,) = two.positions
    assert (held.quantity, held.avg_price, held.fx_to_base) == (D(-100), D("34.405"), D("0.92"))
    _, lots = parse_flex(
        statements().replace(
            b'side="Short" levelOfDetail="SUMMARY"', b'side="Short" levelOfDetail="LOT"'
        )
    )
    assert lots.positions is None


def test_a_statement_that_lacks_an_account_is_refused() -> None:
    with pytest.raises(AccountError, match="should hold 3 statements, and holds 2"):
        parse_flex(statements().replace(b'count="2"', b'count="3"'))


def test_a_consolidated_statement_covers_every_account_in_it() -> None:
    said = statements().replace(b'<FlexStatement accountId="U1000001"', b'<FlexStatement x="1"')
    one, _ = parse_flex(said)
    assert one.account == ""
    assert one.accounts == ("U1000001",)
    both = FlexStatement(
        account="U1000001, U1000002", from_date=None, to_date=None, generated=None, zone="UTC"
    )
    assert both.accounts == ("U1000001", "U1000002")
    check = check_flex(parse_flex(statements()), ())
    assert (check.accounts, check.uncompared) == (("U1000001", "U1000002"), 1)
    assert [row.account for row in check] == ["U1000001", "U1000002"]


@pytest.mark.parametrize("clock", ["120000", "12:00:00"])
@pytest.mark.parametrize("between", [";", ",", ", ", " ", ""])
@pytest.mark.parametrize(
    ("day", "dates"),
    [
        ("20260304", ""),
        ("2026-03-04", ""),
        ("04-Mar-26", ""),
        ("03/04/2026", "MM/dd/yyyy"),
        ("03/04/26", "MM/dd/yy"),
        ("04/03/2026", "dd/MM/yyyy"),
        ("04/03/26", "dd/MM/yy"),
    ],
)
def test_every_form_that_a_query_may_have_is_read(
    day: str, dates: str, between: str, clock: str
) -> None:
    row = f'<Trade dateTime="{day}{between}{clock}" tradeDate="{day}"/>'
    text = (
        '<FlexQueryResponse><FlexStatements count="1"><FlexStatement accountId="U1" '
        f'fromDate="{day}" toDate="{day}"><Trades>{row}</Trades></FlexStatement>'
        "</FlexStatements></FlexQueryResponse>"
    ).encode()
    (told,) = parse_flex(text, dates=dates)
    assert told.trades is not None
    assert told.trades[0].time == datetime(2026, 3, 4, 17, tzinfo=UTC)
    assert told.from_date == told.trades[0].day == date(2026, 3, 4)


def test_days_that_may_be_months_are_not_guessed() -> None:
    text = statements().replace(b'fromDate="2026-03-04"', b'fromDate="03/04/2026"')
    with pytest.raises(AccountError, match="tell its day from its month: say `dates`"):
        parse_flex(text)
    with pytest.raises(ConfigurationError, match="dates is 'yyyy'") as caught:
        parse_flex(text, dates="yyyy")
    assert str(caught.value.hint).startswith(f"one of {DATE_ORDERS[0]}")


@pytest.mark.parametrize(
    ("zone", "said", "hour"),
    [
        ("Australia/Sydney", "20260704;120000 AEST", 2),
        ("Asia/Shanghai", "20260704;120000 CST", 4),
        ("America/Chicago", "20260704;120000 CDT", 17),
        ("America/New_York", "20260704;120000 CEST", 10),
    ],
)
def test_a_zone_is_the_one_that_the_account_calls_so(zone: str, said: str, hour: int) -> None:
    text = statements().replace(b"2026-03-06 20:41:57 AEDT", said.encode())
    one, _ = parse_flex(text, zone=zone)
    assert one.generated == datetime(2026, 7, 4, hour, tzinfo=UTC)


def test_each_number_of_the_service_has_its_own_reason() -> None:
    assert set(FLEX) == {1001, *range(1003, 1022)}
    assert len({row.reason for row in FLEX.values()}) == len(FLEX)
    assert {row.reason for row in FLEX.values()} == set(FlexReason) - {FlexReason.UNKNOWN}
    # only what passes by itself is asked again
    waits = {code for code, row in FLEX.items() if row.wait_s is not None}
    assert waits == {1001, 1004, 1005, 1006, 1007, 1008, 1009, 1018, 1019, 1021}
    assert flex_row("").reason == flex_row("4711").reason == FlexReason.UNKNOWN
