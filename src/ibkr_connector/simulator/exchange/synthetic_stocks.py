"""The bulk of stocks: thousands that nobody could take for real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from .contract import Instrument
from .isin import made_up_isin

__all__ = ["SyntheticStocks"]

_US: Final = ("SMART", "ISLAND", "ARCA", "NYSE", "BATS", "IEX")
_STOCK_RULE: Final = 26
_CENT: Final = Decimal("0.01")
_FIRST_SYNTHETIC: Final = 9_500_000


class SyntheticStocks:
    """
    Made-up stocks, made when they are asked for.

    They are called SIM0001 and so on, and have what scanners and screens need: prices from 2 to
    about 500, several sorts of volatility, and more or less trade.
    """

    def __init__(self, count: int = 8_000) -> None:
        self._count = count
        self._made: dict[int, Instrument] = {}

    def __len__(self) -> int:
        return self._count

    def ids(self) -> Iterator[int]:
        """Yield all con ids."""
        yield from range(_FIRST_SYNTHETIC + 1, _FIRST_SYNTHETIC + self._count + 1)

    def get(self, con_id: int) -> Instrument | None:
        """Return the stock of a con id, if it is here."""
        number = con_id - _FIRST_SYNTHETIC
        if not 1 <= number <= self._count:
            return None
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = self._make(number)
        return found

    def named(self, symbol: str) -> Instrument | None:
        """Return the stock of a symbol, if it is here."""
        digits = symbol.removeprefix("SIM")
        if digits == symbol or len(digits) != 4 or not digits.isdigit():
            return None
        return self.get(_FIRST_SYNTHETIC + int(digits))

    def search(self, pattern: str, limit: int) -> Iterator[Instrument]:
        """Yield those whose symbol begins with, or whose name contains, a text in capitals."""
        for number in range(1, self._count + 1):
            if limit <= 0:
                return
            if f"SIM{number:04d}".startswith(pattern) or pattern in _name(number):
                limit -= 1
                found = self.get(_FIRST_SYNTHETIC + number)
                assert found is not None
                yield found

    def _make(self, number: int) -> Instrument:
        draw = hashlib.blake2b(f"SIM{number:04d}".encode(), digest_size=4).digest()
        cents = int(200 * 1.022 ** draw[0])  # from 2.00 to about 500
        home = "NASDAQ" if draw[1] % 2 else "NYSE"
        return Instrument(
            con_id=_FIRST_SYNTHETIC + number,
            symbol=f"SIM{number:04d}",
            sec_type="STK",
            currency="USD",
            exchanges=_US,
            primary_exchange=home,
            local_symbol=f"SIM{number:04d}",
            trading_class="NMS" if home == "NASDAQ" else f"SIM{number:04d}",
            long_name=_name(number),
            market_name="NMS",
            industry=_INDUSTRIES[draw[2] % len(_INDUSTRIES)],
            stock_type="COMMON",
            min_tick=_CENT,
            market_rule=_STOCK_RULE,
            sec_ids=(("ISIN", made_up_isin(_FIRST_SYNTHETIC + number)),),
            price=Decimal(cents) / 100,
            volatility=0.15 + draw[3] / 400,
            spread=_CENT * 2,
            lot=Decimal(200),
            group="us",
            loading=0.3 + draw[2] / 600,
            trades=1_000 + 100 * draw[1],
        )


_INDUSTRIES: Final = (
    *("Technology", "Financial", "Energy", "Industrial", "Utilities"),
    *("Communications", "Basic Materials", "Consumer, Cyclical", "Consumer, Non-cyclical"),
)


def _name(number: int) -> str:
    return f"SIMULATED COMPANY {number:04d}"
