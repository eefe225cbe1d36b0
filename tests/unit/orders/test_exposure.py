"""The book that rules look at: what is kept of it is what would be made anew."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.model.account import Position
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId
from ibkr_connector.model.orders import Action, Fill
from ibkr_connector.orders.exposure import Exposure
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.notes import Filled, Intended, Learned, Moved
from ibkr_connector.orders.risk import AccountFacts, RiskFacts, RiskLimits
from ibkr_connector.orders.states import Event, State
from kit.order_desk import AAPL, NOON, ticket

ME = ClientId(1)
LIMITS = RiskLimits(max_order_size=Decimal(1000))
OTHER = replace(AAPL, symbol="IBM", con_id=ConId(8314))
CONTRACTS = st.sampled_from([AAPL, OTHER])


class Facts:
    """An account whose rate and price move."""

    def __init__(self) -> None:
        self.exchange_rate = Decimal(1)
        self.price = Decimal(100)

    async def facts(self, *_: object, **__: object) -> RiskFacts:
        raise AssertionError("nobody asks")

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        held = Position(
            account=account,
            contract=OTHER,
            quantity=Decimal(10),
            avg_cost=Decimal(90),
            avg_price=Decimal(90),
            as_of=NOON,
            current_price=self.price,
        )
        return AccountFacts(
            now=NOON,
            rate=lambda currency: self.exchange_rate if currency == "USD" else None,
            positions=(held,),
        )


def intended(number: int, contract: Contract, side: Action, limit: int | None) -> Intended:
    wanted = replace(
        ticket(order_id=number, order_ref=f"ibc-{number}"),
        contract=contract,
        action=side,
        limit_price=None if limit is None else Decimal(limit),
        parent_id=OrderId(number // 2) if number % 5 == 0 else None,
    )
    return Intended(at=NOON, key=f"ibc-{number}", client_id=ME, ticket=wanted)


def filled(key: str, number: int, quantity: int, at_s: int) -> Filled:
    fill = Fill(
        exec_id=ExecId(f"0001.{at_s}.01"),
        order_id=OrderId(number),
        perm_id=None,
        client_id=ME,
        contract=AAPL,
        action=Action.BUY,
        quantity=Decimal(quantity),
        price=Decimal(100),
        time=NOON,
        exchange="SMART",
        account="DU1",
        order_ref=key,
    )
    return Filled(at=NOON + timedelta(seconds=at_s), key=key, fill=fill)


def closed(key: str) -> Moved:
    return Moved(at=NOON, key=key, event=Event.CANCEL, source=State.WORKING, target=State.CANCELLED)


CHANGES = st.one_of(
    st.tuples(st.just("place"), CONTRACTS, st.sampled_from(Action), st.none() | st.integers(1, 9)),
    st.tuples(st.just("fill"), st.integers(1, 9), st.integers(1, 30)),
    st.tuples(st.just("raise"), st.integers(1, 9), st.integers(100, 200)),
    st.tuples(st.just("close"), st.integers(1, 9)),
    st.tuples(st.just("rate"), st.integers(1, 3)),
    st.tuples(st.just("price"), st.integers(50, 150)),
)


@given(changes=st.lists(CHANGES, max_size=30))
def test_what_is_kept_from_order_to_order_is_what_would_be_made_anew(
    changes: list[tuple[object, ...]],
) -> None:
    ledger, facts = Ledger(), Facts()
    kept = Exposure(ledger=ledger, facts=facts)
    for step, (kind, *values) in enumerate(changes):
        number = len(ledger) + 1
        key = f"ibc-{values[0]}"
        if kind == "place":
            ledger.record(intended(number, *values))  # type: ignore[arg-type]  # as drawn
        elif kind == "fill" and key in ledger:
            ledger.record(filled(key, values[0], values[1], step))  # type: ignore[arg-type]
        elif kind == "raise" and key in ledger:
            ledger.record(Learned(at=NOON, key=key, quantity=Decimal(str(values[1]))))
        elif kind == "close" and key in ledger:
            ledger.record(closed(key))
        elif kind == "rate":
            facts.exchange_rate = Decimal(str(values[0]))
        elif kind == "price":
            facts.price = Decimal(str(values[0]))
        book = partial(Exposure.book, account="DU1", limits=LIMITS)
        assert book(kept) == book(Exposure(ledger=ledger, facts=facts))


def test_a_thousand_closed_orders_leave_nothing_behind() -> None:
    ledger, facts = Ledger(), Facts()
    exposure = Exposure(ledger=ledger, facts=facts)
    for number in range(1, 2500):
        ledger.record(intended(number * 5 + 1, AAPL, Action.BUY, 7))
        exposure.book("DU1", LIMITS)
        ledger.record(closed(f"ibc-{number * 5 + 1}"))
    assert len(exposure._kept) < 1100
