"""
Server versions that changed the layout of a message, by the name of what they brought.

Source: ibapi server_versions.py. The text protocol ends where protobuf begins (201); this side
speaks 157 to 178, which is as far as the asyncio clients go.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = ["NEWEST", "OLDEST", "Version"]


class Version(IntEnum):
    """Minimum server version of a feature."""

    REPLACE_FA_END = 157
    DURATION = 158
    MARKET_DATA_IN_SHARES = 159
    POST_TO_ATS = 160
    WSHE_CALENDAR = 161
    AUTO_CANCEL_PARENT = 162
    FRACTIONAL_SIZE_SUPPORT = 163
    SIZE_RULES = 164
    HISTORICAL_SCHEDULE = 165
    ADVANCED_ORDER_REJECT = 166
    USER_INFO = 167
    CRYPTO_AGGREGATED_TRADES = 168
    MANUAL_ORDER_TIME = 169
    PEGBEST_PEGMID_OFFSETS = 170
    WSH_EVENT_DATA_FILTERS = 171
    IPO_PRICES = 172
    WSH_EVENT_DATA_FILTERS_DATE = 173
    INSTRUMENT_TIMEZONE = 174
    HMDS_MARKET_DATA_IN_SHARES = 175
    BOND_ISSUERID = 176
    FA_PROFILE_DESUPPORT = 177
    PENDING_PRICE_REVISION = 178


OLDEST: Final = 157
NEWEST: Final = 178
