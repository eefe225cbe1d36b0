"""Nothing gets in: tokens, scopes, hosts, origins and bodies, over a real socket."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.bridge import create_app
from ibkr_connector.bridge.app import ROUTERS
from ibkr_connector.bridge.described import scope_of
from ibkr_connector.bridge.guard import OPEN
from kit.bridge import Served, served, settings_of

READ, TRADE, ADMIN, ALL = "r" * 40, "t" * 40, "a" * 40, "x" * 40

CALLS = [
    (method, route.path, scope_of(route))
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


def path_of(template: str) -> str:
    """Fill in a path."""
    return re.sub(r"\{\w+\}", "1", template)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a bridge with tokens and no gateway: who is let in is told that there is none."""
    folder: Path = tmp_path_factory.mktemp("door")
    tokens = folder / "tokens"
    tokens.write_text(f"read {READ} r\ntrade {TRADE} t\nadmin {ADMIN} a\ntrade,admin {ALL} x\n")
    tokens.chmod(0o600)
    ib = IBKRConnector.create(
        Settings.load(port=1, state_dir=folder / "journal", connect_timeout_s=1)
    )
    given = settings_of(
        auto_connect=False,
        token_file=tokens,
        allowed_hosts="bridge.example",
        allowed_origins="https://desk.example",
        max_body_bytes=2048,
    )
    with ExitStack() as stack:
        yield stack.enter_context(served(create_app(ib, bridge=given), given))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_there_are_calls_to_try() -> None:
    assert len(CALLS) > 40


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_nobody_enters_without_a_token_but_to_the_probes(
    door: Served, method: str, path: str, scope: str | None
) -> None:
    answer = door.call(method, path_of(path), {})
    if path in OPEN:
        assert answer.status in {200, 503}
        assert "DU" not in answer.body.decode()
        return
    # who is refused often enough is not even told why
    assert (answer.status, answer.slug) in {(401, "token-needed"), (429, "too-many-failures")}
    assert answer.headers.get("www-authenticate") == ("Bearer" if answer.status == 401 else None)


@pytest.mark.parametrize(("method", "path", "scope"), [c for c in CALLS if c[2]])
def test_a_token_opens_what_its_scopes_say(
    door: Served, method: str, path: str, scope: str
) -> None:
    lets = {"read": {READ, TRADE, ADMIN, ALL}, "trade": {TRADE, ALL}, "admin": {ADMIN, ALL}}
    for token in (READ, TRADE, ADMIN):
        answer = door.call(method, path_of(path), {}, headers=bearer(token))
        if token in lets[scope]:
            assert answer.status not in {401, 403, 500}, (token, answer.body)
        else:
            assert (answer.status, answer.slug) == (403, "scope-missing")


TOKENS = st.one_of(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    st.sampled_from([READ[:-1], READ + "r", READ.upper(), "", "null", "undefined", "'", "*"]),
)
SCHEMES = st.sampled_from(["Bearer", "bearer", "Basic", "Token", "", "Bearer Bearer", "ApiKey"])


@settings(max_examples=60)
@given(scheme=SCHEMES, token=TOKENS, call=st.sampled_from([c for c in CALLS if c[2]]))
def test_made_up_tokens_open_nothing(
    door: Served, scheme: str, token: str, call: tuple[str, str, str]
) -> None:
    said = f"{scheme} {token}"
    if token in {READ, TRADE, ADMIN, ALL}:
        return
    answer = door.call(call[0], path_of(call[1]), {}, headers={"Authorization": said})
    assert answer.status in {401, 429}


@pytest.mark.parametrize(
    "path",
    [
        "/health/../account",
        "//account",
        "/account/",
        "/%61ccount",
        "/health%2f..%2faccount",
        "/ACCOUNT",
        "/v1/../account",
        "/openapi.json",
        "/docs",
        "/redoc",
        "/metrics",
        "/livez/x",
    ],
)
def test_no_way_of_writing_a_path_goes_round_the_door(door: Served, path: str) -> None:
    assert door.get(path).status in {401, 429}


def test_a_token_in_the_address_is_none(door: Served) -> None:
    for name in ("token", "access_token", "authorization"):
        assert door.get(f"/account?{name}={READ}").status in {401, 429}


def test_who_tries_many_tokens_has_to_wait_and_others_have_not(door: Served) -> None:
    answers = [door.get("/account", headers=bearer("w" * 40)).status for _ in range(40)]
    assert 429 in answers
    # one a second is told again that it is wrong
    again = (door.get("/account", headers=bearer("w" * 40)) for _ in range(40))
    told = next(answer for answer in again if answer.status == 429)
    assert told.slug == "too-many-failures"
    assert int(told.headers["retry-after"]) >= 1
    assert door.get("/health").status == 200
    assert door.get("/account", headers=bearer(READ)).slug == "not-connected"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("LOCALHOST:8092", 200),
        ("[::1]:8092", 200),
        ("192.168.7.7", 200),
        ("bridge.example:8092", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("bridge.example.evil", 421),
        ("", 421),
        ("localhost, evil.example", 421),
        ("0x7f000001", 421),
        ("2130706433", 421),
    ],
)
def test_only_names_that_are_ours_are_answered(door: Served, host: str, status: int) -> None:
    answer = door.get("/health", headers={"Host": host})
    assert answer.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://desk.example"}, 200),
        ({"Origin": "HTTPS://DESK.EXAMPLE"}, 200),
        ({"Origin": "http://desk.example"}, 403),
        ({"Origin": "https://desk.example.evil"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "file://"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_pages_of_other_sites_are_not_answered(
    door: Served, headers: dict[str, str], status: int
) -> None:
    answer = door.get("/health", headers=headers)
    assert answer.status == status


def test_a_page_of_the_bridge_itself_is_answered(door: Served) -> None:
    own = {"Origin": f"http://127.0.0.1:{door.port}", "Host": f"127.0.0.1:{door.port}"}
    assert door.get("/health", headers=own).status == 200
    turned = {"Origin": "http://evil.example", "Host": "evil.example"}
    assert door.get("/health", headers=turned).status == 421


def test_an_allowed_page_may_read_the_answer_and_others_may_not(door: Served) -> None:
    asked = {"Origin": "https://desk.example", "Access-Control-Request-Method": "POST"}
    answer = door.call("OPTIONS", "/orders", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://desk.example"
    # what the pages say of keys and of answers that they have already
    assert {"Idempotency-Key", "If-None-Match"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    asked["Origin"] = "https://evil.example"
    assert (
        "access-control-allow-origin" not in door.call("OPTIONS", "/orders", headers=asked).headers
    )


@pytest.mark.parametrize(
    "how", [{}, {"additional": bearer("n" * 40)}, {"subprotocols": ["ibkr.v1", "bearer.none"]}]
)
@pytest.mark.parametrize("path", ["/v1/ws", "/ws/quotes/AAPL"])
def test_no_web_socket_opens_without_a_token(door: Served, path: str, how: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatus) as told:
        door.follow(path, **how)
    assert told.value.response.status_code in {401, 429}


def test_a_browsers_web_socket_brings_its_token_as_a_protocol(door: Served) -> None:
    opened = door.follow("/v1/ws", subprotocols=["ibkr.v1", f"bearer.{READ}"])
    assert opened.subprotocol == "ibkr.v1"
    assert '"hello"' in opened.recv(60)


def test_a_web_socket_of_another_site_is_not_opened(door: Served) -> None:
    with pytest.raises(InvalidStatus) as told:
        door.follow("/v1/ws", additional=bearer(READ), origin="https://evil.example")
    assert told.value.response.status_code == 403
    door.follow("/v1/ws", additional=bearer(READ), origin="https://desk.example")


def test_a_body_that_is_too_large_is_not_read(door: Served) -> None:
    answer = door.call(
        "POST", "/orders", headers=bearer(TRADE), raw=b'{"symbol": "' + b"x" * 4000 + b'"}'
    )
    assert (answer.status, answer.slug) == (413, "too-large")


def test_a_body_without_a_length_is_cut_off_where_it_is_too_large(door: Served) -> None:
    with socket.create_connection((door.host, door.port), timeout=60) as link:
        link.sendall(
            f"POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TRADE}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        # one piece that is just too much, and nothing behind it that would still be on its way
        link.sendall(b"801\r\n" + b"x" * 0x801)
        assert link.recv(100).split()[1] == b"413"


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999999", "0x10", "٣"])
def test_a_length_that_is_none_is_refused(door: Served, length: str) -> None:
    with socket.create_connection((door.host, door.port), timeout=60) as link:
        link.sendall(
            f"POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TRADE}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        assert link.recv(100).split()[1] in {b"400", b"413"}


BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"1e400",
            b"NaN",
            b'{"quantity": NaN}',
            b"9" * 1900,
            b"[" * 1500,
            b'{"symbol": "\\ud800", "action": "BUY", "quantity": 1}',
            b'{"symbol": "A", "symbol": "B"}',
            b'{"__proto__": {}}',
            b'{"symbol": "A\\u0000B", "action": "BUY", "quantity": 1}',
            b"\xff\xfe",
        ]
    ),
)


@settings(max_examples=60)
@given(
    body=BODIES,
    kind=st.sampled_from(["application/json", "text/plain", "multipart/form-data", "", "x/y+json"]),
    call=st.sampled_from([c for c in CALLS if c[0] in {"POST", "PATCH"}]),
)
def test_no_body_is_a_mistake_of_ours(
    door: Served, body: bytes, kind: str, call: tuple[str, str, str]
) -> None:
    headers = {**bearer(ALL), "Content-Type": kind}
    answer = door.call(call[0], path_of(call[1]), headers=headers, raw=body)
    assert answer.status != 500, answer.body
    if answer.status >= 400:
        assert answer.slug


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/quotes/A%00B", None),
        ("GET", "/v1/scans/A?location=%00", None),
        ("GET", "/v1/news/article?provider=A%00&article_id=1", None),
        ("POST", "/orders", {"symbol": "A\0B", "action": "BUY", "quantity": 1}),
    ],
)
def test_no_text_has_what_ends_the_texts_of_tws(
    door: Served, method: str, path: str, body: object
) -> None:
    answer = door.call(method, path, body, headers=bearer(ALL))
    assert (answer.status, answer.slug) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("method", "path", "kind", "slug", "hint"),
    [
        ("GET", "/v1/nowhere", None, "not-found", "/openapi.json"),
        ("PUT", "/orders", None, "method-not-allowed", "/openapi.json"),
        # what curl says when nobody tells it otherwise
        ("POST", "/orders", "application/x-www-form-urlencoded", "invalid-request", "Content-Type"),
    ],
)
def test_who_knocks_at_the_wrong_door_is_shown_the_way(
    door: Served, method: str, path: str, kind: str | None, slug: str, hint: str
) -> None:
    headers = bearer(ALL) | ({} if kind is None else {"Content-Type": kind})
    raw = None if kind is None else b'{"symbol": "AAPL", "action": "BUY", "quantity": 1}'
    answer = door.call(method, path, headers=headers, raw=raw)
    assert answer.slug == slug
    assert hint in answer.json["hint"]


LABELS = st.text(alphabet="abcdeilrsvk0123456789-", min_size=1, max_size=12)


@settings(max_examples=40)
@given(
    scheme=st.sampled_from(["http", "https", "HTTPS", "file", "null", "ws", "chrome-extension"]),
    host=st.one_of(
        st.lists(LABELS, min_size=1, max_size=4).map(".".join),
        st.sampled_from(["desk.example.", "desk.example@evil", "evil/desk.example", "[::1]"]),
    ),
    port=st.sampled_from(["", ":443", ":80", ":8443", ":x", ":"]),
)
def test_made_up_origins_open_nothing(door: Served, scheme: str, host: str, port: str) -> None:
    origin = f"{scheme}://{host}{port}"
    if origin.lower() == "https://desk.example":
        return
    for asked in ({"Origin": origin}, {"Origin": origin, "Host": "localhost"}):
        assert door.get("/health", headers=asked).status == 403
        answer = door.post("/orders", {}, headers={**asked, **bearer(ALL)})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


def test_an_id_goes_through_and_nonsense_does_not(door: Served) -> None:
    assert door.get("/health", headers={"X-Request-ID": "my-1"}).headers["x-request-id"] == "my-1"
    traced = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    answer = door.get("/account", headers={**traced, **bearer(READ)})
    assert answer.headers["x-request-id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert answer.json["correlation_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    made_up = door.get("/health", headers={"X-Request-ID": "a b\x7f" + "x" * 99})
    assert len(made_up.headers["x-request-id"]) == 12


def test_no_secret_is_logged(door: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    for token in (READ, "w" * 40):
        door.get("/account", headers=bearer(token))
        door.post("/orders", {"symbol": "AAPL"}, headers=bearer(token))
    assert READ not in caplog.text
    assert "w" * 40 not in caplog.text


def test_a_web_socket_ends_with_its_token(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"read {READ}\nread {TRADE}\n")
    tokens.chmod(0o600)
    ib = IBKRConnector.create(Settings.load(port=1, state_dir=tmp_path / "journal"))
    given = settings_of(auto_connect=False, token_file=tokens, heartbeat_s=0.1)
    with served(create_app(ib, bridge=given), given) as made:
        going, staying = (made.follow("/v1/ws", additional=bearer(t)) for t in (READ, TRADE))
        # put in its place at once: nobody sees half of a file
        renewed = tmp_path / "renewed"
        renewed.write_text(f"read {ADMIN} new\nread {TRADE}\n")
        renewed.chmod(0o600)
        renewed.replace(tokens)
        with pytest.raises(ConnectionClosed) as told:
            read_all(going)
        assert told.value.rcvd is not None
        assert (told.value.rcvd.code, told.value.rcvd.reason) == (
            1008,
            "the token is good no more",
        )
        staying.send('{"op": "ping"}')
        while '"pong"' not in staying.recv(60):
            pass


def read_all(opened: ClientConnection) -> None:
    while True:
        opened.recv(60)
