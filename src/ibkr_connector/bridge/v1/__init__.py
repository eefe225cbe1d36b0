"""The whole of the connector, under paths that keep their meaning."""

from __future__ import annotations

from . import account, alerts, control, live, market, orders

__all__ = ["routers"]

routers = (
    control.router,
    market.router,
    account.router,
    orders.router,
    alerts.router,
    live.router,
)
