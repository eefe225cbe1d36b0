"""The page of the command line, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from ibkr_connector.cli.app import app
from ibkr_connector.cli.options import EXIT_CODES

__all__ = ["command_page", "commands"]


def commands() -> dict[str, Any]:
    """Return every command by what is typed for it, in the order of the alphabet."""
    return dict(sorted(_walk(typer.main.get_command(app), "ibkr")))


def _walk(command: Any, typed: str) -> Iterator[tuple[str, Any]]:
    under = getattr(command, "commands", {})
    if typed != "ibkr" and (not under or command.params):
        yield typed, command
    for name, one in under.items():
        yield from _walk(one, f"{typed} {name}")


def command_page() -> str:
    """Return the reference of the command line."""
    lines = [
        "# The command line",
        "",
        "For whoever types or scripts `ibkr`; [how to](../how-to/command-line.md) comes first.",
        "",
        "## Exit codes",
        "",
        "| code | means |",
        "| --- | --- |",
        *(f"| {code} | {text} |" for code, text in EXIT_CODES.items()),
    ]
    for typed, command in commands().items():
        lines += ["", f"## {typed}", "", command.help.replace("\b", "").strip()]
        rows = [_row(one) for one in command.params]
        if rows:
            lines += [
                "",
                "| argument or option | meaning | default |",
                "| --- | --- | --- |",
                *rows,
            ]
    return "\n".join(lines) + "\n"


def _row(one: Any) -> str:
    if one.param_type_name == "argument":
        name = f"`{one.name.upper()}`" if one.required else f"`[{one.name.upper()}]`"
    else:
        spellings = [*sorted(one.opts, key=len), *one.secondary_opts]
        name = ", ".join(f"`{spelling}`" for spelling in spellings)
    default = one.default
    told = "" if default in (None, False, (), []) or callable(default) else f"`{default}`"
    return f"| {name} | {one.help or ''} | {'required' if one.required else told} |"
