"""What the assembly leaves behind when a part of it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import engine as assembly
from ibkr_connector.engine import Engine
from ibkr_connector.settings import Settings


async def test_a_part_that_cannot_be_made_leaves_the_journal_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise PermissionError("not readable")

    settings = Settings.load(state_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(assembly, "EquityStore", broken)
        with pytest.raises(PermissionError):
            await Engine.open(settings)
    engine = await Engine.open(settings)
    await engine.aclose()


async def test_a_part_that_cannot_be_closed_keeps_no_other_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise OSError("the disk is gone")

    settings = Settings.load(state_dir=tmp_path)
    engine = await Engine.open(settings)
    close = engine.guard.aclose
    monkeypatch.setattr(engine.guard, "aclose", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        await engine.aclose()
    await close()
    again = await Engine.open(settings)
    await again.aclose()
