"""
The order on the wire: one record, and its three line-ups (placed, open, completed).

About 130 fields, most of which a gateway only stores and echoes. They stay text under IB's own
names in `WireOrder.texts`; what matching needs is read through typed properties.

Sources: ib_async client.py `placeOrder` and decoder.py `openOrder`, `completedOrder`; ibapi
orderdecoder.py. What is echoed for a field that the client left alone is what TWS echoed in the
frames recorded by rust-ibapi (server version 164).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from .errors import RemoteProtocolError
from .fields import INTEGER, OPTIONAL_NUMBER, UNSET_DOUBLE, UNSET_INTEGER
from .layout import Before, Get, Item, Layout, Literal, Since, Source, Texts, When
from .tables import RFQ_FIELDS
from .versions import Version

__all__ = [
    "COMPLETED_ORDER",
    "ECHO",
    "OPEN_ORDER",
    "PLACE_ORDER",
    "WireOrder",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOrder:
    """An order by IB's names; `groups` holds what repeats (legs, parameters, conditions)."""

    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field's text; empty when it is missing."""
        return self.texts.get(name, "")

    def number(self, name: str) -> Decimal | None:
        """Return a field as a number; `None` when the client left it unset."""
        number: Decimal | None = OPTIONAL_NUMBER.read(self.text(name))
        return number

    def flag(self, name: str) -> bool:
        """Return a field as a flag; missing is false."""
        return self.text(name) in {"1", "true", "True"}

    def integer(self, name: str) -> int:
        """Return a field as a whole number; missing or unset is 0."""
        text = self.text(name)
        return 0 if text in {"", UNSET_INTEGER} else int(INTEGER.read(text))


ECHO: Final[Mapping[str, str]] = {
    **dict.fromkeys(("lmtPrice", "auxPrice"), "0.0"),
    **dict.fromkeys(
        (
            *("origin", "parentId", "outsideRth", "hidden", "discretionaryAmt", "shortSaleSlot"),
            *("auctionStrategy", "blockOrder", "sweepToFill", "allOrNone", "eTradeOnly"),
            *("firmQuoteOnly", "triggerMethod", "volatilityType", "deltaNeutralConId"),
            *("deltaNeutralShortSale", "deltaNeutralShortSaleSlot", "continuousUpdate"),
            *("referencePriceType", "optOutSmartRouting", "notHeld", "solicited", "whatIf"),
            *("randomizeSize", "randomizePrice", "adjustableTrailingUnit", "cashQty"),
            *("isOmsContainer", "discretionaryUpToLimitPrice", "usePriceMgmtAlgo"),
            *("autoCancelParent", "permId", "clientId", "conditionsIgnoreRth"),
            *("conditionsCancelOrder", "imbalanceOnly", "routeMarketableToBbo", "refFuturesConId"),
            *("professionalCustomer", "includeOvernight"),
        ),
        "0",
    ),
    **dict.fromkeys(
        ("displaySize", "scaleInitLevelSize", "scaleSubsLevelSize", "manualOrderIndicator"),
        UNSET_INTEGER,
    ),
    **dict.fromkeys(
        (
            *("triggerPrice", "adjustedTrailStopPrice", "lmtPriceOffset", "adjustedStopPrice"),
            *("adjustedStopLimitPrice", "adjustedTrailingAmount"),
            # what the hours outside of the regular ones would ask for (assumed: as the others)
            *("initMarginBeforeOutsideRTH", "maintMarginBeforeOutsideRTH"),
            *("equityWithLoanBeforeOutsideRTH", "initMarginChangeOutsideRTH"),
            *("maintMarginChangeOutsideRTH", "equityWithLoanChangeOutsideRTH"),
            *("initMarginAfterOutsideRTH", "maintMarginAfterOutsideRTH"),
            "equityWithLoanAfterOutsideRTH",
        ),
        UNSET_DOUBLE,
    ),
    "exemptCode": "-1",
    "ocaType": "3",
    "deltaNeutralOrderType": "None",
    "deltaNeutralOpenClose": "?",
    "clearingIntent": "IB",
    "adjustedOrderType": "None",
    "dontUseAutoPriceForHedge": "1",
}
"""What TWS answers in the place of a field that the client did not set."""


# --- the parts that repeat or depend ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """A count, then rows of as many fields as `width`."""

    name: str
    width: int

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        count = INTEGER.read(source.take(f"count of {self.name}") or "0")
        if not 0 <= count * self.width <= source.left:
            raise RemoteProtocolError(f"{count} rows of {self.name!r} in {source.left} fields")
        rows = tuple(tuple(source.take(self.name) for _ in range(self.width)) for _ in range(count))
        values.setdefault("groups", {})[self.name] = rows

    def write(self, get: Get, out: list[str], version: int) -> None:
        rows = get("groups").get(self.name, ())
        out.append(str(len(rows)))
        for row in rows:
            out.extend(row)


_CONDITION_WIDTHS: Final[Mapping[str, int]] = {
    # fields behind the type, by type: price, time, margin, execution, volume, percent change
    # (ib_async order.py, the OrderCondition classes)
    "1": 6,
    "3": 3,
    "4": 3,
    "5": 4,
    "6": 5,
    "7": 5,
}


class _Conditions:
    """A count, then conditions of different widths, then two flags when there are any."""

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        count = INTEGER.read(source.take("count of conditions") or "0")
        rows = []
        for _ in range(count):
            kind = source.take("type of condition")
            if kind not in _CONDITION_WIDTHS:
                raise RemoteProtocolError(f"there is no order condition of type {kind!r}")
            width = _CONDITION_WIDTHS[kind]
            rows.append((kind, *(source.take("condition") for _ in range(width))))
        values.setdefault("groups", {})["conditions"] = tuple(rows)
        if rows:
            _CONDITION_FLAGS.read(source, values, version)

    def write(self, get: Get, out: list[str], version: int) -> None:
        rows = get("groups").get("conditions", ())
        out.append(str(len(rows)))
        for row in rows:
            out.extend(row)
        if rows:
            _CONDITION_FLAGS.write(get, out, version)


def _texts(*names: str) -> Item:
    return Texts("texts", *names)


_CONDITION_FLAGS: Final = _texts("conditionsIgnoreRth", "conditionsCancelOrder")


def _when_said(name: str, *items: Item) -> Item:
    return When(lambda get: bool(get("texts").get(name, "")), *items)


def _when_scaled(*items: Item) -> Item:
    def scaled(get: Get) -> bool:
        increment = OPTIONAL_NUMBER.read(get("texts").get("scalePriceIncrement", ""))
        return increment is not None and increment > 0

    return When(scaled, *items)


def _when_type(types: frozenset[str], *items: Item) -> Item:
    return When(lambda get: get("texts").get("orderType", "") in types, *items)


def _is_combo(get: Get) -> bool:
    return bool(get("contract").sec_type == "BAG")


_PEG_BENCH: Final = frozenset({"PEG BENCH", "PEGBENCH"})
_PEG_BEST: Final = frozenset({"PEG BEST", "PEGBEST"})
_PEG_MID: Final = frozenset({"PEG MID", "PEGMID"})

_BENCH: Final = _when_type(
    _PEG_BENCH,
    _texts(
        "referenceContractId",
        "isPeggedChangeAmountDecrease",
        "peggedChangeAmount",
        "referenceChangeAmount",
        "referenceExchangeId",
    ),
)

_SCALE: Final = _when_scaled(
    _texts(
        "scalePriceAdjustValue",
        "scalePriceAdjustInterval",
        "scaleProfitOffset",
        "scaleAutoReset",
        "scaleInitPosition",
        "scaleInitFillQty",
        "scaleRandomPercent",
    )
)

_LEGS: Final = _Group("comboLegs", 8)
_LEG_PRICES: Final = _Group("orderComboLegs", 1)
_ROUTING: Final = _Group("smartComboRoutingParams", 2)
_ALGO: Final = (_texts("algoStrategy"), _when_said("algoStrategy", _Group("algoParams", 2)))
_HEDGE: Final = (_texts("hedgeType"), _when_said("hedgeType", _texts("hedgeParam")))


class _DeltaNeutral:
    """A flag, and the contract that hedges when it is set."""

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        rows: tuple[tuple[str, ...], ...] = ()
        if source.take("deltaNeutralContract") in {"1", "true"}:
            rows = (tuple(source.take("deltaNeutralContract") for _ in range(3)),)
        values.setdefault("groups", {})["deltaNeutralContract"] = rows

    def write(self, get: Get, out: list[str], version: int) -> None:
        rows = get("groups").get("deltaNeutralContract", ())
        out.append(str(len(rows)))
        for row in rows:
            out.extend(row)


class _CompeteOffsets:
    """Mid offsets of a PEG BEST order, sent only when it competes "up to mid"."""

    def read(self, source: Source, values: dict[str, Any], version: int) -> None:
        if values["texts"].get("competeAgainstBestOffset", "").startswith("Inf"):
            _OFFSETS.read(source, values, version)

    def write(self, get: Get, out: list[str], version: int) -> None:
        if get("texts").get("competeAgainstBestOffset", "").startswith("Inf"):
            _OFFSETS.write(get, out, version)


_OFFSETS: Final = _texts("midOffsetAtWhole", "midOffsetAtHalf")


def _is_ats(get: Get) -> bool:
    return bool(get("contract").exchange == "IBKRATS")


# --- the three line-ups -------------------------------------------------------------------------

PLACE_ORDER: Final[Layout] = (
    _texts("secIdType", "secId", "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice"),
    _texts("tif", "ocaGroup", "account", "openClose", "origin", "orderRef", "transmit"),
    _texts("parentId", "blockOrder", "sweepToFill", "displaySize", "triggerMethod"),
    _texts("outsideRth", "hidden"),
    When(_is_combo, _LEGS, _LEG_PRICES, _ROUTING),
    Literal(""),  # shares allocation, long gone
    _texts("discretionaryAmt", "goodAfterTime", "goodTillDate"),
    _texts("faGroup", "faMethod", "faPercentage"),
    Before(Version.FA_PROFILE_DESUPPORT, _texts("faProfile")),
    _texts("modelCode", "shortSaleSlot", "designatedLocation", "exemptCode", "ocaType"),
    _texts("rule80A", "settlingFirm", "allOrNone", "minQty", "percentOffset", "eTradeOnly"),
    _texts("firmQuoteOnly", "nbboPriceCap", "auctionStrategy", "startingPrice"),
    _texts("stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    _texts("overridePercentageConstraints", "volatility", "volatilityType"),
    _texts("deltaNeutralOrderType", "deltaNeutralAuxPrice"),
    _when_said(
        "deltaNeutralOrderType",
        _texts("deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount"),
        _texts("deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralShortSale"),
        _texts("deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation"),
    ),
    _texts("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
    _texts("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement"),
    _SCALE,
    _texts("scaleTable", "activeStartTime", "activeStopTime"),
    *_HEDGE,
    _texts("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"),
    _DeltaNeutral(),
    *_ALGO,
    _texts("algoId", "whatIf", "orderMiscOptions", "solicited"),
    _texts("randomizeSize", "randomizePrice"),
    _BENCH,
    _Conditions(),
    _texts("adjustedOrderType", "triggerPrice", "lmtPriceOffset", "adjustedStopPrice"),
    _texts("adjustedStopLimitPrice", "adjustedTrailingAmount", "adjustableTrailingUnit"),
    _texts("extOperator", "softDollarTierName", "softDollarTierValue", "cashQty"),
    _texts("mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader"),
    _texts("mifid2ExecutionAlgo", "dontUseAutoPriceForHedge", "isOmsContainer"),
    _texts("discretionaryUpToLimitPrice", "usePriceMgmtAlgo"),
    Since(Version.DURATION, _texts("duration")),
    Since(Version.POST_TO_ATS, _texts("postToAts")),
    Since(Version.AUTO_CANCEL_PARENT, _texts("autoCancelParent")),
    Since(Version.ADVANCED_ORDER_REJECT, _texts("advancedErrorOverride")),
    Since(Version.MANUAL_ORDER_TIME, _texts("manualOrderTime")),
    Since(
        Version.PEGBEST_PEGMID_OFFSETS,
        When(_is_ats, _texts("minTradeQty")),
        _when_type(
            _PEG_BEST, _texts("minCompeteSize", "competeAgainstBestOffset"), _CompeteOffsets()
        ),
        _when_type(_PEG_MID, _OFFSETS),
    ),
    Since(Version.CUSTOMER_ACCOUNT, _texts("customerAccount")),
    Since(Version.PROFESSIONAL_CUSTOMER, _texts("professionalCustomer")),
    Since(Version.RFQ_FIELDS, Before(Version.UNDO_RFQ_FIELDS, *RFQ_FIELDS)),
    Since(Version.INCLUDE_OVERNIGHT, _texts("includeOvernight")),
    Since(Version.CME_TAGGING_FIELDS, _texts("manualOrderIndicator")),
    Since(Version.IMBALANCE_ONLY, _texts("imbalanceOnly")),
)
"""Behind the order id and the contract of a `placeOrder`."""

_VOL_OPEN: Final = (
    _texts("volatility", "volatilityType", "deltaNeutralOrderType", "deltaNeutralAuxPrice"),
    _when_said(
        "deltaNeutralOrderType",
        _texts("deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount"),
        _texts("deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralShortSale"),
        _texts("deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation"),
    ),
)

_MARGINS: Final = (
    _texts("initMarginBefore", "maintMarginBefore", "equityWithLoanBefore"),
    _texts("initMarginChange", "maintMarginChange", "equityWithLoanChange"),
    _texts("initMarginAfter", "maintMarginAfter", "equityWithLoanAfter"),
    _texts("commission", "minCommission", "maxCommission", "commissionCurrency"),
    Since(
        Version.FULL_ORDER_PREVIEW_FIELDS,
        _texts("marginCurrency"),
        _texts("initMarginBeforeOutsideRTH", "maintMarginBeforeOutsideRTH"),
        _texts("equityWithLoanBeforeOutsideRTH", "initMarginChangeOutsideRTH"),
        _texts("maintMarginChangeOutsideRTH", "equityWithLoanChangeOutsideRTH"),
        _texts("initMarginAfterOutsideRTH", "maintMarginAfterOutsideRTH"),
        _texts("equityWithLoanAfterOutsideRTH", "suggestedSize", "rejectReason"),
        _Group("orderAllocations", 7),
    ),
    _texts("warningText"),
)

OPEN_ORDER: Final[Layout] = (
    _texts("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup"),
    _texts("account", "openClose", "origin", "orderRef", "clientId", "permId", "outsideRth"),
    _texts("hidden", "discretionaryAmt", "goodAfterTime", "sharesAllocation"),
    _texts("faGroup", "faMethod", "faPercentage"),
    Before(Version.FA_PROFILE_DESUPPORT, _texts("faProfile")),
    _texts("modelCode", "goodTillDate", "rule80A", "percentOffset", "settlingFirm"),
    _texts("shortSaleSlot", "designatedLocation", "exemptCode", "auctionStrategy"),
    _texts("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    _texts("displaySize", "blockOrder", "sweepToFill", "allOrNone", "minQty", "ocaType"),
    _texts("eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "parentId", "triggerMethod"),
    *_VOL_OPEN,
    _texts("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
    _texts("basisPoints", "basisPointsType", "comboLegsDescrip"),
    _LEGS,
    _LEG_PRICES,
    _ROUTING,
    _texts("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement"),
    _SCALE,
    *_HEDGE,
    _texts("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"),
    _DeltaNeutral(),
    *_ALGO,
    _texts("solicited", "whatIf", "status"),
    *_MARGINS,
    _texts("randomizeSize", "randomizePrice"),
    _BENCH,
    _Conditions(),
    _texts("adjustedOrderType", "triggerPrice", "adjustedTrailStopPrice", "lmtPriceOffset"),
    _texts("adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount"),
    _texts("adjustableTrailingUnit"),
    _texts("softDollarTierName", "softDollarTierValue", "softDollarTierDisplayName", "cashQty"),
    _texts("dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice"),
    _texts("usePriceMgmtAlgo"),
    # ib_async waits for it one version longer, and ignores what is left over; ibapi does not
    Since(Version.DURATION, _texts("duration")),
    Since(Version.POST_TO_ATS, _texts("postToAts")),
    Since(Version.AUTO_CANCEL_PARENT, _texts("autoCancelParent")),
    Since(
        Version.PEGBEST_PEGMID_OFFSETS,
        _texts("minTradeQty", "minCompeteSize", "competeAgainstBestOffset"),
        _OFFSETS,
    ),
    # the fields of 187 to 189 that PLACE_ORDER has never came back (ibapi decoder.py openOrder)
    Since(Version.CUSTOMER_ACCOUNT, _texts("customerAccount")),
    Since(Version.PROFESSIONAL_CUSTOMER, _texts("professionalCustomer")),
    Since(Version.BOND_ACCRUED_INTEREST, _texts("bondAccruedInterest")),
    Since(Version.INCLUDE_OVERNIGHT, _texts("includeOvernight")),
    Since(Version.CME_TAGGING_FIELDS_IN_OPEN_ORDER, _texts("extOperator", "manualOrderIndicator")),
    Since(Version.SUBMITTER, _texts("submitter")),
    Since(Version.IMBALANCE_ONLY, _texts("imbalanceOnly")),
)
"""Behind the order id and the contract of an `openOrder`."""

COMPLETED_ORDER: Final[Layout] = (
    _texts("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup"),
    _texts("account", "openClose", "origin", "orderRef", "permId", "outsideRth", "hidden"),
    _texts("discretionaryAmt", "goodAfterTime", "faGroup", "faMethod", "faPercentage"),
    Before(Version.FA_PROFILE_DESUPPORT, _texts("faProfile")),
    _texts("modelCode", "goodTillDate", "rule80A", "percentOffset", "settlingFirm"),
    _texts("shortSaleSlot", "designatedLocation", "exemptCode"),
    _texts("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    _texts("displaySize", "sweepToFill", "allOrNone", "minQty", "ocaType", "triggerMethod"),
    _texts("volatility", "volatilityType", "deltaNeutralOrderType", "deltaNeutralAuxPrice"),
    _when_said(
        "deltaNeutralOrderType",
        _texts("deltaNeutralConId", "deltaNeutralShortSale", "deltaNeutralShortSaleSlot"),
        _texts("deltaNeutralDesignatedLocation"),
    ),
    _texts("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
    _texts("comboLegsDescrip"),
    _LEGS,
    _LEG_PRICES,
    _ROUTING,
    _texts("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement"),
    _SCALE,
    *_HEDGE,
    _texts("clearingAccount", "clearingIntent", "notHeld"),
    _DeltaNeutral(),
    *_ALGO,
    _texts("solicited", "status", "randomizeSize", "randomizePrice"),
    _BENCH,
    _Conditions(),
    _texts("adjustedTrailStopPrice", "lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge"),
    _texts("isOmsContainer", "autoCancelDate", "filledQuantity", "refFuturesConId"),
    _texts("autoCancelParent", "shareholder", "imbalanceOnly", "routeMarketableToBbo"),
    _texts("parentPermId", "completedTime", "completedStatus"),
    Since(
        Version.PEGBEST_PEGMID_OFFSETS,
        _texts("minTradeQty", "minCompeteSize", "competeAgainstBestOffset"),
        _OFFSETS,
    ),
    Since(Version.CUSTOMER_ACCOUNT, _texts("customerAccount")),
    Since(Version.PROFESSIONAL_CUSTOMER, _texts("professionalCustomer")),
    Since(Version.SUBMITTER, _texts("submitter")),
)
"""Behind the contract of a `completedOrder`, which carries neither order id nor client id."""
