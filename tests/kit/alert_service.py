"""A service that is told of alerts: a real HTTP server on the loopback that fails as it is told."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["AlertService", "alert_service"]


class AlertService:
    """
    Takes what Apprise's `json://` sends.

    `mode` is what it does with a message: `ok`, `500`, `hang` until `release`, or `lost`: takes it
    and hangs up without an answer. `heard` counts every request, `taken` holds what it has kept.
    """

    def __init__(self, port: int = 0) -> None:
        self.mode = "ok"
        self.heard = 0
        self.taken: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._released = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                pass  # whoever waited has gone

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where to, in Apprise's form; the path stands for a secret."""
        return f"json://127.0.0.1:{self.port}/sesame-secret?rto=60&cto=60"

    @property
    def text(self) -> str:
        """All that was taken."""
        return "\n".join(f"{one['title']}\n{one['message']}" for one in self.taken)

    def counts(self) -> Counter[tuple[str, str]]:
        """How often each step of each alert was told."""
        return Counter(re.findall(r"\balert (\w+) (raised|cleared|reminded)\b", self.text))

    def wait_for(self, count: int, *, heard: bool = False, timeout_s: float = 60.0) -> None:
        """Wait until so many messages were taken, or heard."""
        with self._changed:
            met = self._changed.wait_for(
                lambda: (self.heard if heard else len(self.taken)) >= count, timeout_s
            )
        assert met, f"{len(self.taken)} taken, {self.heard} heard, expected {count}"

    def release(self) -> None:
        """Let everybody go who hangs."""
        self._released.set()

    def close(self) -> None:
        """Take nothing more."""
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        mode = self.mode
        with self._changed:
            self.heard += 1
            if mode in ("ok", "lost"):
                self.taken.append(body)
            self._changed.notify_all()
        if mode == "hang":
            self._released.wait(60)
            request.close_connection = True
        elif mode == "lost":
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
        else:
            request.send_response(500 if mode == "500" else 200)
            request.send_header("Content-Length", "0")
            request.end_headers()


@contextmanager
def alert_service(port: int = 0) -> Iterator[AlertService]:
    """Run one."""
    service = AlertService(port)
    try:
        yield service
    finally:
        service.close()
