"""The settings of the HTTP bridge: where it listens, who may enter, and how much at a time."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from ibkr_connector.errors import ConfigurationError

from .given import Given
from .model import Secret

__all__ = ["BRIDGE_VARIABLES", "BridgeSettings", "ScopeName", "bridge_variable", "check_token"]

ScopeName = Literal["read", "trade", "admin"]
"""What a token lets its bearer do."""

SHORTEST_TOKEN: Final = 32
"""Characters; `python -c 'import secrets; print(secrets.token_urlsafe(32))'` makes 43."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def check_token(token: str) -> str:
    """
    Return a token that can be one.

    Raises:
        ValueError: It is too short to be safe from guessing, or no header could carry it.
    """
    if len(token) < SHORTEST_TOKEN:
        raise ValueError(f"a token has at least {SHORTEST_TOKEN} characters")
    if not token.isascii() or not token.isprintable() or any(c.isspace() for c in token):
        raise ValueError("a token is printable ASCII without blanks")
    return token


def _token(value: SecretStr) -> SecretStr:
    check_token(value.get_secret_value())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Names, also as text with commas."""


class BridgeSettings(Given):
    """
    Everything that can be set of the bridge, by its field name.

    The environment variable of a field is `IBKR_BRIDGE_` and its name in capitals.
    """

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; any but a loopback one needs a token.",
    )
    port: int = Field(default=8092, ge=0, le=65_535, description="Port; 0 picks a free one.")
    auto_connect: bool = Field(
        default=True, description="Connect to the gateway at the start, and go on trying."
    )
    token: Annotated[Secret, AfterValidator(_token)] | None = Field(
        default=None, description="One token, or where it stands: `file:`, `env:`, `keyring:`."
    )
    token_scopes: Annotated[tuple[ScopeName, ...], BeforeValidator(_split)] = Field(
        default=("read",),
        description="What the bearer of `token` may do: `read`, `trade`, `admin`.",
    )
    token_file: Path | None = Field(
        default=None,
        description="File of tokens, each with its scopes; read again when it changes.",
    )
    allowed_hosts: Names = Field(
        default=(),
        description="Names under which the bridge is called, besides `localhost` and addresses.",
    )
    allowed_origins: Names = Field(
        default=(), description="Origins of web pages, besides its own, that may call it."
    )
    tls_certificate: Path | None = Field(default=None, description="Certificate chain (PEM).")
    tls_key: Path | None = Field(default=None, description="Private key of it (PEM).")
    tls_key_password: Secret | None = Field(
        default=None, description="Of the key, or where it stands: `file:`, `env:`, `keyring:`."
    )
    requests_per_s: float = Field(
        default=500, gt=0, description="Requests of one caller that are answered, for long."
    )
    burst: int = Field(default=1000, ge=1, description="How many of them at once.")
    max_body_bytes: int = Field(
        default=65_536, ge=1024, le=16_777_216, description="Largest body of a request."
    )
    max_sockets: int = Field(default=500, ge=1, description="WebSockets open at the same time.")
    max_topics: int = Field(default=100, ge=1, description="Topics that one WebSocket follows.")
    replay_events: int = Field(
        default=1024,
        ge=16,
        le=100_000,
        description="Messages of a topic that are kept for slow readers and those who come back.",
    )
    heartbeat_s: float = Field(
        default=15, gt=0, le=600, description="Silence on a WebSocket that a heartbeat breaks."
    )
    quote_max_age_s: float = Field(
        default=1, ge=0, le=60, description="A quote that is no older is good for the next caller."
    )
    shutdown_s: float = Field(
        default=10, gt=0, le=600, description="How long requests may take to end at the end."
    )

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine reach it."""
        return is_loopback(self.host)

    @property
    def has_tokens(self) -> bool:
        """Whether a token is needed to enter."""
        return self.token is not None or self.token_file is not None

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if not self.is_local and not self.has_tokens:
            raise ConfigurationError(
                f"the bridge would listen on {self.host} for other machines, without any token",
                hint="set IBKR_BRIDGE_TOKEN or IBKR_BRIDGE_TOKEN_FILE, or listen on 127.0.0.1",
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigurationError(
                "TLS needs a certificate and its key, and one of them is not set",
                hint="set both tls_certificate and tls_key, or neither",
            )
        if self.tls_key_password is not None and self.tls_key is None:
            raise ConfigurationError(
                "tls_key_password is of no key", hint="set tls_key too, or leave it out"
            )
        for path in (self.tls_certificate, self.tls_key):
            if path is not None and not path.is_file():
                raise ConfigurationError(f"there is no file {path} for TLS", hint="correct it")
        for origin in self.allowed_origins:
            scheme, _, rest = origin.partition("://")
            if scheme not in {"http", "https"} or not rest or "/" in rest or "*" in rest:
                raise ConfigurationError(
                    f"allowed_origins has {origin!r}, which is no origin",
                    hint="write scheme, host and port, as in https://desk.example:8443",
                )
        return self

    @classmethod
    def load(cls, **overrides: Any) -> BridgeSettings:
        """Read them from where they may stand; see `load_bridge`."""
        from .bridge_load import load_bridge  # noqa: PLC0415  # it builds this class

        return load_bridge(overrides)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is one of this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bridge_variable(field: str) -> str:
    """Return the environment variable of a field."""
    return f"IBKR_BRIDGE_{field.upper()}"


BRIDGE_VARIABLES: Final = frozenset(bridge_variable(field) for field in BridgeSettings.model_fields)
