"""What stands in the pages of the documentation: fenced blocks, and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["PAGES", "ROOT", "Block", "blocks", "commands_in", "spoken_of", "typed_commands"]

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "adr" not in page.parts),
]

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)\n(?P<body>.*?)^(?P=indent)```", re.M | re.S
)
_SHELLS: Final = {"console", "sh", "bash", "shell", "text", ""}
_COMMAND: Final = re.compile(
    r"([A-Z_]+=\S+ )*(sudo )?(\.venv/bin/|/opt/ibkr/bin/)?"
    r"(ibkr|make|pip|python[\d.]*|curl|docker|git|cd|systemctl|journalctl|useradd|chown)(?= |$)"
)
_INLINE: Final = re.compile(r"`(?:\.venv/bin/)?(ibkr [a-z-][^`\n]*)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block that is written on the page itself."""

    page: str
    line: int
    language: str
    body: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in these languages, but for those that only include a file."""
    return [
        block
        for page in PAGES
        for block in _blocks(page)
        if block.language in languages and "--8<--" not in block.body
    ]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        indent = len(found["indent"])
        yield Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, found.start()) + 1,
            language=found["language"],
            body="".join(line[indent:] for line in found["body"].splitlines(keepends=True)),
        )


def commands_in(block: Block) -> list[str]:
    """Return what a reader would type of a block, without what the machine answers."""
    lines = block.body.replace("\\\n", " ").splitlines()
    if prompted := any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    typed = (re.split(r"\s{2,}#|\s#\s", line)[0].strip() for line in lines)
    return [line for line in typed if line and (prompted or _COMMAND.match(line))]


def typed_commands() -> list[tuple[str, str]]:
    """Return every command of every page, with its place."""
    return [(str(block), line) for block in blocks(*_SHELLS) for line in commands_in(block)]


def spoken_of() -> list[tuple[str, str]]:
    """Return every `ibkr` command that a page names in a sentence or a table."""
    return [
        (str(page.relative_to(ROOT)), typed)
        for page in PAGES
        for typed in _INLINE.findall(page.read_text("utf-8"))
    ]
