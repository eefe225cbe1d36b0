"""A bridge on a free port, served by uvicorn on a thread of its own, and somebody who calls it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import FastAPI
from websockets.sync.client import ClientConnection, connect

from ibkr_connector.bridge.running import Bridge
from ibkr_connector.bridge.serving import BridgeServer, listen, make_server
from ibkr_connector.settings.bridge import BridgeSettings

__all__ = ["Answer", "Make", "Served", "served", "settings_of", "until"]

PATIENCE_S = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        """The end of a problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["type"]).rsplit(":", 1)[1]


@dataclass
class Served:
    """A bridge that runs, and the plainest client there is."""

    app: FastAPI
    server: BridgeServer
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    host: str
    port: int
    token: str | None = None
    sockets: ExitStack = field(default_factory=ExitStack)

    @property
    def bridge(self) -> Bridge:
        """What the endpoints share."""
        bridge: Bridge = self.app.state.bridge
        return bridge

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Send one request, and return the answer."""
        said = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            raw, said["Content-Type"] = json.dumps(body).encode(), "application/json"
        link = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            link.request(method, path.replace(" ", "%20"), raw, {**said, **(headers or {})})
            got = link.getresponse()
            answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        finally:
            link.close()
        return answer

    def get(self, path: str, **more: Any) -> Answer:
        """Ask."""
        return self.call("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> Answer:
        """Say."""
        return self.call("POST", path, {} if body is None else body, **more)

    def follow(
        self, path: str = "/v1/ws", *, additional: Mapping[str, str] | None = None, **more: Any
    ) -> ClientConnection:
        """Open a WebSocket."""
        said = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        said.update(additional or {})
        opening = connect(
            f"ws://{self.host}:{self.port}{path.replace(' ', '%20')}",
            additional_headers=said,
            open_timeout=PATIENCE_S,
            # who has not read all that came would wait for an answer to its goodbye
            close_timeout=0.1,
            # on a machine that is busy an answer to a ping may take long
            ping_interval=None,
            compression=None,
            proxy=None,
            **more,
        )
        socket: ClientConnection = self.sockets.enter_context(opening)
        return socket

    def do(self, act: Callable[[], T]) -> T:
        """Run something on the loop of the server, and return what it returns."""

        async def acting() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self.loop).result(PATIENCE_S)

    def stop(self) -> None:
        """End it as a signal would, and return when it has ended."""
        self.server.should_exit = True
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


Make = Callable[..., Served]
"""Makes a bridge of settings."""


def until(condition: Callable[[], bool]) -> None:
    """Look until something is so, a minute and more."""
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it does not come to be so")


def settings_of(**given: Any) -> BridgeSettings:
    """Return settings for a free port."""
    return BridgeSettings(**{"port": 0, "shutdown_s": 30, **given})


@contextmanager
def served(app: FastAPI, settings: BridgeSettings, *, token: str | None = None) -> Iterator[Served]:
    """Serve an application, for as long as the block lasts."""
    ready = threading.Event()
    where: list[tuple[str, int]] = []
    loops: list[asyncio.AbstractEventLoop] = []
    failed: list[BaseException] = []

    def accepts(host: str, port: int) -> None:
        where.append((host, port))
        ready.set()

    server = make_server(app, settings, on_ready=accepts)

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[listen(settings)])

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="bridge", daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    if not where:
        raise AssertionError(f"it has not started: {failed}")
    made = Served(app, server, loops[0], thread, *where[0], token=token)
    try:
        yield made
    finally:
        made.sockets.close()
        made.stop()
        if failed:
            raise failed[0]
