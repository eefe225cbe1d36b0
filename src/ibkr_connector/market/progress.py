"""
The progress of a download where it can be seen: a bar in a terminal, or in a notebook.

    with shown_progress() as tell:
        await ib.history.download("AAPL", duration="1 Y", progress=tell)

A terminal takes rich, of the extra `cli`; a notebook what it runs in.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from ibkr_connector.model.frames import with_library
from ibkr_connector.model.history import DownloadProgress

__all__ = ["described", "html_of", "shown_progress"]

Tell = Callable[[DownloadProgress], None]


@contextmanager
def shown_progress(*, console: Any = None) -> Iterator[Tell]:
    """
    Show progress until the end of the block; what is yielded goes to `progress=`.

    Args:
        console: A `rich.console.Console`; the terminal's own, or the notebook, when not given.

    Raises:
        ConfigurationError: rich is not installed.
    """
    if console is None and (display := _notebook()) is not None:
        yield _in_notebook(display)
        return
    rich = with_library("rich.progress", extra="cli")
    with rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[more]}"),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("history", total=None, more="")

        def tell(told: DownloadProgress) -> None:
            bar.update(
                task,
                description=f"{told.contract.text} {told.bar_size}",
                completed=told.done,
                total=told.total or None,
                more=described(told),
            )

        yield tell


def described(told: DownloadProgress) -> str:
    """Say in words what is there, and how long the rest takes."""
    words = [f"{told.bars:,} bars"]
    if told.stored_bars:
        words.append(f"{told.stored_bars:,} stored")
    if told.waits:
        words.append(f"waits for {told.waits}")
    elif told.eta_s is not None and told.done < told.total:
        minutes, seconds = divmod(round(told.eta_s), 60)
        words.append(f"{minutes}:{seconds:02} left")
    return ", ".join(words)


def html_of(told: DownloadProgress) -> str:
    """Return a bar for a notebook."""
    share = f'value="{told.done}" max="{told.total}"' if told.total else 'value="1" max="1"'
    title = escape(f"{told.contract.text} {told.bar_size}")
    return (
        f"{title} <progress {share}></progress> {told.done}/{told.total}, {escape(described(told))}"
    )


def _notebook() -> Any | None:
    """Return IPython's display module inside of a notebook; `None` anywhere else."""
    try:
        shell = importlib.import_module("IPython").get_ipython()
    except ImportError:
        return None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return importlib.import_module("IPython.display")


def _in_notebook(display: Any) -> Tell:
    shown: Any = None

    def tell(told: DownloadProgress) -> None:
        nonlocal shown
        html = display.HTML(html_of(told))
        if shown is None:
            shown = display.display(html, display_id=True)
        else:
            shown.update(html)

    return tell
