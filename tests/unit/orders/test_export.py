"""The journal in a file of its own: whole and sound, or no file at all."""

import csv
import json
import sqlite3
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ibkr_connector.cli.app import app
from ibkr_connector.errors import ConfigurationError, OrderNotFoundError, RiskLimitError
from ibkr_connector.orders.export import COLUMNS, export_journal
from ibkr_connector.orders.history import read_denials, read_history
from ibkr_connector.orders.journal import check
from ibkr_connector.storage.chain import GENESIS, link
from kit.order_desk import bench, buy
from kit.order_venue import Mode


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """Return the journal of a run that ended: one order filled, two denied."""
    async with bench(tmp_path) as at:
        at.venue.mode = Mode.FILL
        await at.desk.place(buy(100, client_order_id='mine, "quoted"'))
        for quantity in (5000, 6000):
            with pytest.raises(RiskLimitError):
                await at.desk.place(buy(quantity))
        place = at.journal.path
    assert isinstance(place, Path)
    return place


def told(file: Path) -> list[list[str]]:
    """Read an export as another program would, with the bodies as they stand in it."""
    if file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as lines:
            head, *rows = list(csv.reader(lines))
        assert tuple(head) == COLUMNS
        return rows
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines():
        whole = json.loads(line)
        assert tuple(whole) == COLUMNS
        body = line[line.index(', "body": ') + 10 : line.rindex(', "digest": ')]
        assert json.loads(body) == whole["body"]
        rows.append([str(whole[name]) if name != "body" else body for name in COLUMNS])
    return rows


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl", "all.NDJSON"])
def test_an_export_is_whole_and_its_chain_can_be_followed_from_the_file(
    journal: Path, tmp_path: Path, name: str
) -> None:
    to = tmp_path / name
    chain = export_journal(journal, to)
    assert chain == check(journal)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    digest = GENESIS
    rows = told(to)
    for seq, *texts, stated in rows:
        digest = link(digest, int(seq), texts)
        assert digest == stated
    assert (len(rows), digest) == (chain.entries, chain.head)


def test_a_journal_that_was_changed_is_not_exported(journal: Path, tmp_path: Path) -> None:
    with sqlite3.connect(journal) as database:
        database.execute("DROP TRIGGER entries_stay")
        database.execute("UPDATE entries SET body = replace(body, '100', '900') WHERE seq = 2")
    with pytest.raises(ConfigurationError, match="entry 2 does not fit"):
        export_journal(journal, tmp_path / "all.csv")
    assert [one.name for one in tmp_path.iterdir() if "all.csv" in one.name] == []


def test_no_file_is_written_over_and_no_form_is_guessed(journal: Path, tmp_path: Path) -> None:
    there = tmp_path / "mine.csv"
    there.write_text("mine")
    for to, said in (
        (there, "is there already"),
        (tmp_path / "all.xls", "an export ends in .csv, .jsonl, .ndjson; got 'all.xls'"),
        (tmp_path / "none" / "all.csv", "cannot be written"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            export_journal(journal, to)
    assert there.read_text() == "mine"


def test_what_was_denied_is_told_with_its_rules_and_remedies(journal: Path) -> None:
    first, second = read_denials(journal)
    assert (first.error, first.seq < second.seq) == ("RiskLimitError", True)
    assert "5000" in first.order
    (broken,) = [rule for rule in first.rules if rule.verdict == "broken"]
    assert (broken.rule, broken.value, broken.limit) == ("MAX_ORDER_SIZE", "5000", "1000")
    assert "raise max_order_size" in broken.remedy
    assert read_denials(journal, limit=1) == (second,)
    with pytest.raises(OrderNotFoundError) as unknown:
        read_history(journal, "no such")
    assert "--denied" in (unknown.value.hint or "")


def test_the_commands_say_it(journal: Path, tmp_path: Path) -> None:
    def ibkr(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["orders", "--journal", str(journal), *words])
        return done.exit_code, done.output

    code, said = ibkr("--denied")
    assert code == 0
    assert "MAX_ORDER_SIZE: 5000, the limit is 1000; order less, or raise" in said
    assert [one["error"] for one in json.loads(ibkr("--denied", "--json")[1])] == [
        "RiskLimitError"
    ] * 2
    to = tmp_path / "all.csv"
    code, said = ibkr("--export", str(to))
    assert (code, f"{check(journal).entries} entries" in said) == (0, True)
    assert json.loads(ibkr("--export", str(tmp_path / "b.jsonl"), "--json")[1])["entries"] > 5
    assert ibkr("--export", str(to))[0] == 2
