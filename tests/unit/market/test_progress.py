"""Progress in a terminal and in a notebook."""

from __future__ import annotations

import io
import types
from typing import Any

import pytest
from rich.console import Console

from ibkr_connector.market import progress
from ibkr_connector.market.progress import described, html_of, shown_progress
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.history import DownloadProgress


def told(done: int, **more: Any) -> DownloadProgress:
    return DownloadProgress(contract=stock("A&B"), bar_size="1 min", done=done, total=4, **more)


def test_words_say_what_is_there_and_what_is_left() -> None:
    assert described(told(1, bars=1950, eta_s=75.4)) == "1,950 bars, 1:15 left"
    assert described(told(4, bars=1, stored_bars=7, eta_s=0.0)) == "1 bars, 7 stored"
    assert described(told(0, waits="another process")) == "0 bars, waits for another process"


def test_a_terminal_shows_a_bar() -> None:
    page = io.StringIO()
    console = Console(file=page, force_terminal=True, width=100)
    with shown_progress(console=console) as tell:
        tell(told(0))
        tell(told(3, bars=5850, eta_s=10))
    assert "A&B 1 min" in page.getvalue()
    assert "3/4" in page.getvalue()
    assert "0:10 left" in page.getvalue()


def test_a_notebook_shows_one_bar_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = types.SimpleNamespace(update=shown.append)

    def display(html: str, *, display_id: bool) -> Any:
        assert display_id
        shown.append(html)
        return handle

    fake = types.SimpleNamespace(HTML=str, display=display)
    monkeypatch.setattr(progress, "_notebook", lambda: fake)
    with shown_progress() as tell:
        tell(told(1, bars=10))
        tell(told(2, bars=20))
    assert shown == [html_of(told(1, bars=10)), html_of(told(2, bars=20))]
    assert 'A&amp;B 1 min <progress value="1" max="4"></progress> 1/4, 10 bars' in shown[0]


def test_outside_of_a_notebook_there_is_none() -> None:
    assert progress._notebook() is None
