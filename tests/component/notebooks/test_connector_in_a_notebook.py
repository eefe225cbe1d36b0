"""In a real Jupyter kernel: its loop runs already, and top-level await must just work."""

from __future__ import annotations

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
from ibkr_connector import IBKRConnector
ib = IBKRConnector(port={port}, state_dir={state!r})
await ib.connect()
ib is IBKRConnector()
""",
    """
quote = await ib.get_quote("AAPL")
(quote.symbol, quote.bid is not None)
""",
    """
await ib.disconnect()
await ib.connect()
status = ib.get_connection_status().state.value
await ib.disconnect()
status
""",
)


# the kernel is another process; what its client library warns of is not ours to mend
@pytest.mark.filterwarnings("default")
async def test_a_notebook_connects_asks_and_connects_again(
    ibkr_gateway: HostedSimulator, tmp_path: Path, kernel: str
) -> None:
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]  # nbformat is untyped
    notebook.cells = [
        new_code_cell(cell.format(port=ibkr_gateway.port, state=str(tmp_path))) for cell in CELLS
    ]
    await run_notebook(notebook, kernel)
    shown = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert shown == ["True", "('AAPL', True)", "'ready'"]
