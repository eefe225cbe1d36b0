"""ISINs that are nobody's: with a right check digit, in a country that there is not."""

from __future__ import annotations

__all__ = ["check_digit", "made_up_isin"]

_NOWHERE = "ZZ"
_DIGITS = 36


def made_up_isin(number: int) -> str:
    """Return the ISIN of a made-up number; a code that is not given to any country begins it."""
    body = f"{_NOWHERE}{number:09d}"
    return f"{body}{check_digit(body)}"


def check_digit(body: str) -> int:
    """Return the digit that belongs behind the first eleven signs of an ISIN (ISO 6166)."""
    digits = "".join(str(int(sign, _DIGITS)) for sign in body)
    doubled = (int(digit) * (1 if n % 2 else 2) for n, digit in enumerate(reversed(digits)))
    return -sum(digit // 10 + digit % 10 for digit in doubled) % 10
