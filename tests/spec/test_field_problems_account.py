"""
What users of other libraries met with account figures and positions: a test for each.

The numbers are the rows of the collection of field problems; `ROWS` says where each is tested.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector.account.view import AccountView
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.port import PositionRow
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId
from kit.account_desk import ME, asked, portfolio_of, quote, trade
from kit.rig import START, rig

TESTS = Path(__file__).parents[1]
TWO: Final[dict[str, Any]] = {"DU1": Decimal(100_000), "DU2": Decimal(300_000)}

ROWS: Final[dict[int, tuple[str, ...]]] = {
    21: (
        "spec/test_field_problems_account.py::test_row_21_a_restored_link_opens_no_summary",
        "component/gateway/test_field_problems.py::"
        "test_f_a_restored_link_opens_no_second_account_summary",
    ),
    22: (
        "unit/account/test_figures.py::"
        "test_row_22_an_unset_figure_is_none_and_zero_and_negative_ones_are_kept",
        "spec/test_field_problems_account.py::test_row_22_profit_and_loss_that_is_unset_is_none",
        "component/gateway/test_field_problems.py::"
        "test_commissions_first_late_or_unset_are_never_zero",
    ),
    30: (
        "spec/test_field_problems_account.py::"
        "test_row_30_with_two_accounts_an_order_without_one_is_not_sent",
        "component/account/test_portfolio_on_the_wire.py::"
        "test_account_model_and_contract_go_in_ibs_order",
        "component/account/test_every_figure.py::"
        "test_whatever_happens_every_figure_is_the_ledgers_to_the_cent",
    ),
    31: (
        "spec/test_field_problems_account.py::"
        "test_row_31_an_option_has_its_cost_with_and_without_its_multiplier",
        "spec/test_field_problems_account.py::test_row_31_a_closed_position_is_gone",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_tests_that_exist(row: int) -> None:
    for name in ROWS[row]:
        path, test = name.split("::")
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        named = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in named


async def test_row_21_a_restored_link_opens_no_summary(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        for _ in range(10):
            one.simulator.notice(1100, "lost")
            one.simulator.notice(1102, "restored")
            await one.ready()
        one.simulator.cut()
        await one.settle()
        await one.ready()
        numbers = [request.request_id for request in asked(one, "ReqAccountSummary")]
        assert len(numbers) == 2
        assert len(set(numbers)) == 1


async def test_row_22_profit_and_loss_that_is_unset_is_none(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        stream = portfolio_of(one).stream_pnl()
        first = await one.run(anext(stream))
        assert (first.daily, first.unrealized, first.realized) == (None, None, None)
        await stream.aclose()


async def test_row_30_with_two_accounts_an_order_without_one_is_not_sent(tmp_path: Path) -> None:
    async with rig(tmp_path, accounts=TWO) as one:
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
        with pytest.raises(OrderValidationError, match="account is missing"):
            await one.run(one.engine.orders.place(order))
        assert asked(one, "PlaceOrder") == []
        rows = await portfolio_of(one).summaries()
        assert [row.total_value for row in rows] == [100_000, 300_000]
        for row in rows:
            assert row.as_of >= START
            assert row.source


def test_row_31_an_option_has_its_cost_with_and_without_its_multiplier() -> None:
    option = Contract(symbol="AAPL", con_id=ConId(5), multiplier=Decimal(100))
    row = PositionRow(
        account=ME, contract=option, quantity=Decimal(2), average_cost=Decimal("450.50")
    )
    view = AccountView()
    view.replace_positions([row], START)
    (held,) = view.positions(ME)
    assert (held.avg_cost, held.avg_price) == (Decimal("450.50"), Decimal("4.505"))
    view.apply(replace(row, quantity=Decimal(0)), START)
    assert view.positions(ME) == ()


async def test_row_31_a_closed_position_is_gone(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        quote(one, "100.00")
        await trade(one, 10)
        assert len(await portfolio_of(one).positions()) == 1
        await trade(one, -10)
        assert await portfolio_of(one).positions() == ()
