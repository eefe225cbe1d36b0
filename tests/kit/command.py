"""`ibkr` as a process of its own, without the second that it takes to load."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Final

from kit.forked import Loaded

__all__ = ["PATIENT", "ibkr"]

_loaded: Final = Loaded("ibkr_connector.cli.app", "ibkr_connector.engine", "typer.rich_utils")

_RUN: Final = """
import sys
from ibkr_connector.cli import main
sys.argv[0] = "ibkr"
sys.exit(main())
"""

PATIENT: Final[Mapping[str, str]] = {
    "IBKR_CONNECT_TIMEOUT_S": "60",
    "IBKR_SYNC_TIMEOUT_S": "60",
    "IBKR_ORDER_ACK_TIMEOUT_S": "60",
    "IBKR_REQUEST_TIMEOUT_S": "120",
}
"""Settings of a program that has time, on a machine that may have none for it."""


def ibkr(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with this process' environment and folder, and return what came of it."""
    return _loaded.run(["-c", _RUN, *arguments], environment={**PATIENT, **os.environ}, said=said)
