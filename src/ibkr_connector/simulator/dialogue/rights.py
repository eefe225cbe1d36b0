"""What a login may see, and how TWS says that it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument

from .feed import Entitlement, feed_of

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["NOT_SUBSCRIBED", "entitlement", "is_live", "top_text"]

NOT_SUBSCRIBED: Final = "Requested market data is not subscribed."


def entitlement(session: ClientSession, instrument: Instrument, exchange: str) -> Entitlement:
    """Return what the login may see of an instrument."""
    permissions = session.gateway.permissions
    if permissions.live_data:
        default = Entitlement.LIVE
    else:
        default = Entitlement.DELAYED if permissions.delayed_data else Entitlement.NONE
    return feed_of(session.gateway).entitlement(instrument, exchange, default)


def top_text(instrument: Instrument) -> str:
    """Return how TWS names what a subscription is missing, as in `AAPL NASDAQ.NMS/TOP/ALL`."""
    place = instrument.primary_exchange or instrument.home
    if instrument.sec_type == "STK" and instrument.primary_exchange == "NASDAQ":
        place = f"NASDAQ.{instrument.trading_class}"
    return f"{instrument.local_symbol or instrument.symbol} {place}/TOP/ALL"


def is_live(session: ClientSession, instrument: Instrument, exchange: str) -> bool:
    """Tell whether there is live data, or some of it."""
    return entitlement(session, instrument, exchange) in {Entitlement.LIVE, Entitlement.PARTIAL}
