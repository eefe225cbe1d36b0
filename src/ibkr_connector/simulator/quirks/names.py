"""The names of quirks, and what a row of their table says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ibkr_connector.simulator.faults import Fault

__all__ = ["Quirk", "QuirkRow", "row"]


class Quirk(StrEnum):
    """Everything that can be switched on; what each does stands in `QUIRKS`."""

    # connecting
    HELLO_ZONE_WINDOWS = "hello_zone_windows"
    HELLO_ZONE_NOT_UTF8 = "hello_zone_not_utf8"
    HELLO_ZONE_MISSING = "hello_zone_missing"
    ACCEPT_THEN_CLOSE = "accept_then_close"
    SILENT_AFTER_HELLO = "silent_after_hello"
    SILENT_AFTER_START = "silent_after_start"
    CLIENT_ID_IN_USE = "client_id_in_use"
    NEXT_ID_FIRST = "next_id_first"
    NEXT_ID_AFTER_FARMS = "next_id_after_farms"
    NEXT_ID_ROLLBACK = "next_id_rollback"
    # the link
    LINK_LOST_DATA_KEPT = "link_lost_data_kept"
    LINK_LOST_DATA_LOST = "link_lost_data_lost"
    LINK_BROKEN_QUIETLY = "link_broken_quietly"
    DATA_FARM_BLIP = "data_farm_blip"
    HISTORY_FARM_BLIP = "history_farm_blip"
    HALF_OPEN = "half_open"
    PORT_RESET = "port_reset"
    DAILY_RESTART = "daily_restart"
    WEEKLY_LOGOUT = "weekly_logout"
    CLOCK_SKEW = "clock_skew"
    # the wire
    SPLIT_SEGMENTS = "split_segments"
    MERGED_SEGMENTS = "merged_segments"
    LATIN1_TEXT = "latin1_text"
    MESSAGE_RATE = "message_rate"
    # orders
    DROP_BEFORE_ORDER = "drop_before_order"
    DROP_BEFORE_ACK = "drop_before_ack"
    DROP_AFTER_ACK = "drop_after_ack"
    DROP_IN_BRACKET = "drop_in_bracket"
    STATUS_TWICE = "status_twice"
    FILL_WITHOUT_STATUS = "fill_without_status"
    EXECUTION_FIRST = "execution_first"
    COMMISSION_FIRST = "commission_first"
    COMMISSION_LATE = "commission_late"
    COMMISSION_NEVER = "commission_never"
    COMMISSION_UNSET = "commission_unset"
    NO_COMMISSION_REPLAY = "no_commission_replay"
    EXECUTION_CORRECTED = "execution_corrected"
    EXECUTION_BUSTED = "execution_busted"
    INACTIVE_THEN_201 = "inactive_then_201"
    REJECTED_THEN_INACTIVE = "rejected_then_inactive"
    CANCEL_LOSES_10148 = "cancel_loses_10148"
    CANCEL_LOSES_10147 = "cancel_loses_10147"
    CANCEL_LOSES_161 = "cancel_loses_161"
    FILL_AFTER_202 = "fill_after_202"
    PRESET_TIF = "preset_tif"
    ORDER_PRECAUTIONS = "order_precautions"
    WARNING_399 = "warning_399"
    LOCATE_404 = "locate_404"
    OUTSIDE_HOURS_2109 = "outside_hours_2109"
    WHAT_IF_TWICE = "what_if_twice"
    FOREIGN_ORDER = "foreign_order"
    MANUAL_ORDER = "manual_order"
    READ_ONLY_API = "read_only_api"
    # accounts
    POSITIONS_WITHOUT_END = "positions_without_end"
    ACCOUNT_WITHOUT_END = "account_without_end"
    UNSET_FIRST = "unset_first"
    NO_UNSET_FIRST = "no_unset_first"
    SUMMARY_SLOTS_KEPT = "summary_slots_kept"
    # data
    HISTORY_NO_DATA = "history_no_data"
    HISTORY_PACING = "history_pacing"
    HISTORY_OTHER_ADDRESS = "history_other_address"
    HISTORY_NO_PERMISSION = "history_no_permission"
    REAL_TIME_PACING_420 = "real_time_pacing_420"
    MAX_TICKERS_101 = "max_tickers_101"
    NOT_SUBSCRIBED_354 = "not_subscribed_354"
    NOT_SUBSCRIBED_10089 = "not_subscribed_10089"
    NOT_SUBSCRIBED_10168 = "not_subscribed_10168"
    PARTLY_SUBSCRIBED_10090 = "partly_subscribed_10090"
    DELAYED_10167 = "delayed_10167"
    COMPETING_SESSION_10197 = "competing_session_10197"
    NO_PRICE_FIRST = "no_price_first"
    DEPTH_RESET_317 = "depth_reset_317"
    UPDATES_FAILED_10182 = "updates_failed_10182"
    BUST_EVENT_10225 = "bust_event_10225"
    ZONE_ABBREVIATED = "zone_abbreviated"
    ZONE_IANA = "zone_iana"
    ZONE_MISSING = "zone_missing"
    # requests
    TIME_ONCE_A_SECOND = "time_once_a_second"


@dataclass(frozen=True, slots=True)
class QuirkRow:
    """What a quirk does, who says so, and the faults that do it."""

    what: str
    source: str
    make: Callable[[datetime], Sequence[Fault]]
    """Makes the faults, at the gateway's moment at which the quirk is switched on."""


def row(what: str, source: str, *faults: Fault) -> QuirkRow:
    """Return the row of a quirk that is always the same."""
    return QuirkRow(what, source, lambda moment: faults)
