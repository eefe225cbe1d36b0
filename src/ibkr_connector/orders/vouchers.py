"""
Tokens of previews: each lets exactly one order go, once, for a while, in this process.

Owns: which tokens are good, and for what. A token is shown once, to whoever asked for the preview;
here only its digest is kept, so that nothing which is logged, dumped or written can place an order.
A restart forgets them all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.orders import OrderRequest
from ibkr_connector.model.preview import Decision, OrderPreview

from .admission import Examined

__all__ = ["Voucher", "Vouchers", "as_placed", "decision_of", "exactly"]

_AGAIN: Final = "preview the order again; a token is good for one order, once, for a while"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """What a token stands for."""

    digest: bytes
    order: tuple[object, ...]
    expires_s: float
    preview: OrderPreview
    by: str


class Vouchers:
    """
    Issue and take tokens; lives on the desk's loop.

    Args:
        clock: Source of all times; a change of the wall clock lengthens no token's life.
        ttl_s: How long a token is good.
        required: Whether an order without one is refused.
        make: Makes the secret.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ttl_s: float = 60.0,
        required: bool = False,
        make: Callable[[], str] = lambda: secrets.token_urlsafe(24),
    ) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._required = required
        self._make = make
        self._good: dict[bytes, Voucher] = {}

    @property
    def ttl_s(self) -> float:
        """How long a token is good."""
        return self._ttl_s

    def issue(self, preview: OrderPreview, what: tuple[object, ...], *, by: str) -> str:
        """Make a token for what was previewed; `exactly` says what that is."""
        self._forget_old()
        token = self._make()
        digest = _digest(token)
        self._good[digest] = Voucher(
            digest=digest,
            order=what,
            expires_s=self._clock.monotonic() + self._ttl_s,
            preview=preview,
            by=by,
        )
        return token

    def check(self, token: object, *, is_exit: bool) -> None:
        """
        Refuse what is refused whatever the order is, before anything is asked for it.

        Raises:
            OrderValidationError: A token is needed and missing, or this one is no good.
        """
        if token is not None:
            self._find(token)
        elif self._required and not is_exit:
            raise OrderValidationError(
                "only orders that were previewed are placed here, and the token is missing",
                hint="pass the token of its preview; the setting require_preview asks for it",
            )

    def take(self, token: object, what: tuple[object, ...]) -> Voucher | None:
        """
        Use a token up for the order that it was made for; `None` when none was given.

        Raises:
            OrderValidationError: It is no good (any more), or was made for another order: then it
                stays good for that one.
        """
        if token is None:
            return None
        voucher = self._find(token)
        if voucher.order != what:
            raise OrderValidationError(
                "the token was made for another order than this one",
                hint="place the order as it was previewed (`preview.order`), or preview this one",
            )
        del self._good[voucher.digest]
        return voucher

    def _find(self, token: object) -> Voucher:
        if not isinstance(token, str):
            raise OrderValidationError(f"token must be text; got {type(token).__name__}")
        self._forget_old()
        digest, found = _digest(token), None
        for voucher in self._good.values():
            # every one is compared, in the same time, so that the time tells nothing
            if hmac.compare_digest(voucher.digest, digest):
                found = voucher
        if found is None:
            raise OrderValidationError(
                "the token is no good: it was used, has expired, or is not of this run",
                hint=_AGAIN,
            )
        return found

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        for digest in [one.digest for one in self._good.values() if one.expires_s <= now]:
            del self._good[digest]


def as_placed(examined: Examined) -> OrderRequest:
    """Return a request as it would be placed: its contract looked up, its account chosen."""
    return replace(examined.request, contract=examined.contract, account=examined.account or None)


def decision_of(voucher: Voucher, clock: Clock) -> Decision:
    """Return what is written down with an order that a token has let go."""
    preview = voucher.preview
    return Decision(
        by=voucher.by,
        previewed_at=preview.at,
        placed_at=clock.utcnow(),
        correlation_id=preview.correlation_id,
        rules=preview.rules,
        broker=preview.broker,
        price=preview.price,
    )


def exactly(*examined: Examined, changing: str = "") -> tuple[object, ...]:
    """
    Say what makes orders these ones: every term, the contract by its identity, where it is sent.

    Of a change, `changing` is the key of the order that it is about.
    """
    return (
        changing,
        *(
            (
                one.contract.identity,
                one.contract.exchange,
                one.contract.currency,
                replace(one.request, contract="", account=one.account),
            )
            for one in examined
        ),
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
