"""
The manners of TWS that surprise its clients, each a switch with a name, a reason and a source.

    gw.quirk(Quirk.COMMISSION_LATE)
    gw.quirk("commission_late", on=False)

A quirk is one or more faults under a name; a fault of one's own is more flexible. Sources: IB
campus is ibkrcampus.com's text on the TWS API; `rust` is rust-ibapi, `ibi` ib_insync, `nt`
nautilus_trader, `LEAN` its Interactive Brokers brokerage; "measured" is a paper account.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import data, link, trading
from .names import Quirk, QuirkRow

__all__ = ["QUIRKS", "Quirk", "QuirkRow", "find_quirk"]

QUIRKS: Final[Mapping[Quirk, QuirkRow]] = MappingProxyType(
    {**link.ROWS, **trading.ROWS, **data.ROWS}
)
"""Every quirk and what it does."""


def find_quirk(name: Quirk | str) -> Quirk:
    """
    Return a quirk by its name.

    Raises:
        ValueError: There is none of this name.
    """
    try:
        return Quirk(name)
    except ValueError:
        near = sorted(one for one in Quirk if one.split("_")[0] == str(name).split("_")[0])
        hint = f"; near are {', '.join(near)}" if near else ""
        raise ValueError(f"there is no quirk called {name!r}{hint}") from None
