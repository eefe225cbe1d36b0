"""
The word that money was paid in or out, left in the state directory for the program that trades.

The program has the journal and the marks for itself, so another process leaves a small file, which
is read within a second, or by the next program of the profile that has the account's figures. Each
has a key, so that one that could not be removed counts once.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from ibkr_connector.errors import AccountError, ConfigurationError, IBKRError, NotConnectedError

from .small_file import write_small_file

__all__ = ["PaidIn", "check_paid_in", "leave_paid_in", "take_paid_in"]

_log = logging.getLogger("ibkr_connector.orders")

_PREFIX: Final = "paid-in-"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidIn:
    """
    Money that came, or went when `amount` is negative, in the account's base currency.

    `account` is `None` for the one that the settings mean; each has a `key` of its own.
    """

    amount: Decimal
    arrived: datetime
    account: str | None
    key: str


def check_paid_in(amount: object, arrived: object) -> tuple[Decimal, datetime]:
    """
    Read an amount of money and the moment at which it came.

    Raises:
        AccountError: The one is no amount, or the other no aware time.
    """
    try:
        if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
            raise InvalidOperation
        number = Decimal(amount)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not number:
        raise AccountError(
            f"an amount of money is a finite number and not 0; got {amount!r}",
            hint="positive for money paid in, negative for money paid out, in the base currency",
        )
    if not isinstance(arrived, datetime) or arrived.utcoffset() is None:
        raise AccountError(
            f"arrived must be an aware datetime; got {arrived!r}",
            hint="say its time zone, as in tzinfo=UTC",
        )
    return number, arrived


def leave_paid_in(
    directory: Path, amount: Decimal, *, arrived: datetime, account: str | None
) -> Path:
    """
    Leave the word for the program that trades; return the file, which goes when it was taken.

    Raises:
        ConfigurationError: It could not be written.
    """
    path = directory / f"{_PREFIX}{secrets.token_hex(6)}.json"
    row = {"amount": str(amount), "arrived": arrived.isoformat(), "account": account or ""}
    try:
        write_small_file(path, json.dumps(row) + "\n")
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path.name}: {error.strerror or error}",
            hint="nothing is noted; check the state directory",
        ) from error
    return path


def take_paid_in(directory: Path, apply: Callable[[PaidIn], object]) -> None:
    """Apply what was left and not taken yet; what cannot be is put aside, and that is said."""
    for path in sorted(directory.glob(f"{_PREFIX}*.json")):
        try:
            _take(path, apply)
        except OSError as error:
            # it is looked at again, and its key counts once
            _log.error("%s cannot be read or taken away: %s", path.name, error)


def _take(path: Path, apply: Callable[[PaidIn], object]) -> None:
    try:
        apply(_read(path))
    except NotConnectedError as error:
        # the connection ended under it; the next session takes it
        _log.info("%s is taken later: %s", path.name, error)
    except (ValueError, KeyError, TypeError, IBKRError) as error:
        _log.error("%s is put aside and counts for nothing: %s", path.name, error)
        path.replace(path.with_suffix(".bad"))
    else:
        path.unlink(missing_ok=True)


def _read(path: Path) -> PaidIn:
    row = json.loads(path.read_text("utf-8"))
    amount, arrived = check_paid_in(row["amount"], datetime.fromisoformat(row["arrived"]))
    return PaidIn(amount=amount, arrived=arrived, account=row["account"] or None, key=path.stem)
