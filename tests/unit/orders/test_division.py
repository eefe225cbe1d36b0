"""Who gets how much of an advisor's order at most, and executions that are told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import AccountError, OrderValidationError
from ibkr_connector.gateway.blocks import without_blocks
from ibkr_connector.model.advisor import (
    AdvisorGroup,
    Allocation,
    AllocationMethod,
    GroupMember,
    SoftDollarTier,
    is_advisors_own,
)
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Action, Fill, OrderRequest, OrderType
from ibkr_connector.orders.advice import Advice
from ibkr_connector.orders.division import (
    Division,
    among,
    counted_once,
    divide,
    read_allocation,
    read_tier,
)
from ibkr_connector.orders.reading import as_request
from ibkr_connector.orders.risk import RiskFacts
from ibkr_connector.orders.validation import check_request
from ibkr_connector.simulator.exchange.advisor import Method, Share, allocate
from kit.order_desk import NoFacts
from kit.order_told import execution

M = AllocationMethod


def group(method: str, **amounts: int | None) -> AdvisorGroup:
    members = tuple(
        GroupMember(account=account, amount=None if amount is None else Decimal(amount))
        for account, amount in amounts.items()
    )
    return AdvisorGroup(name="G", method=method, members=members)


def most(
    one: AdvisorGroup, quantity: int, what: Allocation | None = None, **more: Any
) -> dict[str, Decimal]:
    given = {"held": {}, "prices": (), **more}
    return divide(one, what or Allocation(group="G"), **given).at_most(Decimal(quantity))


def fill(account: str, quantity: int, exec_id: str = "") -> Fill:
    return Fill(
        exec_id=ExecId(exec_id or f"{account}{quantity}.01"),
        order_id=OrderId(1),
        perm_id=PermId(1),
        client_id=ClientId(1),
        contract=stock("AAPL"),
        action=Action.BUY,
        quantity=Decimal(quantity),
        price=Decimal(100),
        time=datetime(2026, 3, 4, tzinfo=UTC),
        account=account,
    )


def test_shares_are_bounded_by_what_the_method_says() -> None:
    assert most(group("Equal", U1=None, U2=None, U3=None), 10) == dict.fromkeys(
        ("U1", "U2", "U3"), Decimal(4)
    )
    assert most(group("Ratio", U1=1, U2=3, U3=0), 10) == {"U1": 3, "U2": 8}
    assert most(group("Percent", U1=25, U2=75), 4) == {"U1": 1, "U2": 3}
    # what only TWS knows may all go to one
    for method in ("NetLiq", "AvailableEquity"):
        assert most(group(method, U1=None, U2=None), 10) == {"U1": 10, "U2": 10}
    fixed = divide(
        group("ContractsOrShares", U1=5, U2=7), Allocation(group="G"), held={}, prices=()
    )
    assert fixed.quantity == 12
    assert fixed.at_most(Decimal(1)) == {"U1": 5, "U2": 7}
    assert fixed.is_lasting
    money = divide(
        group("MonetaryAmount", U1=1000, U2=2500),
        Allocation(group="G"),
        held={},
        prices=(Decimal(99), Decimal(101)),
    )
    assert money.quantity == 33
    assert money.at_most(Decimal(1)) == {"U1": 11, "U2": 26}
    assert not money.is_lasting
    even = divide(
        group("MonetaryAmount", U1=1000, U2=2000),
        Allocation(group="G"),
        held={},
        prices=(Decimal(50),),
    )
    # an exit at another price would be for as many units as the money buys then
    assert even.quantity == 60
    assert not even.is_lasting
    change = Allocation(group="G", method=M.PERCENT_CHANGE, percentage=Decimal(-50))
    held = {"U1": Decimal(5), "U2": Decimal(-4), "U3": Decimal(0)}
    parts = divide(group("NetLiq", U1=None, U2=None, U3=None), change, held=held, prices=())
    assert parts.quantity == 4
    assert parts.at_most(Decimal(1)) == {"U1": 3, "U2": 2}
    assert not parts.is_lasting


@given(
    st.integers(1, 500),
    st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
    st.sampled_from([(M.RATIO, Method.RATIO), (M.EQUAL, Method.EQUAL)]),
)
def test_what_the_venue_gives_an_account_is_within_the_bound(
    quantity: int, amounts: list[int], method: tuple[AllocationMethod, Method]
) -> None:
    ours, theirs = method
    names = {f"U{nth}": amount for nth, amount in enumerate(amounts)}
    shares = [Share(account=name, amount=Decimal(amount)) for name, amount in names.items()]
    given_out = allocate(Decimal(quantity), shares, theirs)
    bound = most(group(ours, **names), quantity)
    assert all(part <= bound[account] for account, part in given_out.items())


@pytest.mark.parametrize(
    ("of", "what", "said"),
    [
        (group("Equal", U1=None), Allocation(group="H"), "the group 'H'; the advisor has 'G'"),
        (group("Magic", U1=None), Allocation(group="G"), "'Magic', which is not known here"),
        (
            group("Equal", U1=None),
            Allocation(group="G", method=M.RATIO),
            "needs an amount for each account",
        ),
        (
            group("Equal", U1=None),
            Allocation(group="G", percentage=Decimal(5)),
            "takes no allocation.percentage",
        ),
        (group("PctChange", U1=None), Allocation(group="G"), "needs allocation.percentage"),
    ],
)
def test_a_group_that_does_not_fit_is_refused(
    of: AdvisorGroup, what: Allocation, said: str
) -> None:
    with pytest.raises(OrderValidationError) as refused:
        among((of,), what)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("of", "what", "held", "said"),
    [
        ("MonetaryAmount", Allocation(group="G"), {"U1": Decimal(5)}, "needs a price"),
        ("PctChange", Allocation(group="G", percentage=Decimal(5)), {"U1": None}, "not known"),
        (
            "PctChange",
            Allocation(group="G", percentage=Decimal(5)),
            {"U1": Decimal(0)},
            "no account of the group 'G' gets anything",
        ),
    ],
)
def test_a_quantity_that_cannot_be_worked_out_is_refused(
    of: str, what: Allocation, held: dict[str, Decimal | None], said: str
) -> None:
    with pytest.raises(OrderValidationError, match=said):
        divide(group(of, U1=5), what, held=held, prices=())


def test_words_of_allocations_are_forgiving_and_keys_are_not() -> None:
    core = Allocation(group="Core", method=M.EQUAL)
    for method in ("equal", "EqualQuantity", "EQUAL", M.EQUAL):
        assert read_allocation("allocation", {"group": "Core", "method": method}) == core
    assert read_allocation("allocation", "Core") == Allocation(group="Core")
    assert read_tier("t", {"name": "A", "value": "1"}) == SoftDollarTier(name="A", value="1")
    for value, said in (
        ({"method": "Equal"}, "group is missing"),
        ({"group": "C", "metod": "Equal"}, "did you mean 'method'"),
        (5, "must be an Allocation, the name of a group"),
        ({"group": 7}, "group must be text"),
    ):
        with pytest.raises(ValueError, match=said):
            read_allocation("allocation", value)
    with pytest.raises(ValueError, match="value missing"):
        read_tier("soft_dollar_tier", {"name": "A"})


def test_what_an_order_says_of_a_group_is_checked_as_written() -> None:
    order = {"symbol": "AAPL", "action": "BUY", "allocation": "Core"}
    check_request(as_request(order))  # a method may say how much
    request = as_request({**order, "quantity": 5})
    check_request(request)
    for change, said in (
        ({"account": "U1"}, "exclude each other"),
        ({"model": "M"}, "exclude each other"),
        ({"quantity": Decimal(-1)}, "quantity must be above 0"),
        ({"allocation": Allocation(group="")}, "allocation.group is missing"),
        ({"allocation": "Core"}, "must be an Allocation; got 'Core'"),
        ({"allocation": Allocation(group="C", method="Best")}, "must be one of"),  # type: ignore[arg-type]  # is the fault
        (
            {"allocation": Allocation(group="C", method=M.EQUAL, percentage=Decimal(5))},
            "goes with PctChange",
        ),
        (
            {"allocation": Allocation(group="C", method=M.EQUAL, is_profile=True)},
            "has its own method",
        ),
        ({"soft_dollar_tier": "A"}, "must be a SoftDollarTier"),
    ):
        with pytest.raises(OrderValidationError, match=said):
            check_request(replace(request, **change))


def test_of_a_divided_order_the_units_count_once() -> None:
    whole, one, two = fill("DF1A", 8), fill("U1", 2), fill("U2", 6)
    assert counted_once(()) == ()
    assert counted_once((one,)) == (one,)
    assert counted_once((whole,)) == (whole,)
    # until all parts have come, the whole says more
    assert counted_once((whole, one)) == (whole,)
    assert counted_once((whole, one, two)) == (one, two)
    assert counted_once((one, two)) == (one, two)
    # an advisor's own order beside another client's is no division of it
    assert counted_once((fill("DF1", 3), fill("DF1", 5))) == (fill("DF1", 3), fill("DF1", 5))


@pytest.mark.parametrize(
    ("account", "is_own"),
    [
        ("F1234567", True),
        ("DF1000000", True),
        ("DF1000000A", True),
        ("I123456", True),
        ("FA12345", True),
        ("U1234567", False),
        ("DU1", False),
        ("", False),
    ],
)
def test_an_advisors_own_account_is_known_by_its_code(account: str, is_own: bool) -> None:  # a case
    assert is_advisors_own(account) is is_own


class Asked:
    """An advisor's answers."""

    def __init__(self, *groups: AdvisorGroup, error: AccountError | None = None) -> None:
        self.all = groups
        self.error = error

    async def groups(self) -> tuple[AdvisorGroup, ...]:
        if self.error is not None:
            raise self.error
        return self.all

    async def profiles(self) -> tuple[AdvisorGroup, ...]:
        return tuple(replace(one, is_profile=True) for one in await self.groups())

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        return (SoftDollarTier(name="A", value="1"),)


async def test_a_profile_is_looked_for_among_profiles_and_a_refusal_says_why() -> None:
    request = OrderRequest(
        contract=stock("AAPL"),
        action=Action.BUY,
        quantity=Decimal(1),
        order_type=OrderType.MARKET,
        allocation=Allocation(group="G", is_profile=True),
    )

    def advice(source: Asked) -> Advice:
        accounts = ("DF1", "U1", "U2")
        return Advice(advisors=source, accounts=lambda: accounts, facts=NoFacts())

    found = await advice(Asked(group("Ratio", U1=1))).group(request)
    assert found is not None
    assert found.is_profile
    error = AccountError("FA Profile is not supported anymore", code=585)
    with pytest.raises(OrderValidationError, match="told none: FA Profile") as refused:
        await advice(Asked(error=error)).group(request)
    assert refused.value.code == 585
    tiered = replace(request, soft_dollar_tier=SoftDollarTier(name="A", value="2"))
    with pytest.raises(OrderValidationError, match=r"names 'A' \('2'\); the login has 'A'"):
        await advice(Asked()).group(tiered)


def test_who_is_in_a_model_is_not_told_so_that_it_may_be_any_client() -> None:
    advice = Advice(advisors=Asked(), accounts=lambda: ("DF1", "U1", "U2"), facts=NoFacts())
    request = OrderRequest(contract="AAPL", action=Action.BUY, model="Growth")
    assert advice.account_for_model(request) == "DF1"
    assert advice.account_for_model(replace(request, account="U1")) == "U1"
    assert advice.members("DF1") == Division(accounts=("U1", "U2"))
    assert advice.members("U1") == Division(accounts=("U1",))


def test_a_method_that_divides_the_orders_size_needs_one() -> None:
    advice = Advice(advisors=Asked(), accounts=tuple, facts=NoFacts())
    request = OrderRequest(contract="AAPL", action=Action.BUY, allocation=Allocation(group="G"))
    with pytest.raises(OrderValidationError, match="quantity is missing; the method Equal"):
        advice.division(request, group("Equal", U1=None), RiskFacts())


def test_an_execution_of_nobody_known_takes_none_of_an_advisors_own_away() -> None:
    whole = execution("w.01.01", 8, account="DF1")
    part = execution("p.01.01", 8, account="DU1")
    assert without_blocks([whole, part]) == (part,)
    assert without_blocks([whole]) == (whole,)
    nameless = [replace(one, perm_id=None) for one in (whole, part)]
    assert without_blocks(nameless) == tuple(nameless)
