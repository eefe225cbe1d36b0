"""The terms of a bond, as ib_async's contract details have them."""

from __future__ import annotations

from typing import Any, Final

from ibkr_connector.model.instruments import BondTerms

from .figures import positive

__all__ = ["BONDS", "bond_terms"]

BONDS: Final = frozenset({"BOND", "BILL", "FIXED"})
"""The types whose details come as a message of their own (18)."""


def bond_terms(source: Any) -> BondTerms:
    """Read what the bond pays and when."""
    return BondTerms(
        cusip=source.cusip,
        coupon=positive(source.coupon),
        coupon_type=source.couponType,
        maturity=source.maturity,
        issue_date=source.issueDate,
        ratings=source.ratings,
        bond_type=source.bondType,
        description=source.descAppend,
        is_callable=bool(source.callable),
        is_puttable=bool(source.putable),
        is_convertible=bool(source.convertible),
        next_option_date=source.nextOptionDate,
        next_option_type=source.nextOptionType,
    )
