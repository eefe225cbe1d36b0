"""`ibkr preview` and `ibkr order`, as people and programs run them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.simulator import Answer, Drop, GatewaySimulator, HostedSimulator
from kit import command

RESTING = ("buy", "10", "AAPL", "--limit", "1.05")

Ibkr = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ibkr(ibkr_gateway: HostedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ibkr:
    monkeypatch.setenv("IBKR_STATE_DIR", str(tmp_path / "journal"))
    monkeypatch.setenv("IBKR_PORT", str(ibkr_gateway.port))
    monkeypatch.setenv("IBKR_READONLY", "false")
    monkeypatch.setenv("COLUMNS", "200")

    return command.ibkr


def there(gateway: HostedSimulator) -> list[Any]:
    return gateway.do(
        lambda gw: [order.terms for order in (*gw.venue.open_orders(), *gw.venue.closed_orders())]
    )


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the error, which stands behind whatever was logged."""
    return dict(json.loads(done.stderr.splitlines()[-1]))


def test_a_preview_is_a_table_for_people_and_places_nothing(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator
) -> None:
    done = ibkr("preview", *RESTING)
    assert done.returncode == 0, done.stderr
    for word in ("MAX_ORDER_SIZE", "passed", "initial margin", "equity with loan", "commission"):
        assert word in done.stdout
    assert there(ibkr_gateway) == []


def test_a_preview_is_json_for_programs_and_keeps_its_token(ibkr: Ibkr) -> None:
    done = ibkr("preview", *RESTING, "--json")
    told = json.loads(done.stdout)["preview"]
    assert told["is_allowed"] is True
    assert told["broker"]["initial_margin"]["change"] is not None
    assert {row["rule"] for row in told["rules"]} >= {"MAX_ORDER_SIZE", "trading"}
    assert "token" not in told


def test_an_order_is_placed_after_yes_and_the_decision_is_kept(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator
) -> None:
    done = ibkr("order", *RESTING, "--key", "k", said="y\n")
    assert done.returncode == 0, done.stderr
    assert "paper account: BUY 10 AAPL" in done.stdout
    assert "submitted" in done.stdout
    (terms,) = there(ibkr_gateway)
    assert (terms.action, terms.order_type) == ("BUY", "LMT")
    history = ibkr("orders", "--history", "k").stdout
    assert "by ibkr order at" in history


@pytest.mark.parametrize("said", ["n\n", "\n", ""])
def test_anything_but_yes_places_nothing(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator, said: str
) -> None:
    assert ibkr("order", *RESTING, said=said).returncode == 3
    assert there(ibkr_gateway) == []


def test_a_program_says_yes_and_reads_one_document(ibkr: Ibkr) -> None:
    done = ibkr("order", "buy", "3", "AAPL", "--yes", "--wait", "filled", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["order"]["status"] == "filled"
    assert told["order"]["filled_quantity"] == "3"
    assert told["preview"]["is_allowed"] is True


def test_the_same_key_again_is_the_same_order(ibkr: Ibkr, ibkr_gateway: HostedSimulator) -> None:
    keyed = ("order", *RESTING, "--key", "morning-1")
    first = ibkr(*keyed, "--yes", "--json")
    assert first.returncode == 0, first.stderr
    again = ibkr(*keyed, "--yes", "--json")
    assert again.returncode == 0, again.stdout
    one, other = (json.loads(done.stdout)["order"] for done in (first, again))
    assert (other["order_id"], other["status"]) == (one["order_id"], "submitted")
    assert other["client_order_id"] == "morning-1"
    # nothing is placed, so nobody is asked
    shown = ibkr(*keyed, said="")
    assert shown.returncode == 0, shown.stderr
    assert "placed before under this key" in shown.stdout
    assert "refused" not in shown.stdout
    assert len(there(ibkr_gateway)) == 1


def test_the_key_of_another_order_is_a_mistake(ibkr: Ibkr, ibkr_gateway: HostedSimulator) -> None:
    assert ibkr("order", *RESTING, "--key", "k", "--yes").returncode == 0
    done = ibkr("order", "buy", "11", "AAPL", "--limit", "1.05", "--key", "k", "--yes", "--json")
    assert done.returncode == 2
    assert "already names another order" in error_of(done)["message"]
    assert len(there(ibkr_gateway)) == 1


def test_json_without_yes_is_a_mistake(ibkr: Ibkr, ibkr_gateway: HostedSimulator) -> None:
    assert ibkr("order", *RESTING, "--json").returncode == 2
    assert there(ibkr_gateway) == []


def test_what_breaks_a_rule_is_shown_and_not_asked_about(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_ORDER_SIZE", "5")
    done = ibkr("order", *RESTING, said="y\n")
    assert done.returncode == 1
    assert "broken" in done.stdout
    assert "Place it?" not in done.stdout
    shown = ibkr("order", *RESTING, "--yes", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["preview"]["is_allowed"] is False
    assert there(ibkr_gateway) == []


def test_what_the_broker_would_reject_is_shown(ibkr: Ibkr, ibkr_gateway: HostedSimulator) -> None:
    text = "Order rejected - reason:no [margin]"
    ibkr_gateway.do(lambda gw: gw.inject(Answer(to="PlaceOrder", code=201, text=text)))
    done = ibkr("preview", *RESTING)
    assert done.returncode == 1
    assert "no [margin]" in done.stdout


def test_an_order_that_is_not_filled_in_time_is_told_from_one_that_failed(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator
) -> None:
    done = ibkr("order", *RESTING, "--yes", "--wait", "filled", "--timeout", "10", "--json")
    assert done.returncode == 4
    assert "goes on working" in error_of(done)["message"]
    assert json.loads(done.stdout)["order"]["status"] == "submitted"
    assert len(there(ibkr_gateway)) == 1


def test_an_order_without_an_answer_is_told_from_one_that_failed(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator
) -> None:
    shown = Drop(reply="OpenOrder", answering="PlaceOrder", where={"whatIf": "0"})
    ibkr_gateway.do(lambda gw: gw.inject(shown))
    ibkr_gateway.do(lambda gw: gw.inject(Drop(reply="OrderStatus", answering="PlaceOrder")))
    done = ibkr("order", *RESTING, "--yes", "--timeout", "0.5", "--json")
    assert (done.returncode, error_of(done)["error"]) == (4, "OrderUncertainError")
    assert json.loads(done.stdout)["order"]["status"] == "uncertain"


@pytest.mark.parametrize(
    "arguments",
    [
        ("order", "buy", "-1", "AAPL", "--yes"),
        ("order", "hold", "1", "AAPL", "--yes"),
        ("order", "buy", "1", "AAPL", "--limit", "one", "--yes"),
        ("order", "buy", "1", "AAPL", "--wait", "done", "--yes"),
        ("order", "buy", "1", "AAPL", "--term", "nonsense", "--yes"),
        ("order", "buy", "1", "AAPL", "--term", "colour=red", "--yes"),
        ("order", "buy", "1", "AAPL", "--limit", "1", "--term", "all_or_none=maybe", "--yes"),
        ("order", "exercise", "1", "AAPL 20261218 C 200", "--term", "override=sure", "--yes"),
        ("preview", "buy", "1", "AAPL", "--type", "TRAIL"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_of_the_command(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator, arguments: tuple[str, ...]
) -> None:
    done = ibkr(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert there(ibkr_gateway) == []


def test_a_read_only_profile_says_how_to_trade(ibkr: Ibkr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IBKR_READONLY")
    done = ibkr("order", *RESTING, "--yes")
    assert done.returncode == 1
    assert "IBKR_READONLY=false" in done.stderr


def test_other_terms_can_be_named(ibkr: Ibkr, ibkr_gateway: HostedSimulator) -> None:
    done = ibkr(
        *("order", "sell", "1", "AAPL", "--type", "TRAIL", "--term", "trail_amount=5"),
        *("--tif", "gtc", "--term", "all_or_none=yes", "--yes"),
    )
    assert done.returncode == 0, done.stderr
    (terms,) = there(ibkr_gateway)
    assert (terms.order_type, terms.time_in_force) == ("TRAIL", "GTC")
    assert terms.is_all_or_none


def test_an_amount_of_money_is_an_order_too(ibkr: Ibkr, ibkr_gateway: HostedSimulator) -> None:
    done = ibkr("order", "buy", "cash=500", "EUR.USD", "--wait", "filled", said="y\n")
    assert done.returncode == 0, done.stderr
    assert "paper account: BUY 500 (cash) EUR.USD" in done.stdout
    assert "filled" in done.stdout
    (terms,) = there(ibkr_gateway)
    assert 400 < terms.quantity < 500


def a_call(simulator: GatewaySimulator) -> str:
    """Name a call on Apple that is listed today, and not over tomorrow."""
    calls = [one for one in simulator.venue.catalogue.options_of(265598) if one.right == "C"]
    last = max(calls, key=lambda one: one.expiry)
    return f"AAPL {last.expiry} C {last.strike:f}"


def test_options_that_are_not_held_are_not_exercised(
    ibkr: Ibkr, ibkr_gateway: HostedSimulator
) -> None:
    call = ibkr_gateway.do(a_call)
    done = ibkr("preview", "exercise", "1", call, "--term", "override=yes", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)["preview"]
    assert told["order"]["exercise"] == {"lapse": False, "override": True}
    (broken,) = [row for row in told["rules"] if row["rule"] == "exercise"]
    assert (broken["verdict"], broken["limit"]) == ("broken", "0 held and not for sale")
    assert there(ibkr_gateway) == []
