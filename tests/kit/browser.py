"""A browser, and the dashboard of a bridge to open in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.bridge import create_app
from ibkr_connector.simulator import HostedSimulator

from .bridge import Answer, Served, served, settings_of

__all__ = ["Desk", "chromium", "desk_of"]

# as root in a container, without a screen, and speaking to nobody but the page
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_LAUNCH_MS = 180_000
"""How long a browser may take to start on a machine that is busy."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium; a test that needs it is skipped where there is none."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium here to try the dashboard in: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found, args=list(_FLAGS), timeout=_LAUNCH_MS
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Desk:
    """A browser, and a bridge whose page it opens."""

    browser: Browser
    served: Served
    gateway: HostedSimulator

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self.served.host}:{self.served.port}/"

    def get(self, path: str, **more: Any) -> Answer:
        """Ask the bridge, past the page."""
        return self.served.get(path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> Answer:
        """Tell the bridge something, past the page."""
        return self.served.post(path, body, **more)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request, past the page."""
        return self.served.call(method, path, body)


@contextmanager
def desk_of(gateway: HostedSimulator, folder: Path, *, tokens: dict[str, str]) -> Iterator[Desk]:
    """Serve a connector of a simulator that asks for tokens, and start a browser."""
    file = folder / "tokens"
    lines = [f"{scopes} {token} {scopes.split(',')[0]}er" for scopes, token in tokens.items()]
    file.write_text("\n".join(lines))
    file.chmod(0o600)
    settings = Settings.load(
        port=gateway.port,
        readonly=False,
        connect_timeout_s=60.0,
        sync_timeout_s=60.0,
        request_timeout_s=60.0,
        order_ack_timeout_s=60.0,
        reconnect_base_s=0.05,
        reconnect_cap_s=1.0,
        # whoever runs it at night, New York's, would wait for the end of a planned outage
        reset_windows="none",
        state_dir=folder / "journal",
    )
    given = settings_of(auto_connect=False, token_file=file)
    app = create_app(IBKRConnector.create(settings), bridge=given)
    strongest = list(tokens.values())[-1]
    with chromium() as browser, served(app, given, token=strongest) as made:
        assert made.post("/connect").status == 200
        yield Desk(browser, made, gateway)
