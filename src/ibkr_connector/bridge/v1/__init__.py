"""The whole of the connector, under paths that keep their meaning."""

from __future__ import annotations

from . import (
    account,
    advisors,
    alerts,
    control,
    derivatives,
    history,
    instruments,
    live,
    market,
    orders,
    portfolio,
    research,
    sizing,
)

__all__ = ["others", "quotes"]

quotes = market.router
others = (
    control.router,
    history.router,
    orders.router,
    account.router,
    portfolio.router,
    advisors.router,
    instruments.router,
    derivatives.router,
    research.router,
    sizing.router,
    alerts.router,
    live.router,
)
