"""
Point 11 of the acceptance list: two independent clients read and write the same.

A transcript of a session is decoded by ib_async in this process and by the official client in its
own; what they tell their programs must agree, version by version. The other way round, what both
write when they are asked the same must be the same request here.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any, Final
from zoneinfo import ZoneInfo

import ib_async
import pytest
from ib_async.decoder import Decoder

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.requests import (
    CancelOrder,
    PlaceOrder,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqHeadTimestamp,
    ReqHistoricalData,
    ReqMarketData,
    ReqMarketRule,
    ReqMatchingSymbols,
    ReqPnl,
    ReqPnlSingle,
    ReqPositions,
    ReqRealTimeBars,
    ReqSecDefOptParams,
    ReqTickByTick,
    Request,
    decode_request,
)
from kit.broker import AAPL, set_quote
from kit.conversation import APPLE, order, talk
from kit.foreign import ROOT
from kit.ib_async_wire import written

VERSIONS: Final = (157, 166, 173, 178)
ACCOUNT: Final = "DU1234567"
UNSET: Final = (2147483647, 9223372036854775807, 1.7976931348623157e308)


def official(version: int, **asked: Any) -> dict[str, Any]:
    """Let the official client hear frames, or write what it is asked to."""
    done = subprocess.run(
        [
            ROOT / ".venv-foreign" / "ibapi" / "bin" / "python",
            ROOT / "tests" / "foreign" / "drive_ibapi_codec.py",
        ],
        input=json.dumps({"version": version, **asked}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


# --- what is heard ------------------------------------------------------------------------------


class _Wrapper:
    """Stands where ib_async's wrapper stands, and keeps the calls."""

    defaultTimezone = UTC
    ib = SimpleNamespace(TimezoneTWS=None)

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append([name, [plain(one) for one in arguments]])


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def asyncio_client(version: int, frames: Sequence[Sequence[str]]) -> list[list[list[Any]]]:
    """Let ib_async's decoder hear frames."""
    heard = []
    for fields in frames:
        wrapper: Any = _Wrapper()
        decoder = Decoder(wrapper, version)
        decoder.handlers[int(fields[0])](list(fields))  # `interpret` would log an error and go on
        heard.append(wrapper.calls)
    return heard


SAME_CALLBACK: Final = {"commissionAndFeesReport": "commissionReport", "updateAccountTime": "time"}
"""The official client's newer name, and the name that ib_async kept."""

SAME_FIELD: Final = {
    "commissionAndFees": "commission",
    "minCommissionAndFees": "minCommission",
    "maxCommissionAndFees": "maxCommission",
    "commissionAndFeesCurrency": "commissionCurrency",
    "open": "open_",
    "wap": "average",
    "tickAttribLast": "attributes",
    "derivativeSecTypes": "derivatives",
    "derivSecTypes": "derivatives",
    "strike": "strike",
}


def told(calls: Sequence[Sequence[Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what a client told its program, in words that both share."""
    for name, arguments in calls:
        if name == "priceSizeTick":
            # one call with both; the official client has one of its own for the size
            request, kind, price, size = arguments
            yield "tickPrice", [request, kind, price]
            if kind in _SIZE_OF:
                yield "tickSize", [request, _SIZE_OF[kind], size]
        elif name == "tickPrice":
            yield name, arguments[:3]
        elif name == "error":
            # the official client has the time of the error behind its request, 0 if none was said
            request, *_ = arguments
            code, text = arguments[-3:-1] if len(arguments) == 5 else arguments[1:3]
            yield name, [request, code, text]
        else:
            yield SAME_CALLBACK.get(name, name), [common(one) for one in arguments]


_SIZE_OF: Final = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}


def common(value: Any) -> Any:
    """Return a value without what is only written differently: unset numbers, names, times."""
    if isinstance(value, dict):
        return {SAME_FIELD.get(name, name): common(item) for name, item in value.items()}
    if isinstance(value, list):
        return [common(item) for item in value]
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return None if value in UNSET else float(value)
    if isinstance(value, str) and value in {"", *map(str, UNSET), "1.7976931348623157E308"}:
        return None
    if isinstance(value, str) and (written_time := _TIME.fullmatch(value)):
        # ib_async reads a time where the official client hands its text on
        day, time, zone = written_time.groups()
        moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone or "UTC"))
        return moment.timestamp()
    return value


_TIME: Final = re.compile(r"(\d{8})[ -]+(\d\d:\d\d:\d\d)(?: ([A-Z]\S+))?")


def agree(ours: Any, theirs: Any) -> bool:
    """Tell whether two clients say the same, as far as both say it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        both = ours.keys() & theirs.keys()
        return bool(both) and all(agree(ours[name], theirs[name]) for name in both)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(
            agree(one, other) for one, other in zip(ours, theirs, strict=True)
        )
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return bool(ours) == bool(theirs)
    if isinstance(ours, str) != isinstance(theirs, str):
        # a number that one of them leaves as text
        return str(ours or 0) == str(theirs or 0) or _number(ours) == _number(theirs)
    return bool((ours or None) == (theirs or None))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def apart(version: int, frames: Sequence[Sequence[str]]) -> list[Any]:
    """Return what the two clients tell apart, with the beginnings of the frames."""
    theirs = official(version, frames=frames)["heard"]
    ours = asyncio_client(version, frames)
    return [
        (frame[:4], list(told(one)), list(told(other)))
        for frame, one, other in zip(frames, ours, theirs, strict=True)
        if not agree([list(call) for call in told(one)], [list(call) for call in told(other)])
    ]


async def transcript(version: int) -> list[list[str]]:
    """Have a session, and return its frames."""
    async with talk(version=version) as (gateway, client):
        set_quote(gateway, bid="189.98", ask="190.02", last="190.00")
        await client.ask(ReqCurrentTime(), *_looking())
        await gateway.advance(12)
        await client.ask(
            order(1, orderType="MKT", totalQuantity="100", orderRef="in parts"),
            order(2, lmtPrice="50.25", orderRef="rests"),
            order(3, lmtPrice="190", whatIf="1"),
            order(4, lmtPrice="50.005"),
        )
        await gateway.advance(3)
        await client.ask(
            ReqAllOpenOrders(),
            CancelOrder(order_id=2),
            CancelOrder(order_id=99),
            ReqExecutions(request_id=40),
            ReqCompletedOrders(api_only=False),
            ReqPositions(),
            ReqAccountUpdates(subscribe=True, account=ACCOUNT),
            ReqAccountSummary(request_id=50, group="All", tags="NetLiquidation,AccountType"),
            ReqPnl(request_id=60, account=ACCOUNT, model=""),
            ReqPnlSingle(request_id=61, account=ACCOUNT, model="", con_id=AAPL),
        )
        await gateway.advance(3)
        await client.hear()
        return client.frames


def _looking() -> Iterator[Request]:
    yield ReqContractDetails(request_id=1, contract=APPLE)
    option = WireContract(
        symbol="AAPL", sec_type="OPT", exchange="SMART", expiry="20261218", strike=Decimal(190)
    )
    yield ReqContractDetails(request_id=2, contract=option)
    yield ReqContractDetails(request_id=3, contract=WireContract(symbol="ZZZZ", sec_type="STK"))
    yield ReqMatchingSymbols(request_id=4, pattern="AAP")
    yield ReqMarketRule(rule_id=26)
    yield ReqSecDefOptParams(request_id=5, symbol="AAPL", exchange="", sec_type="STK", con_id=AAPL)
    yield ReqMarketData(request_id=20, contract=APPLE)
    for number, kind in enumerate(("BidAsk", "AllLast", "MidPoint")):
        yield ReqTickByTick(
            request_id=21 + number,
            contract=APPLE,
            tick_type=kind,
            number_of_ticks=0,
            ignore_size=False,
        )
    yield ReqRealTimeBars(
        request_id=24, contract=APPLE, bar_size=5, what_to_show="TRADES", regular_hours=False
    )
    yield ReqHistoricalData(
        request_id=25,
        contract=APPLE,
        duration="1800 S",
        bar_size="1 min",
        what_to_show="TRADES",
        keep_up_to_date=True,
    )
    yield ReqHeadTimestamp(
        request_id=26, contract=APPLE, what_to_show="TRADES", regular_hours=True, format_date=1
    )


def _around(version: int) -> Iterator[Request]:
    """
    Yield what is asked less often; of what a version does not have, nothing.

    No bond: ib_async 2.1 cannot read a coupon that is no whole number. No fundamental data: the
    official client has forgotten them.
    """
    option = WireContract(
        symbol="AAPL",
        sec_type="OPT",
        exchange="SMART",
        expiry="20261218",
        strike=Decimal(190),
        right="C",
    )
    yield ask.ReqMarketDepth(request_id=101, contract=APPLE, rows=5, is_smart=True, options="")
    yield ask.ReqMarketData(
        request_id=102, contract=APPLE, generic_ticks="100,101,104,106,165,233,236,293,456"
    )
    yield ask.ReqMarketData(request_id=103, contract=option)
    yield ask.ReqCalcImpliedVolatility(
        request_id=104, contract=option, option_price=Decimal(12), under_price=Decimal(190)
    )
    yield ask.ReqCalcOptionPrice(
        request_id=105, contract=option, volatility=Decimal("0.3"), under_price=Decimal(190)
    )
    for number, what in enumerate(("TRADES", "BID_ASK", "MIDPOINT")):
        yield ask.ReqHistoricalTicks(
            request_id=110 + number,
            contract=APPLE,
            start="20261118 14:00:00 UTC" if version >= 174 else "20261118 14:00:00",
            count=5,
            what_to_show=what,
            regular_hours=False,
        )
    yield ask.ReqHistogramData(request_id=113, contract=APPLE, period="1 day")
    if version >= 165:
        yield ask.ReqHistoricalData(
            request_id=114,
            contract=APPLE,
            duration="5 D",
            bar_size="1 day",
            what_to_show="SCHEDULE",
        )
    yield ask.ReqDepthExchanges()
    yield ask.ReqSmartComponents(request_id=115, bbo_exchange="9c0001")
    yield ask.ReqSoftDollarTiers(request_id=116)
    yield ask.ReqNewsProviders()
    yield ask.ReqHistoricalNews(
        request_id=117, con_id=AAPL, providers="BRFG", start="", end="", total=3
    )
    yield ask.ReqNewsArticle(request_id=118, provider="BRFG", article_id="BRFG$1")
    yield ask.ReqScannerParameters()
    yield ask.ReqScannerSubscription(
        request_id=119,
        texts={
            "numberOfRows": "5",
            "instrument": "STK",
            "locationCode": "STK.US.MAJOR",
            "scanCode": "TOP_PERC_GAIN",
        },
    )
    yield ask.QueryDisplayGroups(request_id=121)
    yield ask.SubscribeToGroupEvents(request_id=122, group_id=1)
    yield ask.ReqFamilyCodes()
    if version >= 167:
        yield ask.ReqUserInfo(request_id=123)
    yield ask.ReqPositionsMulti(request_id=124, account=ACCOUNT, model="")
    yield ask.ReqAccountUpdatesMulti(
        request_id=125, account=ACCOUNT, model="", ledger_and_nlv=False
    )


async def wider_transcript(version: int) -> list[list[str]]:
    """Ask for everything else, and return the frames."""
    async with talk(version=version) as (gateway, client):
        await client.ask(order(1, orderType="MKT"))
        for request in _around(version):
            await client.ask(request)
        await gateway.advance(5)
        await client.hear()
        return client.frames


@pytest.mark.parametrize("version", VERSIONS)
async def test_point_11_both_clients_hear_the_same_in_what_is_asked_less_often(
    version: int,
) -> None:
    frames = await wider_transcript(version)
    assert len({frame[0] for frame in frames}) > 25
    assert apart(version, frames) == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_point_11_both_clients_hear_the_same_in_one_transcript(version: int) -> None:
    frames = await transcript(version)
    assert len({frame[0] for frame in frames}) > 25
    assert apart(version, frames) == []


# --- what is written ----------------------------------------------------------------------------

STOCK: Final = {
    "Contract": {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
}
LIMIT: Final = {
    "Order": {
        "action": "BUY",
        "totalQuantity": 10,
        "orderType": "LMT",
        "lmtPrice": 50.25,
        "tif": "GTC",
        "orderRef": "both",
        "openClose": "O",  # what ib_async says by itself
        "outsideRth": True,
    }
}
GROUPED: Final = {
    "Order": {
        "action": "SELL",
        "totalQuantity": 3,
        "orderType": "STP LMT",
        "lmtPrice": 180.5,
        "auxPrice": 181.0,
        "tif": "DAY",
        "ocaGroup": "one",
        "ocaType": 2,
        "parentId": 7,
        "openClose": "O",
        "transmit": False,
    }
}
CALLS: Final[Mapping[str, list[Any]]] = {
    "reqCurrentTime": [],
    "reqContractDetails": [1, STOCK],
    "reqMatchingSymbols": [2, "AAP"],
    "reqMktData": [3, STOCK, "233,236", False, False, []],
    "cancelMktData": [3],
    "reqTickByTickData": [4, STOCK, "BidAsk", 0, True],
    "reqMktDepth": [5, STOCK, 5, True, []],
    "reqRealTimeBars": [6, STOCK, 5, "TRADES", True, []],
    "reqHistoricalData": [7, STOCK, "", "1 D", "1 hour", "TRADES", 1, 1, True, []],
    "reqHeadTimeStamp": [8, STOCK, "TRADES", 1, 1],
    "reqHistoricalTicks": [9, STOCK, "", "20261118 15:00:00 UTC", 10, "TRADES", 1, False, []],
    "reqHistogramData": [10, STOCK, True, "1 week"],
    "placeOrder": [11, STOCK, LIMIT],
    "reqExecutions": [12, {"ExecutionFilter": {"symbol": "AAPL", "side": "BUY"}}],
    "reqAccountUpdates": [True, "DU1234567"],
    "reqAccountSummary": [13, "All", "NetLiquidation"],
    "reqPositions": [],
    "reqPnL": [14, "DU1234567", ""],
    "reqPnLSingle": [15, "DU1234567", "", 265598],
    "reqSecDefOptParams": [16, "AAPL", "", "STK", 265598],
    "reqMarketRule": [26],
    "reqCompletedOrders": [True],
    "reqAllOpenOrders": [],
    "reqMarketDataType": [3],
    "reqIds": [1],
}
"""What is asked, by the name that both clients have for it."""

ASKED: Final = [*CALLS.items(), ("placeOrder", [17, STOCK, GROUPED])]


def _made(argument: Any) -> Any:
    if not isinstance(argument, dict):
        return argument
    [(name, values)] = argument.items()
    return getattr(ib_async, name)(**values)


def _ask(name: str, arguments: Sequence[Any], client: Any) -> None:
    getattr(client, name)(*(_made(one) for one in arguments))


def same(request: Request) -> Request:
    """Return a request without what the clients may spell as they like: `0` or nothing."""
    if not isinstance(request, PlaceOrder):
        return request
    spelt = {name: _spelt(text) for name, text in request.texts.items()}
    return dataclasses.replace(
        request, texts={name: text for name, text in spelt.items() if text is not None}
    )


def _spelt(text: str) -> str | None:
    number = _number(text)
    if number is None:
        return text or None
    return None if number in {0.0, *map(float, UNSET)} else f"{number:g}"


@pytest.mark.parametrize("version", VERSIONS)
async def test_point_11_both_clients_write_what_is_here_the_same_request(version: int) -> None:
    # on a loop, or ib_async makes one that nobody closes
    theirs = official(version, calls=ASKED)["written"]
    for (name, arguments), fields in zip(ASKED, theirs, strict=True):
        ours = written(version, partial(_ask, name, arguments))
        assert same(decode_request(fields, version)) == same(decode_request(ours, version)), name
