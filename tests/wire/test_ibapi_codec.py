"""
The official client's own codec agrees with ours about every message, at every version 157 to 200.

Requests: what it writes is read as what was asked. Replies: each field of a record says something
of its own, and the client must have it under the name that means the same.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import typing
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.simulator.wire import replies, requests
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.frames import join_fields, split_fields
from ibkr_connector.simulator.wire.requests import decode_request
from ibkr_connector.simulator.wire.versions import NEWEST, OLDEST

pytestmark = pytest.mark.foreign

ROOT = Path(__file__).parents[2]
VERSIONS = range(OLDEST, NEWEST + 1)
D = Decimal

# --- what replies say ---------------------------------------------------------------------------

ORDERS = {replies.OpenOrder, replies.CompletedOrder}
NOT_OF_THIS_CLIENT = {replies.TickEfp, replies.FundamentalData}
"""Gone from ibapi 10.51; held against ib_async."""

REPLIES = sorted(
    set(replies.Reply.__args__) - ORDERS - NOT_OF_THIS_CLIENT, key=lambda record: record.__name__
)

FIXED: dict[tuple[str, str], Any] = {
    ("ContractDetails", "sec_type"): "FUND",
    ("ContractDetails", "last_trade"): "20240119",
    ("ContractDetails", "ev_multiplier"): D(901),  # a whole number in this client
    ("BondContractDetails", "maturity"): "20290119",
    ("BondContractDetails", "ev_multiplier"): D(902),
    ("FundData", "distribution_policy"): "Y",
    ("FundData", "asset_type"): "002",
    ("TickByTickLast", "tick_type"): 1,
    ("TickByTickBidAsk", "tick_type"): 3,
    ("TickByTickMidpoint", "tick_type"): 4,
    ("HistoricalTick", "size"): D(903),
}
UNHEARD = {
    # becomes flags, is left out, or chooses the callback
    *((record, "mask") for record in ("TickPrice", "TickByTickLast", "TickByTickBidAsk")),
    *((record, "mask") for record in ("HistoricalTickBidAsk", "HistoricalTickLast")),
    ("TickPrice", "size"),  # only for the tick types that have a size of their own
    *((f"TickByTick{kind}", "tick_type") for kind in ("Last", "BidAsk", "Midpoint")),
    ("FundData", "asset_type"),
    ("FundData", "distribution_policy"),
    ("ContractDetails", "suggested_size_increment"),  # read and dropped at version 163
    ("VerifyCompleted", "is_successful"),  # left a text, against its own type
    ("VerifyAndAuthCompleted", "is_successful"),
}


THEIRS: dict[tuple[str, str], tuple[str, ...]] = {
    ("AccountDownloadEnd", "account"): ("accountName",),
    ("AccountTime", "time"): ("timeStamp",),
    ("AccountUpdateMulti", "model"): ("modelCode",),
    ("AccountValue", "account"): ("accountName",),
    ("AccountValue", "value"): ("val",),
    ("Bar", "count"): ("barCount",),
    ("BondContractDetails", "aggregate_group"): ("aggGroup",),
    ("BondContractDetails", "description"): ("descAppend",),
    ("CommissionReport", "bond_yield"): ("yield_",),
    ("CommissionReport", "commission"): ("commissionAndFees",),
    ("CommissionReport", "realized_pnl"): ("realizedPNL",),
    ("ContractDetails", "aggregate_group"): ("aggGroup",),
    ("ContractDetails", "last_trade"): ("lastTradeDateOrContractMonth",),
    ("CurrentTimeMillis", "time_ms"): ("timeInMillis",),
    ("DepthExchange", "aggregate_group"): ("aggGroup",),
    ("DepthExchange", "listing_exchange"): ("listingExch",),
    ("DerivativeType", "sec_type"): ("derivativeSecTypes",),
    ("ErrorMessage", "advanced_reject"): ("advancedOrderRejectJson",),
    ("ErrorMessage", "code"): ("errorCode",),
    ("ErrorMessage", "text"): ("errorString",),
    ("ErrorMessage", "time_ms"): ("errorTime",),
    ("ExecDetails", "account"): ("acctNumber",),
    ("ExecDetails", "average_price"): ("avgPrice",),
    ("ExecDetails", "cumulative"): ("cumQty",),
    ("ExecDetails", "model"): ("modelCode",),
    ("Expiration", "date"): ("expirations",),
    ("FundData", "back_load"): ("fundBackLoad",),
    ("FundData", "back_load_interval"): ("fundBackLoadTimeInterval",),
    ("FundData", "blue_sky_states"): ("fundBlueSkyStates",),
    ("FundData", "blue_sky_territories"): ("fundBlueSkyTerritories",),
    ("FundData", "closed"): ("fundClosed",),
    ("FundData", "closed_for_new_investors"): ("fundClosedForNewInvestors",),
    ("FundData", "closed_for_new_money"): ("fundClosedForNewMoney",),
    ("FundData", "family"): ("fundFamily",),
    ("FundData", "front_load"): ("fundFrontLoad",),
    ("FundData", "kind"): ("fundType",),
    ("FundData", "management_fee"): ("fundManagementFee",),
    ("FundData", "minimum_initial_purchase"): ("fundMinimumInitialPurchase",),
    ("FundData", "name"): ("fundName",),
    ("FundData", "notify_amount"): ("fundNotifyAmount",),
    ("FundData", "subsequent_minimum_purchase"): ("fundSubsequentMinimumPurchase",),
    ("HeadTimestamp", "time"): ("headTimestamp",),
    ("HistoricalNews", "provider"): ("providerCode",),
    ("HistoricalSchedule", "end"): ("endDateTime",),
    ("HistoricalSchedule", "start"): ("startDateTime",),
    ("HistoricalTickBidAsk", "ask"): ("priceAsk",),
    ("HistoricalTickBidAsk", "ask_size"): ("sizeAsk",),
    ("HistoricalTickBidAsk", "bid"): ("priceBid",),
    ("HistoricalTickBidAsk", "bid_size"): ("sizeBid",),
    ("HistoricalTickLast", "conditions"): ("specialConditions",),
    ("IneligibilityReason", "code"): ("id_",),
    ("ManagedAccounts", "accounts"): ("accountsList",),
    ("MarketDataType", "data_type"): ("marketDataType",),
    ("MarketDepthL2", "is_smart"): ("isSmartDepth",),
    ("MarketRule", "rule_id"): ("marketRuleId",),
    ("NewsArticle", "kind"): ("articleType",),
    ("NewsArticle", "text"): ("articleText",),
    ("NewsBulletin", "bulletin_id"): ("msgId",),
    ("NewsBulletin", "exchange"): ("originExch",),
    ("NewsBulletin", "kind"): ("msgType",),
    ("NewsBulletin", "text"): ("newsMessage",),
    ("OrderStatus", "average_price"): ("avgFillPrice",),
    ("OrderStatus", "last_price"): ("lastFillPrice",),
    ("OrderStatus", "market_cap_price"): ("mktCapPrice",),
    ("Pair", "name"): (
        "accountID",
        "code",
        "tag",
    ),
    ("Pair", "value"): (
        "familyCodeStr",
        "name",
    ),
    ("Pnl", "daily"): ("dailyPnL",),
    ("Pnl", "realized"): ("realizedPnL",),
    ("Pnl", "unrealized"): ("unrealizedPnL",),
    ("PnlSingle", "daily"): ("dailyPnL",),
    ("PnlSingle", "position"): ("pos",),
    ("PnlSingle", "realized"): ("realizedPnL",),
    ("PnlSingle", "unrealized"): ("unrealizedPnL",),
    ("PortfolioValue", "account"): ("accountName",),
    ("PortfolioValue", "realized_pnl"): ("realizedPNL",),
    ("PortfolioValue", "unrealized_pnl"): ("unrealizedPNL",),
    ("Position", "average_cost"): ("avgCost",),
    ("PositionMulti", "average_cost"): ("avgCost",),
    ("PositionMulti", "model"): ("modelCode",),
    ("PositionMulti", "position"): ("pos",),
    ("RealTimeBar", "open"): ("open_",),
    ("ReceiveFa", "data_type"): ("faData",),
    ("ReceiveFa", "xml"): ("cxml",),
    ("ScannerRow", "legs"): ("legsStr",),
    ("ScheduleSession", "date"): ("refDate",),
    ("ScheduleSession", "end"): ("endDateTime",),
    ("ScheduleSession", "start"): ("startDateTime",),
    ("SecDefOptParams", "under_con_id"): ("underlyingConId",),
    ("SmartComponent", "bit"): ("bitNumber",),
    ("SmartComponent", "letter"): ("exchangeLetter",),
    ("SoftDollarTier", "value"): ("val",),
    ("Strike", "strike"): ("strikes",),
    ("TickByTickBidAsk", "ask"): ("askPrice",),
    ("TickByTickBidAsk", "bid"): ("bidPrice",),
    ("TickByTickLast", "conditions"): ("specialConditions",),
    ("TickByTickMidpoint", "midpoint"): ("midPoint",),
    ("TickNews", "extra"): ("extraData",),
    ("TickNews", "provider"): ("providerCode",),
    ("TickNews", "time_ms"): ("timeStamp",),
    ("TickOptionComputation", "attribute"): ("tickAttrib",),
    ("TickOptionComputation", "implied_volatility"): ("impliedVol",),
    ("TickOptionComputation", "option_price"): ("optPrice",),
    ("TickOptionComputation", "under_price"): ("undPrice",),
    ("VerifyAndAuthCompleted", "error"): ("errorText",),
    ("VerifyAndAuthMessageApi", "challenge"): ("xyzChallange",),
    ("VerifyCompleted", "error"): ("errorText",),
    ("WshEventData", "json"): ("dataJson",),
    ("WshMetaData", "json"): ("dataJson",),
}
"""What this client calls what we call otherwise."""


def _tell(record: Any, numbers: Iterator[int]) -> Any:
    hints = typing.get_type_hints(record)
    said = {}
    for field in dataclasses.fields(record):
        fixed = FIXED.get((record.__name__, field.name))
        said[field.name] = _telling(hints[field.name], numbers) if fixed is None else fixed
    return record(**said)


def _telling(hint: Any, numbers: Iterator[int]) -> Any:
    if typing.get_origin(hint) is tuple:
        return tuple(_tell(typing.get_args(hint)[0], numbers) for _ in range(2))
    if type(None) in typing.get_args(hint):
        (hint,) = [arg for arg in typing.get_args(hint) if arg is not type(None)]
    number = next(numbers)
    if hint is str:
        return f"text {number}"
    if hint is bool:
        return True
    if hint is int:
        return number
    if hint is Decimal:
        return Decimal(f"{number}.25")
    return _tell(hint, numbers)


def _leaves(value: Any, name: str, owner: str) -> Iterator[tuple[str, str, Any]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name), field.name, type(value).__name__)
    elif isinstance(value, tuple):
        for item in value:
            yield from _leaves(item, name, owner)
    else:
        yield owner, name, value


def _their_leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from _their_leaves(item, inner)
    elif isinstance(value, list):
        for item in value:
            yield from _their_leaves(item, name)
    else:
        yield name, value


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    python = ROOT / ".venv-foreign" / "ibapi" / "bin" / "python"
    if not python.exists():
        pytest.fail("the virtual environment of ibapi is missing: run `make setup`")
    frames = [(v, join_fields(replies.encode_reply(r, v)).hex()) for v, r in _sayings()]
    done = subprocess.run(
        [python, Path(__file__).parent / "drive_ibapi_codec.py"],
        input=json.dumps({"frames": frames, "versions": list(VERSIONS)}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _sayings() -> list[tuple[int, Any]]:
    told = [_tell(record, itertools.count(1000)) for record in REPLIES]
    told += [
        record(contract=WireContract(con_id=7), texts=_Telling(kind), groups=GROUPS, **more)
        for record, more in ((replies.OpenOrder, {"order_id": 9}), (replies.CompletedOrder, {}))
        for kind in ("LMT", "PEG BENCH")
    ]
    return [
        (version, reply)
        for reply in told
        for version in VERSIONS
        if version >= replies.ROWS[type(reply)].since
    ]


OTHER_NAMES = {
    "request_id": ("reqId", "tickerId", "requestId"),
    "expiry": ("lastTradeDateOrContractMonth",),
}


def test_the_official_client_hears_every_field_of_a_reply_under_its_name(
    found: dict[str, Any],
) -> None:
    seen = set()
    for (version, reply), (calls, left) in zip(_sayings(), found["heard"], strict=True):
        if type(reply) in ORDERS:
            continue
        what = f"{type(reply).__name__} at {version}"
        assert left == 0, what
        assert calls, what
        theirs: dict[str, set[str]] = {}
        for _, arguments in calls:
            for name, value in _their_leaves(arguments, ""):
                theirs.setdefault(str(value).removesuffix(".0"), set()).add(name)
        again = replies.decode_reply(replies.encode_reply(reply, version), version)
        default = {f.name: f.default for f in dataclasses.fields(again)}
        for owner, name, value in _leaves(again, "", ""):
            if (owner, name) in UNHEARD or value in (default.get(name), "", None, False):
                continue
            names = theirs.get(str(value), set())
            assert names & _names_of(owner, name), f"{what}: {owner}.{name} is heard as {names}"
        seen.add(type(reply))
    assert seen == set(REPLIES)


def _names_of(owner: str, name: str) -> set[str]:
    head, *rest = name.split("_")
    camel = head + "".join(part.capitalize() for part in rest)
    return {camel, *OTHER_NAMES.get(name, ()), *THEIRS.get((owner, name), ())}


# --- what orders say ----------------------------------------------------------------------------

GROUPS = {
    "comboLegs": (("1", "2", "BUY", "SMART", "0", "0", "", "-1"),),
    "orderComboLegs": (("1.5",),),
    "smartComboRoutingParams": (("NonGuaranteed", "1"),),
    "deltaNeutralContract": (("7", "0.5", "101.25"),),
    "algoParams": (("a", "1"), ("b", "2")),
    "conditions": (
        ("1", "a", "1", "1.5", "1", "SMART", "0"),
        ("3", "o", "0", "20240101 10:00:00"),
        ("4", "a", "1", "20"),
        ("5", "a", "STK", "SMART", "AAPL"),
        ("6", "a", "1", "100", "1", "SMART"),
        ("7", "a", "1", "2.5", "1", "SMART"),
    ),
    "orderAllocations": (("DU1", "1", "2", "3", "4", "5", "1"),),
}
WORDS = {
    *("action", "orderType", "tif", "ocaGroup", "account", "openClose", "orderRef"),
    *("goodAfterTime", "sharesAllocation", "faGroup", "faMethod", "faPercentage", "faProfile"),
    *("modelCode", "goodTillDate", "rule80A", "settlingFirm", "designatedLocation"),
    *("deltaNeutralOrderType", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount"),
    *("deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralDesignatedLocation"),
    *("comboLegsDescrip", "hedgeType", "hedgeParam", "clearingAccount", "clearingIntent"),
    *("algoStrategy", "status", "referenceExchangeId", "adjustedOrderType"),
    *("softDollarTierName", "softDollarTierValue", "softDollarTierDisplayName"),
    *("autoCancelDate", "shareholder", "completedTime", "completedStatus", "customerAccount"),
    *("bondAccruedInterest", "extOperator", "submitter", "commissionCurrency", "warningText"),
    *("marginCurrency", "rejectReason"),
    *(
        f"{kind}Margin{when}"
        for kind in ("init", "maint")
        for when in ("Before", "Change", "After")
    ),
    *(f"equityWithLoan{when}" for when in ("Before", "Change", "After")),
}
YES = {
    *("outsideRth", "hidden", "blockOrder", "sweepToFill", "allOrNone", "eTradeOnly"),
    *("firmQuoteOnly", "deltaNeutralShortSale", "continuousUpdate", "scaleAutoReset"),
    *("scaleRandomPercent", "optOutSmartRouting", "notHeld", "solicited", "whatIf"),
    *("randomizeSize", "randomizePrice", "isPeggedChangeAmountDecrease", "conditionsIgnoreRth"),
    *("conditionsCancelOrder", "dontUseAutoPriceForHedge", "isOmsContainer"),
    *("discretionaryUpToLimitPrice", "usePriceMgmtAlgo", "autoCancelParent", "imbalanceOnly"),
    *("routeMarketableToBbo", "professionalCustomer", "includeOvernight"),
}


class _Telling(dict[str, str]):
    """Says something of its own for each field that is asked for."""

    def __init__(self, kind: str) -> None:
        super().__init__(orderType=kind)

    def get(self, name: str, default: Any = "") -> str:
        if name not in self:
            number = 1000 + len(self)
            word = f"text {number}" if name in WORDS else str(number)
            self[name] = "1" if name in YES else word
        return self[name]


_ELSEWHERE = {
    "softDollarTierName": "name",
    "softDollarTierValue": "val",
    "softDollarTierDisplayName": "displayName",
    "adjustedTrailStopPrice": "trailStopPrice",
    "commission": "commissionAndFees",
    "minCommission": "minCommissionAndFees",
    "maxCommission": "maxCommissionAndFees",
    "commissionCurrency": "commissionAndFeesCurrency",
}
_SKIPPED = {
    # dropped by this client, or overwritten by adjustedTrailStopPrice
    *("sharesAllocation", "faProfile", "eTradeOnly", "firmQuoteOnly", "nbboPriceCap"),
    "trailStopPrice",
}


def test_the_official_client_hears_every_field_of_an_order_under_its_name(
    found: dict[str, Any],
) -> None:
    for (version, reply), (calls, left) in zip(_sayings(), found["heard"], strict=True):
        if type(reply) not in ORDERS:
            continue
        what = f"{type(reply).__name__} at {version}"
        assert left == 0, what
        ((_, arguments),) = calls
        theirs: dict[str, set[str]] = {}
        for name, value in _their_leaves(arguments, ""):
            theirs.setdefault(name, set()).add(str(value).removesuffix(".0"))
        again = replies.decode_reply(replies.encode_reply(reply, version), version)
        assert isinstance(again, replies.OpenOrder | replies.CompletedOrder)
        assert again.groups == {n: r for n, r in GROUPS.items() if n in again.groups}
        for name, text in again.texts.items():
            if name in _SKIPPED:
                continue
            said = "True" if name in YES else text
            assert said in theirs[_ELSEWHERE.get(name, name)], f"{what}: {name}"


# --- what is asked ------------------------------------------------------------------------------

CONTRACT = WireContract(
    con_id=7,
    symbol="AAPL",
    sec_type="OPT",
    expiry="20240119",
    strike=D("190.5"),
    right="C",
    multiplier="100",
    exchange="SMART",
    primary_exchange="CBOE",
    currency="USD",
    local_symbol="AAPL 240119C",
    trading_class="AAPL",
)
BAG = dataclasses.replace(CONTRACT, sec_type="BAG")
LEGS = tuple(
    requests.ComboLeg(con_id=number, ratio=number, action="BUY", exchange="SMART")
    for number in (1, 2)
)
_DATES = (requests.SpecificDate(date="20240103"), requests.SpecificDate(date="20240104"))
_MODEL = {"account": "DU1", "model": "M"}
_HEDGE = requests.DeltaNeutral(con_id=9, delta=D("0.5"), price=D("101.25"))

ASKED: dict[str, dict[str, Any]] = {
    "StartApi": {"client_id": 5},
    "ReqMarketData": {
        "contract": CONTRACT,
        "delta_neutral": _HEDGE,
        "generic_ticks": "233",
        "snapshot": True,
    },
    "ReqMarketData of a combo": {"contract": BAG, "legs": LEGS, "regulatory_snapshot": True},
    "ReqMarketDataType": {"data_type": 3},
    "ReqSmartComponents": {"bbo_exchange": "9c0001"},
    "ReqMarketRule": {"rule_id": 26},
    "ReqTickByTick": {
        "contract": CONTRACT,
        "tick_type": "BidAsk",
        "number_of_ticks": 10,
        "ignore_size": True,
    },
    "ReqCalcImpliedVolatility": {
        "contract": CONTRACT,
        "option_price": D("3.5"),
        "under_price": D("190.25"),
    },
    "ReqCalcOptionPrice": {
        "contract": CONTRACT,
        "volatility": D("0.25"),
        "under_price": D("190.25"),
    },
    "ExerciseOptions": {
        "contract": dataclasses.replace(CONTRACT, primary_exchange=""),
        "action": 1,
        "quantity": 3,
        "account": "DU1",
        "override": 1,
        "manual_time": "20240105 16:00:00",
        "customer_account": "customer",
        "professional_customer": True,
    },
    "CancelOrder": {
        "order_id": 12,
        "manual_time": "20240105 16:00:00",
        "ext_operator": "me",
        "manual_indicator": 1,
    },
    "ReqAutoOpenOrders": {"auto_bind": True},
    "GlobalCancel": {"ext_operator": "me", "manual_indicator": 1},
    "ReqIds": {"count": 1},
    "ReqAccountUpdates": {"subscribe": True, "account": "DU1"},
    "ReqAccountSummary": {"group": "All", "tags": "Cushion"},
    "ReqPositionsMulti": _MODEL,
    "ReqAccountUpdatesMulti": {**_MODEL, "ledger_and_nlv": True},
    "ReqPnl": _MODEL,
    "ReqPnlSingle": {**_MODEL, "con_id": 7},
    "ReqExecutions": {
        "client_id": 3,
        "account": "DU1",
        "time": "20240102 10:00:00",
        "symbol": "AAPL",
        "sec_type": "STK",
        "exchange": "SMART",
        "side": "BUY",
        "last_days": 5,
        "dates": _DATES,
    },
    "ReqContractDetails": {
        "contract": CONTRACT,
        "include_expired": True,
        "sec_id_type": "ISIN",
        "sec_id": "US0",
    },
    "ReqMarketDepth": {"request_id": 888, "contract": CONTRACT, "rows": 5, "is_smart": True},
    "CancelMarketDepth": {"request_id": 888, "is_smart": True},
    "ReqNewsBulletins": {"all_messages": True},
    "ReqFa": {"data_type": 1},
    "ReplaceFa": {"data_type": 1, "xml": "<xml/>"},
    "ReqHistoricalData": {
        "contract": BAG,
        "legs": LEGS,
        "end": "20240105 16:00:00 UTC",
        "duration": "2 D",
        "bar_size": "5 mins",
        "what_to_show": "TRADES",
        "regular_hours": False,
        "format_date": 2,
        "keep_up_to_date": True,
        "options": "o=1;",
    },
    "ReqHeadTimestamp": {
        "contract": CONTRACT,
        "what_to_show": "BID",
        "regular_hours": False,
        "format_date": 2,
    },
    "ReqHistogramData": {"contract": CONTRACT, "regular_hours": False, "period": "3 days"},
    "ReqHistoricalTicks": {
        "contract": CONTRACT,
        "start": "start",
        "end": "end",
        "count": 100,
        "what_to_show": "BID_ASK",
        "ignore_size": True,
        "options": "o=1;",
    },
    "ReqRealTimeBars": {
        "contract": CONTRACT,
        "bar_size": 5,
        "what_to_show": "TRADES",
        "regular_hours": True,
        "options": "o=1;",
    },
    "ReqNewsArticle": {"provider": "BRFG", "article_id": "BRFG$1", "options": "o=1;"},
    "ReqHistoricalNews": {
        "con_id": 7,
        "providers": "BRFG",
        "start": "a",
        "end": "b",
        "total": 10,
        "options": "o=1;",
    },
    "SubscribeToGroupEvents": {"group_id": 2},
    "UpdateDisplayGroup": {"contract_info": "7@SMART"},
    "VerifyRequest": {"api_name": "app", "api_version": "1"},
    "VerifyMessage": {"api_data": "x"},
    "VerifyAndAuthRequest": {"api_name": "app", "api_version": "1", "opaque_key": "key"},
    "VerifyAndAuthMessage": {"api_data": "x", "response": "y"},
    "ReqSecDefOptParams": {"symbol": "AAPL", "exchange": "", "sec_type": "STK", "con_id": 7},
    "ReqMatchingSymbols": {"pattern": "AAP"},
    "ReqCompletedOrders": {"api_only": True},
    "SetServerLogLevel": {"level": 5},
    "ReqWshEventData": {"con_id": 7},
}
"""What the program asks; request ids are 4 unless said, all else is as the record has it."""

SINCE = {
    "manual_time": 169,
    "ext_operator": 192,
    "manual_indicator": 192,
    "last_days": 200,
    "dates": 200,
    "customer_account": 183,
    "professional_customer": 184,
}


def _expected(name: str, version: int) -> Any:
    record = getattr(requests, name.split(" ")[0])
    names = {field.name for field in dataclasses.fields(record)}
    said = ({"request_id": 4} if "request_id" in names else {}) | ASKED.get(name, {})
    if name == "ExerciseOptions" and version < 180:
        del said["manual_time"]
    return record(**{n: v for n, v in said.items() if version >= SINCE.get(n, 0)})


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_official_client_asks_is_read_as_it_was_meant(
    found: dict[str, Any], version: int
) -> None:
    for name, payload in found["asked"][str(version)].items():
        request = decode_request(split_fields(bytes.fromhex(payload)), version)
        if isinstance(request, requests.ReqScannerSubscription):
            assert {n: t for n, t in request.texts.items() if t} == {
                "numberOfRows": "10",
                "instrument": "STK",
                "locationCode": "STK.US.MAJOR",
                "scanCode": "TOP_PERC_GAIN",
                "abovePrice": "5.5",
                "excludeConvertible": "0",
                "stockTypeFilter": "CORP",
            }
            assert (request.options, request.filter_options) == ("o=1;", "o=1;o=1;")
            continue
        assert request == _expected(name, version)


def test_every_request_that_the_official_client_has_was_asked(found: dict[str, Any]) -> None:
    asked = {name.split(" ")[0] for name in found["asked"][str(NEWEST)]}
    known = {row.record.__name__ for row in requests.ROWS.values()}
    # fundamentals are gone from it; orders have a test of their own
    assert known - asked == {"PlaceOrder", "ReqFundamentalData", "CancelFundamentalData"}


_TIER = {"softDollarTierName": "tier", "softDollarTierValue": "value"}
_NEVER_SAID = {
    *("secIdType", "secId", "faProfile", "orderMiscOptions"),
    *("eTradeOnly", "firmQuoteOnly", "nbboPriceCap"),
}
_THEIR_UNSET = {"2147483647", "1.7976931348623157e+308", ""}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_field_of_an_order_of_the_official_client_arrives_under_its_name(
    found: dict[str, Any], version: int
) -> None:
    for placed in found["placed"][str(version)]:
        request = decode_request(split_fields(bytes.fromhex(placed["payload"])), version)
        assert isinstance(request, requests.PlaceOrder)
        assert request.order_id == 12
        assert request.order.text("orderType") == placed["kind"]
        for name, text in request.texts.items():
            if name in _NEVER_SAID:
                assert text in _THEIR_UNSET | {"0"}
                continue
            if name in _TIER:
                assert text == _TIER[name]
                continue
            value = placed["order"][name]
            told = {True: "1", False: "0", None: "", "inf": "Infinity"}.get(value, value)
            assert (text if text not in _THEIR_UNSET else "") == told, f"{name} at {version}"
        legs = 2 if placed["kind"] == "PEG BENCH" else 0
        assert len(request.groups.get("comboLegs", ())) == legs
        assert len(request.groups["conditions"]) == (6 if placed["kind"] == "LMT" else 0)
        hedges = (("9", "0.5", "101.25"),) if placed["kind"] == "PEG MID" else ()
        assert request.groups["deltaNeutralContract"] == hedges
        assert request.groups["algoParams"] == (("a", "1"),)
