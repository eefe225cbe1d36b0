"""The `ibkr` command."""

from __future__ import annotations

import logging
import sys
from typing import Final

__all__ = ["main"]

_BROUGHT: Final = frozenset({"typer", "rich"})
_log = logging.getLogger(__name__)


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
        if missing.name not in _BROUGHT:
            raise
        print(
            "the command line needs the extra 'cli': pip install 'ibkr-connector[cli]'",
            file=sys.stderr,
        )
        return 2
    from .options import EXIT_DEFECT  # noqa: PLC0415

    try:
        app()
    except Exception as defect:  # noqa: BLE001  # whoever types reads no traceback
        _log.debug("the command ended in a defect", exc_info=True)
        print(
            f"unexpected {type(defect).__name__}: {defect}\nthis is a defect of ibkr-connector: "
            "please report it, with what IBKR_LOG_LEVEL=DEBUG adds",
            file=sys.stderr,
        )
        return EXIT_DEFECT
    return 0
