"""Every name of the migration page is one: of ours on the right, of ib_async on the left."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import ib_async
import pytest

import ibkr_connector
from ibkr_connector import IBKRConnector, OrderReport, Settings, build, facades
from ibkr_connector.model.market import BarSeries, Quote

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "migration.md"

PLACEHOLDERS: Final = frozenset(
    {"bars", "config", "contract", "handler", "host", "order_id", "port", "secType", "settings"}
    | {"clientId", "exchange", "keepUpToDate", "symbol"}
)
"""Names that stand for what a reader puts there."""

GONE: Final = frozenset({"IBKRFuturesDataService"})
"""A name that only programs of old know."""

OLDER, THERE = "From the older broker, service and client", "From ib_insync and ib_async"

NOTHING: Final = object()

Names = Mapping[str, Any]


def codes(heading: str, column: int) -> list[str]:
    """Return each piece of code of a column of the table under a heading."""
    part = PAGE.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [code for row in rows[2:] for code in re.findall(r"`([^`]+)`", row[column])]


def names_of(code: str) -> Iterator[tuple[list[str], ast.Call | None]]:
    """Return each dotted name of a piece of code, and the call whose function it is."""
    body = "pass" if code == "await" else code
    if code.startswith("async "):
        body = f"{code.removesuffix(':')}: pass"
    tree = ast.parse(f"async def piece():\n  {body}")
    functions = {id(one.func): one for one in ast.walk(tree) if isinstance(one, ast.Call)}
    parts = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
    bound = {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}
    bound |= {one.target.id for one in ast.walk(tree) if isinstance(one, ast.AsyncFor)}  # type: ignore[attr-defined]  # a plain name on this page
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute) or id(node) in parts:
            continue
        path: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            path.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            if base.id not in bound:
                yield [base.id, *path], functions.get(id(node))
        else:
            # what an answer has: `(await ib.get_quote("AAPL")).bid`
            yield ["an answer", *path], functions.get(id(node))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Names:
    """Return what names of ours mean."""
    given: dict[str, Any] = {**vars(builtins), "Decimal": Decimal}
    for module in (ibkr_connector, build, facades):
        given |= {name: getattr(module, name) for name in module.__all__}
    settings = Settings.load(port=7497, state_dir=tmp_path_factory.mktemp("migration"))
    given |= {"ib": IBKRConnector.create(settings), "report": OrderReport}
    return given | {"blocking": facades.Blocking, "an answer": (BarSeries, Quote)}


@pytest.fixture(scope="module")
def waiting(ours: Names) -> Names:
    """Return what names mean to a program of old: methods stand there without their object."""
    given: dict[str, Any] = {**ours}
    with pytest.deprecated_call():
        older = facades.InteractiveBrokersApiService({})
    for kept in (facades.InteractiveBrokersBroker({}), older):
        given |= {name: getattr(kept, name) for name in dir(kept) if name[0] != "_"}
    return given


@pytest.fixture(scope="module")
def theirs() -> Names:
    """Return what names of ib_async mean."""
    known = {"ib": ib_async.IB(), "trade": ib_async.Trade(), "ticker": ib_async.Ticker()}
    return {**vars(ib_async), **known}


@pytest.mark.parametrize(
    ("heading", "column", "whose"),
    [
        (OLDER, 0, "waiting"),
        (OLDER, 1, "waiting"),
        (OLDER, 2, "ours"),
        (THERE, 0, "theirs"),
        (THERE, 1, "ours"),
    ],
)
def test_every_name_in_a_column_is_one(
    heading: str, column: int, whose: str, request: pytest.FixtureRequest
) -> None:
    known: Names = request.getfixturevalue(whose)
    found = list(codes(heading, column))
    assert len(found) > 5
    assert [told for code in found for told in mistakes(code, known)] == []


def mistakes(code: str, known: Names) -> Iterator[str]:
    for path, call in names_of(code):
        if path[0] in PLACEHOLDERS | GONE:
            continue
        meant = resolved(path, known)
        if meant is NOTHING:
            yield f"{code}: no {'.'.join(path)}"
        elif call is not None and not takes(meant, call):
            yield f"{code}: other arguments"


def resolved(path: list[str], known: Names) -> Any:
    """Return what a dotted name means; `NOTHING` when it means nothing."""
    roots = known.get(path[0], NOTHING)
    for root in roots if isinstance(roots, tuple) else (roots,):
        found = root
        for name in path[1:]:
            found = getattr(found, name, NOTHING)
        if found is not NOTHING:
            return found
    return NOTHING


def takes(meant: Any, call: ast.Call) -> bool:
    """Tell whether something can be called with the keywords of a call."""
    said = inspect.signature(meant).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in said.values()):
        return True
    return {word.arg for word in call.keywords if word.arg} <= set(said)


def test_a_name_or_an_argument_that_is_none_is_seen(ours: Names) -> None:
    for code in ("ib.get_quotte()", "ib.get_quote(symbol=1)", "limit_ordr()", "(await x()).bidd"):
        assert list(mistakes(code, ours))
