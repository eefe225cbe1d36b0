"""
Server versions that changed the layout of a message, by the name of what they brought.

Source: ibapi server_versions.py; what each of them changed is read off ibapi's client.py and
decoder.py. Some changed no text: 181 concerns the parameters of an algorithm, 191 the width of a
number in clients written in C++.

This side speaks 157 to 200, the newest versions of the text protocol. From 201 on a message id is
four raw bytes (in both directions), and an id above 200 announces a protobuf message of the family
`id - 200`, family by family with versions 203 to 213 (ibapi comm.py `make_msg`, reader.py). That
switch would attach in `connection`, where a payload is split into fields, with a second pair of
tables beside `requests.ROWS` and `replies.ROWS`. Nothing of it is built: a *limit*.
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
    FUND_DATA_FIELDS = 179
    MANUAL_ORDER_TIME_EXERCISE_OPTIONS = 180
    OPEN_ORDER_AD_STRATEGY = 181
    LAST_TRADE_DATE = 182
    CUSTOMER_ACCOUNT = 183
    PROFESSIONAL_CUSTOMER = 184
    BOND_ACCRUED_INTEREST = 185
    INELIGIBILITY_REASONS = 186
    RFQ_FIELDS = 187
    BOND_TRADING_HOURS = 188
    INCLUDE_OVERNIGHT = 189
    UNDO_RFQ_FIELDS = 190
    PERM_ID_AS_LONG = 191
    CME_TAGGING_FIELDS = 192
    CME_TAGGING_FIELDS_IN_OPEN_ORDER = 193
    ERROR_TIME = 194
    FULL_ORDER_PREVIEW_FIELDS = 195
    HISTORICAL_DATA_END = 196
    CURRENT_TIME_IN_MILLIS = 197
    SUBMITTER = 198
    IMBALANCE_ONLY = 199
    PARAMETRIZED_DAYS_OF_EXECUTIONS = 200


OLDEST: Final = 157
NEWEST: Final = 200
