"""Every order that is sent, changed or denied has its reasons in the journal: through a socket."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, RiskLimitError
from ibkr_connector.cli.orders import show_history
from ibkr_connector.model.preview import RuleVerdict, Verdict
from ibkr_connector.orders.history import HistoryStep
from ibkr_connector.orders.journal import note_of, read
from ibkr_connector.orders.notes import Denied
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator

Make = Callable[..., IBKRConnector]
ORDER: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": "1.05",
}


def place_of(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "journal").glob("orders-*.sqlite3")
    return found


def sized(step: HistoryStep) -> RuleVerdict:
    (row,) = [row for row in step.rules if row.rule == "MAX_ORDER_SIZE"]
    return row


def passed(value: str, limit: str) -> RuleVerdict:
    return RuleVerdict(
        rule="MAX_ORDER_SIZE", verdict=Verdict.PASSED, value=value, limit=limit, remedy=""
    )


async def test_every_order_has_the_rules_that_let_it_go_with_its_intent(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with make_connector(ibkr_gateway.port, max_order_size=50) as ib:
        report = await ib.place_order(ORDER)
        changed = await ib.modify_order(report.order_id, {"quantity": 20})
        history = await ib.order_history(changed.order_id)
        intent, change = (one for one in history.steps if one.kind in ("intent", "change"))
        assert (sized(intent), sized(change)) == (passed("10", "50"), passed("20", "50"))
        assert {row.verdict for row in (*intent.rules, *change.rules)} <= {
            Verdict.PASSED,
            Verdict.WAIVED,
        }
        assert "rules" not in intent.evidence
        show_history(place_of(tmp_path), str(report.order_id), as_json=False)
        assert "MAX_ORDER_SIZE passed: 20, limit 50" in capsys.readouterr().out


async def test_each_part_of_a_bracket_has_its_own(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, max_order_size=50) as ib:
        made = await ib.place_bracket({**ORDER, "take_profit": "2.00", "stop_loss": "1.00"})
        for part in (made.entry, made.take_profit, made.stop_loss):
            first, *_ = (await ib.order_history(part.order_id)).steps
            assert sized(first) == passed("10", "50")


async def test_a_denied_order_is_written_with_all_rules_and_so_is_its_error(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    async with make_connector(ibkr_gateway.port, max_order_size=5) as ib:
        with pytest.raises(RiskLimitError) as caught:
            await ib.place_order(ORDER)
        path = place_of(tmp_path)
    assert ibkr_gateway.do(orders_there) == 0
    (denied,) = [note for note in map(note_of, read(path)) if isinstance(note, Denied)]
    (broken,) = [row for row in denied.rules if row.verdict is Verdict.BROKEN]
    assert (broken.rule, broken.value, broken.limit) == ("MAX_ORDER_SIZE", "10", "5")
    assert broken.remedy
    assert denied.rules == caught.value.rules
    (violation,) = caught.value.violations
    assert Decimal(violation.limit) == 5


def orders_there(gw: GatewaySimulator) -> int:
    return len(tuple(gw.venue.open_orders())) + len(tuple(gw.venue.closed_orders()))
