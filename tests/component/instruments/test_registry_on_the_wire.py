"""The registry between two runs of a program, over a real socket, and from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ibkr_connector import AmbiguousContractError, Contract, IBKRConnector, SecurityType
from ibkr_connector.cli.app import app
from ibkr_connector.simulator import HostedSimulator
from kit.market import asked

FUTURE: dict[str, Any] = {"security_type": SecurityType.FUTURE}
Make = Callable[..., IBKRConnector]


async def test_a_second_run_asks_for_nothing_that_the_first_has_learned(
    make_connector: Make, ibkr_gateway: HostedSimulator
) -> None:
    wanted = ("AAPL", "ES 202703", "AAPL 20261218 C 250", "EUR.USD", "KO - PEP")
    async with make_connector(ibkr_gateway.port) as ib:
        first = await ib.instruments.resolve_many(wanted)
        rule = await ib.instruments.tick_rule("AAPL")
        assert not first.failures
    before = len(asked(ibkr_gateway, "ReqContractDetails"))
    async with make_connector(ibkr_gateway.port) as ib:
        assert list(await ib.instruments.resolve_many(wanted)) == list(first)
        assert await ib.instruments.tick_rule("AAPL") == rule
        assert (await ib.get_quote("EUR.USD")).bid is not None
    assert len(asked(ibkr_gateway, "ReqContractDetails")) == before == 6
    assert len(asked(ibkr_gateway, "ReqMarketRule")) == 1


async def test_an_id_is_quoted_and_ordered_as_its_contract(
    make_connector: Make, ibkr_gateway: HostedSimulator, tmp_path: Path
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        made = await ib.instruments.register("my:apple", "AAPL", note="fruit")
        assert made.con_id == made.contract.con_id == 265598
        with pytest.raises(AmbiguousContractError):
            await ib.instruments.register("my:es", Contract(symbol="ES", exchange="CME", **FUTURE))
        assert [one.instrument_id for one in await ib.instruments.list()] == ["my:apple"]
        assert (await ib.get_quote("my:apple")).symbol == "AAPL"
        assert await ib.instruments.export(tmp_path / "all.yaml") == 1
        assert await ib.instruments.unregister("my:apple")
        report = await ib.instruments.import_(tmp_path / "all.yaml")
        assert (report.imported, report.problems) == (("my:apple",), ())
        known = await ib.instruments.lookup("my:apple")
        assert known is not None
        assert (known.con_id, known.note) == (265598, "fruit")
        details = await ib.instruments.refresh("my:apple")
        assert details.contract.symbol == "AAPL"
        assert [change.field for change in await ib.instruments.history("my:apple")] == [
            "registered"
        ]


def test_the_commands_need_no_gateway_but_to_resolve(
    ibkr_gateway: HostedSimulator, tmp_path: Path
) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["instruments", *words])
        assert done.exit_code == code, done.output
        return done.output

    sheet = tmp_path / "mine.csv"
    sheet.write_text("instrument_id,text,note\nmy:apple,AAPL,fruit\nmy:bad,???,\n")
    told = run("import", str(sheet), code=1)
    assert "1 written, 0 known as they are" in told
    assert "line 3 (my:bad)" in told
    port = f"--port={ibkr_gateway.port}"
    assert "#265598" in run("resolve", "my:apple", port)
    run("resolve", "NOSUCHTHING", port, code=1)
    run("resolve", "ES 202703", "--as", "my:es", port)
    rows = json.loads(run("list", "--json"))
    assert [(row["instrument_id"], row["con_id"]) for row in rows] == [
        ("my:apple", 265598),
        ("my:es", 9000087),
    ]
    assert "my:apple" in run("list")
    shown = json.loads(run("show", "my:apple", "--json"))
    assert (shown["note"], shown["history"]) == ("fruit", [])
    assert "fruit" in run("show", "my:apple")
    run("show", "nobody", code=1)
    assert "2 instruments" in run("export", str(tmp_path / "out.json"))
    again = json.loads((tmp_path / "out.json").read_text())
    assert {row["instrument_id"] for row in again} == {"my:apple", "my:es"}
    run("import", str(tmp_path / "missing.csv"), code=1)
