"""What fills cost, worked out."""

import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from ibkr_connector.errors import ConfigurationError, NoDataError
from ibkr_connector.gateway.port import CommissionReported
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Bar, BarSeries
from ibkr_connector.model.orders import Action
from ibkr_connector.orders.fills import analyse_fills, arrival_prices
from ibkr_connector.orders.history import RecordedOrder, read_orders
from kit.order_desk import AAPL, NOON, Bench, bench, buy


async def traded(at: Bench) -> tuple[RecordedOrder, ...]:
    """Return a buy that filled in two parts after 2 and 5 seconds, and one without a fill."""
    report = await at.desk.place(buy(10))
    held = at.venue.held[report.order_ref]
    for wait, quantity in ((2, 4), (3, 6)):
        at.clock.advance(wait)
        execution = at.venue.execute(held, Decimal(quantity))
        at.desk.apply(
            CommissionReported(
                exec_id=execution.exec_id,
                commission=Decimal("0.50"),
                currency="USD",
                realized_pnl=None,
            )
        )
    await at.desk.place(buy(1))
    await at.settle()
    return read_orders(at.path)


async def test_slippage_commission_and_time_of_a_buy(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        orders = await traded(at)
    reference = orders[0].report.order_ref
    [row] = analyse_fills(orders, arrival={reference: Decimal("99.5")})
    assert (row.filled, row.average_price, row.slippage) == (
        Decimal(10),
        Decimal(100),
        Decimal("0.5"),
    )
    assert row.slippage_bps is not None
    assert round(row.slippage_bps, 2) == Decimal("50.25")
    assert row.slippage_value == Decimal(5)
    assert (row.commission, row.commission_currency) == (Decimal(1), "USD")
    assert (row.executions, row.recovered) == (2, 0)
    assert (row.first_fill_s, row.fully_filled_s) == (2.0, 5.0)


async def test_a_sale_above_the_price_at_arrival_cost_less(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        report = await at.desk.place(
            {
                "symbol": "AAPL",
                "action": "SELL",
                "quantity": 10,
                "order_type": "LMT",
                "limit_price": Decimal(90),
            }
        )
        at.venue.execute(at.venue.held[report.order_ref], Decimal(3))
        await at.settle()
        orders = read_orders(at.path)
    [row] = analyse_fills(orders, arrival={report.order_ref: Decimal(98)})
    assert (row.action, row.slippage, row.slippage_value) == (Action.SELL, Decimal(-2), Decimal(-6))
    assert (row.commission, row.fully_filled_s) == (None, None)


async def test_without_a_price_at_arrival_nothing_is_made_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        [row] = analyse_fills(await traded(at))
    assert (row.arrival_price, row.slippage, row.slippage_bps, row.slippage_value) == (None,) * 4


async def test_the_price_at_arrival_is_that_of_the_last_second_that_was_over(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        orders = await traded(at)
    asked = []

    async def bars(contract: Contract | str, **how: object) -> BarSeries:
        asked.append((contract, how))
        times = [NOON - timedelta(seconds=second) for second in (3, 2, 1, 0)]
        return BarSeries(
            contract=AAPL,
            bar_size="1 secs",
            what_to_show="MIDPOINT",
            bars=tuple(bar(time, Decimal(100 + number)) for number, time in enumerate(times)),
        )

    found = await arrival_prices(orders, bars=bars)
    assert found == {orders[0].report.order_ref: Decimal(102)}
    [(contract, how)] = asked
    assert (contract, how["end"], how["what_to_show"]) == (AAPL, NOON, "MIDPOINT")

    async def none(contract: Contract | str, **how: object) -> BarSeries:
        raise NoDataError("no bars")

    assert await arrival_prices(orders, bars=none) == {}


def bar(time: datetime, price: Decimal) -> Bar:
    return Bar(timestamp=time, open=price, high=price, low=price, close=price, volume=None)


async def test_a_table_has_a_row_for_each_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as at:
        analysis = analyse_fills(await traded(at))
    stand_in = SimpleNamespace(DataFrame=lambda rows, columns: (rows, columns))
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    rows, columns = analysis.to_pandas()
    assert (len(rows), rows[0]["filled"]) == (len(analysis), 10)
    assert set(columns) == set(rows[0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigurationError) as caught:
        analysis.to_pandas()
    assert "ibkr-connector[data]" in str(caught.value)


async def test_the_plot_has_a_bar_for_each_figure_and_gaps_for_what_is_unknown(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        orders = await traded(at)
    reference = orders[0].report.order_ref
    known = analyse_fills(orders, arrival={reference: Decimal("99.5")})
    unknown = analyse_fills(orders)
    figure = known.plot(tmp_path / "fills.png")
    assert (tmp_path / "fills.png").read_bytes().startswith(b"\x89PNG")
    heights = [[bar.get_height() for bar in panel.patches] for panel in figure.axes]
    assert [round(height, 2) for [height] in heights] == [50.25, 1.0, 5.0]
    assert "USD" in figure.axes[1].get_ylabel()
    [gap] = unknown.plot().axes[0].patches
    assert gap.get_height() != gap.get_height()  # not a number
    assert len(analyse_fills(()).plot().axes) == 3


async def test_a_plot_that_cannot_be_made_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = analyse_fills(())
    for path in (tmp_path / "nowhere" / "fills.png", tmp_path / "fills.nothing"):
        with pytest.raises(ConfigurationError, match="cannot be saved"):
            empty.plot(path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigurationError, match="needs matplotlib") as told:
        empty.plot()
    assert "[notebook]" in str(told.value.hint)


async def test_the_table_is_a_data_frame_of_decimals(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        orders = await traded(at)
    table = analyse_fills(orders).to_pandas()
    assert table.loc[0, "average_price"] == Decimal(100)
    assert list(table["executions"]) == [2]
