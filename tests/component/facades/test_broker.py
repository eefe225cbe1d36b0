"""Older programs, word for word, before a gateway."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import (
    ConfigurationError,
    GatewayUnavailableError,
    IBKRConnector,
    NotConnectedError,
    OrderStatus,
    ReadOnlyError,
    RequestTimeoutError,
    WrongThreadError,
)
from ibkr_connector.facades import (
    Blocking,
    IBClient,
    InteractiveBrokersBroker,
    create_live_broker,
    create_paper_broker,
)
from ibkr_connector.simulator import HostedSimulator, Permissions

Make = Callable[..., IBKRConnector]
MakeGateway = Callable[..., HostedSimulator]


def config_of(gateway: HostedSimulator, place: Path, **more: Any) -> dict[str, Any]:
    return {
        "host": gateway.host,
        "port": gateway.port,
        "timeout": 60,
        "sync_timeout_s": 60,
        "order_ack_timeout_s": 60,
        "state_dir": place,
        **more,
    }


@pytest.fixture
def broker(ibkr_gateway: HostedSimulator, tmp_path: Path) -> Iterator[InteractiveBrokersBroker]:
    with InteractiveBrokersBroker(config_of(ibkr_gateway, tmp_path, readonly=False)) as made:
        yield made


def test_the_oldest_program_there_is(ibkr_gateway: HostedSimulator, tmp_path: Path) -> None:
    broker = InteractiveBrokersBroker(
        config_of(ibkr_gateway, tmp_path, client_id=3, paper_trading=True, account_id="DEFAULT")
    )
    assert not broker.is_connected
    assert broker.connect() is True
    assert broker.is_connected
    contract = broker.create_stock_contract("ES", "FUT", "CME")
    snapshot = broker.get_market_data_snapshot(contract)
    assert "BID" in snapshot or "ASK" in snapshot
    assert all(isinstance(value, Decimal) for value in snapshot.values())
    bars = broker.get_historical_data(contract, duration_str="1 W")
    assert len(bars) > 0
    assert bars.contract.expiry
    broker.disconnect()
    assert not broker.is_connected
    broker.disconnect()


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        (("AAPL",), "AAPL"),
        (("EUR", "CASH", "IDEALPRO"), "EUR.USD"),
        (("SPX", "IND"), "SPX"),
        (("BTC", "CRYPTO", "PAXOS"), "BTC"),
    ],
)
def test_contracts_of_every_kind_come_from_one_call(
    broker: InteractiveBrokersBroker, what: tuple[str, ...], shown: str
) -> None:
    contract = broker.create_stock_contract(*what)
    assert contract.text == shown
    assert broker.get_market_data_snapshot(contract)


def test_an_order_goes_out_changes_and_comes_back(broker: InteractiveBrokersBroker) -> None:
    assert broker.get_account_summary().total_value
    low = {"symbol": "AAPL", "quantity": 1, "action": "BUY", "order_type": "LMT"}
    ask = broker.get_quote("AAPL").ask
    assert ask is not None
    report = broker.place_order(low | {"limit_price": ask.quantize(Decimal(1)) - 5})
    assert report.status is OrderStatus.SUBMITTED
    changed = broker.modify_order(report.order_id, {"quantity": 2})
    assert changed.quantity == 2
    assert broker.cancel_order(report.order_id).status is OrderStatus.CANCELLED
    assert broker.get_order_status(report.order_id).status is OrderStatus.CANCELLED
    bought = broker.place_order(low | {"order_type": "MKT"})
    assert broker.wait_for_fill(bought.order_id, timeout_s=60).status is OrderStatus.FILLED
    assert [held.symbol for held in broker.get_positions()] == ["AAPL"]


def test_orders_are_refused_until_asked_for(ibkr_gateway: HostedSimulator, tmp_path: Path) -> None:
    with create_paper_broker(**config_of(ibkr_gateway, tmp_path)) as broker:
        with pytest.raises(ReadOnlyError):
            broker.place_order({"symbol": "AAPL", "quantity": 1, "action": "BUY"})
        assert broker.is_connected


async def test_it_waits_where_a_loop_runs_already(
    ibkr_gateway: HostedSimulator, tmp_path: Path
) -> None:
    """As in the cell of a notebook."""
    broker = create_paper_broker(**config_of(ibkr_gateway, tmp_path))
    await asyncio.sleep(0)
    assert broker.get_market_data_snapshot("AAPL")
    broker.disconnect()


def test_a_gateway_that_is_not_there_is_false_and_says_why(tmp_path: Path, free_port: int) -> None:
    config: dict[str, Any] = {"port": free_port, "timeout": 2, "state_dir": tmp_path}
    broker = InteractiveBrokersBroker(config)
    assert broker.connect() is False
    assert isinstance(broker.last_error, GatewayUnavailableError)
    assert not broker.is_connected
    with pytest.raises(GatewayUnavailableError):
        create_paper_broker(**config)
    with pytest.raises(NotConnectedError):
        broker.get_quote("AAPL")


def test_a_live_broker_does_not_take_a_paper_account(
    ibkr_gateway: HostedSimulator, tmp_path: Path
) -> None:
    broker = create_live_broker(auto_connect=False, **config_of(ibkr_gateway, tmp_path))
    with pytest.raises(ConfigurationError, match="paper"):
        broker.connect()
    with pytest.raises(ConfigurationError, match="paper_trading"):
        create_live_broker(paper_trading=True)


def test_the_client_runs_beside_the_program(
    make_ibkr_gateway: MakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "client"))
    gateway = make_ibkr_gateway(permissions=Permissions(live_data=False))
    client = IBClient(
        {
            "api": {"endpoint": f"{gateway.host}:{gateway.port}", "timeout": 60},
            "market_data": {"data_type": "delayed"},
        }
    )
    assert client.connect_and_run() is True
    data = client.get_market_data("AAPL")
    assert data is not None
    assert data["symbol"] == "AAPL"
    assert data["is_delayed"]
    assert data["bid"] < data["ask"]
    client.disconnect()
    assert not client.is_connected


def test_a_stream_is_gone_over_and_closed(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    with Blocking(make_connector(ibkr_gateway.port)) as ib:
        seen = []
        for quote in ib.iterate(ib.connector.stream_quotes("AAPL"), timeout_s=60):
            seen.append(quote)
            if len(seen) == 2:
                break
        assert ib.call(lambda it: it.stream_states()) == ()


def blocking_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.endswith("-blocking")]


def test_another_broker_over_the_same_connection_closes_it_too(
    ibkr_gateway: HostedSimulator, tmp_path: Path
) -> None:
    broker = create_paper_broker(**config_of(ibkr_gateway, tmp_path))
    other = InteractiveBrokersBroker.of(broker.connector)
    other.disconnect()
    assert not broker.is_connected
    broker.disconnect()
    assert not blocking_threads()


def test_no_thread_is_left_behind(ibkr_gateway: HostedSimulator, make_connector: Make) -> None:
    waiting = Blocking(make_connector(ibkr_gateway.port))
    with pytest.raises(NotConnectedError):
        waiting.call(lambda ib: ib.get_positions())
    assert not blocking_threads()
    waiting.connect()
    assert len(blocking_threads()) == 1
    quotes = waiting.iterate(waiting.connector.stream_quotes("AAPL"))
    assert next(quotes) is not None
    waiting.disconnect()
    list(quotes)
    assert not blocking_threads()


def test_a_call_that_takes_too_long_is_given_up(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    with Blocking(make_connector(ibkr_gateway.port)) as ib:
        with pytest.raises(RequestTimeoutError):
            ib.call(lambda _: asyncio.Event().wait(), timeout_s=0.01)
        assert ib.call(lambda it: it.get_quote("AAPL")).bid


def test_the_connectors_own_thread_cannot_wait_for_itself(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    with Blocking(make_connector(ibkr_gateway.port)) as ib:

        async def inside(_: IBKRConnector) -> None:
            ib.call(lambda it: it.get_positions())

        with pytest.raises(WrongThreadError):
            ib.call(inside)
