"""
Settings: read once, from where they may stand, into values that never change.

The only place that reads the environment. Keyword arguments come before environment variables,
those before `.env`, that before the files under `config/`, and those before the defaults.
"""

from __future__ import annotations

from .guard import check_accounts, check_port, standard_port
from .load import load_rules, load_settings
from .model import MarketDataChoice, Settings
from .rules import PermissionSettings, RiskSettings
from .secrets import resolve_secret
from .shown import SettingSource, setting_sources

__all__ = [
    "MarketDataChoice",
    "PermissionSettings",
    "RiskSettings",
    "SettingSource",
    "Settings",
    "check_accounts",
    "check_port",
    "load_rules",
    "load_settings",
    "resolve_secret",
    "setting_sources",
    "standard_port",
]
