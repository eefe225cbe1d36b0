"""One typical request of every kind, as a client would send it."""

from __future__ import annotations

import dataclasses
import typing
from decimal import Decimal
from typing import Any

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract

__all__ = ["TYPICAL"]

_APPLE = WireContract(con_id=265598, exchange="SMART")
_NOT_SENT = (ask.BrokenRequest, ask.UnsupportedRequest, ask.StartApi, ask.PlaceOrder)

_SAID: dict[str, Any] = {
    "account": "DU1234567",
    "subscribe": True,
    "group": "All",
    "tags": "NetLiquidation,TotalCashValue",
    "pattern": "AAPL",
    "symbol": "AAPL",
    "sec_type": "STK",
    "con_id": 265598,
    "rule_id": 26,
    "bar_size": "1 min",
    "duration": "1800 S",
    "what_to_show": "TRADES",
    "tick_type": "Last",
    "data_type": 1,
    "rows": 5,
    "providers": "BRFG",
    "provider": "BRFG",
    "start": "",
    "end": "20261118-14:00:00",
    "count": 10,
    "total": 5,
    "period": "1 day",
    "bbo_exchange": "9c0001",
    "report_type": "ReportSnapshot",
    "quantity": 1,
    "action": 1,
    "option_price": Decimal(10),
    "under_price": Decimal(190),
    "volatility": Decimal("0.3"),
    "group_id": 1,
    "level": 2,
}
_BY_RECORD: dict[type, dict[str, Any]] = {
    ask.ReqRealTimeBars: {"bar_size": 5},
    ask.ReqExecutions: {"account": "", "symbol": "", "sec_type": ""},
    ask.ReqCalcOptionPrice: {"contract": WireContract(con_id=9_100_000, exchange="SMART")},
}


def _typical(record: type, number: int) -> Any:
    hints = typing.get_type_hints(record)
    values: dict[str, Any] = {}
    for one in dataclasses.fields(record):
        if one.name in {"request_id", "order_id"}:
            values[one.name] = number
        elif one.name == "contract":
            values[one.name] = _APPLE
        elif one.name in _SAID:
            values[one.name] = _SAID[one.name]
        elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            values[one.name] = _EMPTY[hints[one.name]]
    return record(**{**values, **_BY_RECORD.get(record, {})})


_EMPTY: dict[Any, Any] = {str: "", int: 1, bool: False, Decimal: Decimal(1)}

TYPICAL: tuple[ask.Request, ...] = tuple(
    _typical(record, 1_000 + number)
    for number, record in enumerate(
        sorted(set(typing.get_args(ask.Request)) - set(_NOT_SENT), key=lambda one: one.__name__)
    )
)
