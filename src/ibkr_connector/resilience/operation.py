"""
What may be asked of the gateway, and under which policy: one row per endpoint.

Owns the words in which a call describes itself to the pipeline. A row says how urgent a call is,
what it costs of the message budget, which circuit it belongs to, how long it may take, and whether
it may be made again. Nothing here knows how those policies are carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final, Generic, Protocol, TypeVar

__all__ = [
    "ENDPOINTS",
    "LIVE_BARS",
    "EndpointPolicy",
    "Group",
    "HistoryKey",
    "Lane",
    "Operation",
    "Replay",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Replay(StrEnum):
    """Whether making the same call twice can do something twice."""

    SAFE = "safe"
    """Asking again is harmless: reads, subscriptions, a cancel by id."""

    NEVER = "never"
    """Never again without the user: orders, and whatever we cannot judge."""


class Lane(IntEnum):
    """Who goes first when messages queue for the wire; the smaller number overtakes."""

    CANCEL = 0
    ORDER = 1
    CONTROL = 2
    DATA = 3
    HISTORY = 4


class Group(StrEnum):
    """Endpoints that share a circuit breaker, because they fail together."""

    CONNECTION = "connection"
    ORDERS = "orders"
    MARKET = "market"
    HISTORY = "history"
    ACCOUNT = "account"
    PREVIEW = "preview"
    """Of its own: a question that stays unanswered says nothing about orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPolicy:
    """
    How calls of one endpoint are treated.

    Args:
        name: The endpoint, as it shows in logs and metrics.
        group: Circuit breaker that sees its results.
        lane: Place in the queue for the wire.
        replay: Whether it may be made again after a failure.
        cost: Messages it puts on the wire together; one that calls it off later waits by itself.
        deadline_s: The whole call, waits and repeats included; `None` takes the pipeline's own.
        attempt_s: One attempt once it is on the wire; `None` is all that is left of the deadline.
        apart_s: Two calls with the same `subject` are this far apart.
        passes_open: Whether it is tried though its circuit is open: what takes risk away is not
            held back by what others failed at, and says nothing about the circuit then.
    """

    name: str
    group: Group
    lane: Lane
    replay: Replay
    cost: int = 1
    deadline_s: float | None = None
    attempt_s: float | None = None
    apart_s: float = 0.0
    passes_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKey:
    """
    What the historical limits count a request under.

    Args:
        contract_key: Contract, exchange and tick type (fewer than six in two seconds); empty where
            that does not count.
        identical_key: Everything that makes two requests the same (one in 15 seconds); empty where
            that does not count.
        weight: How often it counts; BID_ASK counts twice.
        small_bars: Bars of 30 s and less, to which alone the hard rules apply.
        opens: Whether it is one of the historical requests that are open until they are answered;
            live bars are not.

    Source: IB campus, historical data limitations; for larger bars IB lifted the hard rules.
    """

    contract_key: str
    identical_key: str
    weight: int = 1
    small_bars: bool = False
    opens: bool = True


LIVE_BARS: Final = HistoryKey(contract_key="", identical_key="", small_bars=True, opens=False)
"""What a new stream of 5-second bars counts under: the ten-minute rule alone (IB campus)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[T_co]):
    """
    One call on its way through the pipeline; `call` starts a fresh attempt each time.

    `subject` is what the call is about, where the endpoint limits how often it may be asked.
    """

    policy: EndpointPolicy
    call: Callable[[], Awaitable[T_co]]
    deadline_s: float | None = None
    history: HistoryKey | None = None
    subject: Hashable = None

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.policy.name

    @property
    def replay(self) -> Replay:
        """Whether the call may be made again."""
        return self.policy.replay

    @property
    def cost(self) -> int:
        """Messages one attempt puts on the wire."""
        return self.policy.cost

    @property
    def lane(self) -> Lane:
        """Place in the queue for the wire."""
        return self.policy.lane


class Carrier(Protocol):
    """Whatever carries operations out: a pipeline, or something that chooses one."""

    async def run(self, op: Operation[T]) -> T:
        """Carry one operation out."""
        ...


def _row(  # three positional arguments, because a table is read by columns
    name: str,
    group: Group,
    lane: Lane,
    *,
    replay: Replay,
    cost: int = 1,
    deadline_s: float | None = None,
    attempt_s: float | None = None,
    apart_s: float = 0.0,
    passes_open: bool = False,
) -> EndpointPolicy:
    return EndpointPolicy(
        name=name,
        group=group,
        lane=lane,
        replay=replay,
        cost=cost,
        deadline_s=deadline_s,
        attempt_s=attempt_s,
        apart_s=apart_s,
        passes_open=passes_open,
    )


_SAFE: Final = Replay.SAFE
_NEVER: Final = Replay.NEVER

_ROWS: Final = (
    # Sent once or not at all. Ten seconds to reach the socket is already an emergency.
    _row("place_order", Group.ORDERS, Lane.ORDER, replay=_NEVER, deadline_s=10.0),
    # Names the order by its id, so a second one changes nothing.
    _row(
        "cancel_order",
        Group.ORDERS,
        Lane.CANCEL,
        replay=_SAFE,
        deadline_s=10.0,
        attempt_s=5.0,
        passes_open=True,
    ),
    _row("what_if", Group.PREVIEW, Lane.CONTROL, replay=_NEVER, deadline_s=10.0),
    _row("open_orders", Group.ORDERS, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    _row("completed_orders", Group.ORDERS, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    _row("executions", Group.ORDERS, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    _row("positions", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    _row("account_summary", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    _row("portfolio", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    # A subscription is open when its request is written; its figures or its refusal come later.
    _row("pnl", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE),
    _row("unsubscribe_pnl", Group.ACCOUNT, Lane.CONTROL, replay=_NEVER, deadline_s=5.0),
    # Asked and called off again: two messages.
    _row("model_positions", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, cost=2, attempt_s=10.0),
    _row("model_values", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, cost=2, attempt_s=10.0),
    _row("advisor", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    # Replaces a whole list: sent once, so that nobody's later change is undone by a repeat.
    _row("replace_advisor", Group.ACCOUNT, Lane.CONTROL, replay=_NEVER, deadline_s=15.0),
    _row("family_codes", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    _row("soft_dollar_tiers", Group.ACCOUNT, Lane.CONTROL, replay=_SAFE, attempt_s=10.0),
    # TWS slows ambiguous look-ups down by itself (IB campus: reqContractDetails).
    _row("contract_details", Group.MARKET, Lane.DATA, replay=_SAFE, attempt_s=15.0),
    _row("market_rule", Group.MARKET, Lane.DATA, replay=_SAFE, attempt_s=5.0),
    _row("matching_symbols", Group.MARKET, Lane.DATA, replay=_SAFE, attempt_s=5.0),
    _row("option_classes", Group.MARKET, Lane.DATA, replay=_SAFE, attempt_s=15.0),
    # Asked and called off again: two messages; ib_async waits four seconds for the answer.
    _row("option_value", Group.MARKET, Lane.DATA, replay=_SAFE, cost=2, attempt_s=15.0),
    # A snapshot ends by itself after eleven seconds (IB campus); its cancellation waits its turn.
    _row("quote", Group.MARKET, Lane.DATA, replay=_SAFE, attempt_s=15.0),
    # A stream is open when its request is written; its data or its refusal come later.
    _row("subscribe", Group.MARKET, Lane.DATA, replay=_SAFE),
    _row("subscribe_typed", Group.MARKET, Lane.DATA, replay=_SAFE, cost=2),
    # One tick-by-tick request for an instrument in 15 seconds (IB campus: tick-by-tick data).
    _row("subscribe_ticks", Group.MARKET, Lane.DATA, replay=_SAFE, apart_s=15.0),
    _row("subscribe_bars", Group.HISTORY, Lane.HISTORY, replay=_SAFE),
    _row("unsubscribe", Group.MARKET, Lane.CONTROL, replay=_NEVER, deadline_s=5.0),
    _row("bars", Group.HISTORY, Lane.HISTORY, replay=_SAFE, deadline_s=60.0, attempt_s=45.0),
    # Whether ticks of the past count among the small bars nobody says; they are taken to.
    _row(
        "past_ticks", Group.HISTORY, Lane.HISTORY, replay=_SAFE, deadline_s=1800.0, attempt_s=45.0
    ),
    # Scans, news, reports and histograms: answered at once, and never often.
    _row("research", Group.MARKET, Lane.DATA, replay=_SAFE, deadline_s=60.0, attempt_s=25.0),
    _row("schedule", Group.HISTORY, Lane.HISTORY, replay=_SAFE, deadline_s=60.0, attempt_s=30.0),
    _row(
        "head_timestamp", Group.HISTORY, Lane.HISTORY, replay=_SAFE, deadline_s=60.0, attempt_s=30.0
    ),
    # Repeating is the supervisor's business: it must see each miss.
    # Not kept apart, although TWS 10.45 ignores a second one within a second: whoever probes again
    # so soon doubts that anybody is there, and a probe that waits would tell him nothing.
    _row("heartbeat", Group.CONNECTION, Lane.CONTROL, replay=_NEVER, deadline_s=10.0),
    # The escape hatch: nobody knows what it does, so nobody repeats it.
    _row("request", Group.MARKET, Lane.DATA, replay=_NEVER),
)

ENDPOINTS: Final[Mapping[str, EndpointPolicy]] = MappingProxyType(
    {policy.name: policy for policy in _ROWS}
)
"""Every endpoint by name."""
