"""The handshake, whatever the network does to the bytes and whoever calls."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.wire.connection import (
    HANDSHAKE,
    ConnectionEvent,
    Event,
    Greeting,
    ServerConnection,
    State,
    as_mermaid,
)
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.frames import (
    MAX_FRAME,
    FrameReader,
    encode_frame,
    join_fields,
    split_fields,
)
from ibkr_connector.simulator.wire.replies import ErrorMessage, NextValidId
from ibkr_connector.simulator.wire.requests import (
    ROWS,
    BrokenRequest,
    PlaceOrder,
    ReqCurrentTime,
    ReqCurrentTimeMillis,
    ReqMatchingSymbols,
    Request,
    StartApi,
    UnsupportedRequest,
    encode_request,
)

TIME = "20240105 09:30:00 EST"


def hello(text: str = "v157..178") -> bytes:
    return b"API\0" + encode_frame(text.encode())


def asked(*requests: Request, version: int = 178) -> bytes:
    return b"".join(encode_frame(join_fields(encode_request(r, version))) for r in requests)


START = StartApi(client_id=7)
TALK = hello() + asked(START, ReqCurrentTime(), ReqMatchingSymbols(request_id=1, pattern="Müller"))
MEANT: list[Event] = [
    Greeting(oldest=157, newest=178, options="", version=178),
    START,
    ReqCurrentTime(),
    ReqMatchingSymbols(request_id=1, pattern="Müller"),
]


def started(version: int = 178) -> ServerConnection:
    connection = ServerConnection(newest=version)
    connection.receive_data(hello(f"v157..{version}") + asked(START))
    assert len(list(connection.events())) == 2
    return connection


@pytest.mark.parametrize("cut", range(len(TALK) + 1))
def test_a_talk_cut_at_any_byte_means_the_same(cut: int) -> None:
    connection, meant = ServerConnection(), []
    for part in (TALK[:cut], TALK[cut:]):
        connection.receive_data(part)
        meant += list(connection.events())
    assert meant == MEANT
    assert connection.state is State.STARTED


def test_a_talk_byte_by_byte_means_the_same() -> None:
    connection, meant = ServerConnection(), []
    for byte in TALK:
        connection.receive_data(bytes([byte]))
        meant += list(connection.events())
    assert meant == MEANT


@pytest.mark.parametrize(
    ("text", "newest", "agreed"),
    [
        ("v157..178", 178, 178),
        ("v100..176", 178, 176),
        ("v157..226", 178, 178),
        ("v157..226", 200, 200),
        ("v157..178", 165, 165),
        ("v100..157", 178, 157),
        ("v170", 178, 170),
    ],
)
def test_the_newest_version_that_both_speak_is_agreed(text: str, newest: int, agreed: int) -> None:
    connection = ServerConnection(newest=newest)
    connection.receive_data(hello(text))
    (greeting,) = connection.events()
    assert isinstance(greeting, Greeting)
    assert greeting.version == connection.version == agreed
    connection.send_version(TIME)
    assert connection.data_to_send() == encode_frame(f"{agreed}\0{TIME}\0".encode())


def test_the_options_of_a_client_are_kept() -> None:
    connection = ServerConnection()
    connection.receive_data(hello("v157..178 +PACEAPI"))
    assert list(connection.events()) == [
        Greeting(oldest=157, newest=178, options="+PACEAPI", version=178)
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\x05",
        hello("v201..222"),
        hello("v100..156"),
        hello("157..178"),
        hello("v..178"),
        hello("v157..new"),
        hello(""),
        hello("v" + "1" * 5_000),
        hello("v" + "1" * 900),
        hello("v\u0661\u0665\u0667..178"),
        hello("v157..178 ") + asked(ReqCurrentTime()),
        hello() + asked(START, START),
        hello() + asked(START) + b"\0\0\0\0",
        hello() + asked(START) + (MAX_FRAME + 1).to_bytes(4, "big"),
        hello() + asked(START) + encode_frame(b"49\x001"),
        hello() + encode_frame(b"71\x002\x00seven\x00\x00"),
        hello() + encode_frame(b"2\x002\x00five\x00"),
    ],
)
def test_a_broken_protocol_closes_the_connection(data: bytes) -> None:
    connection = ServerConnection()
    connection.receive_data(data)
    with pytest.raises(RemoteProtocolError):
        list(connection.events())
    assert connection.state is State.CLOSED
    connection.receive_data(asked(ReqCurrentTime()))
    assert list(connection.events()) == []


def encode_order(conditions: str) -> bytes:
    order = PlaceOrder(
        order_id=888, contract=WireContract(), texts={}, groups={"conditions": ((conditions,),)}
    )
    return join_fields(encode_request(order, 178))


@pytest.mark.parametrize(
    ("payload", "message", "request_id", "text"),
    [
        (b"\0", -1, -1, "Id of the message: expected a whole number, got ''"),
        (b"two\0", -1, -1, "Id of the message: expected a whole number, got 'two'"),
        (b"49\x001\x00more\x00", 49, -1, "1 fields too many"),
        (b"2\x002\x00", 2, -1, "the message ends before its field 'request_id'"),
        (
            b"2\x002\x00five\x00",
            *(2, -1),
            "Unable to parse field: 'Request Id' for input string: 'five'",
        ),
        (
            b"2\x002\x001_0\x00",
            *(2, -1),
            "Unable to parse field: 'Request Id' for input string: '1_0'",
        ),
        (
            b"15\x001\x00yes\x00",
            *(15, -1),
            "Unable to parse field: 'Auto Bind' for input string: 'yes'",
        ),
        (
            b"11\x001\x00888\x00",
            11,
            888,
            "the message ends before its field 'is_smart'",
        ),
        (
            # the id of this one comes last
            b"19\x001\x00one\x00<xml/>\x00888\x00",
            *(19, 888),
            "Unable to parse field: 'Data Type' for input string: 'one'",
        ),
        (
            encode_order(conditions="9" * 5_000),
            *(3, 888),
            f"there is no order condition of type '{'9' * 80}...'",
        ),
        (b"3\x00888\x00", 3, 888, "the message ends before its field 'con_id'"),
    ],
)
def test_a_message_that_can_not_be_read_is_told_from_the_others(
    payload: bytes, message: int, request_id: int, text: str
) -> None:
    connection = started()
    connection.receive_data(asked(ReqCurrentTime()) + encode_frame(payload))
    connection.receive_data(asked(ReqCurrentTime()))
    broken = BrokenRequest(message_id=message, request_id=request_id, text=text)
    assert list(connection.events()) == [ReqCurrentTime(), broken, ReqCurrentTime()]
    assert connection.state is State.STARTED


@pytest.mark.parametrize(("version", "first"), [(178, "1\x00"), (192, "")])
def test_the_id_of_a_broken_cancel_is_where_its_version_has_it(version: int, first: str) -> None:
    connection = started(version)
    connection.receive_data(encode_frame(f"4\0{first}888\0".encode()))
    (broken,) = connection.events()
    assert isinstance(broken, BrokenRequest)
    assert broken.request_id == 888


@pytest.mark.parametrize(("version", "known"), [(196, False), (197, True)])
def test_a_message_of_a_later_version_is_not_known(version: int, known: bool) -> None:
    connection = started(version)
    connection.receive_data(encode_frame(b"105\x00"))
    unknown = BrokenRequest(message_id=105, request_id=-1, text="Unknown message id: 105")
    assert list(connection.events()) == [ReqCurrentTimeMillis() if known else unknown]


def test_a_message_that_the_protocol_does_not_have_is_kept_as_it_came() -> None:
    connection = started()
    connection.receive_data(encode_frame(b"106\x005\x00"))
    assert list(connection.events()) == [UnsupportedRequest(message_id=106, fields=("5",))]


@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_raise_nothing_but_a_protocol_error(data: bytes, greeted: bool) -> None:
    connection = started() if greeted else ServerConnection()
    connection.receive_data(data)
    try:
        list(connection.events())
    except RemoteProtocolError:
        assert connection.state is State.CLOSED


FIELD = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.integers(-3, 300).map(str),
    st.just("1" * 5_000),
    st.sampled_from(["", "BAG", "1", "1.7976931348623157E308", "NaN", "Infinity", "1e999999999"]),
)


@given(
    message=st.integers(-1, 111),
    fields=st.lists(FIELD, max_size=160),
    version=st.integers(157, 200),
)
def test_random_fields_never_close_the_connection(
    message: int, fields: list[str], version: int
) -> None:
    assume(message != 71)  # which is the handshake's
    connection = started(version)
    connection.receive_data(encode_frame(join_fields([str(message), *fields])))
    (event,) = connection.events()
    assert connection.state is State.STARTED
    if isinstance(event, BrokenRequest):
        assert event.message_id == message
        assert len(event.text) < 300


@settings(max_examples=150)
@given(
    row=st.sampled_from(sorted(ROWS)),
    place=st.integers(0, 130),
    text=FIELD,
    cut=st.booleans(),
    version=st.integers(157, 200),
)
def test_a_request_with_one_wrong_field_or_without_its_end_is_answerable(
    row: int, place: int, text: str, cut: bool, version: int
) -> None:
    assume(row != 71)
    fields = ["1"] * 130
    fields[place : 130 if cut else place + 1] = [text]
    connection = started(version)
    connection.receive_data(encode_frame(join_fields([str(row), *fields])))
    (event,) = connection.events()
    assert connection.state is State.STARTED
    assert isinstance(event, BrokenRequest | ROWS[row].record)
    assert not isinstance(event, BrokenRequest) or len(event.text) < 300


def test_text_in_latin_1_is_not_refused() -> None:
    connection = started()
    connection.receive_data(encode_frame(b"81\x001\x00M\xfcller\x00"))
    assert list(connection.events()) == [ReqMatchingSymbols(request_id=1, pattern="M\\xfcller")]


def test_what_is_said_comes_out_once_and_in_order() -> None:
    connection = started()
    connection.send(NextValidId(order_id=5))
    connection.send(NextValidId(order_id=6))
    expected = [b"9\x001\x005\x00", b"9\x001\x006\x00"]
    assert connection.data_to_send() == b"".join(map(encode_frame, expected))
    assert connection.data_to_send() == b""


def test_an_error_may_be_said_before_the_api_was_started() -> None:
    connection = ServerConnection()
    connection.receive_data(hello())
    list(connection.events())
    connection.send(ErrorMessage(request_id=-1, code=326, text="in use"))
    assert split_fields(connection.data_to_send()[4:])[:4] == ["4", "2", "-1", "326"]


def test_nothing_is_said_before_the_greeting_or_after_the_end() -> None:
    connection = ServerConnection()
    with pytest.raises(LocalProtocolError):
        connection.send(NextValidId(order_id=5))
    with pytest.raises(LocalProtocolError):
        connection.send_version(TIME)
    connection = started()
    connection.send(NextValidId(order_id=5))
    connection.close()
    assert connection.data_to_send() == b""
    with pytest.raises(LocalProtocolError):
        connection.send(NextValidId(order_id=5))


@pytest.mark.parametrize("newest", [156, 201])
def test_only_versions_of_the_text_protocol_are_spoken(newest: int) -> None:
    with pytest.raises(LocalProtocolError):
        ServerConnection(newest=newest)


def test_a_nul_in_a_text_never_becomes_a_field() -> None:
    with pytest.raises(LocalProtocolError):
        started().send(ErrorMessage(request_id=-1, code=2104, text="a\0b"))


def test_a_frame_longer_than_the_limit_is_not_written() -> None:
    with pytest.raises(LocalProtocolError):
        encode_frame(bytes(MAX_FRAME + 1))


def test_every_payload_that_is_complete_is_taken() -> None:
    reader = FrameReader()
    reader.feed(encode_frame(b"a\0") + encode_frame(b"b\0") + b"\0\0")
    assert list(reader.payloads()) == [b"a\0", b"b\0"]


def test_every_state_is_reached_and_nothing_leaves_the_last() -> None:
    reached = {to for exits in HANDSHAKE.values() for to in exits.values()}
    assert reached | {State.GREETING} == set(State)
    assert HANDSHAKE[State.CLOSED] == {}
    assert all(
        exits[ConnectionEvent.CLOSE] is State.CLOSED for exits in HANDSHAKE.values() if exits
    )


def test_the_drawing_has_a_line_for_each_row() -> None:
    lines = as_mermaid().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> greeting"]
    assert len(lines) == 2 + sum(len(exits) for exits in HANDSHAKE.values())
    assert "    version_sent --> started: start api" in lines
