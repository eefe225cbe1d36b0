"""
Metrics for Prometheus: a registry of its own, rendered when somebody asks, on the asker's thread.

Owns: how what was counted becomes what Prometheus reads, and the server that it reads it from. What
there is to tell is for `metering.py` to say. There is no global state: two connectors in a process
have two registries.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ibkr_connector.errors import ConfigurationError, WrongThreadError

from .tallies import Distribution, Labels, Tally

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Exposition", "Family", "Metrics", "MetricsServer", "counted", "spread", "told"]

_log = logging.getLogger(__name__)

DEFAULT_PORT: Final = 9464
"""Where `serve` listens unless it is told otherwise: the port that exporters are expected at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """
    One metric with all its samples.

    `name` is without the `_total` of counters. Samples of a `histogram` are made of a distribution,
    all others of labels and a number.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...] = ()
    rows: Sequence[tuple[Labels, float]] = ()
    spread: Distribution | None = None


def counted(
    name: str, text: str, rows: Tally | Iterable[tuple[Labels, float]], *labels: str
) -> Family:
    """Return what only grows."""
    listed = rows.rows() if isinstance(rows, Tally) else list(rows)
    return Family(name=name, help=text, kind="counter", labels=labels, rows=listed)


def told(
    name: str, text: str, rows: float | Tally | Iterable[tuple[Labels, float]] | None, *labels: str
) -> Family:
    """Return what is so now; nothing of a number that is not known."""
    listed: Sequence[tuple[Labels, float]]
    if rows is None:
        listed = ()
    elif isinstance(rows, int | float):
        listed = (((), float(rows)),)
    else:
        listed = rows.rows() if isinstance(rows, Tally) else list(rows)
    return Family(name=name, help=text, kind="gauge", labels=labels, rows=listed)


def spread(name: str, text: str, distribution: Distribution, *labels: str) -> Family:
    """Return how often how long."""
    return Family(name=name, help=text, kind="histogram", labels=labels, spread=distribution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """What a scrape is answered with."""

    body: bytes
    content_type: str


class MetricsServer:
    """A server of one connector's metrics, for Prometheus to read; ended by `close`."""

    def __init__(self, server: Any, thread: threading.Thread, address: tuple[str, int]) -> None:
        self._server = server
        self._thread = thread
        self.host, self.port = address

    @property
    def url(self) -> str:
        """Where to scrape."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/metrics"

    def close(self) -> None:
        """Listen no more; idempotent."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Metrics:
    """
    The metrics of one connector.

    Args:
        collect: Returns what there is to tell now; called for each scrape, on the asker's thread.
        labels: Stand at every metric, as in `{"profile": "live"}`.
        is_io_thread: Whether the caller is on the I/O thread, which must not render.
    """

    def __init__(
        self,
        collect: Callable[[], Iterable[Family]],
        *,
        labels: Mapping[str, str],
        is_io_thread: Callable[[], bool],
    ) -> None:
        self._collect = collect
        self._labels = dict(labels)
        self._is_io_thread = is_io_thread
        self._made: CollectorRegistry | None = None

    @property
    def registry(self) -> CollectorRegistry:
        """Prometheus' own registry, for exporters and frameworks that take one."""
        if self._made is None:
            from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415

            made = CollectorRegistry()
            made.register(_Collector(self._families))
            # of the whole process: its processor time, memory, descriptors
            ProcessCollector(registry=made)
            self._made = made
        return self._made

    def exposition(self, accept: str = "") -> Exposition:
        """
        Return everything as Prometheus reads it; from any thread but the connector's own.

        Args:
            accept: The `Accept` header of whoever asks: OpenMetrics is spoken when it wants that.

        Raises:
            WrongThreadError: Called on the I/O thread, where it would hold up orders.
        """
        if self._is_io_thread():
            raise WrongThreadError(
                "metrics are not rendered on the connector's own thread",
                hint="await asyncio.to_thread(ib.metrics.exposition)",
            )
        from prometheus_client import exposition  # noqa: PLC0415

        render, content_type = exposition.choose_encoder(accept)
        return Exposition(body=render(self.registry), content_type=content_type)

    def serve(self, *, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> MetricsServer:
        """
        Answer scrapes at `http://host:port/metrics` on threads of their own, until `close`.

        Whoever reaches the address reads what the accounts are worth, without a password: so it is
        this machine alone, unless another address is named.

        Args:
            host: Address to listen at; `0.0.0.0` is every one of this machine.
            port: 0 takes any that is free; the result says which.

        Raises:
            ConfigurationError: The address cannot be listened at.
        """
        from prometheus_client import start_http_server  # noqa: PLC0415

        try:
            server, thread = start_http_server(port, host, registry=self.registry)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"metrics cannot be served at {host}:{port}: {error}",
                hint="set IBKR_METRICS_PORT to a port that is free, and IBKR_METRICS_HOST to an "
                "address of this machine",
            ) from error
        if not _is_loopback(host):
            _log.warning("metrics are served to other machines, without a password, at %s", host)
        return MetricsServer(server, thread, (host, server.server_port))

    def _families(self) -> Iterator[Any]:
        for family in self._collect():
            yield _rendered(family, self._labels)


class _Collector:
    """What a registry asks; it says nothing in advance, since what there is to tell changes."""

    def __init__(self, collect: Callable[[], Iterator[Any]]) -> None:
        self.collect = collect

    def describe(self) -> Sequence[Any]:
        return ()


def _rendered(family: Family, always: Mapping[str, str]) -> Any:
    from prometheus_client import core  # noqa: PLC0415

    names, values = (*always, *family.labels), tuple(always.values())
    made: Any
    if family.spread is not None:
        made = core.HistogramMetricFamily(family.name, family.help, labels=names)
        bounds = [*map(_bound, family.spread.bounds), "+Inf"]
        for labels, counts, total in family.spread.rows():
            made.add_metric(
                (*values, *labels), list(zip(bounds, _risen(counts), strict=True)), total
            )
        return made
    kinds = {"counter": core.CounterMetricFamily, "gauge": core.GaugeMetricFamily}
    made = kinds[family.kind](family.name, family.help, labels=names)
    for labels, value in family.rows:
        made.add_metric((*values, *labels), value)
    return made


def _risen(counts: Sequence[int]) -> Iterator[int]:
    total = 0
    for count in counts:
        total += count
        yield total


def _bound(bound: float) -> str:
    return str(float(bound))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
