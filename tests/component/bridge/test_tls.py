"""TLS: a handshake with a certificate made for it, and nothing to be had without one."""

from __future__ import annotations

import http.client
import json
import runpy
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from ibkr_connector import ConfigurationError, IBKRConnector, Settings
from ibkr_connector.bridge import create_app
from ibkr_connector.bridge.serving import make_server
from kit.bridge import Served, served, settings_of
from kit.ports import held_port

x509 = pytest.importorskip("cryptography.x509", reason="it makes the certificates")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

TOKEN = "t" * 40
PASSWORD = "of the key"  # of a key of this test
ALIVE = Path(__file__).parents[3] / "deploy" / "alive.py"


def certify(folder: Path) -> dict[str, Any]:
    """Write a certificate for this machine, and its key under a password."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bridge")])
    now = datetime.now(UTC)  # noqa: TID251  # a handshake asks what time it really is
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "bridge.pem", folder / "bridge.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        )
    )
    return {"tls_certificate": certificate, "tls_key": secret, "tls_key_password": PASSWORD}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, ssl.SSLContext]]:
    """Return a bridge with a certificate, and what trusts that and no other."""
    folder: Path = tmp_path_factory.mktemp("tls")
    ib = IBKRConnector.create(Settings.load(port=1, state_dir=folder / "journal"))
    given = settings_of(auto_connect=False, token=TOKEN, **certify(folder))
    trusting = ssl.create_default_context(cafile=str(given.tls_certificate))
    with served(create_app(ib, bridge=given), given) as made:
        yield made, trusting


@contextmanager
def asked(bridge: Served, path: str, trusting: ssl.SSLContext) -> Iterator[Any]:
    link = http.client.HTTPSConnection(bridge.host, bridge.port, timeout=60, context=trusting)
    try:
        link.request("GET", path)
        yield link
    finally:
        link.close()


def test_a_caller_who_trusts_it_shakes_hands_and_nothing_goes_in_the_clear(
    secured: tuple[Served, ssl.SSLContext],
) -> None:
    bridge, trusting = secured
    with asked(bridge, "/livez", trusting) as link:
        assert link.sock.version() in {"TLSv1.2", "TLSv1.3"}
        assert json.load(link.getresponse()) == {"alive": True}
    with asked(bridge, "/account", trusting) as link:
        assert link.getresponse().status == 401
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        asked(bridge, "/livez", ssl.create_default_context()),
    ):
        pass
    with pytest.raises((http.client.BadStatusLine, ConnectionError)):
        bridge.get("/livez")


def test_an_old_version_of_the_protocol_is_not_spoken(
    secured: tuple[Served, ssl.SSLContext],
) -> None:
    bridge, _ = secured
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)), asked(bridge, "/livez", old):
        pass


def test_a_web_socket_goes_the_same_way(secured: tuple[Served, ssl.SSLContext]) -> None:
    bridge, trusting = secured
    said = {"Authorization": f"Bearer {TOKEN}"}
    where = f"wss://{bridge.host}:{bridge.port}/v1/ws"
    said_so: dict[str, Any] = {"additional_headers": said, "proxy": None}
    with connect(where, ssl=trusting, open_timeout=60, ping_interval=None, **said_so) as socket:
        assert json.loads(socket.recv(60))["type"] == "hello"


def test_the_health_check_of_the_image_finds_it(
    secured: tuple[Served, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge, _ = secured
    ask = urllib.request.urlopen

    def patiently(url: str, *, timeout: float, context: ssl.SSLContext) -> Any:
        assert timeout < 5  # a health check is over before Docker gives it up
        return ask(url, timeout=60, context=context)

    monkeypatch.setattr(urllib.request, "urlopen", patiently)
    monkeypatch.setenv("IBKR_BRIDGE_PORT", str(bridge.port))
    monkeypatch.setenv("IBKR_BRIDGE_TLS_CERTIFICATE", "there is one")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ALIVE))
    assert not ended.value.code
    with held_port() as port:
        monkeypatch.setenv("IBKR_BRIDGE_PORT", str(port))
        with pytest.raises(OSError, match="refused"):
            runpy.run_path(str(ALIVE))


def shown(context: ssl.SSLContext) -> bytes:
    """Return the certificate that somebody gets to see who connects now."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = trusting.wrap_bio(there, here)
    theirs = context.wrap_bio(here, there, server_side=True)
    for side in (ours, theirs, ours):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return ours.getpeercert(binary_form=True) or b""


async def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(
    secured: tuple[Served, ssl.SSLContext], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = settings_of(auto_connect=False, token=TOKEN, **certify(tmp_path))
    server = make_server(secured[0].app, given)
    context = server.config.ssl
    assert context is not None
    assert given.tls_certificate is not None
    first = shown(context)
    certify(tmp_path)
    await server.on_tick(99)
    assert shown(context) == first
    await server.on_tick(100)
    second = shown(context)
    assert second != first
    given.tls_certificate.write_text("half of a file")
    await server.on_tick(200)
    await server.on_tick(300)
    assert shown(context) == second
    assert caplog.text.count("the earlier certificate stays in use") == 1
    certify(tmp_path)
    await server.on_tick(400)
    assert shown(context) not in {first, second, b""}


@pytest.mark.parametrize(
    "wrong", [{"tls_key_password": "another"}, {"tls_key": None}, {"tls_certificate": "other"}]
)
def test_what_does_not_fit_together_is_said_before_anything_begins(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    given = certify(tmp_path)
    (tmp_path / "other").mkdir()
    if wrong.get("tls_certificate"):
        wrong = {"tls_certificate": certify(tmp_path / "other")["tls_certificate"]}
    ib = IBKRConnector.create(Settings.load(port=1, state_dir=tmp_path / "journal"))

    def serve() -> None:
        settings = settings_of(auto_connect=False, **{**given, **wrong})
        make_server(create_app(ib, bridge=settings), settings)

    with pytest.raises(ConfigurationError, match=r"TLS|cannot be used|of no key"):
        serve()
