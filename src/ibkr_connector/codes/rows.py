"""The words in which the code table speaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ibkr_connector.errors import IBKRError

__all__ = [
    "AccountEffect",
    "CodeKind",
    "CodeRow",
    "Ends",
    "LinkEffect",
    "OrderEffect",
    "PacingEffect",
    "Scope",
    "SessionEffect",
    "StreamEffect",
    "When",
]


class CodeKind(StrEnum):
    """What sort of message a code is."""

    INFO = "info"
    WARNING = "warning"
    CONNECTION = "connection"
    TRANSIENT = "transient"
    REQUEST = "request"
    REJECT = "reject"
    ORDER_WARNING = "order warning"
    VERDICT = "verdict"
    PACING = "pacing"
    PERMISSION = "permission"
    CLIENT = "client"


class Scope(StrEnum):
    """What a message answers."""

    REQUEST = "request"
    """A data request."""

    ORDER = "order"
    """A new order."""

    MODIFY = "modify"
    """A change of a working order."""

    CANCEL = "cancel"
    """A cancellation."""

    SYSTEM = "system"
    """Nothing in particular."""


class Ends(StrEnum):
    """Whether a message is the last one about its request."""

    YES = "yes"
    NO = "no"
    DEPENDS = "depends"


class OrderEffect(StrEnum):
    """What a message proves about an order."""

    NONE = "none"

    DEAD = "dead"
    """A new order that gets this is not working and never will be."""

    VERDICT = "verdict"
    """It answers a cancellation or a change; about the order itself it proves nothing."""

    HINT = "hint"
    """It may mean the order's end or not: wait for evidence, and ask the broker."""

    WARNING = "warning"
    """The order goes on."""


class PacingEffect(StrEnum):
    """Which limit a message says was reached."""

    NEAR = "near"
    """Messages come nearly too fast."""

    MESSAGES = "messages"
    """Messages came too fast."""

    HISTORY = "history"
    """Historical or real-time data was asked for too often."""

    LINES = "lines"
    """More market data lines were asked for than there are."""


class LinkEffect(StrEnum):
    """What a system message says about the link between gateway and IB."""

    DOWN = "down"
    DOWN_QUIETLY = "down quietly"
    """As `DOWN`, but only the farms' notices say that it is over."""
    DATA_LOST = "data lost"
    DATA_KEPT = "data kept"


class SessionEffect(StrEnum):
    """What a message says about the connection besides its link to IB."""

    PORT_MOVED = "port moved"
    """The gateway drops everybody and listens on the port that its text names."""

    COMPETING = "competing session"
    """The same user is logged in elsewhere: market data stands still."""


class AccountEffect(StrEnum):
    """What a message says about the margin of an account."""

    MARGIN_NEAR = "margin near"
    """What is left above the margin has become little."""

    LIQUIDATION_NEAR = "liquidation near"
    """The margin is not met: the broker may close positions without another word."""


class StreamEffect(StrEnum):
    """What a message does to an open stream of market data, beyond ending it with an error."""

    RENEW = "renew"
    """The gateway ended it for a reason of its own; asking again brings it back."""

    RESET = "reset"
    """What was told so far counts no longer; the stream goes on from nothing."""

    COMPETING = "competing"
    """The same user is logged in elsewhere and has the data; they may come back by themselves."""

    EMPTY = "empty"
    """A scan finds nothing now; it goes on."""

    NO_LINE = "no line"
    """The gateway has fewer lines than we thought."""


class When(StrEnum):
    """Documented texts that split one code in several meanings."""

    ANY = ""
    NO_DATA = "query returned no data"
    PACING = "pacing violation"
    CANCELLED = "query cancelled"
    OTHER_ADDRESS = "different ip address"
    NO_PERMISSION = "no market data permissions"
    TOO_SOON = "within 15 seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """
    One meaning of one code.

    `error` is what a call ends with when the message ends it; `None` where it never does.
    `scopes` are what the row applies to, and `when` is the text that it needs.
    """

    code: int
    kind: CodeKind
    source: str
    error: type[IBKRError] | None = None
    ends: Ends = Ends.NO
    order: OrderEffect = OrderEffect.NONE
    scopes: frozenset[Scope] = frozenset(Scope)
    when: When = When.ANY
    hint: str = ""
