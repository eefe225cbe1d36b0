"""Who gets the files of the dashboard, and what a browser is told with them, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.bridge import create_app
from ibkr_connector.bridge.dashboard import POLICY
from kit.bridge import Served, served, settings_of

TOKEN = "d" * 40

LINKED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a bridge with a token and no gateway."""
    folder: Path = tmp_path_factory.mktemp("door")
    ib = IBKRConnector.create(Settings.load(port=1, state_dir=folder / "journal"))
    given = settings_of(auto_connect=False, token=TOKEN)
    with served(create_app(ib, bridge=given), given) as made:
        yield made


@pytest.mark.parametrize("path", ["/", "/dashboard/main.js", "/dashboard/vendor/uPlot.min.css"])
def test_the_files_need_no_token_and_bring_a_strict_policy(door: Served, path: str) -> None:
    answer = door.get(path)
    assert answer.status == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert "default-src 'self'" in POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    again = door.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_no_browser_runs_anything_of_any_other_answer(door: Served) -> None:
    for path in ("/health", "/v1/caller", "/metrics", "/nowhere"):
        policy = door.get(path).headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_there_is_nothing_but_the_files_of_the_package(door: Served) -> None:
    for path in (
        "/dashboard/",
        "/dashboard/serving.py",
        "/dashboard/../app.py",
        "/dashboard/%2e%2e/app.py",
    ):
        assert door.get(path).slug == "not-found"


def test_the_page_opens_no_other_door(door: Served) -> None:
    assert door.call("POST", "/").status == 401
    assert door.call("DELETE", "/dashboard/main.js").status == 401
    assert door.get("/dashboardx").status == 401
    assert door.get("/v1/caller").status == 401
    assert door.get("/openapi.json").status == 401


def test_the_page_may_be_linked_to_and_not_framed_or_fetched(door: Served) -> None:
    assert door.get("/", headers={**LINKED, "Sec-Fetch-Dest": "document"}).status == 200
    assert door.get("/", headers={**LINKED, "Sec-Fetch-Dest": "iframe"}).status == 403
    assert door.get("/health", headers={**LINKED, "Sec-Fetch-Dest": "document"}).status == 403
    assert door.get("/", headers={"Host": "rebound.example"}).status == 421


def test_a_caller_is_told_who_it_is_and_what_it_may(door: Served) -> None:
    answer = door.get("/v1/caller", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json == {"name": "token", "scopes": ["read"]}
