"""How futures are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.futures import RollRule

__all__ = ["IBKRFuturesServiceConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IBKRFuturesServiceConfig:
    """
    What is fetched of futures, and which contract stands for a symbol.

    Args:
        symbols: Fetched when none are named.
        roll: What decides which contract is in front.
        roll_days: Trading days before the last one, on which the next contract takes over.
        duration: How far back, in IB's spelling.
        bar_size: In IB's spelling.
        what_to_show: `TRADES`, `MIDPOINT`, ...
        regular_hours_only: Leave out what trades outside the regular session.
        exchanges: By symbol, where several exchanges list futures of it.
        trading_classes: By symbol, where one exchange lists several kinds of it.
        multipliers: By symbol, where kinds differ in nothing else.
    """

    symbols: tuple[str, ...] = ("ES", "NQ", "YM")
    roll: RollRule = RollRule.EXPIRY
    roll_days: int = 5
    duration: str = "1 D"
    bar_size: str = "1 min"
    what_to_show: str = "TRADES"
    regular_hours_only: bool = False
    exchanges: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    trading_classes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    multipliers: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not 0 <= self.roll_days <= 60:
            raise ConfigurationError(
                f"roll_days must be between 0 and 60; got {self.roll_days}",
                hint="5 rolls a week before the last trading day",
            )
        try:
            object.__setattr__(self, "roll", RollRule(self.roll))
        except ValueError as error:
            rules = ", ".join(RollRule)
            raise ConfigurationError(f"roll must be one of {rules}; got {self.roll!r}") from error

    @classmethod
    def get_default_config(cls) -> IBKRFuturesServiceConfig:
        """Return the three index futures, a day of minutes, rolled a week before expiry."""
        return cls()
