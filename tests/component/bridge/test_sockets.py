"""WebSockets: topics, numbers, coming back, slow readers, and the end."""

from __future__ import annotations

import asyncio
import json
import socket as plain_socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from ibkr_connector.bridge.topics import Topic
from ibkr_connector.simulator import Drop, HostedSimulator
from kit.bridge import Make, Served, until

RESTING: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": "1.05",
}


def say(socket: ClientConnection, **said: Any) -> None:
    socket.send(json.dumps(said))


def hear(
    socket: ClientConnection, until: Callable[[dict[str, Any]], bool], *, timeout_s: float = 60
) -> list[dict[str, Any]]:
    """Return what comes, up to the first message that is meant."""
    had: list[dict[str, Any]] = []
    while not had or not until(had[-1]):
        had.append(json.loads(socket.recv(timeout_s)))
    return had


def of(kind: str, topic: str | None = None) -> Callable[[dict[str, Any]], bool]:
    return lambda told: told["type"] == kind and topic in (None, told.get("topic"))


def subscribe(socket: ClientConnection, topic: str, **more: Any) -> dict[str, Any]:
    say(socket, op="subscribe", topic=topic, **more)
    return hear(socket, of("subscribed", topic))[-1]


def flood(bridge: Served, name: str, messages: int, *, size: int = 1) -> Topic:
    """Bring more messages to a topic than the market does."""
    (topic,) = (one for one in bridge.bridge.hub.topics() if one.name == name)
    told = {"type": "quote", "topic": name, "data": "x" * size}

    def write() -> None:
        for _ in range(messages):
            topic.put(lambda seq: json.dumps({**told, "seq": seq}))

    bridge.do(write)
    return topic


def hush(gateway: HostedSimulator) -> None:
    """Let no quote come any more but those of a flood."""
    for reply in ("TickPrice", "TickSize", "TickString", "TickGeneric"):
        gateway.do(lambda gw, reply=reply: gw.inject(Drop(reply=reply)))  # type: ignore[misc]


def test_quotes_come_with_numbers_that_have_no_gap(bridge: Served) -> None:
    socket = bridge.follow()
    assert hear(socket, of("hello"))[-1]["heartbeat_s"] == 15
    subscribe(socket, "quotes:AAPL")
    seqs = [hear(socket, of("quote"))[-1]["seq"] for _ in range(4)]
    assert seqs == list(range(seqs[0], seqs[0] + 4))


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("quotes:EUR.USD", "quote"),
        ("trades:AAPL", "trade"),
        ("depth:AAPL", "depth"),
        ("bars:AAPL:1 min", "bar"),
        ("account", "account"),
        ("pnl", "pnl"),
        ("alerts", "alerts"),
        ("pacing", "pacing"),
        ("status", "status"),
    ],
)
def test_each_topic_brings_its_records(bridge: Served, topic: str, kind: str) -> None:
    socket = bridge.follow()
    subscribe(socket, topic)
    told = hear(socket, of(kind, topic))[-1]
    assert told["seq"] >= 1
    assert told["data"]


def test_an_alert_is_told_with_all_that_is_wrong(bridge: Served) -> None:
    socket = bridge.follow()
    subscribe(socket, "alerts")

    def until(is_raised: bool) -> dict[str, Any]:
        def meant(told: dict[str, Any]) -> bool:
            kinds = [one["kind"] for one in told.get("data", {}).get("active", ())]
            return told["type"] == "alerts" and ("kill_switch" in kinds) is is_raised

        told: dict[str, Any] = hear(socket, meant)[-1]["data"]
        return told

    assert bridge.post("/v1/kill-switch", {"reason": "a test"}).status == 200
    raised = until(is_raised=True)
    assert raised["change"]["alert"]["kind"] == "kill_switch"
    assert bridge.call("DELETE", "/v1/kill-switch").status == 200
    assert until(is_raised=False)["change"]["step"] == "cleared"


def test_a_topic_of_an_account_is_of_that_account(bridge: Served) -> None:
    own = bridge.get("/v1/account").json["account"]
    socket = bridge.follow()
    subscribe(socket, f"pnl:{own}")
    # heard before the next wish is spoken: the first record may be the only one for minutes
    assert hear(socket, of("pnl", f"pnl:{own}"))[-1]["data"]["account"] == own
    subscribe(socket, f"account:{own}")
    assert hear(socket, of("account", f"account:{own}"))[-1]["data"]
    subscribe(socket, "pnl:DU0000000")
    assert hear(socket, of("error", "pnl:DU0000000"))[-1]["data"]["detail"]


def test_what_cannot_be_told_yet_comes_with_the_connection(make_bridge: Make) -> None:
    bridge = make_bridge(connect=False)
    socket = bridge.follow()
    for topic in ("pnl", "alerts", "orders"):
        subscribe(socket, topic)
        assert hear(socket, of("unavailable", topic))[-1]["data"]["type"].endswith("not-connected")
    assert bridge.post("/connect").status == 200
    had = {"pnl", "alerts"}
    while had:
        had.discard(json.loads(socket.recv(60))["type"])


def test_orders_are_told_as_they_happen(bridge: Served) -> None:
    socket = bridge.follow()
    subscribe(socket, "orders")
    # the stream is there when its first event can be asked for
    report = bridge.post("/v1/orders", RESTING).json
    bridge.call("DELETE", f"/v1/orders/{report['order_id']}")
    told = hear(
        socket,
        lambda one: (
            one["type"] == "OrderChanged"
            and one["data"]["report"]["order_id"] == report["order_id"]
            and one["data"]["report"]["status"] == "cancelled"
        ),
    )
    assert told[-1]["data"]["transition"]["target"] == "cancelled"


def test_all_readers_share_one_line(bridge: Served, gateway_of_all: HostedSimulator) -> None:
    def asked() -> int:
        log = gateway_of_all.do(lambda gw: [type(one.request).__name__ for one in gw.log])
        return log.count("ReqMarketData")

    first = bridge.follow("/ws/quotes/NVDA")
    hear(first, of("quote"))
    before = asked()
    assert before
    others = [bridge.follow("/ws/quotes/NVDA") for _ in range(8)]
    for other in others:
        assert hear(other, of("quote"))[0]["symbol"] == "NVDA"
    assert asked() == before


def test_who_comes_back_in_time_misses_nothing(bridge: Served) -> None:
    socket = bridge.follow()
    begun = subscribe(socket, "quotes:MSFT")
    last = hear(socket, of("quote"))[-1]["seq"]
    socket.close()
    back = bridge.follow()
    resumed = subscribe(back, "quotes:MSFT", resume={"epoch": begun["epoch"], "seq": last})
    assert resumed["epoch"] == begun["epoch"]
    told = hear(back, lambda one: one["type"] in {"quote", "gap"})[-1]
    assert (told["type"], told["seq"]) == ("quote", last + 1)


def test_who_comes_back_too_late_is_told_how_much_is_gone(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge(replay_events=16)
    socket = bridge.follow()
    begun = subscribe(socket, "quotes:AAPL")
    hear(socket, of("quote"))
    hush(lively_gateway)
    flood(bridge, "quotes:AAPL", 40)
    back = bridge.follow()
    subscribe(back, "quotes:AAPL", resume={"epoch": begun["epoch"], "seq": 1})
    told = hear(back, of("gap"))[-1]
    assert told["missed"] >= 20
    first = hear(back, of("quote"))[0]["seq"]
    assert first == 1 + told["missed"] + 1
    other = bridge.follow()
    subscribe(other, "quotes:AAPL", resume={"epoch": "another run", "seq": 1})
    assert hear(other, of("gap"))[-1]["missed"] is None


def test_a_slow_reader_is_told_and_costs_no_memory(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge(replay_events=16)
    # small buffers between the two, so that a reader is slow soon
    narrow = plain_socket.create_connection((bridge.host, bridge.port))
    narrow.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_RCVBUF, 4096)
    slow = bridge.follow(sock=narrow, max_queue=1)
    subscribe(slow, "quotes:AAPL")
    begun = hear(slow, of("quote"))[-1]["seq"]
    hush(lively_gateway)
    topic = flood(bridge, "quotes:AAPL", 4000, size=4000)
    quick = bridge.follow()
    subscribe(quick, "quotes:AAPL")
    assert hear(quick, of("quote"))[-1]["seq"] >= 4000, "it waits for nobody"
    told = hear(slow, of("lagged"))
    assert told[-1]["missed"] > 1000
    after = hear(slow, of("quote"))[-1]["seq"]
    seqs = [one["seq"] for one in told if "seq" in one]
    assert after == (seqs[-1] if seqs else begun) + told[-1]["missed"] + 1
    assert len(topic.since(0)) == 16


def test_two_hundred_readers_share_what_one_would_cost(
    bridge: Served, gateway_of_all: HostedSimulator
) -> None:
    """Counted, not timed: lines, topics, tasks, and what waits for each reader."""

    def asked() -> int:
        log = gateway_of_all.do(lambda gw: [type(one.request).__name__ for one in gw.log])
        return log.count("ReqMarketData")

    def tasks() -> int:
        return len(asyncio.all_tasks(bridge.loop))

    def waiting() -> int:
        links = [one.transport for one in bridge.server.server_state.connections]
        return max((link.get_write_buffer_size() for link in links), default=0)

    first = bridge.follow()
    subscribe(first, "quotes:TSLA")
    hear(first, of("quote"))
    lines, topics, before = asked(), len(bridge.bridge.hub.topics()), bridge.do(tasks)
    readers = [bridge.follow(max_queue=None) for _ in range(200)]
    for reader in readers:
        say(reader, op="subscribe", topic="quotes:TSLA")
    for reader in readers:
        hear(reader, of("subscribed"))
    topic = flood(bridge, "quotes:TSLA", 30, size=100)
    last = topic.seq
    for reader in readers:
        had = hear(reader, lambda one: one.get("seq", 0) >= last)
        seqs = [one["seq"] for one in had if one["type"] == "quote"]
        assert seqs == list(range(seqs[0], seqs[-1] + 1)), "each of them has every message"
    assert asked() == lines, "one market data line for all"
    assert len(bridge.bridge.hub.topics()) == topics
    assert len(topic.since(0)) <= bridge.bridge.settings.replay_events
    assert bridge.do(tasks) - before <= 200 * 8, "a few tasks for each"
    assert bridge.do(waiting) < 65_536, "what is kept is kept once"
    for reader in readers:
        reader.close()
    # nothing is left of those who went
    while bridge.do(lambda: topic.readers) > 1 or bridge.do(tasks) - before > 10:
        pass


def test_silence_is_broken_by_heartbeats(make_bridge: Make) -> None:
    bridge = make_bridge(heartbeat_s=0.1)
    socket = bridge.follow()
    subscribe(socket, "status")
    told = hear(socket, of("heartbeat"))[-1]
    assert told["topics"].keys() == {"status"}
    assert told["time"].endswith("Z")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        '{"op": "subscribe"}',
        '{"op": "subscribe", "topic": "moon"}',
        '{"op": "subscribe", "topic": "quotes"}',
        '{"op": "subscribe", "topic": "quotes:"}',
        '{"op": "subscribe", "topic": "older:AAPL"}',
        '{"op": "subscribe", "topic": "orders:AAPL"}',
        '{"op": "subscribe", "topic": "pnl:"}',
        '{"op": "subscribe", "topic": "pnl:DU1:x"}',
        '{"op": "subscribe", "topic": "alerts:now"}',
        '{"op": "subscribe", "topic": "quotes:AAPL:x"}',
        '{"op": "subscribe", "topic": "quotes:AAPL", "resume": {"epoch": 1, "seq": -1}}',
        '{"op": "fly"}',
        '{"op": "ping", "topic": 7}',
        '{"op": "subscribe", "topic": "quotes:%s"}' % ("x" * 300),
    ],
)
def test_nonsense_is_answered_and_harms_nobody(bridge: Served, said: str) -> None:
    socket = bridge.follow()
    socket.send(said)
    assert hear(socket, of("error"))[-1]["data"]["detail"]
    say(socket, op="ping")
    assert hear(socket, of("pong"))


def test_a_topic_that_cannot_be_is_told_and_is_over(bridge: Served) -> None:
    socket = bridge.follow()
    subscribe(socket, "quotes:NOSUCHTHING")
    told = hear(socket, of("error"))[-1]
    assert told["data"]["type"].endswith("contract-not-found")
    subscribe(socket, "quotes:AAPL")
    assert hear(socket, of("quote"))


def test_what_is_followed_twice_or_left_is_said_so(bridge: Served) -> None:
    socket = bridge.follow()
    subscribe(socket, "status")
    say(socket, op="subscribe", topic="status")
    assert "already" in hear(socket, of("error"))[-1]["data"]["detail"]
    say(socket, op="unsubscribe", topic="status")
    assert hear(socket, of("unsubscribed"))
    subscribe(socket, "status")


def test_there_is_an_end_to_topics_and_to_sockets(make_bridge: Make) -> None:
    bridge = make_bridge(max_topics=1, max_sockets=1)
    socket = bridge.follow()
    subscribe(socket, "status")
    say(socket, op="subscribe", topic="account")
    assert "at most 1" in hear(socket, of("error"))[-1]["data"]["detail"]
    with pytest.raises(InvalidStatus) as told:
        bridge.follow()
    assert told.value.response.status_code == 503


def test_who_talks_without_end_is_sent_away(bridge: Served) -> None:
    socket = bridge.follow()

    def talk() -> None:
        for _ in range(1000):
            say(socket, op="ping")
        while True:
            socket.recv(60)

    with pytest.raises(ConnectionClosed) as told:
        talk()
    assert told.value.rcvd is not None
    assert told.value.rcvd.code == 1008


def test_a_cut_connection_is_told_in_the_stream_and_mended(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge()
    socket = bridge.follow()
    subscribe(socket, "quotes:AAPL")
    hear(socket, of("quote"))
    lively_gateway.do(lambda gw: gw.cut())
    gap = hear(socket, of("gap"))[-1]
    assert gap["data"]["reason"] == "connection lost"
    assert hear(socket, lambda told: told["type"] == "gap" and told["data"]["end"])
    assert hear(socket, of("quote"))


def test_the_end_is_told_and_running_requests_are_answered(
    make_bridge: Make, lively_gateway: HostedSimulator
) -> None:
    bridge = make_bridge(shutdown_s=120)
    socket, older = bridge.follow(), bridge.follow("/ws/quotes/AAPL")
    subscribe(socket, "status")
    answers: list[Any] = []
    waits = {**RESTING, "wait": "filled", "timeout_s": 300}
    waiting = threading.Thread(target=lambda: answers.append(bridge.post("/v1/orders", waits)))
    waiting.start()
    hear_order = bridge.follow()
    subscribe(hear_order, "account")
    placed: list[Any] = []

    def is_placed() -> bool:
        placed[:] = bridge.get("/v1/orders?open_only=true").json["items"]
        return bool(placed)

    until(is_placed)
    stopping = threading.Thread(target=bridge.stop)
    stopping.start()
    for one in (socket, older):
        assert hear(one, of("closing"))[-1]["code"] == 1012
    # the end has begun, and the request goes on until its order is filled
    lively_gateway.do(lambda gw: gw.fill_order(1, placed[0]["order_id"]))
    lively_gateway.do(lambda gw: gw.flush())
    waiting.join(60)
    stopping.join(120)
    assert [(answer.status, answer.json["status"]) for answer in answers] == [(201, "filled")]
    for one in (socket, older):
        with pytest.raises(ConnectionClosed) as told:
            one.recv(60)
        assert told.value.rcvd is not None
        assert told.value.rcvd.code == 1012
    assert not bridge.bridge.ib.get_connection_status().is_connected
