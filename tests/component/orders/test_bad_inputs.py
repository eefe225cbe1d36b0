"""
Everything that can be wrong with an order or around it, one by one, through a real socket.

Each: a typed error that names the value and what to do; nothing sent; nothing lost: the journal has
the denial, and the same connector trades right after, as soon as what was wrong is right.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from ibkr_connector import (
    AmbiguousContractError,
    ConfigurationError,
    Contract,
    ContractError,
    ContractNotFoundError,
    IBKRConnector,
    NotConnectedError,
    OrderError,
    OrderNotFoundError,
    OrderStateError,
    OrderStatus,
    ReadOnlyError,
    RequestTimeoutError,
    RiskLimitError,
    SendDisposition,
    Settings,
    TradingHaltedError,
)
from ibkr_connector.clock import ScaledClock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import index
from ibkr_connector.model.orders import Action, OrderRequest, OrderType
from ibkr_connector.orders.kill_switch import NAME as KILL_FILE
from ibkr_connector.simulator import (
    Answer,
    GatewaySimulator,
    HostedSimulator,
    Permissions,
    Refuse,
)
from ibkr_connector.simulator.exchange.commands import Halt
from kit.bad_inputs import Bad, Scene, as_nobody, full_disk
from kit.rule_socket import AAPL, MARKET, command, engine_at, limits, order, quote

MakeGateway = Callable[..., HostedSimulator]

NIGHT: Final = datetime(2026, 11, 18, 7, 0, tzinfo=UTC)
GOOD: Final = order(quantity=1, limit_price="1.00")
NAIVE: Final = datetime(2030, 1, 1)  # noqa: DTZ001  # what is wrong with it
PAST: Final = datetime(2020, 1, 2, tzinfo=UTC)
FUTURE: Final = datetime(2030, 1, 2, tzinfo=UTC)


def wrong(name: str, says: str, /, *more: str, **change: Any) -> Bad:
    """Describe a limit order with something in it that cannot be."""
    return Bad(name=name, order=order(**change), says=(says, *more))


def without(name: str, key: str, says: str) -> Bad:
    """Describe an order that lacks a key."""
    return Bad(name=name, order={k: v for k, v in order().items() if k != key}, says=(says,))


def typed(name: str, says: str, /, *more: str, **change: Any) -> Bad:
    """Describe an `OrderRequest` with a value that its type does not allow."""
    given: dict[str, Any] = {
        "contract": "AAPL",
        "action": Action.BUY,
        "quantity": Decimal(5),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal(100),
    }
    return Bad(name=name, order=OrderRequest(**given | change), says=(says, *more))


SIZES: Final = (
    wrong("quantity in words", "quantity must be a number; got 'five'", quantity="five"),
    wrong("quantity of no letters", "quantity must be a number; got ''", quantity=""),
    wrong("quantity not a number", "quantity must be a finite number; got nan", quantity=math.nan),
    wrong("quantity infinite", "quantity must be a finite number; got inf", quantity=math.inf),
    wrong("quantity a signalling NaN", "finite", "sNaN", quantity=Decimal("sNaN")),
    wrong("quantity negative", "above 0", "direction given by action", "-5", quantity=-5),
    wrong("quantity zero", "quantity must be above 0", "got 0", quantity=0),
    wrong("quantity a flag", "quantity must be a number; got True", quantity=True),
    wrong("quantity nothing", "quantity must be a number; got None", quantity=None),
    wrong("quantity a list", "quantity must be a number; got [5]", quantity=[5]),
    wrong("quantity bytes", "quantity must be a number; got b'5'", quantity=b"5"),
    wrong("quantity of half a share", "multiple of 1", "got 1.5", quantity="1.5"),
    wrong("quantity below the smallest", "at least 1", "got 0.001", quantity="0.001"),
    Bad(
        name="quantity beyond all measure",
        order=order(quantity=10**15),
        error=RiskLimitError,
        says=("MAX_ORDER_SIZE: 1000000000000000 is over the limit 1000", "order less"),
    ),
    wrong("quantity of forty digits", "quantity must be at most 1,0", "1E+40", quantity="1E+40"),
    typed("limit of thirty digits", "limit_price must be at most", limit_price=Decimal("1E+30")),
    typed("quantity an int in a record", "quantity must be a finite Decimal; got 5", quantity=5),
    typed("quantity a float in a record", "finite Decimal; got 0.1", quantity=0.1),
    wrong("minimum above the quantity", "not be more than the quantity 10", minimum_quantity=11),
    wrong("display size of a part", "whole Decimal above 0", display_size="0.5"),
)

PRICES: Final = (
    wrong("limit not a number", "must be a finite number; got 'nan'", limit_price="nan"),
    wrong("limit infinite", "limit_price must be a finite", "inf", limit_price=-math.inf),
    wrong("limit in words", "limit_price must be a number; got 'cheap'", limit_price="cheap"),
    wrong("limit zero", "limit_price must be above 0; got 0", limit_price=0),
    wrong("limit negative", "limit_price must be above 0; got -1", limit_price=-1),
    wrong("limit between two steps", "multiple of 0.01", "100.00 and 100.01", limit_price=100.001),
    wrong(
        "stop between two steps",
        "stop_price must be a multiple of 0.01",
        order_type="STP",
        stop_price="99.995",
    ),
    wrong("limit of the wrong step for a pair", "multiple of 0.00005", symbol="EUR.USD",
          limit_price="1.00001"),
    typed("limit a float in a record", "limit_price must be a finite Decimal", limit_price=100.0),
)  # fmt: skip

TYPES_AND_PRICES: Final = (
    without("limit order without limit", "limit_price", "limit_price is missing"),
    wrong("limit order with a stop", "stop_price does not belong", "leave it out", stop_price=1),
    wrong("market order with a limit", "limit_price does not belong", order_type="MKT",
          limit_price=100),
    wrong("stop order without stop", "stop_price is missing", order_type="STP"),
    wrong("trail of two widths", "both were given", order_type="TRAIL", trail_amount=1,
          trail_percent=1),
    wrong("trail of no width", "none was given", order_type="TRAIL"),
    wrong("trail of all it is worth", "below 100; got 100", order_type="TRAIL", trail_percent=100),
    wrong("trail of a negative width", "not be negative; got -1", order_type="TRAIL",
          trail_amount=-1),
    wrong("unknown type", "order_type must be one of MKT, LMT", "'MIDNIGHT'",
          order_type="MIDNIGHT"),
    wrong("type a number", "order_type must be one of", "got 5", order_type=5),
    wrong("unknown action", "action must be one of BUY, SELL; got 'HOLD'", action="HOLD"),
    wrong("action nothing", "action must be one of BUY, SELL; got None", action=None),
    wrong("adaptive stop", "adaptive goes with orders of type MKT and LMT", order_type="STP",
          stop_price=90, adaptive="normal"),
    wrong("hidden and shown", "contradicts hidden", hidden=True, display_size=5),
    wrong("all or none of a minimum", "contradicts all_or_none", all_or_none=True,
          minimum_quantity=5),
    wrong("flag in words", "outside_regular_hours must be True or False; got 'maybe'",
          outside_regular_hours="maybe"),
    wrong("unknown trigger", "trigger_method must be one of", "99", trigger_method=99),
)  # fmt: skip

TIMES: Final = (
    wrong("unknown time in force", "time_in_force must be one of DAY", "'FOREVER'",
          time_in_force="FOREVER"),
    wrong("close that lasts", "use one of DAY", order_type="MOC", time_in_force="GTC"),
    wrong("good till nothing", "good_till is missing", time_in_force="GTD"),
    wrong("good till the past", "must be in the future", "2020-01-02", time_in_force="GTD",
          good_till=PAST),
    wrong("good till a naive time", "must say its time zone", "tzinfo=UTC", time_in_force="GTD",
          good_till=NAIVE),
    wrong("good till some day", "aware datetime", "got 'tomorrow'", time_in_force="GTD",
          good_till="tomorrow"),
    wrong("good till, and for today", "use GTD", good_till=FUTURE),
    wrong("good after its end", "good_after must be before good_till", time_in_force="GTD",
          good_till=FUTURE, good_after=FUTURE + timedelta(days=1)),
)  # fmt: skip

KEYS: Final = (
    without("no action", "action", "action is missing"),
    without("no quantity", "quantity", "quantity is missing"),
    without("no symbol", "symbol", "symbol must be text or a Contract; got None"),
    wrong("misspelt key", "unknown key 'quantitty'; did you mean 'quantity'?", quantitty=5),
    wrong("key of another library", "did you mean 'limit_price'?", lmtPrice=5),
    wrong("key of nobody", "unknown key 'zzz'; known keys are", zzz=5),
    wrong("symbol and contract", "give one of them", contract="AAPL"),
    Bad(name="a list", order=["AAPL", 5], says=("a mapping; got list",)),
    Bad(name="nothing at all", order=None, says=("a mapping; got NoneType",)),
    Bad(name="a sentence", order="buy 5 AAPL", says=("a mapping; got str",)),
    wrong("kind of a group without group", "oca_group is missing", oca_type=1),
    wrong("conditions not in a list", "must be a list of conditions; got 5", conditions=5),
    wrong("unknown condition", "conditions[0].kind must be one of price", "'moon'",
          conditions=[{"kind": "moon"}]),
    wrong("condition of two bounds", "needs one of above and below",
          conditions=[{"kind": "price", "symbol": "AAPL", "above": 1, "below": 2}]),
    wrong("condition at a naive time", "must say its time zone",
          conditions=[{"kind": "time", "after": NAIVE}]),
)  # fmt: skip

TEXTS: Final = (
    wrong("key with a NUL", "client_order_id must be printable ASCII", client_order_id="a\0b"),
    wrong("key of no letters", "client_order_id must be printable", client_order_id=""),
    wrong("key with an umlaut", "client_order_id must be printable ASCII", client_order_id="ü"),
    wrong("key too long", "at most 128 characters; got 129", client_order_id="k" * 129),
    wrong("key a number", "client_order_id must be text; got 7", client_order_id=7),
    wrong("group with a line break", "oca_group must be printable", oca_group="a\nb"),
    wrong("account with a NUL", "account must be printable ASCII", account="DU1\0"),
    wrong("text that no encoding has", "client_order_id must be", client_order_id="\ud800"),
)


async def two_orders_of_one_key(scene: Scene) -> None:
    ib = await scene.connected()
    await ib.place_order(order(client_order_id="mine", limit_price="1.00"))
    assert scene.sent == 1
    await ib.place_order(order(client_order_id="mine", limit_price="2.00"))


async def placed_and_waited(scene: Scene, **how: Any) -> None:
    await (await scene.connected()).place_order(order(), **how)


CALLS: Final = (
    Bad(name="wait for nothing there is", act=partial(placed_and_waited, wait="forever"),
        says=("wait must be one of 'sent', 'submitted', 'filled'; got 'forever'",)),
    Bad(name="wait of no time", act=partial(placed_and_waited, timeout_s=0),
        says=("timeout_s must be a finite number of seconds above 0; got 0",)),
    Bad(name="wait for ever", act=partial(placed_and_waited, timeout_s=math.inf),
        says=("timeout_s must be a finite number", "got inf")),
    Bad(name="wait in words", act=partial(placed_and_waited, timeout_s="soon"),
        says=("timeout_s must be", "got 'soon'")),
    Bad(name="token of nobody", act=partial(placed_and_waited, token="x" * 20),
        says=("token",)),
)  # fmt: skip

CONTRACTS: Final = (
    Bad(name="unknown symbol", order=order(symbol="ZZZZ"), error=ContractNotFoundError,
        says=("No security definition", "check symbol")),
    Bad(name="unreadable symbol", order=order(symbol="what is this?"), error=ContractError,
        says=("'what is this?'", "write 'AAPL'")),
    Bad(name="symbol of no letters", order=order(symbol=""), says=("got ''",)),
    Bad(name="symbol a number", order=order(symbol=5), says=("must be text or a Contract; got 5",)),
    Bad(name="ambiguous symbol", error=AmbiguousContractError,
        order=order(symbol=Contract(symbol="VOD", exchange="", currency="")),
        says=("VOD", "fits", "add exchange, currency")),
    Bad(name="unknown exchange", error=ContractNotFoundError,
        order=order(symbol=Contract(symbol="AAPL", exchange="NOWHERE")), says=("check symbol",)),
    Bad(name="an index", order=order(symbol=index("SPX")), says=("cannot be ordered",)),
)  # fmt: skip

ACCOUNTS: Final = (
    Bad(name="account of somebody else", order=order(account="DU999"),
        says=("not one of the login's 1 accounts", "get_connection_status().accounts")),
    Bad(name="no account, of several", order=order(),
        gateway={"accounts": {"DU1": Decimal(1_000_000), "DU2": Decimal(1_000_000)}},
        says=("account is missing; the login has 2 accounts", "IBKR_ACCOUNT_ID"),
        right=lambda scene: scene.settings.update(account_id="DU1"), restarts=True),
)  # fmt: skip


# --- what stands around an order ----------------------------------------------------------------


def write(name: str, text: str | bytes) -> Callable[[Scene], None]:
    """Write a file of the rules."""
    path = f"{name}.yaml"

    def written(scene: Scene) -> None:
        (scene.config / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    return written


def whole(scene: Scene) -> None:
    """Mend both files."""
    limits(scene.config)
    (scene.config / "trading_permissions.yaml").unlink(missing_ok=True)


def rule(name: str, text: str, says: str, /, *more: str, **given: Any) -> Bad:
    """Describe an order that a rule refuses."""

    async def reload(scene: Scene) -> None:
        limits(scene.config)
        command(scene.gateway, Halt(con_id=AAPL, halted=False))
        await (await scene.connected()).reload_rules()

    return Bad(
        name=name,
        error=RiskLimitError,
        says=(says, *more),
        before=lambda scene: limits(scene.config, text),
        right=reload,
        **given,
    )


async def at_night(scene: Scene) -> None:
    async with engine_at(scene.load(), ScaledClock(NIGHT)) as engine:
        await engine.orders.place(order())


RULES: Final = (
    rule("halted contract", "refuse_halted: true", "refuse_halted: a halted contract",
         "wait until trading resumes", order=order(),
         once_connected=lambda scene: command(scene.gateway, Halt(con_id=AAPL))),
    rule("delayed prices", "max_quote_age_s: 60", "a delayed or frozen quote", "subscribe",
         order=order(), gateway={"permissions": Permissions(live_data=False)}),
    rule("closed market", "require_open_market: true", "require_open_market: a closed market",
         "wait for the session", act=at_night,
         gateway={"sessions": True, "clock": ScaledClock(NIGHT)}, restarts=True),
    rule("price far away", "price_collar: 0.05", "price_collar: limit_price 200",
         "name a price nearer", order=order(limit_price=200)),
    rule("short of everything", "allow_short: false", "allow_short: 10 short", "sell at most",
         order=order("SELL")),
    rule("several at once", "max_order_value: 5\nmax_position_size: 5", "max_order_value",
         "max_position_size: 10 with all open orders", order=order()),
    rule("market order worth too much", "max_order_value: 5", "max_order_value: ",
         "over the limit 5", "order less", order=order(**MARKET)),
)  # fmt: skip


async def engaged(scene: Scene) -> None:
    assert scene.ib is not None
    await scene.ib.kill_switch.engage("a drill")


async def released(scene: Scene) -> None:
    assert scene.ib is not None
    scene.ib.kill_switch.release()


def spoilt_switch(scene: Scene) -> None:
    (scene.state / KILL_FILE).write_text("{")


async def without_connection(scene: Scene) -> None:
    ib = await scene.connected()
    await ib.disconnect()
    await ib.place_order(order())


async def cut_off(scene: Scene) -> None:
    ib = await scene.connected()
    # known before, so that nothing but the connection is missing
    await ib.get_quote("AAPL")

    def cut(simulator: GatewaySimulator) -> None:
        simulator.inject(Refuse())
        simulator.cut()

    scene.gateway.do(cut)
    async with asyncio.timeout(60):
        while ib.get_connection_status().is_connected:
            await asyncio.sleep(0.01)
        try:
            await ib.place_order(order())
        finally:
            scene.gateway.do(lambda simulator: simulator.clear_faults())
            await ib.wait_ready(timeout_s=60)


async def no_room(scene: Scene) -> None:
    ib = await scene.connected()
    runtime = ib._runtime
    assert runtime is not None
    assert runtime.engine is not None
    journal = runtime.engine.orders._book.journal

    async def written() -> None:
        await journal.append([])

    # what was only handed in would find no room either, before the order is looked at
    await ib.run(written())
    log = next(scene.state.glob("*.sqlite3-wal"))
    with full_disk(log.stat().st_size):
        await ib.place_order(order())


async def read_only(scene: Scene) -> None:
    await scene.connected()
    await scene.close()
    with on_a_read_only_medium(scene):
        settings = scene.load()
        with as_nobody():
            await ibkr(settings).connect()


@contextmanager
def on_a_read_only_medium(scene: Scene) -> Iterator[None]:
    """Put the state directory where nobody may write, and back."""
    mended = scene.state
    with TemporaryDirectory() as folder:
        scene.state = Path(folder) / "state"
        mended.rename(scene.state)
        held = (Path(folder), scene.state, *scene.state.iterdir())
        for path in held:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            yield
        finally:
            for path in held:
                path.chmod(0o755 if path.is_dir() else 0o644)
            scene.state = scene.state.rename(mended)


def ibkr(settings: Settings) -> IBKRConnector:
    from ibkr_connector import IBKRConnector

    return IBKRConnector.create(settings)


async def another_process(scene: Scene) -> None:
    await scene.connected()
    await ibkr(scene.load()).connect()


async def state_is_a_file(scene: Scene) -> None:
    held, scene.state = scene.state, scene.config / "a-file"
    scene.state.write_text("")
    try:
        await scene.connected()
    finally:
        scene.state = held


STATES: Final = (
    Bad(name="read-only", order=order(), error=ReadOnlyError, settings={"readonly": True},
        says=("read-only", "IBKR_READONLY=false"),
        right=lambda scene: scene.settings.update(readonly=False), restarts=True),
    Bad(name="kill switch", order=order(), error=TradingHaltedError, once_connected=engaged,
        says=("a drill", "ibkr kill --release"), right=released),
    Bad(name="kill switch that cannot be read", order=order(), error=TradingHaltedError,
        once_connected=spoilt_switch, says=("cannot be read", "ibkr kill --release"),
        right=released),
    Bad(name="kill switch of the environment", order=order(), error=TradingHaltedError,
        settings={"kill_switch": True}, says=("IBKR_KILL_SWITCH is set",),
        right=lambda scene: scene.settings.update(kill_switch=False), restarts=True),
    Bad(name="live without a file of rules", order=order(), error=TradingHaltedError,
        gateway={"accounts": {"U1234567": Decimal(1_000_000)}}, settings={"paper_trading": False},
        before=lambda scene: (scene.config / "risk_config.yaml").unlink(),
        says=("live trading needs config/risk_config.yaml", "halted_by"),
        right=whole, restarts=True),
    Bad(name="never connected", act=lambda scene: ibkr(scene.load()).place_order(order()),
        error=NotConnectedError, says=("not connected", "connect()"), journals=False),
    Bad(name="disconnected", act=without_connection, error=NotConnectedError, restarts=True,
        says=("not connected", "connect()"), journals=False),
    Bad(name="connection cut", act=cut_off, error=NotConnectedError,
        says=("no session", "until the connection is back")),
    Bad(name="another process has the journal", act=another_process, error=ConfigurationError,
        says=("journal",), journals=False),
    Bad(name="full disk", act=no_room, error=OrderError, restarts=True,
        says=("journal",), journals=False),
    Bad(name="read-only database", act=read_only, error=ConfigurationError,
        says=("journal",), journals=False),
    Bad(name="state directory is a file", act=state_is_a_file, error=ConfigurationError,
        says=("a-file",), journals=False),
)  # fmt: skip


def broken(name: str, file: str, text: str | bytes, *says: str) -> Bad:
    """Describe a file that stops everything at the start."""
    return Bad(
        name=name,
        error=ConfigurationError,
        before=write(file, text),
        says=(f"{file}.yaml", *says),
        right=whole,
        journals=False,
    )


FILES: Final = (
    broken("rules: no YAML", "risk_config", "max_order_size: [", "line 1", "too many"),
    broken("rules: no text", "risk_config", b"\xff\xfe\x00", "cannot read"),
    broken("rules: a list", "risk_config", "- 5\n", "expected names and values"),
    broken("rules: a key twice", "risk_config", "max_order_size: 1\nmax_order_size: 2\n", "twice"),
    broken("rules: a misspelt key", "risk_config", "max_order_sise: 5\n", "max_order_size?"),
    broken("rules: words for a number", "risk_config", "max_order_size: lots\n", "'lots'"),
    broken("rules: not a number", "risk_config", "max_order_size: .nan\n", "'.nan'"),
    broken("rules: infinite", "risk_config", "max_order_size: Infinity\n", "finite"),
    broken("rules: negative", "risk_config", "max_order_size: -1\n", "'-1', which is not above 0"),
    broken("rules: per cent for a share", "risk_config",
           "max_order_size: 1\nmax_portfolio_risk: 5\n", "max_portfolio_risk", "0 to 1"),
    broken("rules: nothing", "risk_config", "", "risk_config.yaml is empty", "or remove it"),
    broken("rules: an override of nothing", "risk_config",
           "max_order_size: 1\noverrides: {symbols: {AAPL: {max_size: 5}}}\n",
           "overrides.symbols.AAPL.max_size"),
    broken("rules: a contradiction", "risk_config",
           "max_order_size: 1\nmax_orders_per_second: 9\nmax_orders_per_minute: 5\n",
           "lower the one"),
    broken("rules: endless references", "risk_config", "a: &a [*a]\n", "risk_config"),
    broken("permissions: no YAML", "trading_permissions", "symbols: {", "line 1", "is missing"),
    broken("permissions: an unknown kind", "trading_permissions", "security_types: [SHARES]\n",
           "security_types"),
    broken("permissions: allowed and denied", "trading_permissions",
           "symbols: [AAPL]\ndenied_symbols: [aapl]\n", "both name AAPL"),
    broken("permissions: text for a list", "trading_permissions", "symbols: AAPL\n", "symbols"),
)  # fmt: skip


# --- orders that are there already --------------------------------------------------------------


def changing(name: str, changes: dict[str, Any], says: str, /, *more: str, **given: Any) -> Bad:
    """Describe a change of a working order that cannot be."""

    async def change(scene: Scene) -> None:
        ib = await scene.connected()
        placed = await ib.place_order(order(limit_price="1.00"))
        try:
            await ib.modify_order(placed.order_id, changes)
        finally:
            assert (await ib.get_order_status(placed.order_id)).limit_price == 1

    return Bad(name=name, act=change, says=(says, *more), **given)


async def bracket(scene: Scene) -> None:
    ib = await scene.connected()
    await ib.place_bracket(order() | {"take_profit": 90, "stop_loss": 110})


async def bracket_without_stop(scene: Scene) -> None:
    ib = await scene.connected()
    await ib.place_bracket(order() | {"take_profit": 110})


async def cancel_of_nobody(scene: Scene) -> None:
    await (await scene.connected()).cancel_order(4711)


async def change_of_nobody(scene: Scene) -> None:
    await (await scene.connected()).modify_order(4711, {"quantity": 5})


async def change_of_a_cancelled_one(scene: Scene) -> None:
    ib = await scene.connected()
    placed = await ib.place_order(order(limit_price="1.00"))
    await ib.cancel_order(placed.order_id)
    await ib.modify_order(placed.order_id, {"quantity": 5})


async def close_of_nonsense(scene: Scene) -> None:
    await (await scene.connected()).close_position("what is this?")


LATER: Final = (
    Bad(name="duplicate key of another order", act=two_orders_of_one_key,
        says=("client_order_id 'mine' already names another order", "use a new client_order_id")),
    changing("change of an unknown key", {"quantitty": 5}, "did you mean 'quantity'?"),
    changing("change of the side", {"action": "SELL"}, "action"),
    changing("change to no size", {"quantity": 0}, "above 0", "got 0"),
    changing("change between two steps", {"limit_price": "1.001"}, "multiple of 0.01"),
    changing("change of nothing readable", {"limit_price": "cheap"}, "got 'cheap'"),
    changing("change beyond the limits", {"quantity": 1001}, "MAX_ORDER_SIZE: 1001",
             "order less", error=RiskLimitError),
    Bad(name="change of no order", act=change_of_nobody, error=OrderNotFoundError,
        says=("4711", "ibkr orders"), journals=False),
    Bad(name="change of a closed order", act=change_of_a_cancelled_one, error=OrderStateError,
        says=("cancelled", "get_order_status")),
    Bad(name="cancel of no order", act=cancel_of_nobody, error=OrderNotFoundError,
        says=("4711", "ibkr orders"), journals=False),
    Bad(name="bracket inside out", act=bracket,
        says=("take_profit must be above stop_loss", "90 and 110")),
    Bad(name="bracket of one exit", act=bracket_without_stop, says=("stop_loss is missing",)),
    Bad(name="close of nonsense", act=close_of_nonsense, error=ContractError,
        says=("'what is this?'",), journals=False),
)  # fmt: skip

BAD: Final = (
    *SIZES,
    *PRICES,
    *TYPES_AND_PRICES,
    *TIMES,
    *KEYS,
    *TEXTS,
    *CALLS,
    *CONTRACTS,
    *ACCOUNTS,
    *RULES,
    *STATES,
    *FILES,
    *LATER,
)


def test_at_least_sixty_different_things_are_wrong() -> None:
    assert len({bad.name for bad in BAD}) == len(BAD) >= 60


@pytest.mark.parametrize("bad", BAD, ids=[bad.name.replace(" ", "-") for bad in BAD])
async def test_what_is_wrong_is_named_and_sends_nothing_and_loses_nothing(
    bad: Bad, make_ibkr_gateway: MakeGateway, config: Path, tmp_path: Path
) -> None:
    gateway = make_ibkr_gateway(**bad.gateway)
    scene = Scene(
        gateway=gateway, config=config, state=tmp_path / "state", settings=dict(bad.settings)
    )
    limits(config)
    quote(gateway)
    bad.before(scene)
    try:
        with pytest.raises(IBKRError) as raised:
            await bad.happen(scene)
        error = raised.value
        assert type(error) is bad.error, repr(error)
        assert [words for words in bad.says if words not in str(error)] == [], str(error)
        assert error.hint
        # without a connection nothing was asked of an order
        if not isinstance(error, ConfigurationError):
            assert error.disposition is SendDisposition.UNSENT
        before = scene.sent
        assert before == orders_placed_on_purpose(bad)
        mended = bad.right(scene)
        if asyncio.iscoroutine(mended):
            await mended
        if bad.restarts:
            await scene.close()
        # nothing is lost: the next order goes
        report = await (await scene.connected()).place_order(GOOD)
        assert report.status == "submitted"
        assert scene.sent == before + 1
    finally:
        await scene.close()
    if bad.journals:
        assert (type(error).__name__, error.message) in scene.denials()
    assert os.geteuid() == os.getuid()


ORDER_CALLS: Final[Mapping[str, Callable[[IBKRConnector], Awaitable[object]]]] = {
    "place_order": lambda ib: ib.place_order(order(quantity=0)),
    "place_bracket": lambda ib: ib.place_bracket(order()),
    "exercise_option": lambda ib: ib.exercise_option("AAPL 20261218 C 200", 0),
    "preview_order": lambda ib: ib.preview_order(order(quantity=0)),
    "preview_bracket": lambda ib: ib.preview_bracket(order()),
    "preview_change": lambda ib: ib.preview_change(4711, {"quantity": 5}),
    "modify_order": lambda ib: ib.modify_order(4711, {"quantity": 5}),
    "cancel_order": lambda ib: ib.cancel_order(4711),
    "settle_order": lambda ib: ib.settle_order(4711, why="seen in TWS"),
    "settle_order_why": lambda ib: ib.settle_order(4711, why=""),
    "close_position": lambda ib: ib.close_position("AAPL", order={"quantity": 5}),
    "get_order_status": lambda ib: ib.get_order_status(4711),
    "order_history": lambda ib: ib.order_history(4711),
    "wait_for_status": lambda ib: ib.wait_for_status(4711, [OrderStatus.FILLED], timeout_s=60),
    "wait_for_fill": lambda ib: ib.wait_for_fill(4711, timeout_s=60),
}
"""Every call about orders that takes something, with something in it that cannot be."""

ALL_ORDER_CALLS: Final[Mapping[str, Callable[[IBKRConnector], Awaitable[object]]]] = {
    **ORDER_CALLS,
    "cancel_all": lambda ib: ib.cancel_all(),
    "flatten": lambda ib: ib.flatten(),
}


@pytest.mark.parametrize("name", ALL_ORDER_CALLS)
async def test_every_call_about_orders_says_without_a_connection_that_nothing_was_sent(
    name: str, tmp_path: Path
) -> None:
    ib = IBKRConnector.create(Settings.load(state_dir=tmp_path, readonly=False))
    with pytest.raises(NotConnectedError) as raised:
        await ALL_ORDER_CALLS[name](ib)
    assert raised.value.disposition is SendDisposition.UNSENT


async def test_every_call_about_orders_says_how_far_it_got(
    ibkr_gateway: HostedSimulator, config: Path, tmp_path: Path
) -> None:
    limits(config)
    scene = Scene(gateway=ibkr_gateway, config=config, state=tmp_path / "state")
    no: Any = {"text": "refused for a test", "times": 1}
    try:
        ib = await scene.connected()
        for name, call in ORDER_CALLS.items():
            with pytest.raises(IBKRError) as raised:
                await call(ib)
            assert raised.value.disposition is SendDisposition.UNSENT, name
        assert scene.sent == 0
        rest = await ib.place_order(GOOD)
        for wait in (
            ib.wait_for_fill(rest.order_id, timeout_s=0.01),
            ib.wait_for_status(rest.order_id, [OrderStatus.CANCELLED], timeout_s=0.01),
        ):
            with pytest.raises(RequestTimeoutError) as late:
                await wait
            assert late.value.disposition is SendDisposition.SENT
        with pytest.raises(OrderStateError, match="not for you to settle") as state:
            await ib.settle_order(rest.order_id, why="seen in TWS")
        assert state.value.disposition is SendDisposition.UNSENT
        ibkr_gateway.do(lambda gw: gw.inject(Answer(to="CancelOrder", code=161, **no)))
        with pytest.raises(OrderStateError, match="did not cancel") as state:
            await ib.cancel_order(rest.order_id)
        assert state.value.disposition is SendDisposition.SENT
        ibkr_gateway.do(lambda gw: gw.inject(Answer(to="PlaceOrder", code=104, **no)))
        with pytest.raises(OrderStateError, match="did not change") as state:
            await ib.modify_order(rest.order_id, {"limit_price": "1.01"})
        assert state.value.disposition is SendDisposition.SENT
    finally:
        await scene.close()


def orders_placed_on_purpose(bad: Bad) -> int:
    """How many good orders came before the bad thing."""
    names = {"two_orders_of_one_key", "change", "change_of_a_cancelled_one"}
    return int(getattr(bad.act, "__name__", "") in names)
