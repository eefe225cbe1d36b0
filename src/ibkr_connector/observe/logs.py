"""
Logging as Python users expect it: `logging.getLogger("ibkr_connector")`, silent until configured.

A library never configures logging by itself. `configure_logging` is for programs (the command line
uses it): records are rendered on a thread of their own, each with the correlation id of its call
and its fields, with account ids and secrets masked.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from ibkr_connector.errors import ConfigurationError

from .correlation import current_correlation_id
from .log_queue import QueuedHandler, said, stamp
from .masking import mask_accounts, masked

__all__ = [
    "LOGGER",
    "CorrelationFilter",
    "configure_logging",
    "flush_logs",
    "mask_accounts",
    "reset_logging",
]

LOGGER: Final = logging.getLogger("ibkr_connector")
LOGGER.addHandler(logging.NullHandler())

_IB_ASYNC: Final = logging.getLogger("ib_async")
_NAME: Final = "ibkr_connector.configured"
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest are its fields."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_leveled: set[str] = set()

Level = str
Render = Callable[[Any, str, MutableMapping[str, Any]], str | bytes]


def configure_logging(
    level: Level = "INFO",
    *,
    form: Literal["console", "json"] = "console",
    stream: TextIO | None = None,
    file: Path | str | None = None,
    file_max_bytes: int = 10_000_000,
    file_keep: int = 5,
    levels: Mapping[str, Level] | None = None,
    show_accounts: bool = False,
    queued: bool = True,
) -> None:
    """
    Send the log of this package to a file or a stream (standard error when neither is given).

    Calling it again replaces what it set up before, and nothing that anybody else set up.
    ib_async's own loggers are held at warnings: their lower levels render whole order books.

    Args:
        level: Of everything in this package.
        form: One JSON object a line, or text for people.
        stream: Where to.
        file: Where to instead: only the user can read it, and it is begun anew (`.1`, `.2`, ...)
            when it is full.
        file_max_bytes: When it is full; 0 is never.
        file_keep: How many full ones are kept.
        levels: Of single parts, by the end of their name, as in `{"orders": "DEBUG"}`.
        show_accounts: Whether account ids are told in full.
        queued: Whether records are rendered on a thread of their own; `flush_logs` waits for it.

    Raises:
        ConfigurationError: There is no such level, or the file cannot be written.
    """
    checked = _level(level)
    parts = {name: _level(one) for name, one in (levels or {}).items()}
    target = _target(stream, file, max_bytes=file_max_bytes, keep=file_keep)
    target.setFormatter(_Formatter(form, show_accounts=show_accounts))
    handler = QueuedHandler(target) if queued else target
    handler.set_name(_NAME)
    reset_logging()
    for logger in (LOGGER, _IB_ASYNC):
        logger.addHandler(handler)
        logger.propagate = False
    LOGGER.setLevel(checked)
    _IB_ASYNC.setLevel(logging.WARNING)
    for name, one in parts.items():
        full = f"{LOGGER.name}.{name.removeprefix(f'{LOGGER.name}.')}"
        logging.getLogger(full).setLevel(one)
        _leveled.add(full)


def reset_logging() -> None:
    """Undo what `configure_logging` did, when everything is written; levels are inherited again."""
    ours = set()
    for logger in (LOGGER, _IB_ASYNC):
        for old in [h for h in logger.handlers if h.get_name() == _NAME]:
            logger.removeHandler(old)
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
            ours.add(old)
    for old in ours:
        if isinstance(old, QueuedHandler):
            old.finish()
            old = old.target
        # a stream that was given stays its owner's, who may have closed it meanwhile
        with suppress(ValueError):
            old.flush()
        if isinstance(old, logging.FileHandler):
            old.close()
    while _leveled:
        logging.getLogger(_leveled.pop()).setLevel(logging.NOTSET)


def flush_logs() -> None:
    """Wait until everything that was logged so far is written; five seconds at most."""
    for handler in LOGGER.handlers:
        if handler.get_name() == _NAME:
            handler.flush()


class CorrelationFilter(logging.Filter):
    """
    For handlers of your own: gives each record a `correlation_id`, for `%(correlation_id)s`.

    It passes everything. Records that another thread hands on must come by here before that.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Stamp the record, and let it pass."""
        stamp(record)
        return True


class _Formatter(logging.Formatter):
    """A record as one line, with its fields and without what must not be told."""

    def __init__(self, form: str, *, show_accounts: bool) -> None:
        super().__init__()
        self._hides = not show_accounts
        self._is_text = form != "json"
        self._render = _renderer(form)

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "message", None) or said(record),
        }
        call = getattr(record, "correlation_id", "") or current_correlation_id()
        if call:
            event["correlation_id"] = call
        for name, value in vars(record).items():
            if name not in _PLAIN and name != "correlation_id" and value is not None:
                # what takes the place of our own words would hide them
                event[f"{name}_" if name in event else name] = value
        if record.exc_info and record.exc_info[0] is not None:
            event["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            event["stack"] = record.stack_info
        event = masked(event, accounts=self._hides)
        if self._is_text:
            # fields are written as they stand in a program; the sentence itself is not
            event["event"] = _on_one_line(str(event["event"]))
        line = self._render(None, "", event)
        text = line.decode() if isinstance(line, bytes) else line
        return mask_accounts(text) if self._hides else text


def _on_one_line(text: str) -> str:
    """Escape what would begin a line: the reason that somebody gives could forge one of ours."""
    if text.isprintable():
        return text
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


def _renderer(form: str) -> Render:
    import structlog  # noqa: PLC0415  # whoever does not configure logs does not pay for it

    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False)


def _target(
    stream: TextIO | None, file: Path | str | None, *, max_bytes: int, keep: int
) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(stream or sys.stderr)
    path = Path(file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _PrivateFile(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the log file {path} cannot be written: {error}",
            hint="set IBKR_LOG_FILE to a file in a folder that you can write to",
        ) from error


class _PrivateFile(RotatingFileHandler):
    """A file that only the user can read: a log says when and what somebody trades."""

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(  # a path cannot say with which rights; closed by `close`
            self.baseFilename, self.mode, encoding=self.encoding, opener=private
        )


def _level(name: str) -> int:
    number = logging.getLevelNamesMapping().get(str(name).upper())
    if number is None:
        raise ConfigurationError(
            f"{name!r} is no level of a log", hint="there are DEBUG, INFO, WARNING, ERROR, CRITICAL"
        )
    return number
