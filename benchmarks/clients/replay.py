"""
The gateway of the comparison: the simulator in a process of its own, with answers made beforehand.

What is measured is the client, so the gateway must not be what is waited for: long answers (ticks,
trades, bars, positions, open orders) are bytes that are written in one piece. All else is answered
by the simulator as ever, so that each client can log in and ask what it wants.

    python -m benchmarks.clients.replay '{"symbols": 100, "ticks": 100000}'
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.dialogue import ClientSession, handlers
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.scenario.values import Account, Holding, Scenario
from ibkr_connector.simulator.wire.connection import ServerConnection
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.orders import ECHO
from ibkr_connector.simulator.wire.replies import (
    CommissionReport,
    ExecDetails,
    OpenOrder,
    OrderStatus,
    encode_reply,
)
from ibkr_connector.simulator.wire.requests import (
    PlaceOrder,
    ReqAccountUpdates,
    ReqAllOpenOrders,
    ReqHistoricalData,
    ReqMarketData,
    ReqOpenOrders,
    ReqPositions,
    ReqTickByTick,
)

__all__ = ["ACCOUNT", "LAST", "LIMIT", "VERSION", "listed"]

ACCOUNT: Final = "DU1234567"
LAST: Final = 999
"""The price that ends a blast; no other tick has it."""

LIMIT: Final = 205.01
"""The price of orders that trade at once."""

VERSION: Final = 176
"""The newest that all clients speak; that of ib_insync."""

_FIRST: Final = datetime(2026, 5, 28, 20, 27, tzinfo=UTC)
_ZONE: Final = ZoneInfo("America/New_York")
_LENGTH: Final = struct.Struct(">I")
_EPOCH_SECONDS: Final = 2
_LEAD_S: Final = 0.005
_APPLE: Final = WireContract(
    con_id=265598, symbol="AAPL", sec_type="STK", strike=Decimal(0), right="?",
    exchange="SMART", currency="USD", local_symbol="AAPL", trading_class="NMS",
)  # fmt: skip

Handler = Callable[[ClientSession, Any, datetime], None]


def listed(count: int) -> list[tuple[int, str]]:
    """Return that many stocks that the gateway knows: id and symbol."""
    catalogue = default_catalogue(datetime(2026, 11, 20).date())  # noqa: DTZ001  # a day
    found = [one for one in map(catalogue.get, catalogue.ids()) if one is not None]
    stocks = [one for one in found if (one.sec_type, one.currency) == ("STK", "USD")]
    return [(one.con_id, one.symbol) for one in stocks][:count]


def _held(count: int) -> list[int]:
    catalogue = default_catalogue(datetime.now(UTC).date())
    found = (one for one in map(catalogue.get, catalogue.ids()) if one is not None)
    kinds = ("STK", "OPT")
    usual = [one for one in found if one.currency == "USD" and one.sec_type in kinds]
    # stocks first: of an option that trades everywhere, not every client makes an instrument
    usual.sort(key=lambda one: kinds.index(one.sec_type))
    return [one.con_id for one in usual[:count]]


@dataclass(frozen=True, slots=True)
class _Ready:
    """Bytes that stand for any number of replies."""

    data: bytes


def _frame(*fields: object) -> bytes:
    payload = "".join(f"{field}\0" for field in fields).encode()
    return _LENGTH.pack(len(payload)) + payload


def _teach_to_play() -> None:
    stock = ServerConnection.send

    def send(self: Any, reply: Any) -> None:
        if isinstance(reply, _Ready):
            self._out += reply.data
        else:
            stock(self, reply)

    ServerConnection.send = send  # type: ignore[method-assign]  # this process is its own


def _remembered(handler: Handler) -> Handler:
    """Answer as the simulator does, once; then with the bytes of that answer."""
    known: list[bytes] = []

    def answer(session: ClientSession, request: Any, now: datetime) -> None:
        if not known:
            before = session.take()
            handler(session, request, now)
            replies = session.take()
            known.append(b"".join(_frame(*encode_reply(one, VERSION)) for one in replies))
            for one in before:
                session.say(one)
        session.say(_Ready(known[0]))  # type: ignore[arg-type]  # what the wire was taught

    return answer


def _blast(session: ClientSession, told: list[bytes], house: list[GatewaySimulator]) -> None:
    """Send the first alone: from its news clients count, and all of the others is counted."""
    session.say(_Ready(told[0]))  # type: ignore[arg-type]  # what the wire was taught
    rest = _Ready(b"".join(told[1:]))

    def send() -> None:
        session.say(rest)  # type: ignore[arg-type]
        house[0].flush()

    asyncio.get_running_loop().call_later(_LEAD_S, send)


def _pour(wanted: Mapping[str, int], house: list[GatewaySimulator]) -> Handler:
    """Send burst after burst, each when the one before is taken; last prices number them."""
    # the session is kept too, else another one may be given its place in memory
    followed: dict[int, tuple[ClientSession, list[int]]] = {}
    kept: set[asyncio.Task[None]] = set()
    symbols, ticks = wanted["symbols"], wanted["burst"]

    def burst(known: list[int]) -> bytes:
        told = []
        for at in range(ticks - symbols):
            price = f"{100 + at // 1000}.{at % 1000:03d}"
            kind = 1 + at // symbols % 2
            told.append(_frame(1, 6, known[at % symbols], kind, price, 100 + at % 9, 0))
        return b"".join(told)

    async def pour(session: ClientSession, known: list[int]) -> None:
        ready = burst(known)
        (line,) = [one for one in house[0].connections.values() if one._session is session]
        for number in range(1, wanted["bursts"] + 1):
            last = (_frame(1, 6, one, 4, f"{LAST + number}.00", 100, 0) for one in known)
            session.say(_Ready(ready + b"".join(last)))  # type: ignore[arg-type]
            house[0].flush()
            # the connection tells nobody when it is empty
            while line._is_full or line._outbox.size:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def follow(session: ClientSession, request: Any, now: datetime) -> None:
        del now
        known = followed.setdefault(id(session), (session, []))[1]
        known.append(request.request_id)
        if len(known) == symbols:
            kept.add(
                asyncio.get_running_loop().create_task(pour(session, followed.pop(id(session))[1]))
            )

    return follow


def _ticks(wanted: Mapping[str, int], house: list[GatewaySimulator]) -> Handler:
    # the session is kept too, else another one may be given its place in memory
    followed: dict[int, tuple[ClientSession, list[int]]] = {}
    symbols, ticks = wanted["symbols"], wanted["ticks"]

    def follow(session: ClientSession, request: Any, now: datetime) -> None:
        del now
        known = followed.setdefault(id(session), (session, []))[1]
        known.append(request.request_id)
        if len(known) == symbols and ticks:
            told = []
            for at in range(ticks):
                number, turn = known[at % symbols], at // symbols % 4
                price = 100 + at % 50
                # a bid, an ask, and the size of each, as they come in turn; an ask ends it
                if at >= ticks - symbols:
                    told.append(_frame(1, 6, number, 2, f"{LAST}.00", 100, 0))
                elif turn < 2:
                    told.append(_frame(1, 6, number, turn + 1, f"{price}.25", 100 + at % 9, 0))
                else:
                    told.append(_frame(2, 6, number, 0 if turn == 2 else 3, 200 + at % 11))
            _blast(session, told, house)
            del followed[id(session)]

    return follow


def _trades(wanted: Mapping[str, int], house: list[GatewaySimulator]) -> Handler:
    # the session is kept too, else another one may be given its place in memory
    followed: dict[int, tuple[ClientSession, list[int]]] = {}
    symbols, trades = wanted["trade_symbols"], wanted["trades"]

    def follow(session: ClientSession, request: Any, now: datetime) -> None:
        del now
        known = followed.setdefault(id(session), (session, []))[1]
        known.append(request.request_id)
        if len(known) == symbols:
            told = []
            for at in range(trades):
                price = f"{LAST}.00" if at >= trades - symbols else f"{100 + at % 50}.25"
                second = 1_780_000_000 + at // 1000
                number = known[at % symbols]
                told.append(_frame(99, number, 2, second, price, 100 + at % 9, 0, "ARCA", ""))
            _blast(session, told, house)
            del followed[id(session)]

    return follow


def _bars(wanted: Mapping[str, int]) -> Handler:
    made: dict[int, list[object]] = {}

    def rows(form: int) -> list[object]:
        fields: list[object] = []
        for number in range(wanted["bars"]):
            moment = _FIRST + timedelta(minutes=number)
            local = f"{moment.astimezone(_ZONE):%Y%m%d %H:%M:%S} US/Eastern"
            low = 19_970 + number % 701
            fields += [
                str(int(moment.timestamp())) if form == _EPOCH_SECONDS else local,
                *(f"{(low + more) / 100:.2f}" for more in (30, 70, 0, 41)),
                1_000 + number % 313,
                f"{(200_103 + number % 701) / 1000:.3f}",
                100 + number % 17,
            ]
        return fields

    def answer(session: ClientSession, request: Any, now: datetime) -> None:
        del now
        form = request.format_date
        fields = made.get(form)
        if fields is None:
            fields = made[form] = rows(form)
        ready = _frame(17, request.request_id, "", "", wanted["bars"], *fields)
        session.say(_Ready(ready))  # type: ignore[arg-type]

    return answer


def _paced(wanted: Mapping[str, int], house: list[GatewaySimulator]) -> Handler:
    """Send one tick a packet; its size says when it was written, in microseconds of the system."""
    kept: set[asyncio.Task[None]] = set()

    def follow(session: ClientSession, request: Any, now: datetime) -> None:
        del now

        async def send() -> None:
            for at in range(wanted["paced"]):
                await asyncio.sleep(0.0005)
                stamp = time.monotonic_ns() // 1_000 % 1_000_000_000
                price = 101 + at % 50 if at < wanted["paced"] - 1 else LAST
                tick = _frame(1, 6, request.request_id, 1, price, stamp, 0)
                session.say(_Ready(tick))  # type: ignore[arg-type]
                house[0].flush()

        kept.add(asyncio.get_running_loop().create_task(send()))

    return follow


def _orders(count: int) -> Handler:
    """Show resting orders of another client."""
    told = []
    for number in range(1, count + 1):
        plain = {
            **ECHO, "action": "BUY", "totalQuantity": "100", "orderType": "LMT", "tif": "DAY",
            "lmtPrice": f"{1 + number / 100:.2f}", "account": ACCOUNT, "clientId": "77",
            "permId": str(9_000 + number), "status": "Submitted", "orderRef": f"bench-{number}",
        }  # fmt: skip
        order = OpenOrder(order_id=number, contract=_APPLE, texts=plain)
        told.append(_frame(*encode_reply(order, VERSION)))
        told.append(_frame(3, number, "Submitted", 0, 100, 0, 9_000 + number, 0, 0, 77, "", 0))
    ready = _Ready(b"".join([*told, _frame(53, 1)]))

    def answer(session: ClientSession, request: Any, now: datetime) -> None:
        del request, now
        session.say(ready)  # type: ignore[arg-type]  # what the wire was taught

    return answer


_NUMBER, _PERM, _WHO = 100_000_001, 100_000_002, 100_000_003
_REF, _EXEC, _OWNER, _PRICE = "@reference@", "@execution@", "@account@", "999999.01"
"""What stands in the answers to an order where each order has its own."""


def _fill_of_one() -> list[bytes]:
    """Return what TWS says of a limit order of one share that trades at once, as it says it."""
    price = Decimal("200.01")

    def described(status: str) -> list[bytes]:
        plain = {
            **ECHO, "action": "BUY", "totalQuantity": "1", "orderType": "LMT", "tif": "DAY",
            "lmtPrice": _PRICE, "account": _OWNER, "clientId": str(_WHO), "permId": str(_PERM),
            "status": status, "orderRef": _REF,
        }  # fmt: skip
        is_done = status == "Filled"
        told = OrderStatus(
            order_id=_NUMBER, status=status, filled=Decimal(is_done),
            remaining=Decimal(not is_done),
            average_price=price if is_done else Decimal(0), perm_id=_PERM, parent_id=0,
            last_price=price if is_done else Decimal(0), client_id=_WHO,
        )  # fmt: skip
        order = OpenOrder(order_id=_NUMBER, contract=_APPLE, texts=plain)
        return [_frame(*encode_reply(one, VERSION))[4:] for one in (order, told)]

    done = ExecDetails(
        request_id=-1, order_id=_NUMBER, contract=replace(_APPLE, exchange="ISLAND"),
        exec_id=_EXEC, time="20261120 15:00:00 US/Eastern", account=_OWNER, exchange="ISLAND",
        side="BOT", shares=Decimal(1), price=price, perm_id=_PERM, client_id=_WHO, liquidation=0,
        cumulative=Decimal(1), average_price=price, order_ref=_REF, last_liquidity=2,
    )  # fmt: skip
    cost = CommissionReport(exec_id=_EXEC, commission=Decimal(1), currency="USD")
    said = [_frame(*encode_reply(one, VERSION))[4:] for one in (done, cost)]
    return [
        *described("PreSubmitted"), *described("Submitted"), said[0], *described("Filled"), said[1],
    ]  # fmt: skip


def _filled() -> Handler:
    """Fill each order at once."""
    said = _fill_of_one()
    known = count(1)

    def fill(session: ClientSession, request: Any, now: datetime) -> None:
        del now
        texts, number = request.texts, next(known)
        own = {
            str(_NUMBER): str(request.order_id),
            str(_PERM): str(1_000_000 + number),
            str(_WHO): str(session.client_id),
            _REF: texts.get("orderRef", ""),
            _EXEC: f"0000e0d5.{number:08x}.01.01",
            _OWNER: texts.get("account") or ACCOUNT,
            _PRICE: texts["lmtPrice"],
        }
        told = []
        for payload in said:
            text = payload
            for mark, value in own.items():
                text = text.replace(mark.encode(), value.encode())
            told.append(_LENGTH.pack(len(text)) + text)
        session.say(_Ready(b"".join(told)))  # type: ignore[arg-type]  # what the wire was taught

    return fill


def _market_data(wanted: Mapping[str, int], house: list[GatewaySimulator]) -> Handler:
    if "paced" in wanted:
        return _paced(wanted, house)
    return _pour(wanted, house) if "bursts" in wanted else _ticks(wanted, house)


async def _serve(wanted: Mapping[str, int]) -> None:
    _teach_to_play()
    house: list[GatewaySimulator] = []
    shown = _orders(wanted.get("orders", 0))
    handlers.HANDLERS = {  # type: ignore[misc]  # this process is its own
        **handlers.HANDLERS,
        ReqMarketData: _market_data(wanted, house),
        ReqTickByTick: _trades(wanted, house),
        ReqHistoricalData: _bars(wanted),
        ReqPositions: _remembered(handlers.HANDLERS[ReqPositions]),
        ReqAccountUpdates: _remembered(handlers.HANDLERS[ReqAccountUpdates]),
        ReqOpenOrders: shown,
        ReqAllOpenOrders: shown,
        PlaceOrder: _filled(),
    }
    held = tuple(
        Holding(con_id=con_id, quantity=Decimal(100), price=Decimal(50))
        for con_id in _held(wanted.get("positions", 0))
    )
    account = Account(cash={"USD": Decimal(10**10)}, positions=held)
    async with GatewaySimulator(
        Scenario(accounts={ACCOUNT: account}), server_version=VERSION
    ) as simulator:
        house.append(simulator)
        print(json.dumps({"port": simulator.port}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
