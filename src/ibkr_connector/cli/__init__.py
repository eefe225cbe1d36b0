"""The `ibkr` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; without the `cli` extra, say what to install."""
    try:
        # the extra may be missing; and a gateway that is only simulated waits for no connector
        if sys.argv[1:2] == ["sim"]:
            from .sim import alone  # noqa: PLC0415

            app = alone()
        else:
            from .app import app  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "rich"}:
            raise
        print(
            "the command line needs the extra 'cli': pip install 'ibkr-connector[cli]'",
            file=sys.stderr,
        )
        return 2
    app()
    return 0
