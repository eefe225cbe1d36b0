"""
Instruments as files: CSV, JSON and YAML, written and read; pure.

A row has the columns of `COLUMNS`. What an instrument is stands in `text`, as the short text form,
or in the columns after it; never in both. A line that cannot be read is named, and the others are
read all the same. Values are read as they are written: `on` is a symbol, and `010` no number.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import ComboLeg, Contract, Right, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.registry import BadLine, Instrument

from .text import contract_text, parse_contract

if TYPE_CHECKING:
    import yaml

__all__ = ["COLUMNS", "Row", "SheetFormat", "format_of", "read_sheet", "write_sheet"]

_PLAIN: Final = (
    "symbol",
    "exchange",
    "primary_exchange",
    "currency",
    "expiry",
    "local_symbol",
    "trading_class",
)
_PLACED_LATER: Final = frozenset({"CONTFUT", "IND"})
"""Kinds that are nowhere routed: without an exchange it is left open which one."""

COLUMNS: Final = (
    "instrument_id",
    "text",
    "con_id",
    "security_type",
    *_PLAIN,
    "strike",
    "right",
    "multiplier",
    "note",
)


class SheetFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An instrument as a line says it."""

    line: int
    instrument_id: str
    contract: Contract
    note: str = ""


def format_of(path: Path) -> SheetFormat:
    """
    Return the format of a file, by its name.

    Raises:
        ContractError: The name ends with none that is known.
    """
    ending = path.suffix.lower().removeprefix(".")
    try:
        return SheetFormat("yaml" if ending == "yml" else ending)
    except ValueError as error:
        raise ContractError(
            f"expected a name that ends with .csv, .json, .yaml or .yml, found {path.name!r}"
        ) from error


def write_sheet(instruments: Sequence[Instrument], form: SheetFormat) -> str:
    """Write instruments; what is read back of it are the same."""
    rows = [_cells(one) for one in instruments]
    if form is SheetFormat.CSV:
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()
    said = [{name: cell for name, cell in row.items() if cell} for row in rows]
    if form is SheetFormat.JSON:
        return json.dumps(said, indent=1, ensure_ascii=False) + "\n"
    import yaml  # noqa: PLC0415  # whoever exchanges no files does not wait for it

    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)


def read_sheet(text: str, form: SheetFormat) -> tuple[tuple[Row, ...], tuple[BadLine, ...]]:
    """
    Read a file: the lines that say an instrument, and those that do not.

    Raises:
        ContractError: It is no such file at all.
    """
    lines = _csv_lines(text) if form is SheetFormat.CSV else _yaml_lines(text)
    rows: list[Row] = []
    problems: list[BadLine] = []
    seen: dict[str, int] = {}
    for number, cells in lines:
        name = cells.get("instrument_id", "")
        try:
            if name in seen:
                raise ContractError(f"the id stands in line {seen[name]} already")
            row = _row(number, cells)
        except ContractError as error:
            problems.append(BadLine(line=number, instrument_id=name, reason=error.message))
        else:
            seen[name] = number
            rows.append(row)
    return tuple(rows), tuple(problems)


def _cells(instrument: Instrument) -> dict[str, str]:
    contract = instrument.description
    cells = dict.fromkeys(COLUMNS, "")
    cells |= {"instrument_id": instrument.instrument_id, "note": instrument.note}
    if contract.legs:
        cells["text"] = _combo_text(contract)
        return cells
    # what it was described as, and nothing that was found out: an id would pin it to one contract
    con_id = contract.con_id
    cells |= {name: getattr(contract, name) for name in _PLAIN}
    cells |= {
        "con_id": "" if con_id is None else str(con_id),
        "security_type": (
            contract.security_type.value if contract.symbol or contract.local_symbol else ""
        ),
        "strike": "" if contract.strike is None else f"{contract.strike:f}",
        "right": "" if contract.right is None else contract.right.value,
        "multiplier": "" if contract.multiplier is None else f"{contract.multiplier:f}",
    }
    return cells


def _combo_text(contract: Contract) -> str:
    legs = tuple(map(_short_leg, contract.legs))
    # what else is said of a combination follows from its legs
    return contract_text(replace(contract, legs=legs, symbol="", exchange="", currency=""))


def _short_leg(leg: ComboLeg) -> ComboLeg:
    if leg.con_id is None:
        return leg
    # the id says all of it
    return replace(leg, contract=Contract(symbol="", con_id=leg.con_id, exchange=""), exchange="")


def _row(line: int, cells: Mapping[str, str]) -> Row:
    unknown = [name for name in cells if name not in COLUMNS]
    if unknown:
        raise ContractError(f"no column is called {', '.join(map(repr, unknown))}")
    name = cells.get("instrument_id", "")
    if not name:
        raise ContractError("the instrument_id is missing")
    said = {
        key: cell for key, cell in cells.items() if cell and key not in {"instrument_id", "note"}
    }
    if text := said.pop("text", ""):
        if said:
            raise ContractError(f"text says what it is, and so does {', '.join(said)}")
        contract = parse_contract(text)
    else:
        contract = _contract(said)
    return Row(line=line, instrument_id=name, contract=contract, note=cells.get("note", ""))


def _contract(said: Mapping[str, str]) -> Contract:
    if not said.get("symbol") and not said.get("con_id") and not said.get("local_symbol"):
        raise ContractError("symbol, local_symbol, con_id or text must say what it is")
    given: dict[str, Any] = {key: said[key] for key in _PLAIN if key in said}
    given.setdefault("symbol", "")
    if "exchange" not in given:
        is_open = not given["symbol"] or "expiry" in said
        is_open = is_open or said.get("security_type", "").upper() in _PLACED_LATER
        given["exchange"] = "" if is_open else "SMART"
    if "con_id" in said:
        if not said["con_id"].isascii() or not said["con_id"].isdigit():
            raise ContractError(f"con_id must be a whole number, found {said['con_id']!r}")
        given["con_id"] = ConId(int(said["con_id"]))
    given["security_type"] = _one_of(
        SecurityType, "security_type", said.get("security_type", "STK")
    )
    if "right" in said:
        given["right"] = _one_of(Right, "right", said["right"][:1])
    for key in ("strike", "multiplier"):
        if key in said:
            given[key] = _figure(key, said[key])
    return Contract(**given)


def _one_of(kind: Any, key: str, text: str) -> Any:
    try:
        return kind(text.upper())
    except ValueError as error:
        raise ContractError(f"{key} must be one of {', '.join(kind)}, found {text!r}") from error


def _figure(key: str, text: str) -> Decimal:
    try:
        figure = Decimal(text)
    except InvalidOperation as error:
        raise ContractError(f"{key} must be a number, found {text!r}") from error
    if not figure.is_finite() or figure <= 0:
        raise ContractError(f"{key} must be above 0, found {text!r}")
    return figure


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    lines = io.StringIO(text.removeprefix("\ufeff"), newline=None)
    reader = csv.DictReader(lines, restkey="", restval="")
    try:
        if reader.fieldnames is None or "instrument_id" not in reader.fieldnames:
            raise ContractError(
                f"expected a header with instrument_id, found {reader.fieldnames}",
                hint=f"the columns are {', '.join(COLUMNS)}",
            )
        for cells in reader:
            # more cells than columns come as a list, under no name
            yield (
                reader.line_num,
                {
                    key: cell.strip() if isinstance(cell, str) else "?"
                    for key, cell in cells.items()
                },
            )
    except csv.Error as error:
        raise ContractError(f"line {reader.line_num} is no CSV: {error}") from error


def _yaml_lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    import yaml  # noqa: PLC0415  # as above

    # every JSON text is a YAML text, and this way each row knows its line
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ContractError(f"the file cannot be read: {' '.join(str(error).split())}") from error
    if root is None:
        return
    if not isinstance(root, yaml.SequenceNode):
        raise ContractError("expected a list of instruments", hint="each with its instrument_id")
    for node in root.value:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            yield line, {"": "?"}
            continue
        yield (
            line,
            {
                str(key.value): _scalar(value) if isinstance(value, yaml.ScalarNode) else "?"
                for key, value in node.value
            },
        )


def _scalar(node: yaml.ScalarNode) -> str:
    return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value).strip()
