"""`ibkr orders` and `ibkr cancel`, as their users run them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector import IBKRConnector, limit_order, market_order
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.tuning import journal_place
from kit.command import ibkr


@pytest.fixture
def journal(
    ibkr_gateway: HostedSimulator,
    make_connector: Callable[..., IBKRConnector],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return the journal of a run that ended: one order was filled, two are open."""

    async def trade() -> None:
        async with make_connector(ibkr_gateway.port) as ib:
            report = await ib.place_order(market_order("AAPL", "BUY", 3, client_order_id="rich"))
            await ib.wait_for_fill(report.order_id, timeout_s=60)
            for price in ("1.00", "1.01"):
                await ib.place_order(limit_order("AAPL", "BUY", 1, limit_price=Decimal(price)))

    asyncio.run(trade())
    state = tmp_path / "journal"
    monkeypatch.setenv("IBKR_STATE_DIR", str(state))
    place = journal_place(Settings.load(state_dir=state))
    assert isinstance(place, Path)
    return place


def test_orders_are_shown_without_a_gateway(journal: Path, ibkr_gateway: HostedSimulator) -> None:
    asked = ibkr_gateway.do(lambda gw: len(gw.log))
    done = ibkr("orders", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["filled", "submitted", "submitted"]
    assert [row["is_open"] for row in rows] == [False, True, True]
    assert rows[0]["filled_quantity"] == "3"
    table = ibkr("orders").stdout
    assert table.count("submitted") == 2
    assert "by the journal, last changed" in table
    assert "DU1234567" not in table
    assert ibkr_gateway.do(lambda gw: len(gw.log)) == asked


def test_the_history_of_an_order_is_told_step_by_step(journal: Path) -> None:
    done = ibkr("orders", "--history", "rich")
    assert done.returncode == 0, done.stderr
    for word in ("intended: BUY 3", "execution ", "commission of", "filled", "UTC"):
        assert word in done.stdout
    told = json.loads(ibkr("orders", "--history", "rich", "--json").stdout)
    assert told["order"]["status"] == "filled"
    steps = [step for step in told["steps"] if step["kind"] == "step"]
    assert steps[-1]["target"] == "filled"
    assert all(step["cause"] and step["digest"] and step["time"] for step in told["steps"])
    unknown = ibkr("orders", "--history", "4711")
    assert (unknown.returncode, "OrderNotFoundError" in unknown.stderr) == (1, True)


def test_a_sound_journal_is_called_sound(journal: Path) -> None:
    told = json.loads(ibkr("orders", "--verify", "--json").stdout)
    assert (told["sound"], told["first_broken"]) == (True, None)
    assert told["entries"] > 10
    done = ibkr("orders", "--verify", "--journal", str(journal))
    assert (done.returncode, told["head"] in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("harm", "broken"),
    [
        ("UPDATE entries SET body = replace(body, '\"3\"', '\"4\"') WHERE seq = 2", 2),
        ("DELETE FROM entries WHERE seq = 4", 4),
    ],
    ids=["changed", "removed"],
)
def test_the_first_entry_that_was_tampered_with_is_named(
    journal: Path, harm: str, broken: int
) -> None:
    with sqlite3.connect(journal) as database:
        for trigger in ("entries_stay", "entries_remain"):
            database.execute(f"DROP TRIGGER {trigger}")
        assert database.execute(harm).rowcount == 1
    database.close()
    done = ibkr("orders", "--verify")
    assert (done.returncode, f"entry {broken} does not fit" in done.stdout) == (1, True)
    told = ibkr("orders", "--verify", "--json")
    assert (told.returncode, json.loads(told.stdout)["first_broken"]) == (1, broken)


def test_a_file_that_is_no_journal_is_unreadable_and_none_is_a_mistake(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    other.write_bytes(b"not a database, and long enough to be looked at" * 100)
    done = ibkr("orders", "--verify", "--journal", str(other))
    assert (done.returncode, "unreadable" in done.stdout) == (1, True)
    for arguments in (["--verify"], [], ["--history", "1"]):
        missing = ibkr("orders", *arguments, "--journal", str(tmp_path / "none"))
        assert (missing.returncode, "there is no journal" in missing.stderr) == (2, True)


def test_one_order_is_cancelled_and_then_all(
    journal: Path, ibkr_gateway: HostedSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_READONLY", "false")
    port = ("--port", str(ibkr_gateway.port))
    first = json.loads(ibkr("orders", "--json").stdout)[1]["order_id"]
    done = ibkr("cancel", str(first), *port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("cancelled") == 1
    told = ibkr("cancel", "--all", *port, "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    assert [row["status"] for row in json.loads(told.stdout)] == ["cancelled"]
    assert ibkr_gateway.do(lambda gw: gw.venue.open_orders()) == ()
    assert "no open orders" in ibkr("cancel", "--all", *port).stdout


def test_an_order_that_the_gateway_no_longer_knows_is_settled_by_a_word(
    journal: Path,
    make_ibkr_gateway: Callable[..., HostedSimulator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IBKR_READONLY", "false")
    another = make_ibkr_gateway()
    resting = json.loads(ibkr("orders", "--json").stdout)[1]["order_id"]
    words = ("settle", str(resting), "--why", "expired, says TWS", "--port", str(another.port))
    done = ibkr(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = json.loads(done.stdout)
    assert (told["status"], told["reason"]) == (
        "cancelled",
        "settled by the user: expired, says TWS",
    )
    again = ibkr(*words)
    assert (again.returncode, "not for you to settle" in again.stdout) == (1, True)


def test_a_cancellation_that_cannot_be_says_why(
    journal: Path, ibkr_gateway: HostedSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = ("--port", str(ibkr_gateway.port))
    refused = ibkr("cancel", "--all", *port)
    assert (refused.returncode, "ReadOnlyError" in refused.stdout) == (1, True)
    assert len(ibkr_gateway.do(lambda gw: gw.venue.open_orders())) == 2
    monkeypatch.setenv("IBKR_READONLY", "false")
    assert "OrderNotFoundError" in ibkr("cancel", "4711", *port).stdout
    assert ibkr("cancel", *port).returncode == 2
