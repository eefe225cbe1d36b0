"""
Write the pages of the documentation that are made from the code.

    python -m tools.reference          write them
    python -m tools.reference --check  fail when one is not what it would be
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from ibkr_connector.clock import ManualClock
from ibkr_connector.codes import TABLE, CodeRow, Scope
from ibkr_connector.settings import Settings
from ibkr_connector.settings.manual import MODELS, entries
from ibkr_connector.simulator.control import ControlPort
from ibkr_connector.simulator.dialogue import Permissions
from ibkr_connector.simulator.faults import KINDS, Fault
from ibkr_connector.simulator.faults.fault import FOR_EVER
from ibkr_connector.simulator.quirks import QUIRKS
from ibkr_connector.simulator.scenario import ACTIONS, Scenario
from ibkr_connector.simulator.server import DEFAULT_START, GatewaySimulator

from .commands import command_page
from .troubleshooting import troubleshooting_page

__all__ = ["PAGES", "main"]

DOCS: Final = Path(__file__).parents[1] / "docs"


def settings_page() -> str:
    """Return the reference of all settings."""
    lines = [
        "# Settings",
        "",
        "For whoever configures a connector. Every setting can be a keyword argument of",
        "`IBKRConnector(...)`, an environment variable, a line in `.env`, or a key in",
        "`config/ibkr_config.ini`; the first of these that says something wins. A misspelt name",
        "is an error. `ibkr config show` prints each value and where it came from. Durations are",
        "seconds.",
        "",
        "The name is also the key in the section `[ibkr]` of the INI file, or in a section",
        "`[profile.NAME]`, which wins over it.",
        "",
        *_entries(Settings),
        "",
        "`IBKR_PROFILE` chooses the profile, `IBKR_CONFIG_DIR` the directory of the files. A",
        "secret may also be given as `env:NAME`, `file:PATH` or `keyring:SERVICE/USER`",
        "(see [Configure it](../how-to/configuration.md)).",
    ]
    for title, model in MODELS.items():
        if model is not Settings:
            lines += ["", f"## {title}", "", *_entries(model)]
    lines += [
        "",
        "Without `risk_config.yaml` paper trading runs under built-in limits (25,000 units,",
        "25,000 of the base currency, a tenth of the net liquidation value per order, a tenth of",
        "it as the loss of a day), and live trading refuses every order. A file that cannot be",
        "read stops both; one that breaks later leaves the earlier rules in force, and says so.",
    ]
    return "\n".join(lines) + "\n"


def _entries(model: type[BaseModel]) -> list[str]:
    rows = entries(model)
    named = any(row.variables for row in rows)
    heads = ["name", "what is written", "unit", "range", "default", "meaning"]
    if named:
        heads.insert(1, "environment")
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in rows:
        cells = [f"`{row.name}`", row.kind, row.unit, row.span, row.default, row.meaning]
        if named:
            cells.insert(1, ", ".join(f"`{variable}`" for variable in row.variables))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def codes_page() -> str:
    """Return the table of TWS codes."""
    lines = [
        "# TWS message codes",
        "",
        "For whoever reads a log. What each code means to this connector, and who says so. A code",
        "that is not listed is kept and classified by its range.",
        "",
        "| code | about | kind | raises | an order | what to do | source |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_code(row) for row in sorted(TABLE, key=lambda row: (row.code, row.when))]
    return "\n".join(lines) + "\n"


def _code(row: CodeRow) -> str:
    about = "any" if row.scopes == frozenset(Scope) else ", ".join(sorted(row.scopes))
    code = f"{row.code}" + (f' "{row.when}"' if row.when else "")
    raises = row.error.__name__ if row.error is not None else ""
    cells = (code, about, row.kind, raises, row.order, row.hint, row.source)
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


# --- the simulator ------------------------------------------------------------------------------


def faults_page() -> str:
    """Return the reference of all faults."""
    lines = [
        "# Faults of the simulator",
        "",
        "For whoever breaks a gateway on purpose. Each fault has one name for scenario files and",
        "the control port (`kind: cut`), and a class for Python (`Cut(on=..., handled=...)`). A",
        "field without a default must be given. `gateway.inject(fault)` arms one,",
        "`gateway.clear_faults()` disarms all of them.",
        "",
        "Every fault also takes:",
        "",
        "| field | default | meaning |",
        "| --- | --- | --- |",
    ]
    said = _arguments(Fault)
    lines += [
        f"| `{one.name}` | {_field_default(one)} | {said.get(one.name, '')} |"
        for one in dataclasses.fields(Fault)
    ]
    lines += [
        "",
        "| kind | class | what it does | fields of its own |",
        "| --- | --- | --- | --- |",
    ]
    for name, kind in KINDS.items():
        lines.append(f"| `{name}` | `{kind.__name__}` | {_summary(kind)} | {_own_fields(kind)} |")
    return "\n".join(lines) + "\n"


def quirks_page() -> str:
    """Return the reference of all quirks."""
    lines = [
        "# Quirks of TWS",
        "",
        "For whoever wants to know whether his program survives the manners of TWS. Each is a",
        "switch: `GatewaySimulator(quirks=[...])`, `gateway.quirk(name)`,",
        "`gateway.quirk(name, on=False)`, the key `quirks` of a scenario, or `quirk` over the",
        "control port. The source says who met it; `assumed` says that nobody wrote it down.",
        "",
        "| quirk | what the gateway does | source |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{quirk}` | {row.what} | {row.source} |" for quirk, row in QUIRKS.items()]
    return "\n".join(lines) + "\n"


def scenario_page() -> str:
    """Return the reference of scenarios."""
    lines = [
        "# Scenarios",
        "",
        "For whoever describes a gateway in a file, or in Python with the same names. A key that",
        "is not listed is an error that names the ones that are.",
        "",
        "```yaml",
        '--8<-- "scenario.yaml"',
        "```",
        "",
        *_TABLE,
        *_rows(Scenario),
        "",
        "An account is an amount of US dollars, or has `cash` (an amount, or amounts by currency)",
        "and `positions`, each with `symbol` or `con_id`, `quantity` (short is negative) and the",
        "`price` that a unit cost.",
        "",
        "## permissions",
        "",
        *_TABLE,
        *_rows(Permissions),
        "",
        "## script",
        "",
        "Each line says when (`at_s`, seconds of the clock after the start) and what. The same",
        "words do the same over the control port. Instruments are named by `con_id`, or by",
        "`symbol`: a local symbol (`EUR.USD`, `ESZ6`) or a stock's.",
        "",
        "| word | class | what happens | fields |",
        "| --- | --- | --- | --- |",
    ]
    for word, action in ACTIONS.items():
        fields = ", ".join(
            f"`{one.name}` ({_field_default(one)})" for one in dataclasses.fields(action)
        )
        lines.append(f"| `{word}` | `{action.__name__}` | {_summary(action)} | {fields} |")
    lines += [
        "",
        "A `fault` takes the [kinds of faults](faults.md), a `quirk` the [names of",
        "quirks](quirks.md).",
    ]
    return "\n".join(lines) + "\n"


def control_page() -> str:
    """Return the reference of the control port."""
    port = ControlPort(GatewaySimulator(clock=ManualClock(DEFAULT_START)))
    helped = asyncio.run(port.answer(b'{"command": "help"}'))["result"]
    others = [name for name in helped["commands"] if name not in ACTIONS]
    lines = [
        "# The control port",
        "",
        "For whoever drives a simulator from another language. Each line is an object in JSON",
        'with a `command`, and is answered by a line: `{"ok": true, "result": ...}` or',
        '`{"ok": false, "error": "..."}`. An `id` comes back as it was sent. Numbers may be',
        "written as text, so that no decimal is lost.",
        "",
        "These act, with the fields of a [scenario's script](scenario.md#script):",
        ", ".join(f"`{name}`" for name in ACTIONS) + ".",
        "A `fault` takes its `kind` and the fields of that kind beside the command:",
        '`{"command": "fault", "kind": "cut", "on": "PlaceOrder", "handled": true}`.',
        "",
        "And these:",
        "",
        "| command | what it does |",
        "| --- | --- |",
    ]
    lines += [f"| `{name}` | {_COMMANDS[name]} |" for name in others]
    return "\n".join(lines) + "\n"


_COMMANDS: Final = {
    "set_quote": "another word for `quote`",
    "inject": "another word for `fault`",
    "clear": "another word for `clear_faults`",
    "advance": "lets `seconds` of a clock that stands still pass (`--manual`); returns its time",
    "orders": "all orders of all clients, open and closed, as the broker has them",
    "positions": "what each account holds",
    "executions": "all executions with their commissions",
    "log": "every request with the names of what was answered at once",
    "clients": "the ids of the connected clients",
    "quirks": "the quirks that are on",
    "faults": "the faults that are armed, and how often each will happen",
    "time": "the moment of the gateway's clock",
    "port": "the port that clients connect to, which a 1300 moves",
    "check": "fails when something was asked that is not simulated",
    "assert_no_duplicate_orders": "fails when the same order was placed twice",
    "help": "these words, every kind of fault with its fields, and every quirk",
}
"""What a command does that no script has; a command that is missing here is an error."""

_TABLE: Final = ("| key | default | meaning |", "| --- | --- | --- |")


def _rows(record: type) -> list[str]:
    said = _arguments(record)
    return [
        f"| `{one.name}` | {_field_default(one)} | {said.get(one.name, '')} |"
        for one in dataclasses.fields(record)
    ]


def _own_fields(kind: type[Fault]) -> str:
    shared = {one.name: one.default for one in dataclasses.fields(Fault)}
    said = _arguments(kind)
    cells = []
    for one in dataclasses.fields(kind):
        if one.name in shared and one.default == shared[one.name]:
            continue
        meaning = f": {said[one.name]}" if one.name in said else ""
        cells.append(f"`{one.name}` ({_field_default(one)}){meaning}")
    return "<br>".join(cells)


def _field_default(one: dataclasses.Field[Any]) -> str:
    default = one.default
    if default is not dataclasses.MISSING:
        if default == FOR_EVER and isinstance(default, int):
            return "for ever"
        if default is None or default in {"", ()}:
            return "not set" if default is None else "empty"
        return f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return "empty" if one.default_factory is not dataclasses.MISSING else "required"


def _summary(thing: type) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join(inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].split())


def _arguments(thing: type) -> dict[str, str]:
    """Return what a docstring says of its arguments."""
    _, _, rest = inspect.cleandoc(thing.__doc__ or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in rest.splitlines():
        if not line.startswith("    "):
            break
        if not line.startswith("     "):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        else:
            found[name] += f" {line.strip()}"
    return {key: text.rstrip(".") for key, text in found.items()}


def bridge_page() -> str:
    """Return the reference of the bridge: its settings, its endpoints, its problems."""
    from ibkr_connector.bridge.app import bare_app
    from ibkr_connector.bridge.problems import TABLE as PROBLEMS
    from ibkr_connector.bridge.problems import URN
    from ibkr_connector.settings.bridge import BridgeSettings, bridge_variable

    lines = [
        "# The HTTP bridge",
        "",
        "For whoever calls `ibkr serve` from another program; [how to](../how-to/bridge.md) comes",
        "first. The whole description for generators of clients is [openapi.json](openapi.json),",
        "as the bridge serves it under `/openapi.json`.",
        "",
        "## Endpoints",
        "",
        "| call | scope | what it does |",
        "| --- | --- | --- |",
    ]
    for path, methods in bare_app().openapi()["paths"].items():
        for method, said in methods.items():
            about = said["description"].split("\n")[0]
            lines.append(f"| `{method.upper()} {path}` | {said.get('x-scope', '')} | {about} |")
    lines += [
        "| `WS /ws/quotes/{symbol}` | read | Follow the quotes of a symbol. |",
        "| `WS /v1/ws` | read | Follow topics, as the reader says. |",
        "",
        "## Settings",
        "",
        "| environment | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in BridgeSettings.model_fields.items():
        shown = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
        default = f"`{shown}`" if shown not in {None, ""} else "not set"
        lines.append(f"| `{bridge_variable(name)}` | {default} | {field.description} |")
    lines += [
        "",
        "## Problems",
        "",
        f"The `type` of a problem is `{URN}` and the word of the first column.",
        "",
        "| type | status | class of the package | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{kind.slug}` | {kind.status} | `{error.__name__}` | {kind.title}. |"
        for error, kind in PROBLEMS.items()
    ]
    return "\n".join(lines) + "\n"


def openapi_page() -> str:
    """Return the description of the HTTP bridge, as it serves it itself."""
    from ibkr_connector.bridge.app import bare_app

    return json.dumps(bare_app().openapi(), indent=1, sort_keys=True) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "reference/settings.md": settings_page,
    "reference/codes.md": codes_page,
    "reference/troubleshooting-codes.md": troubleshooting_page,
    "reference/command-line.md": command_page,
    "reference/faults.md": faults_page,
    "reference/quirks.md": quirks_page,
    "reference/scenario.md": scenario_page,
    "reference/control.md": control_page,
    "reference/bridge.md": bridge_page,
    "reference/openapi.json": openapi_page,
}
"""Every generated page, by its place under `docs/`."""


def main(arguments: list[str]) -> int:
    """Write or check the pages."""
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    print("\n".join(stale) or "every page is what it should be")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
