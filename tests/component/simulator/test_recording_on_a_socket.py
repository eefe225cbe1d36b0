"""A recording of the simulator plays back byte for byte, and says nothing that it must not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.player import Player
from ibkr_connector.simulator.recorder import Recorder
from ibkr_connector.simulator.recording import (
    ClientSplitter,
    Entry,
    Mask,
    RecordingError,
    Sender,
    parse_recording,
    write_entry,
)
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.frames import encode_frame
from ibkr_connector.simulator.wire.replies import ErrorMessage, NextValidId, OrderStatus
from kit.faults import APPLE, ASK_TIME, available, gateway, heard, kinds, order, settle
from kit.raw_client import HELLO, RawClient, frame

ACCOUNT = "DU1234567"
TRANSCRIPT: Sequence[Any] = (
    ask.StartApi(client_id=1),
    ask.ReqManagedAccounts(),
    ask.ReqAccountUpdates(subscribe=True, account=ACCOUNT),
    ask.ReqMarketData(request_id=7, contract=APPLE),
    order(1, orderType="MKT"),
    order(2),
    ask.ReqExecutions(request_id=8),
    ask.ReqContractDetails(request_id=9, contract=APPLE),
    ask.CancelOrder(order_id=2),
    ask.ReqPositions(),
    ask.CancelOrder(order_id=55),
    ask.ReqCurrentTime(),
)


async def converse(host: str, port: int, *, transcript: Sequence[Any] = TRANSCRIPT) -> bytes:
    """Say everything, one after the other, and return every byte that was heard."""
    client = await RawClient.open(host, port)
    got = bytearray()
    client.write(HELLO)
    got += await available(client)
    for request in transcript:
        client.write(frame(request))
        got += await available(client)
    await client.aclose()
    return bytes(got)


async def recorded(*, is_masked: bool, transcript: Sequence[Any] = TRANSCRIPT) -> tuple[Any, ...]:
    lines: list[str] = []
    async with gateway() as simulator:
        upstream = (simulator.host, simulator.port)
        async with Recorder(upstream, lines.append, is_masked=is_masked) as recorder:
            said = await converse(recorder.host, recorder.port, transcript=transcript)
    return lines, said


async def test_a_recording_of_the_simulator_plays_back_byte_for_byte() -> None:
    lines, said = await recorded(is_masked=False)
    async with Player(lines) as player:
        again = await converse(player.host, player.port)
        player.check()
    assert again == said
    async with gateway() as simulator:
        assert await converse(simulator.host, simulator.port) == said


async def test_a_recorder_changes_nothing_and_masks_only_what_it_writes() -> None:
    lines, said = await recorded(is_masked=True)
    assert ACCOUNT.encode() in said
    written = "\n".join(lines)
    assert ACCOUNT not in written
    assert "DUXXXXXX1" in written
    plain, same = await recorded(is_masked=False)
    assert same == said
    masked = [line.replace(ACCOUNT, "DUXXXXXX1") for line in plain]
    assert [_without_time(line) for line in lines] == [_without_time(line) for line in masked]


def _without_time(line: str) -> Any:
    said = json.loads(line)
    said.pop("at_s", None)
    return said


async def test_a_masked_recording_plays_to_a_client_that_learns_its_account_from_it() -> None:
    lines, said = await recorded(is_masked=True)
    changed = [
        ask.ReqAccountUpdates(subscribe=True, account="DUXXXXXX1")
        if isinstance(one, ask.ReqAccountUpdates)
        else one
        for one in TRANSCRIPT
    ]
    async with Player(lines) as player:
        again = await converse(player.host, player.port, transcript=changed)
        player.check()
    assert again == said.replace(ACCOUNT.encode(), b"DUXXXXXX1")


async def test_other_numbers_are_put_into_what_is_heard() -> None:
    lines, _ = await recorded(is_masked=False)
    async with Player(lines) as player:
        client = await RawClient.open(player.host, player.port)
        client.write(HELLO)
        await client.fields()
        client.write(frame(ask.StartApi(client_id=1)))
        await heard(client)
        client.write(frame(order(101, orderType="MKT")))
        statuses = [one for one in await heard(client) if isinstance(one, OrderStatus)]
        assert statuses
        assert {one.order_id for one in statuses} == {101}
        client.write(frame(ask.ReqContractDetails(request_id=900, contract=APPLE)))
        assert {getattr(one, "request_id", 0) for one in await heard(client)} == {900}
        client.write(frame(ask.CancelOrder(order_id=155)))
        await client.aclose()


async def test_requests_are_found_in_any_order_and_each_once() -> None:
    lines, _ = await recorded(is_masked=False)
    async with Player(lines) as player:
        client = await RawClient.open(player.host, player.port)
        client.write(HELLO)
        await client.fields()
        client.write(ASK_TIME)
        assert kinds(await heard(client)) == ["CurrentTime"]
        client.write(ASK_TIME)
        (error,) = await heard(client)
        assert isinstance(error, ErrorMessage)
        assert (error.request_id, error.code) == (-1, 320)
        client.write(frame(ask.ReqPnl(request_id=5, account=ACCOUNT, model="")))
        (error,) = await heard(client)
        assert isinstance(error, ErrorMessage)
        assert (error.request_id, error.code) == (5, 320)
        await client.aclose()
        assert len(player.unexpected) == 2
        with pytest.raises(AssertionError, match="not in the recording: connection 1"):
            player.check()


async def test_the_second_client_hears_the_second_connection_and_a_third_nothing() -> None:
    lines: list[str] = []
    async with gateway() as simulator:
        upstream = (simulator.host, simulator.port)
        async with Recorder(upstream, lines.append) as recorder:
            for number in (1, 2):
                await converse(
                    recorder.host, recorder.port, transcript=[ask.StartApi(client_id=number)]
                )
                simulator.gateway.next_ids[2] = 77
    async with Player(lines) as player:
        ids = []
        for number in (1, 2):
            client = await RawClient.open(player.host, player.port)
            client.write(HELLO)
            await client.fields()
            client.write(frame(ask.StartApi(client_id=number)))
            ids += [one.order_id for one in await heard(client) if isinstance(one, NextValidId)]
            await client.aclose()
        assert ids == [1, 77]
        third = await RawClient.open(player.host, player.port)
        assert await third.rest() == b""
        await third.aclose()
        with pytest.raises(AssertionError, match="another connection"):
            player.check()


async def test_an_end_of_the_gateway_is_an_end_of_the_player() -> None:
    lines: list[str] = []
    async with gateway() as simulator:
        upstream = (simulator.host, simulator.port)
        async with Recorder(upstream, lines.append) as recorder:
            client = await RawClient.start(recorder.host, recorder.port)
            simulator.cut()
            with pytest.raises(EOFError):
                await client.fields()
            await client.aclose()
    async with Player(lines) as player:
        client = await RawClient.start(player.host, player.port)
        with pytest.raises(EOFError):
            await client.fields()
        await client.aclose()


async def test_a_gateway_that_is_not_there_is_an_end_and_the_recorder_lives() -> None:
    lines: list[str] = []
    async with gateway() as simulator:
        upstream = (simulator.host, simulator.port)
    async with Recorder(upstream, lines.append) as recorder:
        for _ in range(2):
            client = await RawClient.open(recorder.host, recorder.port)
            assert await client.rest() == b""
            await client.aclose()


async def test_what_is_not_text_is_kept_as_bytes_and_masked() -> None:
    # as a protobuf message of server version 201 and later: a number, then lengths and bytes
    payload = b"\0\0\0\xd7\x0a\x09DU7654321\x10\xff"
    lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(HELLO))
        writer.write(encode_frame(b"215\0now\0") + encode_frame(payload))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Recorder(server.sockets[0].getsockname()[:2], lines.append) as recorder:
        client = await RawClient.open(recorder.host, recorder.port)
        client.write(HELLO)
        assert (await available(client)).endswith(payload)
        await client.aclose()
        await settle()
    (entry,) = [one for one in parse_recording(lines) if one.payload and b"\xff" in one.payload]
    assert entry.payload == payload.replace(b"DU7654321", b"DUXXXXXX1")
    async with Player(lines) as player:
        client = await RawClient.open(player.host, player.port)
        client.write(HELLO)
        assert (await available(client)).endswith(entry.payload)
        await client.aclose()


# --- masks and forms ------------------------------------------------------------------------------


def test_the_same_account_has_the_same_mask_everywhere_and_the_same_length() -> None:
    mask = Mask()
    assert mask.fields(["15", "1", "DU1234567,U7654321,ODD-NAME-1"], sender="gateway")[2] == (
        "DUXXXXXX1,UXXXXXX2,ODDXXXXXX3"
    )
    assert mask.text("order for U7654321: account DU1234567 (ODD-NAME-1)") == (
        "order for UXXXXXX2: account DUXXXXXX1 (ODDXXXXXX3)"
    )
    assert mask.data(b"\x0a\x09DU1234567\xff") == b"\x0a\x09DUXXXXXX1\xff"
    # not every number with letters is an account
    assert mask.text("US0378331005 ESZ26 DU12 IBCID123456789") == (
        "US0378331005 ESZ26 DU12 IBCID123456789"
    )


def test_what_names_the_user_is_left_out() -> None:
    assert Mask().fields(["107", "5", "whitebrand"], sender="gateway") == ["107", "5", ""]
    assert Mask().fields(["66", "1", "secret", "x"], sender="client") == ["66", "1", "", ""]
    # 66 of the gateway is another message than 66 of a client
    assert Mask().fields(["61", "3", "U1234567"], sender="gateway") == ["61", "3", "UXXXXXX1"]


@given(
    st.lists(
        st.builds(
            Entry,
            connection=st.integers(1, 9),
            at_s=st.integers(0, 10**6).map(lambda ms: ms / 1000),
            sender=st.sampled_from(Sender),
            payload=st.none() | st.binary(min_size=1) | st.text().map(lambda t: f"{t}\0".encode()),
        ),
        min_size=1,
    )
)
def test_every_entry_is_read_as_it_was_written(entries: list[Entry]) -> None:
    lines = ['{"recording": 1}', *(write_entry(entry) for entry in entries)]
    assert parse_recording(lines) == entries


@given(st.integers(1, 12))
def test_messages_are_the_same_in_whatever_pieces_they_pass(size: int) -> None:
    data = HELLO + ASK_TIME + frame(order())
    splitter = ClientSplitter()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    got = [one for piece in pieces for one in splitter.feed(piece)]
    whole = list(ClientSplitter().feed(data))
    assert got == whole
    assert [is_hello for _, _, is_hello in got] == [True, False, False]


def test_what_is_no_conversation_of_frames_is_kept_as_bytes() -> None:
    splitter = ClientSplitter()
    got = [*splitter.feed(b"GET "), *splitter.feed(b"/ HTTP/1.1")]
    assert b"".join(payload for payload, is_raw, _ in got if is_raw) == b"GET / HTTP/1.1"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ['{"recording": 1}'],
        ['{"recording": 2}', '{"connection": 1, "at_s": 0, "from": "client", "end": true}'],
        ["hello"],
        ['{"recording": 1}', '{"connection": 1}'],
        ['{"recording": 1}', '{"connection": 1, "at_s": 0, "from": "me", "end": true}'],
        ['{"recording": 1}', '{"connection": 1, "at_s": 0, "from": "client", "base64": "%"}'],
        ['{"recording": 1}', "[]"],
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(lines: list[str]) -> None:
    with pytest.raises(RecordingError, match=r"^line \d+ is not|no message in the recording"):
        Player(lines)


def test_a_file_is_played_by_the_program(tmp_path: Path) -> None:
    from ibkr_connector.simulator.command import run_player

    path = tmp_path / "broken.jsonl"
    path.write_text("hello\n")
    assert run_player(path, host="127.0.0.1", port=0) == 1
    assert run_player(tmp_path / "nowhere.jsonl", host="127.0.0.1", port=0) == 1
