"""
Messages of a gateway of server version 178, as fields; written from ib_async's decoder.

Only what tests vary is an argument. The simulator has a full codec of its own; these rows exist so
that the session can be told things no gateway should say.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "UNSET",
    "commission",
    "completed_order",
    "contract_data",
    "error",
    "execution",
    "open_order",
    "order_status",
    "portfolio",
    "position",
]

UNSET = "1.7976931348623157E308"

Row = tuple[Any, ...]

# conId, symbol, secType, expiry, strike, right, multiplier
_AAPL = (265598, "AAPL", "STK", "", "0", "?", "")
# exchange, currency, localSymbol, tradingClass
_PLACE = ("SMART", "USD", "AAPL", "NMS")


def error(number: int, code: int, text: str = "said so") -> Row:
    return (4, 2, number, code, text, "")


def open_order(
    order_id: int = 100,
    *,
    client_id: int = 7,
    perm_id: int = 9001,
    status: str = "Submitted",
    ref: str = "ref-1",
    order_type: str = "LMT",
    limit: str = "101.5",
    what_if: bool = False,
) -> Row:
    head = (5, order_id, *_AAPL, *_PLACE)
    order = ("BUY", "10", order_type, limit, "0", "DAY", "", "DU1", "", 0, ref, client_id, perm_id)
    rest = (0, 0, 0, "", "", "", "", "")
    block = (
        "", "", "", "", "", 0, "", -1, 0, "", "", "", "", "", 0, 0, 0, 0, "", 3, 0, 0, "", 0, 0,
        "", 0, "None", "",
    )  # fmt: skip
    neutral = (0, "", "", "", "?", 0, 0, "")
    trail = (0, 0, "", "", "", "", "")
    legs = (0, 0, 0, "", "", "")
    hedge = ("", 0, "", "", 0, 0, "")
    margins = (UNSET,) * 9
    state = (0, int(what_if), status, *margins, UNSET, UNSET, UNSET, "", "", 0, 0)
    conditions = (
        0,
        "None",
        UNSET,
        "",
        UNSET,
        UNSET,
        UNSET,
        UNSET,
        0,
        "",
        "",
        "",
        UNSET,
        0,
        0,
        0,
        0,
    )
    late = ("", "", 0, "", "", UNSET, "", "")
    return head + order + rest + block + neutral + trail + legs + hedge + state + conditions + late


def order_status(
    order_id: int = 100,
    status: str = "Submitted",
    *,
    filled: str = "0",
    remaining: str = "10",
    price: str = "0",
    perm_id: int = 9001,
    client_id: int = 7,
    why_held: str = "",
) -> Row:
    return (
        3, order_id, status, filled, remaining, price, perm_id, 0, price, client_id, why_held, "0",
    )  # fmt: skip


def execution(
    exec_id: str = "0001.01.01",
    *,
    number: int | str = -1,
    order_id: int | str = 100,
    client_id: int = 7,
    perm_id: int = 9001,
    shares: str = "10",
    time: str = "20261120 09:31:00 US/Eastern",
    ref: str = "ref-1",
) -> Row:
    return (
        11, number, order_id, *_AAPL, *_PLACE, exec_id, time, "DU1", "ARCA", "BOT", shares, "101.5",
        perm_id, client_id, 0, shares, "101.5", ref, "", "", "", 2, 0,
    )  # fmt: skip


def commission(exec_id: str = "0001.01.01", amount: str = "1.0", realized: str = UNSET) -> Row:
    return (59, 1, exec_id, amount, "USD", realized, UNSET, "")


def completed_order(*, perm_id: int = 9001, status: str = "Filled", filled: str = "0") -> Row:
    head = (101, *_AAPL, *_PLACE)
    order = ("BUY", "0", "LMT", "101.5", "0", "DAY", "", "DU1", "", 0, "ref-1", perm_id)
    rest = (0, 0, 0, "", "", "", "")
    block = (
        "", "", "", "", "", 0, "", -1, "", "", "", "", "", 0, 0, 0, "", 3, 0, "", 0, "", "",
    )  # fmt: skip
    trail = (0, 0, "", "", "")
    legs = (0, 0, 0, "", "", "")
    hedge = ("", "", "", 0, 0, "")
    state = (0, status, 0, 0, 0)
    late = (
        UNSET,
        UNSET,
        "",
        0,
        0,
        "",
        filled,
        0,
        0,
        "",
        0,
        0,
        0,
        "20261120 10:00:00 UTC",
        "Filled",
    )
    peg = ("", "", "", "", "")
    return head + order + rest + block + trail + legs + hedge + state + late + peg


def position(size: str = "10", *, con_id: int = 265598, account: str = "DU1") -> Row:
    return (
        61, 3, account, con_id, "AAPL", "STK", "", "0", "", "", "NASDAQ", "USD", "AAPL", "NMS",
        size, "100.25",
    )  # fmt: skip


def portfolio(size: str = "10", *, account: str = "DU1") -> Row:
    return (
        7, 8, 265598, "AAPL", "STK", "", "0", "", "", "NASDAQ", "USD", "AAPL", "NMS", size,
        "102.5", "1025.0", "100.25", "22.5", UNSET, account,
    )  # fmt: skip


def contract_data(number: int | str, *, symbol: str = "AAPL", kind: str = "STK") -> Row:
    return (
        10, number, symbol, kind, "", "0", "", "SMART", "USD", symbol, "NMS", "NMS", 265598, "0.01",
        "", "LMT,MKT", "SMART,NASDAQ", 1, 0, "APPLE INC", "NASDAQ", "", "Technology", "Computers",
        "Computers", "US/Eastern", "20261120:0400-20261120:2000", "20261120:0930-20261120:1600",
        "", 0, 0, 1, "", "", "26,240", "", "COMMON", "0.0001", "0.0001", "100",
    )  # fmt: skip
