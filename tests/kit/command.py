"""`ibkr` as a process of its own, without the second that it takes to load."""

from __future__ import annotations

import subprocess
from typing import Final

from kit.forked import Loaded

__all__ = ["ibkr"]

_loaded: Final = Loaded("ibkr_connector.cli.app", "ibkr_connector.engine", "typer.rich_utils")

_RUN: Final = """
import sys
from ibkr_connector.cli import main
sys.argv[0] = "ibkr"
sys.exit(main())
"""


def ibkr(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with this process' environment and folder, and return what came of it."""
    return _loaded.run(["-c", _RUN, *arguments], said=said)
