"""
How much to order: from a share of the account to a quantity, never more than the limits allow.

Owns: three ways to size (a fixed risk to the stop, a share of the equity, a target of volatility),
rounding down to the lot, and saying what bound the answer. Pure arithmetic on `Decimal`; the basis
comes from `IBKRConnector.sizing_basis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Final

from ibkr_connector.errors import AccountError, OrderValidationError
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.market import Bar
from ibkr_connector.model.record import Record

from .risk import RiskLimits
from .risk.valuation import multiplier_of

__all__ = [
    "PositionSize",
    "SizingBasis",
    "average_true_range",
    "basis_of",
    "size_by_equity",
    "size_by_risk",
    "size_by_volatility",
]

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingBasis(Record):
    """
    What a size is made of.

    `equity` and `max_value` are in the base currency, `rate` is what one unit of the contract's
    currency is worth in it, `max_quantity` and `lot` are in units of the contract.
    """

    equity: Decimal
    multiplier: Decimal = Decimal(1)
    rate: Decimal = Decimal(1)
    lot: Decimal = Decimal(1)
    min_size: Decimal = ZERO
    max_quantity: Decimal | None = None
    max_value: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSize(Record):
    """
    The answer: a multiple of the lot, 0 when not even the smallest size fits.

    `value` is what it is worth, `risk` what it loses between entry and stop (or in one average
    range), both in the base currency. `bound_by` names what kept it from being larger.
    """

    quantity: Decimal
    value: Decimal
    risk: Decimal | None
    bound_by: str


def basis_of(
    details: ContractDetails,
    limits: RiskLimits,
    *,
    equity: Decimal | None,
    rate: Decimal | None,
) -> SizingBasis:
    """
    Put the basis together from what is known of contract and account, bounded by the limits.

    Raises:
        AccountError: The worth, the rate or the multiplier is not known.
    """
    contract = details.contract
    multiplier = multiplier_of(contract)
    if equity is None or rate is None or multiplier is None:
        raise AccountError(
            f"a size in {contract} needs the account's worth, the rate of "
            f"{contract.currency} and the contract's multiplier; not all of them are known"
        )
    shares = (limits.max_portfolio_risk, limits.max_concentration)
    values = [limits.max_order_value, limits.max_position_value]
    values += [share * equity for share in shares if share is not None]
    sizes = [limits.max_order_size, limits.max_position_size]
    return SizingBasis(
        equity=equity,
        multiplier=multiplier,
        rate=rate,
        lot=details.size_increment or Decimal(1),
        min_size=details.min_size or ZERO,
        max_quantity=min(size for size in sizes if size is not None),
        max_value=min((value for value in values if value is not None), default=None),
    )


def size_by_risk(
    basis: SizingBasis, *, entry: Decimal, stop: Decimal, risk_share: Decimal
) -> PositionSize:
    """
    Size so that the way from `entry` to `stop` costs that share of the equity.

    *limit*: a market that jumps over the stop costs more.

    Raises:
        OrderValidationError: A figure makes no sense, or entry and stop are the same.
    """
    _check(basis, {"entry": entry, "stop": stop}, share=risk_share)
    return _size(basis, price=entry, each=abs(entry - stop), share=risk_share)


def size_by_equity(basis: SizingBasis, *, price: Decimal, share: Decimal) -> PositionSize:
    """
    Size so that the position is worth that share of the equity.

    Raises:
        OrderValidationError: A figure makes no sense.
    """
    _check(basis, {"price": price}, share=share)
    sized = _size(basis, price=price, each=price, share=share)
    return PositionSize(
        quantity=sized.quantity, value=sized.value, risk=None, bound_by=sized.bound_by
    )


def size_by_volatility(
    basis: SizingBasis,
    *,
    price: Decimal,
    average_range: Decimal,
    risk_share: Decimal,
    multiple: Decimal = Decimal(1),
) -> PositionSize:
    """
    Size so that `multiple` average ranges against the position cost that share of the equity.

    Args:
        basis: What the size is made of.
        price: Of one unit, in the contract's currency.
        average_range: As from `average_true_range`.
        risk_share: Share of the equity, 0 to 1.
        multiple: How many ranges.

    Raises:
        OrderValidationError: A figure makes no sense.
    """
    figures = {"price": price, "average_range": average_range, "multiple": multiple}
    _check(basis, figures, share=risk_share)
    return _size(basis, price=price, each=average_range * multiple, share=risk_share)


def average_true_range(bars: Sequence[Bar], *, period: int = 14) -> Decimal:
    """
    Return the plain average of the true ranges of the last `period` bars.

    The true range of a bar reaches from its own low to its high, and to the close before it.

    Raises:
        OrderValidationError: There are not `period` + 1 bars.
    """
    if period < 1 or len(bars) < period + 1:
        raise OrderValidationError(
            f"an average of {period} ranges needs {period + 1} bars; got {len(bars)}"
        )
    recent = bars[-period - 1 :]
    ranges = [
        max(bar.high, before.close) - min(bar.low, before.close) for before, bar in pairwise(recent)
    ]
    return sum(ranges, ZERO) / period


def _size(basis: SizingBasis, *, price: Decimal, each: Decimal, share: Decimal) -> PositionSize:
    unit = basis.multiplier * basis.rate
    if each <= 0:
        raise OrderValidationError("entry and stop are the same price: any size would fit")
    bounds = [(basis.equity * share / (each * unit), "the share of the equity")]
    if basis.max_quantity is not None:
        bounds.append((basis.max_quantity, "the largest order size"))
    if basis.max_value is not None:
        bounds.append((basis.max_value / (price * unit), "the largest order value"))
    most, bound_by = min(bounds, key=lambda bound: bound[0])
    quantity = (most / basis.lot).to_integral_value(rounding=ROUND_FLOOR) * basis.lot
    if quantity < basis.min_size or quantity <= 0:
        quantity, bound_by = ZERO, f"{bound_by}, less than the smallest size"
    return PositionSize(
        quantity=quantity,
        value=quantity * price * unit,
        risk=quantity * each * unit,
        bound_by=bound_by,
    )


def _check(basis: SizingBasis, figures: dict[str, Decimal], *, share: Decimal) -> None:
    named = figures | {
        "equity": basis.equity,
        "multiplier": basis.multiplier,
        "rate": basis.rate,
        "lot": basis.lot,
    }
    for name, value in named.items():
        if not _is_positive(value):
            raise OrderValidationError(f"{name} must be a Decimal above 0; got {value!r}")
    if not _is_positive(share) or share > 1:
        raise OrderValidationError(f"a share must be a Decimal above 0, up to 1; got {share!r}")


def _is_positive(value: object) -> bool:
    # a float is refused: money that was rounded once already is no basis
    return isinstance(value, Decimal) and value.is_finite() and value > 0
