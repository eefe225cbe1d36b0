"""
What each server version brought, and what of it one session can use.

The rows are those a user can notice; layouts that changed nothing but themselves are left out.
Source of the numbers and of what each brought: ibapi server_versions.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ib_async.client import Client

from ibkr_connector.model.capabilities import Capabilities, Capability

__all__ = ["CLIENT_VERSION", "FEATURES", "capabilities_of"]

CLIENT_VERSION: Final[int] = Client.MaxClientVersion
"""Newest server version that this client speaks."""


@dataclass(frozen=True, slots=True)
class _Feature:
    since: int
    name: str
    meaning: str


FEATURES: Final = (
    _Feature(158, "duration", "orders that live for a given time"),
    _Feature(160, "post_to_ats", "orders that post to an alternative trading system"),
    _Feature(161, "wall_street_horizon", "calendar of corporate events"),
    _Feature(162, "auto_cancel_parent", "a parent that ends with its child"),
    _Feature(163, "fractional_sizes", "sizes with decimals in market data"),
    _Feature(164, "size_rules", "smallest size and its steps in contract details"),
    _Feature(165, "historical_schedule", "trading hours of the past"),
    _Feature(166, "advanced_rejects", "rejections that can be answered"),
    _Feature(167, "user_info", "white-branding of the login"),
    _Feature(168, "crypto_aggregated_trades", "aggregated trades of crypto currencies"),
    _Feature(169, "manual_order_time", "the time at which a human gave the order"),
    _Feature(170, "peg_best_peg_mid", "offsets of pegged orders on IBKRATS"),
    _Feature(171, "event_filters", "filters of the calendar of events"),
    _Feature(172, "ipo_prices", "estimated and final prices of an offering"),
    _Feature(174, "instrument_timezone", "times in the zone of the instrument"),
    _Feature(175, "history_in_shares", "historical volumes of US stocks in shares"),
    _Feature(176, "bond_issuer", "issuers of bonds in symbol searches"),
    _Feature(178, "pending_price_revision", "fills whose price is not final say so"),
    _Feature(179, "fund_data", "details of funds"),
    _Feature(183, "customer_account", "orders that name a customer's account"),
    _Feature(184, "professional_customer", "orders that say that the customer is professional"),
    _Feature(186, "ineligibility_reasons", "why an account cannot trade a contract"),
    _Feature(189, "include_overnight", "orders that also work overnight"),
    _Feature(192, "cme_tagging", "tags of manual orders at CME"),
    _Feature(194, "error_time", "errors that say when they arose"),
    _Feature(195, "full_preview", "margins of previews by side"),
    _Feature(197, "time_in_milliseconds", "the gateway's time in milliseconds"),
    _Feature(198, "submitter", "who submitted an order"),
    _Feature(199, "imbalance_only", "orders for imbalances only"),
    _Feature(200, "days_of_executions", "executions of more days than today"),
    _Feature(201, "protobuf", "messages in protocol buffers, and all that came with them"),
)


def capabilities_of(
    server_version: int, *, readonly: bool = False, api_is_readonly: bool = False
) -> Capabilities:
    """
    Return what a session of this server version can do.

    Args:
        server_version: As agreed on in the handshake.
        readonly: Whether the settings refuse orders.
        api_is_readonly: Whether the gateway does.
    """
    return Capabilities(
        server_version=server_version,
        client_version=CLIENT_VERSION,
        features=(
            *_orders(readonly=readonly, api_is_readonly=api_is_readonly),
            *(_judged(feature, server_version) for feature in FEATURES),
        ),
    )


def _orders(*, readonly: bool, api_is_readonly: bool) -> Iterator[Capability]:
    reason = ""
    if api_is_readonly:
        reason = "the gateway's API is read-only: untick it under Configure > API > Settings"
    elif readonly:
        reason = "the setting readonly is on"
    yield Capability(
        name="orders",
        meaning="placing, changing and cancelling orders",
        is_available=not reason,
        reason=reason,
    )
    yield Capability(
        name="order_lists",
        meaning="seeing orders and executions",
        is_available=not api_is_readonly,
        reason=reason if api_is_readonly else "",
    )


def _judged(feature: _Feature, server_version: int) -> Capability:
    reason = ""
    if feature.since > CLIENT_VERSION:
        reason = f"this client speaks server versions up to {CLIENT_VERSION}"
    elif feature.since > server_version:
        reason = f"the gateway has server version {server_version}: update it"
    return Capability(
        name=feature.name,
        meaning=feature.meaning,
        is_available=not reason,
        reason=reason,
        since=feature.since,
    )
