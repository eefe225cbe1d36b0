"""
Logging as Python users expect it: `logging.getLogger("ibkr_connector")`, silent until configured.

A library never configures logging by itself. `configure_logging` is for programs (the command line
uses it): structlog renders the records, each with the correlation id of its call and with account
ids masked.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog

from .correlation import current_correlation_id

__all__ = ["LOGGER", "configure_logging", "mask_accounts"]

LOGGER: Final = logging.getLogger("ibkr_connector")
LOGGER.addHandler(logging.NullHandler())

_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])(?P<head>D?[UFI]\d)\d{3,8}(?P<tail>\d{2})(?!\d)")
"""Account ids as IB writes them: U1234567 and DU1234567, advisors' F1234567 and DF1234567."""

_SECRET_WORDS: Final = ("token", "password", "secret", "api_key")
_IB_ASYNC: Final = logging.getLogger("ib_async")


def mask_accounts(text: str) -> str:
    """Replace the middle of every account id, so that it can be told apart but not used."""
    return _ACCOUNT.sub(r"\g<head>***\g<tail>", text)


def configure_logging(
    level: str = "INFO",
    *,
    form: Literal["console", "json"] = "console",
    stream: TextIO | None = None,
) -> None:
    """
    Send the log of this package to `stream` (standard error when not given).

    Calling it again replaces what it set up before, and nothing that anybody else set up.
    ib_async's own loggers are held at warnings: their lower levels render whole order books.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.set_name("ibkr_connector.configured")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.ExtraAdder(),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _add_correlation,
                structlog.processors.format_exc_info,
                _mask,
                renderer,
            ],
        )
    )
    for logger in (LOGGER, _IB_ASYNC):
        for old in [h for h in logger.handlers if h.get_name() == handler.get_name()]:
            logger.removeHandler(old)
        logger.addHandler(handler)
        logger.propagate = False
    LOGGER.setLevel(level.upper())
    _IB_ASYNC.setLevel(logging.WARNING)


def _add_correlation(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if call := current_correlation_id():
        event.setdefault("correlation_id", call)
    return event


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def _masked(key: str, value: Any) -> Any:
    if any(word in key.lower() for word in _SECRET_WORDS):
        return "***"
    if isinstance(value, str):
        return mask_accounts(value)
    if isinstance(value, dict):
        return {mask_accounts(str(k)): _masked(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item) for item in value]
    return value
