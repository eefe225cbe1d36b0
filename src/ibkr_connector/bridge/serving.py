"""The server of the application: uvicorn, told when WebSockets have to be told of the end."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings.bridge import BridgeSettings

from .certificate import Certificate
from .running import Bridge

__all__ = ["BridgeServer", "listen", "make_server"]

_SOCKET_MESSAGE: Final = 16_384
_GOODBYE_S: Final = 2.0
_BACKLOG: Final = 256
_LOOK_TICKS: Final = 100
"""How often the certificate is looked at, in ticks of uvicorn, of which ten are a second."""


class BridgeServer(uvicorn.Server):
    """
    A server that says goodbye.

    Args:
        config: Of uvicorn.
        bridge: What is served.
        certificate: What it shows, where there is TLS.
        on_ready: Told host and port when it accepts connections.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        bridge: Bridge,
        certificate: Certificate | None = None,
        on_ready: Callable[[str, int], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._bridge = bridge
        self._certificate = certificate
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, and say where."""
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_ready(str(host), int(port))

    async def on_tick(self, counter: int) -> bool:
        """Look at the certificate now and then; return whether the server is to end."""
        if self._certificate is not None and counter % _LOOK_TICKS == 0:
            self._certificate.look()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """
        End at the first signal, as a program that was asked to end: with success.

        uvicorn would let the signal kill the process once everything is closed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, tell WebSockets, let requests end, then end the application."""
        for server in self.servers:
            server.close()
        self._bridge.say_goodbye()
        waited = 0.0
        while self._bridge.readers and waited < _GOODBYE_S:
            await self._bridge.clock.sleep(0.02)
            waited += 0.02
        await super().shutdown(sockets)


def listen(settings: BridgeSettings) -> socket.socket:
    """
    Take the address to listen on, before anything else is begun.

    Raises:
        ConfigurationError: It is taken, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends at once (no Nagle) on sockets that name their protocol, and on no others: an
    # answer would wait 40 ms for the acknowledgement of its header
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host.strip("[]"), settings.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"the bridge cannot listen on {settings.host}:{settings.port}: "
            f"{error.strerror or error}",
            hint="end what listens there, or choose another IBKR_BRIDGE_PORT",
        ) from error
    return listening


def make_server(
    app: FastAPI,
    settings: BridgeSettings,
    *,
    on_ready: Callable[[str, int], None] | None = None,
    **more: Any,
) -> BridgeServer:
    """
    Make a server of an application; `more` goes to uvicorn's configuration.

    Raises:
        ConfigurationError: Certificate and key cannot be used together, or not with the password.
    """
    password = settings.tls_key_password
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=_SOCKET_MESSAGE,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        # what is sent is small, and would be compressed once for each of all readers
        ws_per_message_deflate=False,
        lifespan="on",
        # paths name contracts, and an access log would tell who looks at what
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(max(1, settings.shutdown_s)),
        timeout_keep_alive=30,
        # who is behind a proxy says so there; nobody is believed by a header here
        proxy_headers=False,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ssl_keyfile_password=None if password is None else password.get_secret_value(),
        workers=1,
        **more,
    )
    try:
        config.load()
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"certificate {settings.tls_certificate} and key {settings.tls_key} cannot be used: "
            f"{error.reason or error}",
            hint="both are PEM, belong together, and the key may need IBKR_BRIDGE_TLS_KEY_PASSWORD",
        ) from error
    certificate = None if config.ssl is None else Certificate(config.ssl, settings)
    return BridgeServer(config, bridge=app.state.bridge, certificate=certificate, on_ready=on_ready)
