from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterable

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from ibkr_connector import ConfigurationError, WrongThreadError
from ibkr_connector.observe.counts import Counts
from ibkr_connector.observe.metrics import Family, Metrics, counted, spread, told
from ibkr_connector.observe.tallies import Distribution


def families() -> Iterable[Family]:
    waits = Distribution((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        waits.observe(value, "quote")
    return [
        counted("ibkr_calls", "Calls.", [(("quote",), 3)], "endpoint"),
        told("ibkr_up", "Up.", True),
        told("ibkr_unknown", "Not known.", None),
        spread("ibkr_wait_seconds", "Waits.", waits, "endpoint"),
    ]


def metrics(collect: object = families, *, is_io_thread: bool = False, **labels: str) -> Metrics:
    return Metrics(
        collect,  # type: ignore[arg-type]  # tests give what they like
        labels=labels or {"profile": "paper"},
        is_io_thread=lambda: is_io_thread,
    )


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in parser.text_string_to_metric_families(text)
        for one in family.samples
    }


def test_what_is_told_is_what_prometheus_reads() -> None:
    said = metrics().exposition()
    read = samples(said.body.decode())
    quote = (("endpoint", "quote"), ("profile", "paper"))
    assert said.content_type.startswith("text/plain")
    assert read["ibkr_calls_total", quote] == 3
    assert read["ibkr_up", (("profile", "paper"),)] == 1
    assert not [name for name, _ in read if name == "ibkr_unknown"]
    assert [
        read["ibkr_wait_seconds_bucket", tuple(sorted((*quote, ("le", bound))))]
        for bound in ("0.1", "1.0", "+Inf")
    ] == [2, 3, 4]
    assert read["ibkr_wait_seconds_count", quote] == 4
    assert read["ibkr_wait_seconds_sum", quote] == pytest.approx(7.65)


def test_openmetrics_is_spoken_to_whoever_asks_for_it() -> None:
    said = metrics().exposition("application/openmetrics-text; version=1.0.0")
    assert said.content_type.startswith("application/openmetrics-text")
    read = openmetrics.text_string_to_metric_families(  # type: ignore[no-untyped-call]  # it is not
        said.body.decode()
    )
    names = [one.name for one in read]
    assert "ibkr_calls" in names


def test_two_connectors_of_a_process_do_not_meet() -> None:
    paper, live = metrics(profile="paper"), metrics(profile="live")
    assert paper.registry is not live.registry
    assert "live" not in paper.exposition().body.decode()


def test_nothing_is_collected_until_somebody_asks() -> None:
    asked: list[int] = []

    def collect() -> Iterable[Family]:
        asked.append(1)
        return ()

    watched = metrics(collect)
    assert watched.registry is watched.registry
    assert asked == []
    watched.exposition()
    assert asked == [1]


def test_the_io_thread_does_not_render() -> None:
    with pytest.raises(WrongThreadError, match="own thread"):
        metrics(is_io_thread=True).exposition()


def test_it_is_served_on_this_machine_and_ends() -> None:
    before = set(threading.enumerate())
    with metrics().serve(port=0) as server:
        assert server.host == "127.0.0.1"
        with urllib.request.urlopen(server.url, timeout=60) as answer:
            assert samples(answer.read().decode())["ibkr_up", (("profile", "paper"),)] == 1
    for thread in set(threading.enumerate()) - before:
        thread.join(60)  # whoever has answered may still have to end
        assert not thread.is_alive()


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
            metrics().serve(port=port)


def test_another_address_is_served_when_it_is_named_and_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics().serve(host="0.0.0.0", port=0).close()
    assert "without a password" in caplog.text
    caplog.clear()
    metrics().serve(host="localhost", port=0).close()
    assert caplog.text == ""


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in Counts().families():
        assert family.name.startswith("ibkr_")
        assert not family.name.endswith("_total"), "the client adds it"
        assert family.help.endswith(".")
        assert (family.spread is not None) == family.name.endswith("_seconds")
        assert not {"order", "contract", "symbol", "account"} & set(family.labels)
