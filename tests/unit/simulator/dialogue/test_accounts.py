"""What a client hears of accounts: windows, summaries, positions, profit and loss."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from ibkr_connector.simulator.dialogue import ClientSession, Gateway
from ibkr_connector.simulator.dialogue.advisor import NO_ID
from ibkr_connector.simulator.exchange.advisor import Group, Method
from ibkr_connector.simulator.exchange.commands import PlaceOrder, SetQuote
from ibkr_connector.simulator.exchange.instruments import Query
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.records import Owner, Terms
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire import replies as say
from ibkr_connector.simulator.wire import requests as ask

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
CATALOGUE = default_catalogue(NOW.date())
APPLE = CATALOGUE.find(Query(symbol="AAPL", sec_type="STK"))[0]
FUTURE = CATALOGUE.find(Query(symbol="ES", sec_type="FUT"))[0]
EURO = CATALOGUE.find(Query(symbol="EUR", sec_type="CASH", currency="USD"))[0]
ONE = "DU1"
R = TypeVar("R")


class Desk:
    """A gateway without a socket, its clients, and a market that stands still."""

    def __init__(self, *accounts: str, **cash: int) -> None:
        money = {name: Decimal(amount) for name, amount in (cash or {"USD": 100_000}).items()}
        venue = Venue(
            catalogue=CATALOGUE,
            tape=SeededTape(1),
            accounts=dict.fromkeys(accounts or (ONE,), money),
        )
        self.gateway = Gateway(venue=venue)
        self.now = NOW
        self.clients: list[ClientSession] = []
        self.quote(100)
        self.me = self.connect(1)

    def connect(self, client_id: int) -> ClientSession:
        client = ClientSession(gateway=self.gateway, version=178)
        client.handle(ask.StartApi(client_id=client_id, capabilities=""), self.now)
        client.take()
        self.clients.append(client)
        return client

    def quote(self, price: int) -> None:
        half = Decimal("0.01")
        self.gateway.execute(
            SetQuote(con_id=APPLE.con_id, bid=price - half, ask=price + half), self.now
        )

    def ask(self, request: Any, client: ClientSession | None = None) -> list[say.Reply]:
        client = client or self.me
        client.handle(request, self.now)
        return client.take()

    def after(self, seconds: float) -> list[say.Reply]:
        self.now += timedelta(seconds=seconds)
        self.gateway.tick(self.now)
        return self.me.take()

    def buy(self, quantity: int, account: str = ONE, number: int = 1) -> list[say.Reply]:
        command = PlaceOrder(
            owner=Owner(client_id=9, order_id=number),
            account=account,
            instrument=APPLE,
            exchange="SMART",
            terms=Terms(
                action="BUY" if quantity > 0 else "SELL",
                quantity=Decimal(abs(quantity)),
                order_type="MKT",
            ),
        )
        self.gateway.execute(command, self.now)
        return self.me.take()


def only(kind: type[R], replies: Sequence[object]) -> list[R]:
    return [reply for reply in replies if isinstance(reply, kind)]


def numbers(*values: int) -> list[Decimal]:
    return [Decimal(value) for value in values]


def refused(replies: Sequence[object]) -> list[tuple[int, int, str]]:
    return [
        (error.request_id, error.code, error.text.rpartition("cause - ")[2])
        for error in only(say.ErrorMessage, replies)
    ]


def window(account: str = ONE) -> ask.ReqAccountUpdates:
    return ask.ReqAccountUpdates(subscribe=True, account=account)


def figures(replies: Sequence[object]) -> dict[tuple[str, str], str]:
    return {(row.key, row.currency): row.value for row in only(say.AccountValue, replies)}


# --- the account window -------------------------------------------------------------------------


def test_a_window_has_every_key_of_tws_in_its_order_then_positions_and_its_end() -> None:
    desk = Desk(ONE, USD=100_000, EUR=5_000)
    desk.buy(10)
    replies = desk.ask(window())
    rows = only(say.AccountValue, replies)
    keys = [(row.key, row.currency) for row in rows]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) > 200
    assert (
        figures(replies).items()
        >= {
            ("AccountReady", ""): "true",
            ("AccountCode", ""): ONE,
            ("SegmentTitle-C", ""): "US Commodities",
            ("NetLiquidation-P", "USD"): "0.00",
            ("CashBalance", "EUR"): "5000.00",
            ("Currency", "BASE"): "BASE",
            ("RealCurrency", "EUR"): "EUR",
            ("ExchangeRate", "BASE"): "1.00",
            ("StockMarketValue", "USD"): "1000.00",
            ("InitMarginReq", "USD"): "500.00",
            ("MaintMarginReq-S", "USD"): "250.00",
            ("GrossPositionValue-S", "USD"): "1000.00",
            ("RegTMargin", "USD"): "500.00",
            ("Leverage-S", ""): "0.01",
            ("LookAheadNextChange", ""): "1795098600",
        }.items()
    )
    (held,) = only(say.PortfolioValue, replies)
    assert [held.position, held.market_price, held.market_value] == numbers(10, 100, 1000)
    assert (held.average_cost, held.unrealized_pnl) == (Decimal("100.11"), Decimal("-1.10"))
    assert (held.contract.right, held.contract.primary_exchange) == ("0", "NASDAQ")
    assert replies[-2:] == [say.AccountTime(time="15:00"), say.AccountDownloadEnd(account=ONE)]


def test_the_parts_of_an_account_sum_to_the_whole() -> None:
    desk = Desk()
    desk.buy(10)
    desk.gateway.venue.ledgers[ONE].book(
        FUTURE, Decimal(1), price=Decimal(5_000), commission=Decimal(0)
    )
    found = figures(desk.ask(window()))
    for key in ("NetLiquidation", "InitMarginReq", "AvailableFunds", "TotalCashValue"):
        parts = [Decimal(found[f"{key}-{letter}", "USD"]) for letter in "SCP"]
        assert sum(parts) == Decimal(found[key, "USD"]), key
    assert Decimal(found["InitMarginReq-C", "USD"]) > 0
    assert Decimal(found["FuturesPNL", "USD"]) != 0


def test_a_single_accounts_code_is_not_looked_at() -> None:
    assert only(say.AccountDownloadEnd, Desk().ask(window("whatever")))


def test_a_login_with_several_accounts_must_name_one() -> None:
    desk = Desk("DU1", "DU2")
    for code, cause in (
        ("", "The account code is required for this operation."),
        ("U9", "Invalid account code 'U9'."),
        ("All", "ALL account is not supported"),
    ):
        replies = desk.ask(window(code))
        assert refused(replies) == [(NO_ID, 321, cause)]
        assert len(replies) == 1
    assert only(say.AccountDownloadEnd, desk.ask(window("DU2")))


def test_another_account_takes_the_window_over_and_says_so() -> None:
    desk = Desk("DU1", "DU2")
    desk.ask(window("DU1"))
    replies = desk.ask(window("DU2"))
    assert [code for _, code, _ in refused(replies)] == [2100]
    assert not figures(desk.buy(1, "DU1"))
    assert figures(desk.buy(1, "DU2", number=2))


def test_two_clients_cannot_look_at_different_accounts() -> None:
    desk = Desk("DU1", "DU2")
    other = desk.connect(7)
    desk.ask(window("DU1"), other)
    ((number, code, text),) = refused(desk.ask(window("DU2")))
    assert (number, code, text[-4:]) == (-1, 2101, ".{7}")
    assert figures(desk.ask(window("DU1")))
    desk.ask(ask.ReqAccountUpdates(subscribe=False, account="DU1"), other)
    assert figures(desk.ask(window("DU2")))


def test_an_advisor_sees_all_accounts_as_one() -> None:
    desk = Desk("DF1", "DU1", "DU2", USD=100_000, EUR=1_000)
    desk.buy(10, "DU1")
    desk.buy(-4, "DU2", number=2)
    replies = desk.ask(window("DF1A"))
    found = figures(replies)
    each = [figures(desk.ask(window(name))) for name in ("DF1", "DU1", "DU2")]
    for key in (
        ("NetLiquidation", "USD"),
        ("InitMarginReq-S", "USD"),
        ("CashBalance", "EUR"),
        ("UnrealizedPnL", "BASE"),
        ("StockMarketValue", "USD"),
    ):
        assert Decimal(found[key]) == sum(Decimal(one[key]) for one in each), key
    assert found["ExchangeRate", "EUR"] == each[0]["ExchangeRate", "EUR"]
    (held,) = only(say.PortfolioValue, replies)
    assert (held.account, held.position) == ("DF1A", Decimal(6))
    assert replies[-1] == say.AccountDownloadEnd(account="DF1A")
    desk.ask(window("DF1A"))
    told = desk.buy(1, "DU2", number=3)
    assert {row.account for row in only(say.AccountValue, told)} == {"DF1A"}
    assert [row.position for row in only(say.PortfolioValue, told)] == numbers(7)


def test_a_fill_is_told_at_once_and_only_with_what_changed() -> None:
    desk = Desk()
    desk.ask(window())
    replies = desk.buy(10)
    told = figures(replies)
    assert told["CashBalance", "USD"] == "98998.90"
    assert ("AccountCode", "") not in told
    assert ("CashBalance", "EUR") not in told
    assert only(say.PortfolioValue, replies)[0].position == 10
    assert only(say.AccountTime, replies)


def test_prices_alone_are_told_every_three_minutes() -> None:
    desk = Desk()
    desk.buy(10)
    desk.ask(window())
    desk.quote(103)
    assert not only(say.AccountValue, desk.after(179))
    replies = desk.after(1)
    assert figures(replies)["StockMarketValue", "USD"] == "1030.00"
    assert [row.market_price for row in only(say.PortfolioValue, replies)] == [Decimal(103)]
    assert only(say.AccountTime, replies) == [say.AccountTime(time="15:03")]
    assert not only(say.AccountValue, desk.after(179))


def test_a_closed_window_is_quiet() -> None:
    desk = Desk()
    desk.ask(window())
    desk.ask(ask.ReqAccountUpdates(subscribe=False, account=""))
    assert not desk.buy(10)
    assert not desk.after(200)


def test_each_day_begins_with_nothing_realised() -> None:
    desk = Desk()
    desk.buy(10)
    desk.quote(110)
    desk.buy(-10, number=2)
    assert figures(desk.ask(window()))["RealizedPnL", "USD"] != "0.00"
    ledger, venue = desk.gateway.venue.ledgers[ONE], desk.gateway.venue
    ledger.start_day(lambda one: venue.mark(one, NOW), lambda name: venue.rate(name, NOW))
    found = figures(desk.ask(window()))
    assert found["RealizedPnL", "USD"] == "0.00"
    assert found["PreviousDayEquityWithLoanValue", "USD"] == found["NetLiquidation", "USD"]


# --- windows of several accounts ----------------------------------------------------------------


def multi(number: int, account: str = ONE, **more: Any) -> ask.ReqAccountUpdatesMulti:
    said = {"model": "", "ledger_and_nlv": False, **more}
    return ask.ReqAccountUpdatesMulti(request_id=number, account=account, **said)


def test_a_window_beside_others_says_the_account_first_then_currency_by_currency() -> None:
    desk = Desk(ONE, USD=1_000, EUR=50)
    replies = desk.ask(multi(5))
    rows = only(say.AccountUpdateMulti, replies)
    assert {(row.request_id, row.account, row.model) for row in rows} == {(5, ONE, "")}
    place = next(n for n, row in enumerate(rows) if row.key == "Currency")
    assert [row.key for row in rows[:place]] == sorted(row.key for row in rows[:place])
    assert [row.currency for row in rows if row.key == "Currency"] == ["EUR", "USD", "BASE"]
    assert rows[place + 1].key == "CashBalance"
    assert replies[-1] == say.AccountUpdateMultiEnd(request_id=5)


def test_the_ledger_alone_can_be_asked_for() -> None:
    rows = only(say.AccountUpdateMulti, Desk().ask(multi(5, ledger_and_nlv=True)))
    assert rows[0].key == "Currency"
    assert "NetLiquidation" not in {row.key for row in rows}
    assert "NetLiquidationByCurrency" in {row.key for row in rows}


def test_several_windows_hear_of_their_own_account() -> None:
    desk = Desk("DU1", "DU2")
    for number, account in ((1, "DU1"), (2, "DU2")):
        desk.ask(multi(number, account))
    told = only(say.AccountUpdateMulti, desk.buy(5, "DU2"))
    assert {row.request_id for row in told} == {2}
    desk.ask(ask.CancelAccountUpdatesMulti(request_id=2))
    assert not only(say.AccountUpdateMulti, desk.buy(5, "DU2", number=2))
    assert refused(desk.ask(multi(3, "U9"))) == [(3, 321, "Invalid account code")]


def test_an_unknown_model_has_no_figures() -> None:
    replies = Desk().ask(multi(5, model="growth"))
    assert replies == [say.AccountUpdateMultiEnd(request_id=5)]


# --- summaries ----------------------------------------------------------------------------------


def summary(number: int, tags: str, group: str = "All") -> ask.ReqAccountSummary:
    return ask.ReqAccountSummary(request_id=number, group=group, tags=tags)


def tags_of(replies: Sequence[object]) -> list[tuple[str, str]]:
    return [(row.tag, row.currency) for row in only(say.AccountSummary, replies)]


def test_a_summary_answers_by_tag_and_ends() -> None:
    replies = Desk().ask(summary(3, "TotalCashValue, NetLiquidation,Cushion,NoSuchTag"))
    assert tags_of(replies) == [
        ("Cushion", ""),
        ("NetLiquidation", "USD"),
        ("TotalCashValue", "USD"),
    ]
    assert replies[-1] == say.AccountSummaryEnd(request_id=3)


def test_every_tag_of_ibapi_has_an_answer() -> None:
    tags = (
        "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,"
        "EquityWithLoanValue,PreviousDayEquityWithLoanValue,GrossPositionValue,ReqTEquity,"
        "ReqTMargin,SMA,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,"
        "FullInitMarginReq,FullMaintMarginReq,FullAvailableFunds,FullExcessLiquidity,"
        "LookAheadNextChange,LookAheadInitMarginReq,LookAheadMaintMarginReq,"
        "LookAheadAvailableFunds,LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,"
        "Leverage"
    )
    assert [tag for tag, _ in tags_of(Desk().ask(summary(1, tags)))] == sorted(tags.split(","))


@pytest.mark.parametrize(
    ("tag", "currencies"),
    [
        ("$LEDGER", {"BASE"}),
        ("$LEDGER:EUR", {"EUR"}),
        ("$LEDGER:ALL", {"EUR", "USD", "BASE"}),
        ("$LEDGER:CHF", set()),
    ],
)
def test_a_ledger_is_asked_for_by_currency(tag: str, currencies: set[str]) -> None:
    desk = Desk(ONE, USD=1_000, EUR=50)
    told = tags_of(desk.ask(summary(1, tag)))
    assert {currency for _, currency in told} == currencies
    assert len({key for key, _ in told}) == (25 if currencies else 0)


def test_a_third_summary_is_one_too_many_until_one_ends() -> None:
    desk = Desk()
    desk.ask(summary(1, "NetLiquidation"))
    desk.ask(summary(2, "NetLiquidation"))
    ((number, code, text),) = refused(desk.ask(summary(3, "NetLiquidation")))
    assert (number, code) == (3, 322)
    assert text.startswith("Maximum number of account summary requests exceeded")
    # an id that runs is asked anew, and counts once
    assert tags_of(desk.ask(summary(2, "NetLiquidation")))
    desk.ask(ask.CancelAccountSummary(request_id=1))
    assert tags_of(desk.ask(summary(3, "NetLiquidation")))


def test_a_summary_tells_changes_every_three_minutes_and_no_fill_hastens_it() -> None:
    desk = Desk()
    desk.ask(summary(1, "NetLiquidation,AccountType"))
    assert tags_of(desk.buy(10)) == []
    assert tags_of(desk.after(179)) == []
    assert tags_of(desk.after(1)) == [("NetLiquidation", "USD")]
    assert tags_of(desk.after(180)) == []
    desk.quote(105)
    assert tags_of(desk.after(179)) == []
    assert tags_of(desk.after(1)) == [("NetLiquidation", "USD")]


def test_a_summary_is_of_all_accounts_or_of_a_group() -> None:
    desk = Desk("DF1", "DU1", "DU2")
    group = Group(name="Core", method=Method.EQUAL, members={"DU2": None, "U9": None})
    desk.gateway.advisor.replace_groups([group])

    def accounts(name: str) -> list[str]:
        replies = desk.ask(summary(1, "NetLiquidation", name))
        return [row.account for row in only(say.AccountSummary, replies)]

    assert accounts("All") == ["DF1", "DU1", "DU2"]
    assert accounts("Core") == ["DU2"]
    desk.buy(1, "DU1")
    assert only(say.AccountSummary, desk.after(180)) == []
    desk.buy(1, "DU2", number=2)
    assert [row.account for row in only(say.AccountSummary, desk.after(180))] == ["DU2"]


@pytest.mark.parametrize(
    ("group", "tags", "cause"),
    [
        ("", "NetLiquidation", "Group name cannot be null"),
        ("All", " ", "Tags cannot be null"),
        ("Nope", "NetLiquidation", "Group name is invalid"),
    ],
)
def test_a_summary_names_a_group_and_tags(group: str, tags: str, cause: str) -> None:
    assert refused(Desk().ask(summary(4, tags, group))) == [(4, 321, cause)]


def test_more_than_fifty_accounts_are_too_many_at_once() -> None:
    desk = Desk("DF1", *(f"DU{number}" for number in range(50)))
    cause = "ALL account is not supported"
    assert refused(desk.ask(summary(4, "NetLiquidation"))) == [(4, 321, cause)]
    assert refused(desk.ask(ask.ReqPositions())) == [(NO_ID, 321, cause)]
    one = ask.ReqPositionsMulti(request_id=4, account="DU3", model="")
    assert desk.ask(one) == [say.PositionMultiEnd(request_id=4)]


# --- positions ----------------------------------------------------------------------------------


def test_positions_are_those_of_all_accounts_then_their_changes() -> None:
    desk = Desk("DU1", "DU2")
    desk.buy(5, "DU1")
    desk.buy(-7, "DU2", number=2)
    replies = desk.ask(ask.ReqPositions())
    rows = only(say.Position, replies)
    assert [row.account for row in rows] == ["DU1", "DU2"]
    assert [row.position for row in rows] == numbers(5, -7)
    assert rows[0].contract.exchange == "NASDAQ"
    assert isinstance(replies[-1], say.PositionEnd)
    (closed,) = only(say.Position, desk.buy(-5, "DU1", number=3))
    assert [closed.position, closed.average_cost] == numbers(0, 0)
    desk.ask(ask.CancelPositions())
    assert not desk.buy(1, "DU1", number=4)


def test_a_contract_without_a_primary_exchange_has_none_in_its_position() -> None:
    desk = Desk()
    desk.gateway.venue.ledgers[ONE].book(
        FUTURE, Decimal(1), price=Decimal(5_000), commission=Decimal(2)
    )
    (row,) = only(say.Position, desk.ask(ask.ReqPositions()))
    assert (row.contract.exchange, row.contract.multiplier) == ("", "50")
    assert row.average_cost == Decimal(250_002)


def test_positions_of_one_account_are_told_under_a_request() -> None:
    desk = Desk("DU1", "DU2")
    desk.buy(5, "DU1")
    desk.buy(6, "DU2", number=2)
    replies = desk.ask(ask.ReqPositionsMulti(request_id=8, account="DU2", model=""))
    (row,) = only(say.PositionMulti, replies)
    assert (row.request_id, row.account, row.position) == (8, "DU2", Decimal(6))
    assert not only(say.PositionMulti, desk.buy(1, "DU1", number=3))
    assert only(say.PositionMulti, desk.buy(1, "DU2", number=4))[0].position == 7
    desk.ask(ask.CancelPositionsMulti(request_id=8))
    assert not only(say.PositionMulti, desk.buy(1, "DU2", number=5))
    wrong = ask.ReqPositionsMulti(request_id=9, account="U9", model="")
    assert refused(desk.ask(wrong)) == [(9, 321, "Invalid account code")]


# --- profit and loss ----------------------------------------------------------------------------


def pnl(number: int, account: str = ONE) -> ask.ReqPnl:
    return ask.ReqPnl(request_id=number, account=account, model="")


def single(number: int, con_id: int, account: str = ONE) -> ask.ReqPnlSingle:
    return ask.ReqPnlSingle(request_id=number, account=account, model="", con_id=con_id)


def test_profit_and_loss_is_unset_at_first_and_told_each_second_that_it_changed() -> None:
    desk = Desk()
    desk.buy(10)
    assert desk.ask(pnl(2)) == [say.Pnl(request_id=2, daily=None, unrealized=None, realized=None)]
    assert desk.after(0.5) == []
    loss = Decimal("-1.10")
    assert desk.after(0.5) == [
        say.Pnl(request_id=2, daily=loss, unrealized=loss, realized=Decimal(0))
    ]
    assert desk.after(5) == []
    desk.quote(103)
    (told,) = only(say.Pnl, desk.after(1))
    assert told.daily == told.unrealized == Decimal("28.90")


def test_profit_and_loss_of_one_position_has_its_value() -> None:
    desk = Desk()
    desk.buy(10)
    (first,) = only(say.PnlSingle, desk.ask(single(2, APPLE.con_id)))
    assert (first.position, first.daily, first.value) == (Decimal(10), None, None)
    desk.quote(110)
    desk.buy(-4, number=2)
    (told,) = only(say.PnlSingle, desk.after(1))
    assert [told.position, told.value] == numbers(6, 660)
    # 4 sold at 109.99 for 100.11 each, and a commission of 1.00
    assert (told.realized, told.unrealized) == (Decimal("38.52"), Decimal("59.34"))
    assert told.daily == Decimal("97.86")


def test_an_unknown_contract_gets_no_answer() -> None:
    desk = Desk()
    assert desk.ask(single(2, 4_711)) == []
    assert desk.after(2) == []
    assert desk.ask(ask.CancelPnlSingle(request_id=2)) == []


def test_profit_and_loss_of_nobody_is_refused() -> None:
    desk = Desk()
    for request in (pnl(2, " "), single(2, APPLE.con_id, "")):
        assert refused(desk.ask(request)) == [(2, 321, "Account must not be empty")]
    for request in (pnl(2, "U9"), single(2, APPLE.con_id, "U9")):
        assert refused(desk.ask(request)) == [(2, 321, "Invalid account code")]


def test_an_id_runs_once_and_ends_once() -> None:
    desk = Desk()
    desk.ask(pnl(2))
    assert refused(desk.ask(pnl(2))) == [(2, 102, "Duplicate ticker id")]
    assert desk.ask(ask.CancelPnl(request_id=2)) == []
    (told,) = refused(desk.ask(ask.CancelPnl(request_id=2)))
    assert told == (2, 10185, "Failed to cancel PNL (not subscribed)")
    assert desk.after(5) == []


def test_pairs_are_positions_too() -> None:
    desk = Desk()
    desk.gateway.venue.ledgers[ONE].book(
        EURO, Decimal(20_000), price=Decimal("1.1"), commission=Decimal(2)
    )
    found = figures(desk.ask(window()))
    assert found["CashBalance", "EUR"] == "20000.00"
    assert found["StockMarketValue", "BASE"] == "0.00"
    (row,) = only(say.Position, desk.ask(ask.ReqPositions()))
    assert (row.position, row.contract.local_symbol) == (Decimal(20_000), "EUR.USD")
