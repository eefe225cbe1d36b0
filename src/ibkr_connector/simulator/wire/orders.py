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
from typing import Final

from .fields import INTEGER, OPTIONAL_NUMBER, UNSET_DOUBLE, UNSET_INTEGER
from .layout import Before, Get, Layout, Since, When
from .order_parts import (
    OFFSETS,
    CompeteOffsets,
    Conditions,
    DeltaNeutralGroup,
    Group,
    order_texts,
    when_said,
    when_scaled,
    when_type,
)
from .plain import Literal
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
            # what the hours outside of the regular ones would ask for (recorded at version 200)
            *("initMarginBeforeOutsideRTH", "maintMarginBeforeOutsideRTH"),
            *("equityWithLoanBeforeOutsideRTH", "initMarginChangeOutsideRTH"),
            *("maintMarginChangeOutsideRTH", "equityWithLoanChangeOutsideRTH"),
            *("initMarginAfterOutsideRTH", "maintMarginAfterOutsideRTH"),
            "equityWithLoanAfterOutsideRTH",
        ),
        UNSET_DOUBLE,
    ),
    "exemptCode": "-1",
    "suggestedSize": "-9223372036854775808",
    "ocaType": "3",
    "deltaNeutralOrderType": "None",
    "deltaNeutralOpenClose": "?",
    "clearingIntent": "IB",
    "adjustedOrderType": "None",
    "dontUseAutoPriceForHedge": "1",
}
"""What TWS answers in the place of a field that the client did not set."""


_PEG_BENCH: Final = frozenset({"PEG BENCH", "PEGBENCH"})
_PEG_BEST: Final = frozenset({"PEG BEST", "PEGBEST"})
_PEG_MID: Final = frozenset({"PEG MID", "PEGMID"})

_BENCH: Final = when_type(
    _PEG_BENCH,
    order_texts(
        "referenceContractId",
        "isPeggedChangeAmountDecrease",
        "peggedChangeAmount",
        "referenceChangeAmount",
        "referenceExchangeId",
    ),
)

_SCALE: Final = when_scaled(
    order_texts(
        "scalePriceAdjustValue",
        "scalePriceAdjustInterval",
        "scaleProfitOffset",
        "scaleAutoReset",
        "scaleInitPosition",
        "scaleInitFillQty",
        "scaleRandomPercent",
    )
)

_LEGS: Final = Group("comboLegs", 8)
_LEG_PRICES: Final = Group("orderComboLegs", 1)
_ROUTING: Final = Group("smartComboRoutingParams", 2)
_ALGO: Final = (order_texts("algoStrategy"), when_said("algoStrategy", Group("algoParams", 2)))
_HEDGE: Final = (order_texts("hedgeType"), when_said("hedgeType", order_texts("hedgeParam")))


def _is_combo(get: Get) -> bool:
    return bool(get("contract").sec_type == "BAG")


def _is_ats(get: Get) -> bool:
    return bool(get("contract").exchange == "IBKRATS")


PLACE_ORDER: Final[Layout] = (
    order_texts(
        "secIdType", "secId", "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice"
    ),
    order_texts("tif", "ocaGroup", "account", "openClose", "origin", "orderRef", "transmit"),
    order_texts("parentId", "blockOrder", "sweepToFill", "displaySize", "triggerMethod"),
    order_texts("outsideRth", "hidden"),
    When(_is_combo, _LEGS, _LEG_PRICES, _ROUTING),
    Literal(""),  # shares allocation, long gone
    order_texts("discretionaryAmt", "goodAfterTime", "goodTillDate"),
    order_texts("faGroup", "faMethod", "faPercentage"),
    Before(Version.FA_PROFILE_DESUPPORT, order_texts("faProfile")),
    order_texts("modelCode", "shortSaleSlot", "designatedLocation", "exemptCode", "ocaType"),
    order_texts("rule80A", "settlingFirm", "allOrNone", "minQty", "percentOffset", "eTradeOnly"),
    order_texts("firmQuoteOnly", "nbboPriceCap", "auctionStrategy", "startingPrice"),
    order_texts("stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    order_texts("overridePercentageConstraints", "volatility", "volatilityType"),
    order_texts("deltaNeutralOrderType", "deltaNeutralAuxPrice"),
    when_said(
        "deltaNeutralOrderType",
        order_texts("deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount"),
        order_texts("deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralShortSale"),
        order_texts("deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation"),
    ),
    order_texts("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
    order_texts("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement"),
    _SCALE,
    order_texts("scaleTable", "activeStartTime", "activeStopTime"),
    *_HEDGE,
    order_texts("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"),
    DeltaNeutralGroup(),
    *_ALGO,
    order_texts("algoId", "whatIf", "orderMiscOptions", "solicited"),
    order_texts("randomizeSize", "randomizePrice"),
    _BENCH,
    Conditions(),
    order_texts("adjustedOrderType", "triggerPrice", "lmtPriceOffset", "adjustedStopPrice"),
    order_texts("adjustedStopLimitPrice", "adjustedTrailingAmount", "adjustableTrailingUnit"),
    order_texts("extOperator", "softDollarTierName", "softDollarTierValue", "cashQty"),
    order_texts("mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader"),
    order_texts("mifid2ExecutionAlgo", "dontUseAutoPriceForHedge", "isOmsContainer"),
    order_texts("discretionaryUpToLimitPrice", "usePriceMgmtAlgo"),
    Since(Version.DURATION, order_texts("duration")),
    Since(Version.POST_TO_ATS, order_texts("postToAts")),
    Since(Version.AUTO_CANCEL_PARENT, order_texts("autoCancelParent")),
    Since(Version.ADVANCED_ORDER_REJECT, order_texts("advancedErrorOverride")),
    Since(Version.MANUAL_ORDER_TIME, order_texts("manualOrderTime")),
    Since(
        Version.PEGBEST_PEGMID_OFFSETS,
        When(_is_ats, order_texts("minTradeQty")),
        when_type(
            _PEG_BEST, order_texts("minCompeteSize", "competeAgainstBestOffset"), CompeteOffsets()
        ),
        when_type(_PEG_MID, OFFSETS),
    ),
    Since(Version.CUSTOMER_ACCOUNT, order_texts("customerAccount")),
    Since(Version.PROFESSIONAL_CUSTOMER, order_texts("professionalCustomer")),
    Since(Version.RFQ_FIELDS, Before(Version.UNDO_RFQ_FIELDS, *RFQ_FIELDS)),
    Since(Version.INCLUDE_OVERNIGHT, order_texts("includeOvernight")),
    Since(Version.CME_TAGGING_FIELDS, order_texts("manualOrderIndicator")),
    Since(Version.IMBALANCE_ONLY, order_texts("imbalanceOnly")),
)
"""Behind the order id and the contract of a `placeOrder`."""

_VOL_OPEN: Final = (
    order_texts("volatility", "volatilityType", "deltaNeutralOrderType", "deltaNeutralAuxPrice"),
    when_said(
        "deltaNeutralOrderType",
        order_texts("deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount"),
        order_texts("deltaNeutralClearingIntent", "deltaNeutralOpenClose", "deltaNeutralShortSale"),
        order_texts("deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation"),
    ),
)

_MARGINS: Final = (
    order_texts("initMarginBefore", "maintMarginBefore", "equityWithLoanBefore"),
    order_texts("initMarginChange", "maintMarginChange", "equityWithLoanChange"),
    order_texts("initMarginAfter", "maintMarginAfter", "equityWithLoanAfter"),
    order_texts("commission", "minCommission", "maxCommission", "commissionCurrency"),
    Since(
        Version.FULL_ORDER_PREVIEW_FIELDS,
        order_texts("marginCurrency"),
        order_texts("initMarginBeforeOutsideRTH", "maintMarginBeforeOutsideRTH"),
        order_texts("equityWithLoanBeforeOutsideRTH", "initMarginChangeOutsideRTH"),
        order_texts("maintMarginChangeOutsideRTH", "equityWithLoanChangeOutsideRTH"),
        order_texts("initMarginAfterOutsideRTH", "maintMarginAfterOutsideRTH"),
        order_texts("equityWithLoanAfterOutsideRTH", "suggestedSize", "rejectReason"),
        Group("orderAllocations", 7),
    ),
    order_texts("warningText"),
)

OPEN_ORDER: Final[Layout] = (
    order_texts("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup"),
    order_texts("account", "openClose", "origin", "orderRef", "clientId", "permId", "outsideRth"),
    order_texts("hidden", "discretionaryAmt", "goodAfterTime", "sharesAllocation"),
    order_texts("faGroup", "faMethod", "faPercentage"),
    Before(Version.FA_PROFILE_DESUPPORT, order_texts("faProfile")),
    order_texts("modelCode", "goodTillDate", "rule80A", "percentOffset", "settlingFirm"),
    order_texts("shortSaleSlot", "designatedLocation", "exemptCode", "auctionStrategy"),
    order_texts("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    order_texts("displaySize", "blockOrder", "sweepToFill", "allOrNone", "minQty", "ocaType"),
    order_texts("eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "parentId", "triggerMethod"),
    *_VOL_OPEN,
    order_texts("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
    order_texts("basisPoints", "basisPointsType", "comboLegsDescrip"),
    _LEGS,
    _LEG_PRICES,
    _ROUTING,
    order_texts("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement"),
    _SCALE,
    *_HEDGE,
    order_texts("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"),
    DeltaNeutralGroup(),
    *_ALGO,
    order_texts("solicited", "whatIf", "status"),
    *_MARGINS,
    order_texts("randomizeSize", "randomizePrice"),
    _BENCH,
    Conditions(),
    order_texts("adjustedOrderType", "triggerPrice", "adjustedTrailStopPrice", "lmtPriceOffset"),
    order_texts("adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount"),
    order_texts("adjustableTrailingUnit"),
    order_texts(
        "softDollarTierName", "softDollarTierValue", "softDollarTierDisplayName", "cashQty"
    ),
    order_texts("dontUseAutoPriceForHedge", "isOmsContainer", "discretionaryUpToLimitPrice"),
    order_texts("usePriceMgmtAlgo"),
    # ib_async waits for it one version longer, and ignores what is left over; ibapi does not
    Since(Version.DURATION, order_texts("duration")),
    Since(Version.POST_TO_ATS, order_texts("postToAts")),
    Since(Version.AUTO_CANCEL_PARENT, order_texts("autoCancelParent")),
    Since(
        Version.PEGBEST_PEGMID_OFFSETS,
        order_texts("minTradeQty", "minCompeteSize", "competeAgainstBestOffset"),
        OFFSETS,
    ),
    # the fields of 187 to 189 that PLACE_ORDER has never came back (ibapi decoder.py openOrder)
    Since(Version.CUSTOMER_ACCOUNT, order_texts("customerAccount")),
    Since(Version.PROFESSIONAL_CUSTOMER, order_texts("professionalCustomer")),
    Since(Version.BOND_ACCRUED_INTEREST, order_texts("bondAccruedInterest")),
    Since(Version.INCLUDE_OVERNIGHT, order_texts("includeOvernight")),
    Since(
        Version.CME_TAGGING_FIELDS_IN_OPEN_ORDER, order_texts("extOperator", "manualOrderIndicator")
    ),
    Since(Version.SUBMITTER, order_texts("submitter")),
    Since(Version.IMBALANCE_ONLY, order_texts("imbalanceOnly")),
)
"""Behind the order id and the contract of an `openOrder`."""

COMPLETED_ORDER: Final[Layout] = (
    order_texts("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup"),
    order_texts("account", "openClose", "origin", "orderRef", "permId", "outsideRth", "hidden"),
    order_texts("discretionaryAmt", "goodAfterTime", "faGroup", "faMethod", "faPercentage"),
    Before(Version.FA_PROFILE_DESUPPORT, order_texts("faProfile")),
    order_texts("modelCode", "goodTillDate", "rule80A", "percentOffset", "settlingFirm"),
    order_texts("shortSaleSlot", "designatedLocation", "exemptCode"),
    order_texts("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper"),
    order_texts("displaySize", "sweepToFill", "allOrNone", "minQty", "ocaType", "triggerMethod"),
    order_texts("volatility", "volatilityType", "deltaNeutralOrderType", "deltaNeutralAuxPrice"),
    when_said(
        "deltaNeutralOrderType",
        order_texts("deltaNeutralConId", "deltaNeutralShortSale", "deltaNeutralShortSaleSlot"),
        order_texts("deltaNeutralDesignatedLocation"),
    ),
    order_texts("continuousUpdate", "referencePriceType", "trailStopPrice", "trailingPercent"),
    order_texts("comboLegsDescrip"),
    _LEGS,
    _LEG_PRICES,
    _ROUTING,
    order_texts("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement"),
    _SCALE,
    *_HEDGE,
    order_texts("clearingAccount", "clearingIntent", "notHeld"),
    DeltaNeutralGroup(),
    *_ALGO,
    order_texts("solicited", "status", "randomizeSize", "randomizePrice"),
    _BENCH,
    Conditions(),
    order_texts("adjustedTrailStopPrice", "lmtPriceOffset", "cashQty", "dontUseAutoPriceForHedge"),
    order_texts("isOmsContainer", "autoCancelDate", "filledQuantity", "refFuturesConId"),
    order_texts("autoCancelParent", "shareholder", "imbalanceOnly", "routeMarketableToBbo"),
    order_texts("parentPermId", "completedTime", "completedStatus"),
    Since(
        Version.PEGBEST_PEGMID_OFFSETS,
        order_texts("minTradeQty", "minCompeteSize", "competeAgainstBestOffset"),
        OFFSETS,
    ),
    Since(Version.CUSTOMER_ACCOUNT, order_texts("customerAccount")),
    Since(Version.PROFESSIONAL_CUSTOMER, order_texts("professionalCustomer")),
    Since(Version.SUBMITTER, order_texts("submitter")),
)
"""Behind the contract of a `completedOrder`, which carries neither order id nor client id."""
