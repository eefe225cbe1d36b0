"""
A scenario: what a gateway is at its beginning, and what happens to it at which time.

In Python, each step returns a new scenario:

    scenario = (
        Scenario(accounts={"DU1": Account(cash={"USD": Decimal(5000)})}, quirks=("preset_tif",))
        .at(5, HoldQuote(symbol="AAPL", bid=Decimal(190), ask=Decimal(191)))
        .at(30, Cut(on="PlaceOrder", handled=True))
    )
    async with GatewaySimulator(scenario) as gw: ...

As a YAML file, for `ibkr sim --scenario FILE` and `read_scenario`:

    start: 2026-11-18T15:00:00Z
    accounts: {DU1: 5000}
    quirks: [preset_tif]
    script:
      - {at_s: 5, quote: {symbol: AAPL, bid: 190, ask: 191}}
      - {at_s: 30, fault: {kind: cut, on: PlaceOrder, handled: true}}
"""

from __future__ import annotations

from .actions import (
    ACTIONS,
    Action,
    Bulletin,
    ClearFaults,
    CutSockets,
    HaltTrading,
    HoldQuote,
    Inject,
    Order,
    ReleaseMarket,
    RestartNow,
    SayNotice,
    SwitchQuirk,
    read_action,
)
from .opening import Models, clock_of, find_instrument, open_gateway, plain_accounts
from .reading import ScenarioError, parse_scenario, read_scenario
from .values import DEFAULT_ACCOUNT, DEFAULT_CASH, Account, Cue, Holding, Scenario

__all__ = [
    "ACTIONS",
    "DEFAULT_ACCOUNT",
    "DEFAULT_CASH",
    "Account",
    "Action",
    "Bulletin",
    "ClearFaults",
    "Cue",
    "CutSockets",
    "HaltTrading",
    "HoldQuote",
    "Holding",
    "Inject",
    "Models",
    "Order",
    "ReleaseMarket",
    "RestartNow",
    "SayNotice",
    "Scenario",
    "ScenarioError",
    "SwitchQuirk",
    "clock_of",
    "find_instrument",
    "open_gateway",
    "parse_scenario",
    "plain_accounts",
    "read_action",
    "read_scenario",
]
