from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.model import contracts, market, orders
from ibkr_connector.model.contracts import Contract, Right, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.market import Bar, BarSeries, DataType, Quote

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def test_a_record_is_read_by_name_and_by_key() -> None:
    quote = Quote(
        contract=Contract(symbol="AAPL"),
        timestamp=NOW,
        data_type=DataType.DELAYED,
        bid=Decimal(1),
        ask=Decimal(2),
    )
    assert quote["bid"] == quote.bid
    assert dict(quote)["ask"] == Decimal(2)
    assert quote.is_delayed
    assert quote.midpoint == Decimal("1.5")
    assert dataclasses.replace(quote, bid=None).midpoint is None
    assert quote.has("bid", "ask")
    assert not quote.has("bid", "last")
    assert "bid" not in quote.missing
    assert set(dataclasses.replace(quote, bid=None).missing) - set(quote.missing) == {"bid"}
    with pytest.raises(KeyError, match="no field 'bidd'"):
        quote["bidd"]


def test_a_record_becomes_plain_all_the_way_down() -> None:
    bar = Bar(timestamp=NOW, open=Decimal(1), high=Decimal(1), low=Decimal(1), close=Decimal(1))
    series = BarSeries(
        contract=Contract(symbol="AAPL"), bar_size="1 day", what_to_show="TRADES", bars=(bar,)
    )
    plain = series.as_dict()
    assert plain["contract"]["symbol"] == "AAPL"
    assert plain["bars"][0]["open"] == Decimal(1)
    assert list(series) == [bar]
    assert len(series) == 1


@pytest.mark.parametrize("pair", ["EUR.USD", "eurusd", "EUR/USD"])
def test_a_pair_is_written_in_three_ways(pair: str) -> None:
    made = contracts.forex(pair)
    assert (made.symbol, made.currency, made.exchange) == ("EUR", "USD", "IDEALPRO")
    assert str(made) == "EUR.USD (CASH IDEALPRO USD)"


def test_a_pair_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="three-letter codes"):
        contracts.forex("EURUSDX")


def test_each_asset_class_has_a_constructor() -> None:
    made = {
        contracts.stock("AAPL").security_type,
        contracts.future("ES", "202612").security_type,
        contracts.option("AAPL", "20261218", "C", strike=Decimal(250)).security_type,
        contracts.index("SPX").security_type,
        contracts.crypto("BTC").security_type,
        contracts.forex("EUR.USD").security_type,
    }
    assert made == {
        SecurityType.STOCK,
        SecurityType.FUTURE,
        SecurityType.OPTION,
        SecurityType.INDEX,
        SecurityType.CRYPTO,
        SecurityType.FOREX,
    }


def test_an_option_reads_well_and_is_qualified_by_its_number() -> None:
    option = contracts.option("AAPL", "20261218", Right.CALL, strike=Decimal("250.00"))
    assert str(option) == "AAPL 20261218 C 250 (OPT SMART USD)"
    assert not option.is_qualified
    assert dataclasses.replace(option, con_id=ConId(1)).is_qualified


def test_orders_are_described_in_one_line() -> None:
    market_order = orders.market_order("AAPL", "BUY", 5)
    assert (market_order.quantity, market_order.symbol) == (Decimal(5), "AAPL")
    limit = orders.limit_order(
        contracts.stock("KO"), orders.Action.SELL, Decimal("1.5"), limit_price=Decimal(60)
    )
    assert (limit.order_type, limit.symbol) == (orders.OrderType.LIMIT, "KO")
    with pytest.raises(ValueError, match="HOLD"):
        orders.market_order("AAPL", "HOLD", 5)


def test_data_types_are_ibs_numbers() -> None:
    assert [kind.value for kind in market.DataType] == [1, 2, 3, 4]
