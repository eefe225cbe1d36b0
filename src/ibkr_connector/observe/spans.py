"""
Spans for OpenTelemetry: one for each request to the gateway, one for each order's life.

They are made afterwards, with the times at which things happened and in the trace context of
whoever called, so that it need not be done where orders are carried. The tracer is whatever the
program has set up; without one nothing is made.

*limit*: an order's span ends when the order does, and is told then: one that rests for weeks shows
in no trace until it is closed or the connector is. A fill that comes after the end is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ibkr_connector.errors import ConfigurationError

from .masking import mask_accounts

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

__all__ = ["OrderSaid", "RequestSaid", "Spans"]

_SPAN_NAME: Final = "ibkr_connector"
_MOST_RETRYING: Final = 1000

Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSaid:
    """
    A request that has ended, or, with `retry`, one that is about to be made again.

    `task` tells which retries belong to which request.
    """

    name: str
    at: datetime
    elapsed_s: float
    attributes: Attributes
    error: BaseException | None = None
    retry: bool = False
    task: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSaid:
    """
    One thing that happened to an order.

    `begins` is when the order was intended, on the first of them; `ends` says that nothing more
    will come.
    """

    key: str
    event: str
    at: datetime
    attributes: Attributes
    begins: datetime | None = None
    ends: bool = False
    error: str = ""


@dataclass(slots=True)
class _Life:
    began: datetime
    context: Context | None = None
    events: list[tuple[str, datetime, Attributes]] = field(default_factory=list)


class Spans:
    """
    Makes spans; all calls but `context` on one thread.

    Args:
        always: Attributes of every span.

    Raises:
        ConfigurationError: The extra `otel` is not installed.
    """

    def __init__(self, always: Attributes) -> None:
        try:
            from opentelemetry import context, trace  # noqa: PLC0415
        except ImportError as error:
            raise ConfigurationError(
                "spans need the OpenTelemetry API, which is not installed",
                hint="pip install 'ibkr-connector[otel]', or set IBKR_SPANS=false",
            ) from error
        self._context, self._trace = context, trace
        self._always = dict(always)
        self._lives: dict[str, _Life] = {}
        self._retries: dict[int, tuple[RequestSaid, ...]] = {}

    def context(self) -> Context:
        """Return the trace context of now, for what is said of it later."""
        return self._context.get_current()

    def request(self, said: RequestSaid, context: Context) -> None:
        """Take a request in."""
        attempts = said.attributes["ibkr.attempts"]
        if said.retry:
            # what is left of a task that ended otherwise is not this one's
            before = () if attempts == 1 else self._retries.pop(said.task, ())
            self._retries[said.task] = (*before, said)
            if len(self._retries) > _MOST_RETRYING:
                del self._retries[next(iter(self._retries))]
        else:
            before = self._retries.pop(said.task, ())
            self._request(said, context, before if attempts != 1 else ())

    def order(self, said: OrderSaid, context: Context | None) -> None:
        """Take in what happened to an order; `context` is that of whoever placed it, if known."""
        life = self._lives.get(said.key)
        if life is None:
            if said.begins is None:
                return
            life = self._lives[said.key] = _Life(said.begins)
        life.context = life.context or context
        life.events.append((said.event, said.at, said.attributes))
        if said.ends:
            del self._lives[said.key]
            self._order_span(life, said.at, said.attributes, error=said.error)

    def close(self) -> None:
        """End the spans of orders that are open."""
        lives, self._lives = self._lives, {}
        for life in lives.values():
            _, at, attributes = life.events[-1]
            self._order_span(life, at, {**attributes, "ibkr.outcome": "open"})
        self._retries.clear()

    def _tracer(self) -> Tracer | None:
        # asked each time: a program may set its provider up after it has connected
        provider = self._trace.get_tracer_provider()
        if isinstance(provider, self._trace.ProxyTracerProvider | self._trace.NoOpTracerProvider):
            return None
        return self._trace.get_tracer(_SPAN_NAME)

    def _request(self, said: RequestSaid, context: Context, retries: Sequence[RequestSaid]) -> None:
        tracer = self._tracer()
        if tracer is None:
            return
        ended = _ns(said.at)
        span = tracer.start_span(
            said.name,
            context=context,
            kind=self._trace.SpanKind.CLIENT,
            attributes={**self._always, **said.attributes},
            start_time=ended - int(said.elapsed_s * 1e9),
        )
        for retry in retries:
            span.add_event("retry", _facts(retry), timestamp=_ns(retry.at))
        if said.error is not None:
            span.set_attribute("error.type", type(said.error).__name__)
            span.set_status(
                self._trace.Status(self._trace.StatusCode.ERROR, mask_accounts(str(said.error)))
            )
        span.end(ended)

    def _order_span(
        self, life: _Life, ended: datetime, attributes: Attributes, *, error: str = ""
    ) -> None:
        tracer = self._tracer()
        if tracer is None:
            return
        span = tracer.start_span(
            "order",
            context=life.context or self._context.Context(),
            kind=self._trace.SpanKind.CLIENT,
            attributes={**self._always, **attributes},
            start_time=_ns(life.began),
        )
        span.add_event("intent", timestamp=_ns(life.began))
        for name, at, facts in life.events:
            said = {key: value for key, value in facts.items() if key not in _OF_THE_WHOLE}
            span.add_event(name, said, timestamp=_ns(at))
        if error:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, mask_accounts(error)))
        span.end(_ns(ended))


_OF_THE_WHOLE: Final = frozenset(
    {"ibkr.order_id", "ibkr.order_ref", "ibkr.symbol", "ibkr.action", "ibkr.correlation_id"}
)


def _facts(retry: RequestSaid) -> dict[str, Any]:
    facts: dict[str, Any] = {"ibkr.attempt": retry.attributes["ibkr.attempts"]}
    if retry.error is not None:
        facts["error.type"] = type(retry.error).__name__
        facts["error.message"] = mask_accounts(str(retry.error))
    return facts


def _ns(at: datetime) -> int:
    # in whole microseconds: a float of so many nanoseconds has not enough digits
    return int(at.timestamp() * 1e6) * 1000
