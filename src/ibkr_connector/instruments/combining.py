"""
What a combination is, put together from the details of its legs; pure.

IB has no details of combinations: whatever follows from the legs is said here, and the rest is
left open, so that the exchange has the last word on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import Action, Contract, ContractDetails, SecurityType

__all__ = ["combined"]

_CENT: Final = Decimal("0.01")
_SMART: Final = "SMART"
_NOT_A_LEG: Final = frozenset(
    {SecurityType.COMBO, SecurityType.INDEX, SecurityType.NEWS, SecurityType.CONTINUOUS_FUTURE}
)
_BY_THE_CENT: Final = frozenset({SecurityType.STOCK, SecurityType.OPTION})


def combined(description: Contract, legs: Sequence[ContractDetails]) -> ContractDetails:
    """
    Return the details of a combination whose legs were qualified.

    Args:
        description: The combination as it was described.
        legs: The details of its legs, in the same order.

    Raises:
        ContractError: The legs do not make a combination.
    """
    faults = tuple(_faults(description, legs))
    if faults:
        raise ContractError(
            f"{description.text} is no combination: {'; '.join(faults)}",
            hint="a combination has two or more different legs in one currency",
        )
    contract = replace(
        description,
        security_type=SecurityType.COMBO,
        con_id=None,
        symbol=description.symbol or ",".join(dict.fromkeys(d.contract.symbol for d in legs)),
        currency=legs[0].contract.currency,
        exchange=description.exchange or _exchange(legs),
        legs=tuple(
            replace(
                leg, contract=one.contract, exchange=leg.exchange or one.contract.exchange or _SMART
            )
            for leg, one in zip(description.legs, legs, strict=True)
        ),
    )
    first = legs[0]
    return ContractDetails(
        contract=contract,
        long_name="Combination",
        min_tick=_min_tick(legs),
        min_size=Decimal(1),
        size_increment=Decimal(1),
        time_zone_id=_same([d.time_zone_id for d in legs]),
        # what differs between the legs is not known of the whole
        trading_hours=_same([d.trading_hours for d in legs]),
        liquid_hours=_same([d.liquid_hours for d in legs]),
        under_con_id=first.under_con_id,
    )


def _faults(description: Contract, legs: Sequence[ContractDetails]) -> Iterator[str]:
    if len(legs) < 2:
        yield f"it has {len(legs)} leg{'' if len(legs) == 1 else 's'}"
    for leg in description.legs:
        ratio: Any = leg.ratio
        if isinstance(ratio, bool) or not isinstance(ratio, int) or ratio < 1:
            yield f"the ratio of {leg} must be a whole number above 0; got {ratio!r}"
        if not isinstance(leg.action, Action):
            yield f"the action of {leg} must be BUY or SELL; got {leg.action!r}"
    for con_id, count in Counter(details.contract.con_id for details in legs).items():
        if count > 1:
            named = next(d.contract for d in legs if d.contract.con_id == con_id)
            yield f"{named.text} is named {count} times; name it once and give it a ratio"
    currencies = dict.fromkeys(details.contract.currency for details in legs)
    if len(currencies) > 1:
        yield f"its legs are in {' and '.join(currencies)}"
    elif description.currency and description.currency not in currencies:
        yield f"it is in {description.currency} and its legs are in {''.join(currencies)}"
    for details in legs:
        if details.contract.security_type in _NOT_A_LEG:
            yield f"{details.contract} cannot be a leg"


def _exchange(legs: Sequence[ContractDetails]) -> str:
    """Return the one exchange of all legs; otherwise it is routed."""
    return _same([details.contract.exchange for details in legs]) or _SMART


def _min_tick(legs: Sequence[ContractDetails]) -> Decimal | None:
    """
    Return the smallest step of its price, if one is known that refuses no legal price.

    Stocks and options combine in cents, also where an option alone trades in nickels. Spreads of
    futures have steps of their own, finer than those of their legs, which nobody tells.
    """
    if any(details.contract.security_type not in _BY_THE_CENT for details in legs):
        return None
    return min([_CENT, *(details.min_tick for details in legs if details.min_tick)])


def _same(words: Sequence[str]) -> str:
    return words[0] if len(set(words)) == 1 else ""
