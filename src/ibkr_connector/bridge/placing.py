"""Placing an order for somebody over HTTP: who asked is logged, and nothing is placed twice."""

from __future__ import annotations

import logging

from ibkr_connector.errors import RequestTimeoutError
from ibkr_connector.model.brackets import BracketReport
from ibkr_connector.model.orders import OrderReport

from .bodies import PlaceBody, PlaceBracketBody
from .running import Bridge
from .tokens import Caller

__all__ = ["place", "place_bracket"]

_log = logging.getLogger("ibkr_connector.bridge")


async def place(
    house: Bridge, who: Caller, body: PlaceBody, *, key: str | None
) -> tuple[OrderReport, bool]:
    """
    Place an order, and return its report and whether what was waited for has happened.

    An order that is still open when the time is over is no failure: it is there, and goes on.
    """
    order = body.order(key)
    _log.info("%s asks for an order: %r %r", who.name, order.get("action"), order.get("symbol"))
    try:
        report = await house.ib.place_order(
            order, wait=body.wait, timeout_s=body.timeout_s, token=body.token
        )
    except RequestTimeoutError as error:
        if error.report is None:
            raise
        return error.report, False
    return report, True


async def place_bracket(
    house: Bridge, who: Caller, body: PlaceBracketBody, *, key: str | None
) -> BracketReport:
    """Place a bracket, and return the reports of its three orders."""
    bracket = body.order(key)
    _log.info("%s asks for a bracket: %r", who.name, bracket.get("symbol"))
    return await house.ib.place_bracket(
        bracket, wait=body.wait, timeout_s=body.timeout_s, token=body.token
    )
