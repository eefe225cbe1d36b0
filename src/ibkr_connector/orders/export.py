"""
The whole journal in a file for other programs: CSV, or a JSON object on each line.

Owns: that nothing is exported that does not fit the chain. Entries are checked as they are written,
and the file gets its name only when all of them fit. Bodies are copied as they stand, so that the
digests can be computed again from the file.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, TextIO

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.storage.writer import Chain, Entry, follow, sound

from .journal import Place, entries_of

__all__ = ["COLUMNS", "export_journal"]

COLUMNS: Final = ("seq", "time", "kind", "key", "correlation_id", "cause", "body", "digest")

Put = Callable[[Entry], None]


def export_journal(path: Place, to: Path) -> Chain:
    """
    Write every entry to a new file that only its user can read; blocks.

    Args:
        path: The journal; a connector may go on writing it.
        to: Its ending says the form: `.csv`, `.jsonl` or `.ndjson`.

    Returns:
        How many entries there are, and the digest of the last.

    Raises:
        ConfigurationError: There is no sound journal at `path`, or the file cannot be made; then
            there is none.
    """
    form = _FORMS.get(to.suffix.lower())
    if form is None:
        raise ConfigurationError(
            f"an export ends in {', '.join(_FORMS)}; got {to.name!r}",
            hint="name a file with one of these endings",
        )
    if to.exists():
        raise ConfigurationError(f"{to} is there already", hint="name a file that is not there")
    entries = entries_of(path)
    try:
        # made beside it and unreadable for others, then named: never half a file under its name
        number, made = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
                chain = sound(follow(_written(entries, form(file))))
                file.flush()
                os.fsync(number)
            Path(made).replace(to)
        finally:
            with suppress(FileNotFoundError):
                Path(made).unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the export {to} cannot be written: {error}",
            hint="name a folder that you can write to",
        ) from error
    return chain


def _written(entries: Iterable[Entry], put: Put) -> Iterator[Entry]:
    for entry in entries:
        put(entry)
        yield entry


def _csv(file: TextIO) -> Put:
    rows = csv.writer(file)
    rows.writerow(COLUMNS)
    return lambda entry: rows.writerow([getattr(entry, name) for name in COLUMNS])


def _lines(file: TextIO) -> Put:
    def put(entry: Entry) -> None:
        # the body is JSON already, and stays the text that its digest is of
        told = {name: getattr(entry, name) for name in COLUMNS if name not in ("body", "digest")}
        head = json.dumps(told, ensure_ascii=False)[:-1]
        file.write(f'{head}, "body": {entry.body}, "digest": "{entry.digest}"}}\n')

    return put


_FORMS: Final[Mapping[str, Callable[[TextIO], Put]]] = MappingProxyType(
    {".csv": _csv, ".jsonl": _lines, ".ndjson": _lines}
)
