"""Write the files of a new configuration from their examples; what is there is never touched."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import Application, TradingMode

from .files import FILE_NAMES, INI_NAME
from .forms import check_host
from .guard import check_port, standard_port

__all__ = ["Started", "example_of", "write_configuration"]

_BESIDE: Final = Path(__file__).parent / "examples"
"""Where an installed package has the examples."""

_IN_REPOSITORY: Final = Path(__file__).parents[3] / "config"

_OTHER: Final[Mapping[TradingMode, TradingMode]] = {
    TradingMode.PAPER: TradingMode.LIVE,
    TradingMode.LIVE: TradingMode.PAPER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Which files were written, and which were there before and left alone."""

    directory: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]


def example_of(name: str) -> str | None:
    """Return the example of a file; `None` when there is none."""
    for directory in (_BESIDE, _IN_REPOSITORY):
        path = directory / f"{name}.example"
        if path.is_file():
            return path.read_text("utf-8")
    return None


def write_configuration(
    directory: Path,
    *,
    mode: TradingMode = TradingMode.PAPER,
    host: str | None = None,
    port: int | None = None,
) -> Started:
    """
    Write every file that is missing, for its owner alone.

    Args:
        directory: Made when it is not there.
        mode: What the common section is for; profiles for both modes are written anyway.
        host: Host of the gateway.
        port: Port of the gateway in that mode.

    Raises:
        ConfigurationError: Host or port make no sense, or nothing can be written there.
    """
    try:
        found = "127.0.0.1" if host is None else check_host(host)
    except ValueError as error:
        raise ConfigurationError(f"argument host: host is {host!r}: {error}") from error
    if port is not None:
        check_port(port, mode)
    written: list[str] = []
    kept: list[str] = []
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in FILE_NAMES:
            text = example_of(name)
            if text is None:
                continue
            if name == INI_NAME:
                text = _fitted(text, mode=mode, host=found, port=port)
            (written if _created(directory / name, text) else kept).append(name)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {directory}: {error.strerror or type(error).__name__}",
            hint="name a directory that you may write to",
        ) from error
    return Started(directory=directory, written=tuple(written), kept=tuple(kept))


def _created(path: Path, text: str) -> bool:
    try:
        # one step that fails when something is there, and never opens it to others in between
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _fitted(text: str, *, mode: TradingMode, host: str, port: int | None) -> str:
    """Say in the common section what is meant, and in the other mode's profile what differs."""
    text = _said(text, "ibkr", host=host)
    if mode is TradingMode.LIVE:
        text = _said(text, "ibkr", paper_trading="false")
        text = _said(text, "profile.paper", paper_trading="true")
    if port is None:
        return text
    application = _application(port, mode)
    text = _said(text, "ibkr", application=application)
    if port == standard_port(application, mode):
        return text  # it follows from the two
    text = _said(text, "ibkr", port=str(port))
    other = _OTHER[mode]
    return _said(text, f"profile.{other}", port=str(standard_port(application, other)))


def _application(port: int, mode: TradingMode) -> Application:
    tws = port == standard_port(Application.TWS, mode)
    return Application.TWS if tws else Application.GATEWAY


def _said(text: str, section: str, /, **one: str) -> str:
    """Set a key in a section: in its line, in its line that is a comment, or below the header."""
    head, header, rest = text.partition(f"[{section}]\n")
    body, following, tail = rest.partition("\n[")
    ((key, value),) = one.items()
    line = f"{key} = {value}"
    changed, count = re.subn(
        rf"^(; )?{re.escape(key)} = .*$", lambda _: line, body, count=1, flags=re.MULTILINE
    )
    body = changed if count else f"{line}\n{body}"
    return f"{head}{header}{body}{following}{tail}"
