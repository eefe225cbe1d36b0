"""A download in a real Jupyter kernel: its bar is seen to the end, its candles are a picture."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ibkr_connector.simulator import HostedSimulator
from kit.notebooks import kernel, run_notebook

__all__ = ["kernel"]

new_code_cell: Callable[[str], Any] = nbformat.v4.new_code_cell

CELLS = (
    """
from datetime import UTC, datetime, timedelta
from IPython.display import Image
from ibkr_connector import IBKRConnector
from ibkr_connector.market.candles import candles_png
from ibkr_connector.market.progress import shown_progress
ib = IBKRConnector(port={port}, state_dir={state!r})
await ib.connect()
""",
    """
with shown_progress() as tell:
    found = await ib.history.download(
        "AAPL", start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC),
        bar_size="1 hour", progress=tell)
""",
    """
Image(candles_png(found.series))
""",
    """
await ib.disconnect()
(found.requests, len(found.series))
""",
)


# the kernel is another process; what its client library warns of is not ours to mend
@pytest.mark.filterwarnings("default")
async def test_a_download_shows_its_bar_to_the_end_and_its_candles(
    make_ibkr_gateway: Callable[..., HostedSimulator], tmp_path: Path, kernel: str
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]  # nbformat is untyped
    notebook.cells = [
        new_code_cell(cell.format(port=gateway.port, state=str(tmp_path))) for cell in CELLS
    ]
    await run_notebook(notebook, kernel)
    _, download, picture, last = (cell.outputs for cell in notebook.cells)
    # one display, which was changed in place up to the last answer
    bars = [one["data"]["text/html"] for one in download if one.output_type == "display_data"]
    assert len(bars) == 1
    shown = re.search(r'AAPL 1 hour <progress value="(\d+)" max="(\d+)">', bars[0])
    assert shown is not None
    assert shown[1] == shown[2] == "2"
    assert re.search(r"[\d,]+ bars", bars[0])
    assert not [one for one in download if one.output_type == "stream"]
    (image,) = picture
    assert base64.b64decode(image["data"]["image/png"])[:4] == b"\x89PNG"
    requests, count = ast.literal_eval(last[0]["data"]["text/plain"])
    assert requests == 2
    assert count > 200
