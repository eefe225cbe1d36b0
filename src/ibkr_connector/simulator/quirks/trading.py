"""Quirks of orders, executions, commissions and accounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ibkr_connector.simulator.faults import (
    Answer,
    CancelRace,
    Cut,
    Drop,
    Duplicate,
    ForeignOrder,
    Garble,
    Hold,
    Manner,
    MissingEnd,
    PresetTif,
    ReadOnlyApi,
    RejectionManner,
    Reorder,
    Revision,
    Rewrite,
    SummarySlots,
    UnsetFirst,
    Warn,
    WhatIfTwice,
)
from ibkr_connector.simulator.faults.fault import FOR_EVER

from .names import Quirk, QuirkRow, row

__all__ = ["ROWS"]

_SHARE: Final = 265598
_FAR: Final = Decimal(1)

ROWS: Final[Mapping[Quirk, QuirkRow]] = MappingProxyType(
    {
        Quirk.DROP_BEFORE_ORDER: row(
            "the next order is lost with the socket",
            "ibkr-reconnect-proof",
            Cut(on="PlaceOrder", handled=False),
        ),
        Quirk.DROP_BEFORE_ACK: row(
            "the next order is taken, and its answer is lost with the socket",
            "ibkr-reconnect-proof",
            Cut(on="PlaceOrder", handled=True),
        ),
        Quirk.DROP_AFTER_ACK: row(
            "the socket ends right behind the answer to the next order",
            "ibkr-reconnect-proof",
            Cut(on="PlaceOrder", handled=True, answered=True),
        ),
        Quirk.DROP_IN_BRACKET: row(
            "the socket ends on the first child of the next bracket",
            "code-rabi PR#78",
            Cut(on="PlaceOrder", handled=False, children=True),
        ),
        Quirk.STATUS_TWICE: row(
            "every orderStatus comes twice",
            "IB, order submission: duplicates are usual",
            Duplicate(reply="OrderStatus"),
        ),
        Quirk.FILL_WITHOUT_STATUS: row(
            "a filled order gets no orderStatus, only its execution",
            "IB, order submission: market orders may give none",
            Drop(reply="OrderStatus", where={"status": "Filled"}),
        ),
        Quirk.EXECUTION_FIRST: row(
            "execDetails comes before the first openOrder",
            "nt#PR3957, nt#3976",
            Reorder(reply="ExecDetails", before="OpenOrder"),
        ),
        Quirk.COMMISSION_FIRST: row(
            "the commission comes before its execution",
            "LEAN joins both in either order",
            Reorder(reply="CommissionReport", before="ExecDetails"),
        ),
        Quirk.COMMISSION_LATE: row(
            "the commission comes 2 s after its execution",
            "LEAN",
            Hold(reply="CommissionReport", seconds=2),
        ),
        Quirk.COMMISSION_NEVER: row(
            "no commission comes at all", "ibi", Drop(reply="CommissionReport")
        ),
        Quirk.COMMISSION_UNSET: row(
            "the commission is the largest double there is",
            "peers' field reports",
            Garble(reply="CommissionReport", number=3, text="1.7976931348623157E308"),
        ),
        Quirk.NO_COMMISSION_REPLAY: row(
            "executions that are asked for come without their commissions",
            "measured; ibapi's docstring says the contrary",
            Drop(reply="CommissionReport", answering="ReqExecutions"),
        ),
        Quirk.EXECUTION_CORRECTED: row(
            "a second after the next execution its price is corrected by 0.01",
            "IB, executions and commissions",
            Revision(by=Decimal("0.01")),
        ),
        Quirk.EXECUTION_BUSTED: row(
            "a second after the next execution it never was",
            "IB, executions and commissions; the form is assumed",
            Revision(),
        ),
        Quirk.INACTIVE_THEN_201: row(
            "a rejected order is Inactive first, and then 201",
            "measured",
            RejectionManner(manner=Manner.INACTIVE_FIRST),
        ),
        Quirk.REJECTED_THEN_INACTIVE: row(
            "a rejected order is 201 first, and then Inactive",
            "ibi#554",
            RejectionManner(manner=Manner.INACTIVE_LAST),
        ),
        Quirk.CANCEL_LOSES_10148: row(
            "an order fills just before its cancel: 10148",
            "field reports",
            CancelRace(),
        ),
        Quirk.CANCEL_LOSES_10147: row(
            "an order fills just before its cancel: 10147", "ibi#690", CancelRace(code=10147)
        ),
        Quirk.CANCEL_LOSES_161: row(
            "an order fills just before its cancel: 161", "IB campus", CancelRace(code=161)
        ),
        Quirk.FILL_AFTER_202: row(
            "a cancelled order (202) fills nevertheless",
            "pst#1580",
            CancelRace(cancelled_first=True),
        ),
        Quirk.PRESET_TIF: row(
            "orders that name no time in force get 10349 and live; a what-if gets nothing else",
            "measured",
            PresetTif(),
        ),
        Quirk.ORDER_PRECAUTIONS: row(
            "a preset stops every order, and every question about one: 383, nothing is transmitted",
            "IB campus, codes 109, 163, 382 and 383; the words are assumed",
            Answer(
                to="PlaceOrder",
                code=383,
                times=FOR_EVER,
                text="The order size exceeds the Size Limit. Restriction is specified in "
                "Precautionary Settings of Global Configuration/Presets.",
            ),
        ),
        Quirk.WARNING_399: row(
            "every order gets 399, and lives",
            "STQ errorCode.ts; measured",
            Warn(
                on="PlaceOrder",
                code=399,
                text="Order Message:\nWarning: your order will not be placed at the exchange "
                "until 2026-11-19 09:30:00 US/Eastern.",
            ),
        ),
        Quirk.LOCATE_404: row(
            "sells are held while shares are located: 404 and whyHeld",
            "IB campus, code 404; ibi#363",
            Warn(
                on="PlaceOrder",
                code=404,
                text="Order held while securities are located.",
                where={"action": "SELL"},
            ),
            Rewrite(
                reply="OrderStatus",
                values={"why_held": "locate"},
                where={"status": "PreSubmitted"},
            ),
        ),
        Quirk.OUTSIDE_HOURS_2109: row(
            "orders for outside of regular hours are told that it is ignored",
            "IB campus, code 2109",
            Warn(
                on="PlaceOrder",
                code=2109,
                text="Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored "
                "based on the order type and destination. PlaceOrder is now being processed.",
                where={"outsideRth": "1"},
            ),
        ),
        Quirk.WHAT_IF_TWICE: row(
            "a what-if is answered twice, first with a warning and nothing computed",
            "ibi#380",
            WhatIfTwice(),
        ),
        Quirk.FOREIGN_ORDER: row(
            "an order of client 99 stands at the venue",
            "measured: order ids repeat between clients",
            ForeignOrder(of_client=99, order_id=1, con_id=_SHARE, limit_price=_FAR),
        ),
        Quirk.MANUAL_ORDER: row(
            "an order that was typed by hand stands at the venue: client 0, order id 0; "
            "negative once it is bound",
            "IB campus, client id 0",
            ForeignOrder(con_id=_SHARE, limit_price=_FAR),
        ),
        Quirk.READ_ONLY_API: row(
            "orders are refused (321), and lists of orders too, under id -1",
            "rust#698; bankroll#65",
            ReadOnlyApi(),
        ),
        Quirk.POSITIONS_WITHOUT_END: row(
            "positionEnd never comes", "nt; ibi#303", MissingEnd(of="PositionEnd")
        ),
        Quirk.ACCOUNT_WITHOUT_END: row(
            "accountDownloadEnd never comes", "ibi#303", MissingEnd(of="AccountDownloadEnd")
        ),
        Quirk.UNSET_FIRST: row(
            "the first three messages of profit and loss hold the largest doubles there are",
            "IB, profit and loss",
            UnsetFirst(),
        ),
        Quirk.NO_UNSET_FIRST: row(
            "profit and loss begins with figures",
            "assumed of gateways that have them already",
            Drop(reply="Pnl", where={"daily": "None"}),
            Drop(reply="PnlSingle", where={"daily": "None"}),
        ),
        Quirk.SUMMARY_SLOTS_KEPT: row(
            "a cancelled account summary keeps its slot: the third id is 322",
            "measured on server version 223",
            SummarySlots(),
        ),
    }
)
"""What each of them does."""
