"""What the rules say of an order that is divided: once of the whole, and of each account's part."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from ibkr_connector.model.account import Position
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.orders import Action, OrderTerms
from ibkr_connector.orders.cases import Cases, Examined
from ibkr_connector.orders.division import Division
from ibkr_connector.orders.exposure import Exposure
from ibkr_connector.orders.judging import all_close, decide_all
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.meeting import fill_of
from ibkr_connector.orders.notes import Filled, Intended
from ibkr_connector.orders.risk import AccountFacts, RiskFacts, RiskLimits
from kit.order_desk import AAPL, NOON, NoFacts, buy, ticket
from kit.order_told import execution

BASE = RiskLimits(max_order_size=Decimal(1000))
HALVES = Division(accounts=("DU1", "DU2"), weights={"DU1": Decimal(1), "DU2": Decimal(1)})


class Facts(NoFacts):
    """Two accounts that hold 100 each, of which the first may open nothing after a loss."""

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        held = Position(
            account=account,
            contract=AAPL,
            quantity=Decimal(100),
            avg_cost=Decimal(90),
            avg_price=Decimal(90),
            as_of=NOON,
            current_price=Decimal(100),
        )
        return AccountFacts(
            now=NOON,
            rate=lambda currency: Decimal(1),
            positions=(held,),
            halted_until=NOON + timedelta(hours=1) if account == "DU1" else None,
        )


class Limits:
    """Limits that are others for some accounts."""

    trading_allowed, halted_reason = True, ""

    def __init__(self, **of: RiskLimits) -> None:
        self._of = of

    def limits_for(self, contract: Contract, account: str) -> RiskLimits:
        return self._of.get(account, BASE)


def divided(quantity: int, action: Action, division: Division = HALVES) -> Examined:
    request = replace(buy(quantity), action=action, allocation=Allocation(group="Core"))
    return Examined(
        request=request,
        contract=AAPL,
        account="",
        facts=RiskFacts(),
        limits=BASE,
        division=division,
        of_accounts=(RiskFacts(), RiskFacts()),
    )


class Judge:
    """Judges one order after the other, of which those that pass count as placed."""

    def __init__(self, **of: RiskLimits) -> None:
        self.ledger = ledger = Ledger()
        self.exposure = Exposure(ledger=ledger, facts=Facts())
        self.cases = Cases(ledger=ledger, limits=Limits(**of), exposure=self.exposure)

    def placed(self, number: int, quantity: int, action: Action, parent: int | None = None) -> str:
        """Let a divided order be open; returns its key."""
        key = f"ibc-{number}"
        wanted = replace(
            ticket(number, key, quantity),
            action=action,
            account="",
            terms=OrderTerms(allocation=Allocation(group="Core")),
            parent_id=None if parent is None else OrderId(parent),
        )
        self.ledger.record(Intended(at=NOON, key=key, client_id=ClientId(1), ticket=wanted))
        return key

    def broken(self, examined: Examined, *, replacing: str | None = None) -> list[tuple[str, str]]:
        cases = self.cases.of(examined, replacing=replacing)
        violations, _ = decide_all(cases)
        if not violations:
            self.exposure.placed(cases[0])
        return [(one.rule, one.value) for one in violations]


def test_what_closes_in_each_account_goes_though_one_of_them_may_open_nothing() -> None:
    judge = Judge()
    assert judge.broken(divided(200, Action.SELL)) == []
    opens = "an order that opens something (account 1 of 2)"
    assert judge.broken(divided(200, Action.BUY)) == [("halt_cooldown_s", opens)]


def test_a_limit_on_how_often_that_one_account_has_holds_for_what_is_divided_to_it() -> None:
    judge = Judge(DU2=replace(BASE, max_orders_per_minute=1))
    assert judge.broken(divided(10, Action.SELL)) == []
    assert judge.broken(divided(20, Action.SELL)) == [("max_orders_per_minute", "2")]
    judge = Judge(
        DU1=replace(BASE, duplicate_window_s=Decimal(1)),
        DU2=replace(BASE, duplicate_window_s=Decimal(30)),
    )
    assert judge.broken(divided(10, Action.SELL)) == []
    (again,) = judge.cases.of(divided(10, Action.SELL))[:1]
    assert again.limits.duplicate_window_s == 30
    assert [rule for rule, _ in judge.broken(divided(10, Action.SELL))] == ["duplicate_window_s"]


def test_a_size_that_follows_from_the_method_is_judged_and_not_what_the_order_names() -> None:
    parts = {"DU1": Decimal(600), "DU2": Decimal(600)}
    fixed = Division(accounts=("DU1", "DU2"), fixed=parts, quantity=Decimal(1200))
    assert ("MAX_ORDER_SIZE", "1200") in Judge().broken(divided(1, Action.SELL, fixed))


def test_nobody_knows_of_what_is_divided_that_it_closes() -> None:
    cases = Judge().cases
    assert not all_close(cases.of(divided(2, Action.SELL)))
    alone = replace(divided(2, Action.SELL), account="DU1", division=None, of_accounts=())
    assert all_close(cases.of(alone))


def test_a_larger_exit_closes_in_each_account_what_its_part_of_the_entry_will_have_opened() -> None:
    no_shorts = replace(BASE, allow_short=False)
    judge = Judge(DU1=no_shorts, DU2=no_shorts)
    judge.placed(1, 100, Action.BUY)
    stop = judge.placed(2, 100, Action.SELL, parent=1)
    # each account has 100, and may get 50 of the entry
    assert judge.broken(divided(300, Action.SELL), replacing=stop) == []
    broken = judge.broken(divided(304, Action.SELL), replacing=stop)
    assert [rule for rule, _ in broken].count("allow_short") == 2


def test_of_a_change_counts_what_each_account_has_not_got_yet() -> None:
    narrow = replace(BASE, max_position_size=Decimal(150))
    judge = Judge(DU2=narrow)
    key = judge.placed(1, 60, Action.BUY)
    fill = fill_of(execution("a.b.01.01", 30, account="DU2"))
    judge.ledger.record(Filled(at=NOON, key=key, fill=fill))
    # 100 are held, the 30 that came are among them by now, and 30 more may come to each
    assert judge.broken(divided(160, Action.BUY), replacing=key) == [
        ("halt_cooldown_s", "an order that opens something (account 1 of 2)")
    ]
    assert ("max_position_size", "151 with all open orders filled (account 2 of 2)") in (
        judge.broken(divided(162, Action.BUY), replacing=key)
    )
