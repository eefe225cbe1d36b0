"""Combos in requests for data: their legs, and an instrument that stands for them all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.requests import ComboLeg

from .feed import Leg

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["combo_of"]

_CENT = Decimal("0.01")


def combo_of(
    session: ClientSession,
    contract: WireContract,
    legs: Sequence[ComboLeg],
    *,
    request_id: int,
) -> tuple[Instrument, tuple[Leg, ...]] | None:
    """Return a combo and its legs with signed ratios; otherwise answer why not and return none."""
    if not legs:
        session.fail(
            request_id, 321, "Error validating request.-'bW' : cause - Missing combo legs."
        )
        return None
    found: list[Leg] = []
    for leg in legs:
        instrument = session.gateway.venue.catalogue.get(leg.con_id)
        if instrument is None or leg.ratio < 1:
            session.fail(request_id, 200, "No security definition has been found for the request")
            return None
        found.append((instrument, leg.ratio if leg.action.upper() == "BUY" else -leg.ratio))
    first = found[0][0]
    whole = Instrument(
        con_id=-request_id,
        symbol=contract.symbol or first.symbol,
        sec_type="BAG",
        currency=contract.currency or first.currency,
        exchanges=(contract.exchange or "SMART",),
        local_symbol=contract.symbol or first.symbol,
        min_tick=min(_CENT, *(one.min_tick for one, _ in found)),
        market_rule=first.market_rule,
        price=_CENT,
        spread=_CENT,
    )
    return whole, tuple(found)
