"""Mistakes that users make: each has its own error with a hint, and nothing is left running."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector import (
    AmbiguousContractError,
    AuthenticationError,
    ClientIdInUseError,
    ConfigurationError,
    Contract,
    ContractError,
    ContractNotFoundError,
    GatewayUnavailableError,
    HistoricalDataError,
    IBKRConnector,
    IBKRError,
    OrderNotFoundError,
    OrderValidationError,
    ReadOnlyError,
    Settings,
    market_order,
)
from ibkr_connector.simulator import HostedSimulator, Refuse, Silent, Stage
from kit.far_clock import FarClock, far_clock
from kit.market import asked

__all__ = ["far_clock"]

Make = Callable[..., IBKRConnector]
MakeGateway = Callable[..., HostedSimulator]


@pytest.fixture
def nobody() -> Iterator[int]:
    """Give a port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def refused(connector: IBKRConnector) -> IBKRError:
    """Try to connect; return the error when nothing is left of the attempt."""
    before = {thread.ident for thread in threading.enumerate()}
    with pytest.raises(IBKRError) as failure:
        await connector.connect()
    left = [thread.name for thread in threading.enumerate() if thread.ident not in before]
    assert left == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert failure.value.hint or failure.value.message
    return failure.value


async def test_no_gateway_listening(nobody: int, make_connector: Make) -> None:
    error = await refused(make_connector(nobody))
    assert isinstance(error, GatewayUnavailableError)
    assert error.hint is not None
    assert "start TWS or IB Gateway" in error.hint


def test_the_port_of_the_other_mode() -> None:
    with pytest.raises(ConfigurationError, match="live trading, but the mode is paper") as wrong:
        Settings.load(port=7496)
    assert wrong.value.hint is not None
    assert "IBKR_PAPER_TRADING=false" in wrong.value.hint


async def test_a_live_account_on_a_paper_profile(
    make_ibkr_gateway: MakeGateway, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(accounts={"U7654321": Decimal(1_000)})
    error = await refused(make_connector(gateway.port))
    assert isinstance(error, ConfigurationError)
    assert "U7654321" not in str(error)


async def test_a_client_id_in_use(ibkr_gateway: HostedSimulator, make_connector: Make) -> None:
    async with make_connector(ibkr_gateway.port, client_id=9) as first:
        other = make_connector(ibkr_gateway.port, client_id=9)
        other_dir = other.settings.state_dir / "other"
        second = IBKRConnector.create(other.settings.model_copy(update={"state_dir": other_dir}))
        error = await refused(second)
        assert isinstance(error, ClientIdInUseError)
        assert error.code == 326
        assert first.get_connection_status().is_connected


@pytest.mark.parametrize(
    ("stage", "kind"),
    [(Stage.HELLO, GatewayUnavailableError), (Stage.START, AuthenticationError)],
)
async def test_an_api_that_says_nothing(
    stage: Stage,
    kind: type[IBKRError],
    make_ibkr_gateway: MakeGateway,
    make_connector: Make,
    far_clock: FarClock,
) -> None:
    gateway = make_ibkr_gateway(faults=[Silent(after=stage)])
    over = threading.Event()

    def wait_in_vain() -> None:
        while stage is Stage.START and not asked(gateway, "StartApi"):
            over.wait(0.001)
        while not over.wait(0.001):
            far_clock.move(10.0)

    # no task of this loop, none of which may be left
    waiting = threading.Thread(target=wait_in_vain)
    waiting.start()
    try:
        error = await refused(make_connector(gateway.port))
    finally:
        over.set()
        waiting.join()
    assert type(error) is kind


async def test_a_gateway_that_closes_the_door(
    make_ibkr_gateway: MakeGateway, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(faults=[Refuse()])
    assert isinstance(await refused(make_connector(gateway.port)), GatewayUnavailableError)


async def test_a_second_attempt_works_when_the_mistake_is_gone(
    make_ibkr_gateway: MakeGateway, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(faults=[Refuse(times=1)])
    connector = make_connector(gateway.port)
    await refused(connector)
    async with connector:
        assert connector.get_connection_status().is_connected


@pytest.mark.parametrize(
    ("contract", "kind"),
    [
        ("ZZZZ", ContractNotFoundError),
        ("what is this", ContractError),
        (Contract(symbol="VOD", exchange="", currency=""), AmbiguousContractError),
        (Contract(symbol="AAPL", exchange="NOWHERE"), ContractNotFoundError),
    ],
)
async def test_contracts_that_are_not_one(
    contract: Contract | str,
    kind: type[IBKRError],
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(kind) as wrong:
            await ib.get_quote(contract)
    assert type(wrong.value) is kind
    assert wrong.value.hint is not None
    if isinstance(wrong.value, AmbiguousContractError):
        assert {one.currency for one in wrong.value.candidates} == {"USD", "GBP"}


@pytest.mark.parametrize(
    ("key", "meant"), [("prot", "port"), ("clientid", "client_id"), ("read_only", "readonly")]
)
def test_a_misspelt_setting(key: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        IBKRConnector("misspelt", **{key: 1})
    assert meant in str(wrong.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"quantity": -5}, "quantity"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": "nan"}, "quantity"),
        ({"action": "HOLD"}, "action"),
        ({"order_type": "LMT"}, "limit_price"),
        ({"order_type": "MIDNIGHT"}, "order_type"),
        ({"quantitty": 5}, "quantity"),
        ({"order_type": "LMT", "limit_price": "100.001"}, "0.01"),
    ],
)
async def test_orders_that_make_no_sense(
    change: dict[str, object],
    named: str,
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
) -> None:
    order = {"symbol": "AAPL", "action": "BUY", "quantity": 5, "order_type": "MKT", **change}
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(OrderValidationError) as wrong:
            await ib.place_order(order)
    assert named in str(wrong.value)
    assert all(
        type(one.request).__name__ != "PlaceOrder" for one in ibkr_gateway.do(lambda gw: gw.log)
    )


async def test_read_only_is_the_default_and_sends_nothing(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    assert Settings.load().readonly is True
    async with make_connector(ibkr_gateway.port, readonly=True) as ib:
        with pytest.raises(ReadOnlyError):
            await ib.place_order(market_order("AAPL", "BUY", 1))
        with pytest.raises(OrderNotFoundError):
            await ib.cancel_order(1)
    asked = {type(one.request).__name__ for one in ibkr_gateway.do(lambda gw: gw.log)}
    assert not asked & {"PlaceOrder", "CancelOrder"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"bar_size": "7 mins"},
        {"duration": "a week"},
        {"what_to_show": "TRADEZ"},
    ],
)
async def test_history_that_nobody_has(
    arguments: dict[str, Any], ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(HistoricalDataError) as wrong:
            await ib.get_historical_data("AAPL", **arguments)
    assert next(iter(arguments.values())) in str(wrong.value)
