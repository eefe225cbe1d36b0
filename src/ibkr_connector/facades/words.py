"""The words of older programs' configurations, read as settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings import Settings
from ibkr_connector.settings.mistakes import refuse_unknown

__all__ = ["broker_settings", "client_settings", "wants_logging"]

DETECT: Final = "DEFAULT"
"""What older programs write for "the account of this login"."""

_LOGGING: Final = "enable_logging"
_BROKER: Final = {"timeout": "connect_timeout_s"}
_API: Final = {
    "endpoint": "host",
    "host": "host",
    "port": "port",
    "client_id": "client_id",
    "timeout": "connect_timeout_s",
    "retry_attempts": "retry_max_attempts",
    "paper_trading": "paper_trading",
    "account_id": "account_id",
    "readonly": "readonly",
    _LOGGING: _LOGGING,
}
_DATA_TYPES: Final = {
    "delayed": "delayed",
    "realtime": "live",
    "real-time": "live",
    "real_time": "live",
    "live": "live",
    "frozen": "frozen",
    "delayed_frozen": "delayed_frozen",
}


def broker_settings(config: Mapping[str, Any], **fixed: Any) -> Settings:
    """
    Return the settings that a broker's flat configuration means.

    Args:
        config: `host, port, client_id, timeout` (seconds to connect), `paper_trading, account_id`
            (`DEFAULT` takes the only account of the login), `enable_logging`, `profile`, and any
            other setting by its own name.
        fixed: What the caller insists on; the configuration may not say otherwise.

    Raises:
        ConfigurationError: A key is misspelt, a value wrong, or the two contradict each other.
    """
    known = Settings.model_fields.keys() | _BROKER.keys() | {_LOGGING}
    refuse_unknown(config, known, "key of the broker's configuration")
    values = _renamed(config, _BROKER)
    for key, value in fixed.items():
        if values.setdefault(key, value) != value:
            raise ConfigurationError(
                f"the broker's configuration: {key} is {values[key]!r}",
                hint=f"leave it out, or make a broker whose {key} is not {value!r}",
            )
    return _loaded(values)


def client_settings(config: Mapping[str, Any]) -> Settings:
    """
    Return the settings that a client's nested configuration means.

    Args:
        config: `api` with `endpoint` (`HOST` or `HOST:PORT`), `port, client_id, timeout` (seconds
            to connect), `retry_attempts, paper_trading, account_id, readonly`; `market_data` with
            `data_type` (`delayed`, `realtime`, `frozen` or `delayed_frozen`).

    Raises:
        ConfigurationError: A key is misspelt or a value wrong.
    """
    refuse_unknown(config, {"api", "market_data"}, "section of the client's configuration")
    api = _section(config, "api")
    data = _section(config, "market_data")
    refuse_unknown(api, _API, "key in section `api`")
    refuse_unknown(data, {"data_type"}, "key in section `market_data`")
    values = _renamed(api, _API)
    host, colon, port = str(values.get("host", "")).rpartition(":")
    # with more colons than one it is an address of IPv6, which has a port only behind brackets
    if colon and (":" not in host or host.endswith("]")):
        if not port.isdigit():
            raise ConfigurationError(
                f"api.endpoint is {values['host']!r}", hint="expected: HOST or HOST:PORT"
            )
        values["host"] = host.strip("[]")
        if str(values.setdefault("port", port)) != port:
            raise ConfigurationError(
                f"api.endpoint names port {port}, api.port {values['port']}", hint="keep one"
            )
    if (kind := data.get("data_type")) is not None:
        if str(kind).lower() not in _DATA_TYPES:
            raise ConfigurationError(
                f"market_data.data_type is {kind!r}", hint=f"expected: {', '.join(_DATA_TYPES)}"
            )
        values["market_data_type"] = _DATA_TYPES[str(kind).lower()]
    return _loaded(values)


def wants_logging(config: Mapping[str, Any]) -> bool:
    """Tell whether a configuration, flat or nested, asks for a log."""
    return bool(config.get(_LOGGING) or _section(config, "api").get(_LOGGING))


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key == _LOGGING or value is None:
            continue
        if (name := names.get(key, key)) in values:
            raise ConfigurationError(f"{key} is given under two names", hint="keep one of them")
        values[name] = value
    return values


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name) or {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(
            f"section `{name}` is {section!r}", hint="expected: a mapping of keys to values"
        )
    return section


def _loaded(values: dict[str, Any]) -> Settings:
    if values.get("account_id") == DETECT:
        del values["account_id"]
    profile = values.pop("profile", None)
    return Settings.load(profile, **values)
