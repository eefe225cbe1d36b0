"""The whole of the connector, under paths that keep their meaning."""

from __future__ import annotations

from . import account, control, live, market, orders

__all__ = ["routers"]

routers = (control.router, market.router, account.router, orders.router, live.router)
