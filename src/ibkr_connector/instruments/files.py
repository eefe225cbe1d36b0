"""The registry to files and back: what touches the disk, on a thread of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ibkr_connector.errors import ContractError
from ibkr_connector.model.registry import ImportReport

from .sheets import format_of, read_sheet, write_sheet

if TYPE_CHECKING:
    from .registry import Registry

__all__ = ["take_in", "write_out"]


async def take_in(registry: Registry, path: Path) -> ImportReport:
    """Register what a file says."""
    form = format_of(path)
    text = await asyncio.to_thread(_read, path)
    return await registry.bring_in(*read_sheet(text, form))


async def write_out(registry: Registry, path: Path) -> int:
    """Write every instrument to a file, and return how many they are."""
    form = format_of(path)
    every = await registry.every()
    await asyncio.to_thread(_write, path, write_sheet(every, form))
    return len(every)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path} cannot be read: {error}") from error


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise ContractError(f"{path} cannot be written: {error}") from error
