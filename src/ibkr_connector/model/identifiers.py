"""Check digits of ISINs and CUSIPs, so that a slip of the pen is no other security; pure."""

from __future__ import annotations

import re
from typing import Final

from ibkr_connector.errors import ContractError

__all__ = ["check_identifier"]

_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CUSIP: Final = re.compile(r"(?=.*\d)[A-Z0-9]{8}\d")


def check_identifier(text: str) -> None:
    """
    Refuse an ISIN (ISO 6166) or a CUSIP with a wrong check digit; other texts are none of ours.

    Raises:
        ContractError: The last digit does not fit the others.
    """
    if _ISIN.fullmatch(text):
        right = _isin_digit(text[:-1])
    elif _CUSIP.fullmatch(text):
        right = _cusip_digit(text[:-1])
    else:
        return
    if int(text[-1]) != right:
        raise ContractError(
            f"{text} ends with {text[-1]}, and its check digit is {right}",
            hint="one of its characters is wrong; copy it again",
        )


def _isin_digit(text: str) -> int:
    digits = "".join(str(int(one, 36)) for one in text)
    # each second digit from the right counts twice, by the sum of its own digits
    doubled = (
        int(one) * (2 if place % 2 == 0 else 1) for place, one in enumerate(reversed(digits))
    )
    return -sum(value // 10 + value % 10 for value in doubled) % 10


def _cusip_digit(text: str) -> int:
    doubled = (int(one, 36) * (2 if place % 2 else 1) for place, one in enumerate(text))
    return -sum(value // 10 + value % 10 for value in doubled) % 10
