"""IB's names of the kinds of securities, read."""

from __future__ import annotations

from typing import Final

from ibkr_connector.model.contracts import SecurityType

__all__ = ["security_type"]

_KINDS: Final = {kind.value: kind for kind in SecurityType} | {
    "BILL": SecurityType.BOND,
    "FIXED": SecurityType.BOND,
    "IOPT": SecurityType.WARRANT,
}
"""IB's names, and those of kinds that we file under a related one."""


def security_type(name: str) -> SecurityType:
    """
    Read IB's name of a kind of security.

    Raises:
        ValueError: It has no name here.
    """
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"expected a security type, found {name!r}")
    return kind
