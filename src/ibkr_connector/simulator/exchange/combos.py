"""Combos: instruments that are made of legs, listed when they are first asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .instruments import Instrument
from .records import Leg

__all__ = ["COMBO_CON_ID", "Combos"]

COMBO_CON_ID: Final = 28_812_380
"""The con id that TWS shows for every combo (frames logged in public issue threads)."""

_FIRST_ID: Final = -1
_CENT: Final = Decimal("0.01")


class Combos:
    """Combos by their legs; each gets a number of its own, which no listed contract has."""

    def __init__(self) -> None:
        self._by_legs: dict[tuple[tuple[int, int, bool], ...], Instrument] = {}

    def of(self, symbol: str, legs: tuple[Leg, ...]) -> Instrument:
        """Return the combo of these legs."""
        key = tuple((leg.instrument.con_id, leg.ratio, leg.is_buy) for leg in legs)
        found = self._by_legs.get(key)
        if found is None:
            found = self._by_legs[key] = _made(_FIRST_ID - len(self._by_legs), symbol, legs)
        return found


def _made(con_id: int, symbol: str, legs: tuple[Leg, ...]) -> Instrument:
    first = legs[0].instrument
    return Instrument(
        con_id=con_id,
        symbol=symbol or first.symbol,
        sec_type="BAG",
        currency=first.currency,
        exchanges=first.exchanges,
        local_symbol=f"COMB{-con_id}",
        trading_class="COMB",
        long_name="Combination",
        multiplier=first.multiplier,
        time_zone=first.time_zone,
        hours=first.hours,
        min_tick=min((leg.instrument.min_tick for leg in legs), default=_CENT),
        market_rule=first.market_rule,
        price=Decimal(0),
        spread=_CENT,
    )
