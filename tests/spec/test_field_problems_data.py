"""
What users of other libraries met with data, requests, handlers and accounts: a test for each.

The numbers are the rows of the collection of field problems; `ROWS` says where each is tested.
"""

from __future__ import annotations

import ast
import asyncio
import queue
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector import (
    DataType,
    HistoricalDataError,
    IBKRConnector,
    MarketDataPermissionError,
    Quote,
    Settings,
    option,
)
from ibkr_connector.account.view import AccountView
from ibkr_connector.gateway.port import PositionRow
from ibkr_connector.handlers import HandlerProblem, ProblemKind
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.streams import Gap, GapReason
from ibkr_connector.simulator import (
    Answer,
    GatewaySimulator,
    HostedSimulator,
    IgnoreRequest,
    Permissions,
    Rewrite,
    Warn,
)
from ibkr_connector.simulator.faults import Fault
from kit.market import asked, gap_of, hold, said_all, until
from kit.rig import rig

TESTS = Path(__file__).parents[1]

ROWS: Final[dict[int, tuple[str, ...]]] = {
    10: (
        "component/gateway/test_connecting.py::"
        "test_a_refused_connection_names_the_address_and_what_to_do",
        "component/gateway/test_connecting.py::test_hanging_up_without_a_greeting_is_its_own_error",
        "component/gateway/test_connecting.py::"
        "test_silence_after_the_greeting_is_a_gateway_that_is_not_logged_in",
        "component/gateway/test_connecting.py::"
        "test_j_a_client_id_in_use_is_known_at_once_and_not_after_the_timeout",
        "component/gateway/test_connecting.py::"
        "test_a_peer_that_says_nothing_is_not_waited_for_longer_than_the_budget",
        "spec/test_field_problems_data.py::test_row_10_a_part_that_never_answers_is_named",
    ),
    12: (
        "spec/test_field_problems_data.py::"
        "test_row_12_history_that_hangs_or_fails_is_an_error_of_its_own_and_never_empty",
        "component/market/test_history_on_the_wire.py::"
        "test_each_meaning_of_162_is_its_own_error_and_never_an_empty_list",
        "unit/market/test_download.py::test_a_refusal_is_never_a_shorter_series",
        "component/gateway/test_field_problems.py::"
        "test_a_ten_concurrent_calls_without_an_id_all_complete",
    ),
    16: (
        "spec/test_field_problems_data.py::"
        "test_row_16_a_handler_that_raises_stops_neither_the_next_handler_nor_the_next_message",
        "unit/test_handlers.py::test_one_that_raises_is_named_counted_and_called_again",
        "component/gateway/test_unreadable.py::"
        "test_a_message_that_cannot_be_read_is_counted_and_kept_without_what_names_the_user",
    ),
    18: (
        "spec/test_field_problems_data.py::test_row_18_two_readers_make_one_line_and_one_cancel",
        "spec/test_field_problems_data.py::test_row_18_a_login_without_lines_says_so",
        "unit/market/test_subscriptions.py::test_a_line_too_many_is_refused_before_it_is_asked_for",
        "unit/market/test_many.py::test_hundreds_of_snapshots_need_no_more_lines_than_there_are",
    ),
    19: (
        "spec/test_field_problems_data.py::test_row_19_delayed_ticks_are_marked_and_end_no_stream",
        "spec/test_field_problems_data.py::test_row_19_live_quotes_that_are_required_are_live",
        "spec/test_field_problems_data.py::test_row_19_the_data_type_is_chosen_again_after_a_loss",
        "unit/market/test_subscriptions.py::test_an_advisory_ends_no_stream",
        "unit/market/test_subscriptions.py::test_a_terminal_code_ends_a_new_stream",
    ),
    20: (
        "spec/test_field_problems_data.py::test_row_20_a_bunch_of_10197_is_one_event_and_no_storm",
        "unit/market/test_subscriptions.py::"
        "test_twenty_times_10197_is_one_state_and_one_try_a_minute",
        "unit/market/test_what_storms_found.py::test_a_gap_after_another_login_is_told_once",
    ),
    21: (
        "spec/test_field_problems_data.py::test_row_21_one_summary_id_for_ever_and_none_at_1102",
        "spec/test_field_problems_data.py::"
        "test_row_21_refused_summaries_are_replaced_by_the_account_window",
    ),
    22: (
        "spec/test_field_problems_data.py::test_row_22_no_price_is_none_and_legal_ones_are_kept",
        "unit/gateway/test_quote_line.py::test_no_sentinel_of_the_wire_is_ever_a_figure_of_a_quote",
        "unit/gateway/test_figures.py::test_unset_is_none",
        "unit/gateway/test_computations.py::test_what_was_not_computed_is_none",
    ),
    28: (
        "component/market/test_a_million_ticks.py::test_row_28_a_million_ticks_leave_memory_flat",
        "component/gateway/test_field_problems.py::"
        "test_h_ten_thousand_abandoned_requests_leave_nothing",
        "component/gateway/test_hatch.py::"
        "test_a_thousand_abandoned_uses_of_the_escape_hatch_leave_nothing",
    ),
    31: (
        "spec/test_field_problems_data.py::"
        "test_row_31_an_option_costs_what_it_costs_per_unit_and_a_closed_one_is_gone",
        "unit/account/test_view.py::test_a_price_per_unit_is_the_cost_without_the_multiplier",
    ),
    35: (
        "component/gateway/test_field_problems.py::"
        "test_a_ten_concurrent_calls_without_an_id_all_complete",
        "component/gateway/test_hatch.py::"
        "test_ten_concurrent_calls_of_each_question_without_an_id_complete",
        "spec/test_field_problems_data.py::test_row_35_ten_users_ask_the_same_at_once",
    ),
}
"""Row of the collection to the tests that stand for it."""

Make = Callable[..., IBKRConnector]
Gateways = Callable[..., HostedSimulator]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_its_tests(row: int) -> None:
    for named in ROWS[row]:
        path, name = named.split("::")
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}, named


@pytest.fixture
def make_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes a connector with settings of its own."""
    monkeypatch.chdir(tmp_path)

    def make(port: int, **settings: Any) -> IBKRConnector:
        given = {
            "port": port,
            # no deadline that a busy machine misses; who tests one sets it
            "connect_timeout_s": 60.0,
            "sync_timeout_s": 60.0,
            "request_timeout_s": 60.0,
            # at night, New York's, a reconnect would wait for the end of a planned outage
            "reset_windows": "none",
            "reconnect_base_s": 0.05,
            "state_dir": tmp_path / "journal",
            **settings,
        }
        return IBKRConnector.create(Settings.load(**given))

    return make


def say(gateway: HostedSimulator, code: int) -> None:
    gateway.do(lambda sim: sim.notice(code, f"notice {code}"))


async def test_row_10_a_part_that_never_answers_is_named(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False) as made:
        made.simulator.quirk("positions_without_end")
        await made.run(made.engine.connect())
        assert made.engine.status().degraded_by == ("positions",)


async def test_row_16_a_handler_that_raises_stops_neither_the_next_handler_nor_the_next_message(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    told: queue.Queue[HandlerProblem] = queue.Queue()
    seen: queue.Queue[Quote] = queue.Queue()

    def good(record: Quote | Gap) -> None:
        if isinstance(record, Quote):
            seen.put(record)

    def bad(record: Quote | Gap) -> None:
        raise ValueError("not mine")

    async with make_connector(ibkr_gateway.port) as ib:
        ib.on_handler_error(told.put)
        failing = ib.handle(ib.stream_quotes("AAPL"), bad, name="bad")
        ib.handle(ib.stream_quotes("AAPL"), good)
        await asyncio.to_thread(seen.get, timeout=60)
        first = await asyncio.to_thread(told.get, timeout=60)
        hold(ibkr_gateway, "33.00", "33.02")
        while (await asyncio.to_thread(seen.get, timeout=60)).bid != Decimal(33):
            pass
        await asyncio.to_thread(told.get, timeout=60)
        assert failing.state.failures >= 2
        assert ib.get_connection_status().is_connected
    assert (first.handler, first.kind, str(first.error)) == (
        "bad",
        ProblemKind.FAILED,
        "not mine",
    )
    assert not failing.state.is_running


async def test_row_18_two_readers_make_one_line_and_one_cancel(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        first, second = ib.stream_quotes("AAPL"), ib.stream_quotes("AAPL")
        await anext(first)
        await anext(second)
        await first.aclose()
        await second.aclose()
        await ib.get_quote("MSFT")
        # 300, "can't find EId", is what TWS may say to a cancel: it is nobody's error
        (opened,) = asked(ibkr_gateway, "ReqMarketData", stream=True)
        third = ib.stream_quotes("AAPL")
        await anext(third)
    await said_all(ibkr_gateway)
    cancelled = [one.request_id for one in asked(ibkr_gateway, "CancelMarketData")]
    assert cancelled.count(opened.request_id) == 1


async def test_row_18_a_login_without_lines_says_so(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(data_lines=1))
    async with make_connector(gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        await until(stream, lambda q: q.bid is not None)
        with pytest.raises(MarketDataPermissionError) as refused:
            async for _ in ib.stream_quotes("MSFT"):
                pass
        # the newest did not take the place of another
        hold(gateway, "44.00", "44.02")
        await until(stream, lambda q: q.bid == Decimal(44))
    assert refused.value.hint is not None


async def test_row_19_delayed_ticks_are_marked_and_end_no_stream(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(quirks=["delayed_10167"])
    async with make_connector(gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        quote = await until(stream, lambda q: q.bid is not None)
    assert quote.data_type is DataType.DELAYED
    assert quote.is_delayed


async def test_row_19_live_quotes_that_are_required_are_live(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(quirks=["delayed_10167"])
    async with make_connector(gateway.port) as ib:
        stream = ib.stream_quotes("AAPL", require_live=True)
        with pytest.raises(MarketDataPermissionError, match="delayed"):
            await until(stream, lambda quote: True)


async def test_row_19_the_data_type_is_chosen_again_after_a_loss(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(live_data=False))
    async with (
        make_connector(gateway.port, market_data_type="delayed") as ib,
        ib.stream_quotes("AAPL") as stream,
    ):
        await until(stream, lambda q: q.is_delayed)
        gateway.do(lambda sim: sim.cut())
        await gap_of(stream, over=True)
        await until(stream, lambda q: q.is_delayed)
        say(gateway, 1100)
        say(gateway, 1101)
        await gap_of(stream, over=True)
        await until(stream, lambda q: q.is_delayed)
    assert [one.data_type for one in asked(gateway, "ReqMarketDataType")] == [3, 3, 3]


def _inject(simulator: GatewaySimulator, *, fault: Fault) -> None:
    simulator.inject(fault)


async def test_row_19_part_of_the_data_is_better_than_none(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    for code in (10090, 10089):
        warning = Warn(on="ReqMarketData", code=code, text="part of it is not subscribed")
        ibkr_gateway.do(partial(_inject, fault=warning))
        async with make_connector(ibkr_gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
            assert (await until(stream, lambda q: q.bid is not None)).bid
        ibkr_gateway.do(lambda sim: sim.clear_faults())


async def test_row_20_a_bunch_of_10197_is_one_event_and_no_storm(
    ibkr_gateway: HostedSimulator, make_connector: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        make_connector(ibkr_gateway.port) as ib,
        ib.stream_quotes("AAPL") as first,
        ib.stream_quotes("MSFT") as second,
    ):
        for stream in (first, second):
            await until(stream, lambda q: q.bid is not None)
        ibkr_gateway.do(lambda sim: sim.quirk("competing_session_10197"))
        for stream in (first, second):
            began = await gap_of(stream, over=False)
            assert began.reason is GapReason.COMPETING_SESSION
        assert ib.get_connection_status().competing_session
        assert len(asked(ibkr_gateway, "ReqMarketData", stream=True)) == 2
        ibkr_gateway.do(lambda sim: sim.quirk("competing_session_10197", on=False))
        hold(ibkr_gateway, "55.00", "55.02")
        await until(first, lambda q: q.bid == Decimal(55))
        assert not ib.get_connection_status().competing_session
    events = [one for one in caplog.records if "another session of the same user" in one.message]
    assert len(events) == 1


async def test_row_21_one_summary_id_for_ever_and_none_at_1102(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        for _ in range(10):
            say(ibkr_gateway, 1100)
            say(ibkr_gateway, 1102)
        await ib.get_quote("AAPL")
        await ib.wait_ready(timeout_s=60)
        assert len(asked(ibkr_gateway, "ReqAccountSummary")) == 1
        before = await ib.get_account_summary()
        for number in (1, 2):
            ibkr_gateway.do(lambda sim: sim.cut())
            async with asyncio.timeout(60):
                while ib.get_connection_status().reconnect_count < number:
                    await asyncio.sleep(0.001)
            async with ib.stream_quotes("AAPL") as stream:
                await until(stream, lambda q: q.bid is not None)
            await ib.wait_ready(timeout_s=60)
        after = await ib.get_account_summary()
    assert after.as_of >= before.as_of
    assert len({one.request_id for one in asked(ibkr_gateway, "ReqAccountSummary")}) == 1


async def test_row_21_refused_summaries_are_replaced_by_the_account_window(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    refusal = Answer(
        to="ReqAccountSummary",
        code=322,
        text="Error processing request.-'bP' : cause - Maximum number of account summary requests",
        times=100,
    )
    ibkr_gateway.do(lambda sim: sim.inject(refusal))
    async with make_connector(ibkr_gateway.port) as ib:
        assert ib.get_connection_status().degraded_by == ()
        summary = await ib.get_account_summary()
        for _ in range(3):
            say(ibkr_gateway, 1100)
            say(ibkr_gateway, 1102)
        await ib.get_quote("AAPL")
        await ib.wait_ready(timeout_s=60)
    assert summary.total_value is not None
    assert summary.cash is not None
    assert summary.buying_power is not None
    assert len(asked(ibkr_gateway, "ReqAccountSummary")) == 1


async def test_row_22_no_price_is_none_and_legal_ones_are_kept(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(quirks=["no_price_first"])
    async with make_connector(gateway.port) as ib:
        async with ib.stream_quotes("AAPL") as stream:
            quotes = [await anext(stream), await until(stream, lambda q: q.ask is not None)]
        assert all(isinstance(one, Quote) and one.bid != Decimal(-1) for one in quotes)
        gateway.do(lambda sim: sim.quirk("no_price_first", on=False))
        spread = Rewrite(reply="TickPrice", where={"tick_type": "1"}, values={"price": "-1.25"})
        gateway.do(lambda sim: sim.inject(spread))
        async with ib.stream_quotes("MSFT") as stream:
            quote = await until(stream, lambda q: q.bid is not None)
        # and a side that stays empty stays unknown, whatever else comes
        nothing = Rewrite(
            reply="TickPrice", where={"tick_type": "1"}, values={"price": "-1", "size": "0"}
        )
        gateway.do(lambda sim: sim.clear_faults())
        gateway.do(lambda sim: sim.inject(nothing))
        async with ib.stream_quotes("IBM") as stream:
            one_sided = await until(stream, lambda q: q.ask is not None)
    assert quote.bid == Decimal("-1.25")
    assert (one_sided.bid, one_sided.has("bid", "ask")) == (None, False)


async def test_row_35_ten_users_ask_the_same_at_once(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        async with asyncio.timeout(60):
            answers = await asyncio.gather(
                *(ib.get_positions() for _ in range(10)),
                *(ib.get_account_summary() for _ in range(10)),
                *(ib.request("positions", lambda x: x.reqPositionsAsync()) for _ in range(10)),
                *(ib.request("time", lambda x: x.reqCurrentTimeAsync()) for _ in range(10)),
                *(ib.request("orders", lambda x: x.reqAllOpenOrdersAsync()) for _ in range(10)),
            )
        assert len(answers) == 50


async def test_row_12_history_that_hangs_or_fails_is_an_error_of_its_own_and_never_empty(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    refusal = Answer(to="ReqHistoricalData", code=321, text="Error validating request")
    gateway = make_ibkr_gateway(faults=[refusal])
    wish: dict[str, Any] = {"duration": "1 D", "bar_size": "1 hour"}
    async with make_connector(gateway.port, retry_max_attempts=1) as ib:
        with pytest.raises(HistoricalDataError):
            await ib.get_historical_data("AAPL", **wish)
        gateway.do(lambda sim: sim.inject(IgnoreRequest(on="ReqHistoricalData")))
        # whoever gives up leaves nothing behind, and the next one is answered
        async with asyncio.timeout(60):
            hung = asyncio.ensure_future(ib.get_historical_data("AAPL", **wish))
            while len(asked(gateway, "ReqHistoricalData")) < 2:
                await ib.pacing_status()
        hung.cancel()
        await asyncio.wait([hung])
        gateway.do(lambda sim: sim.clear_faults())
        assert len(await ib.get_historical_data("AAPL", **wish)) > 0
        assert (await ib.pacing_status()).history.open == 0


def test_row_31_an_option_costs_what_it_costs_per_unit_and_a_closed_one_is_gone() -> None:
    call = option("AAPL", "20261218", "C", strike=Decimal(250))
    view, now = AccountView(), datetime(2026, 11, 20, tzinfo=UTC)
    held = PositionRow(
        account="DU1",
        contract=replace(call, con_id=ConId(7), multiplier=Decimal(100)),
        quantity=Decimal(2),
        average_cost=Decimal("450.65"),
    )
    view.replace_positions([held], now)
    (shown,) = view.positions("DU1")
    # what IB tells includes the multiplier and commissions, and both figures are there
    assert (shown.avg_cost, shown.avg_price) == (Decimal("450.65"), Decimal("4.5065"))
    view.apply(replace(held, quantity=Decimal(0)), now)
    assert view.positions("DU1") == ()
