"""The book that rules look at: what is kept of it is what would be made anew."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.account import Position
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ClientId, ConId, ExecId, OrderId
from ibkr_connector.model.orders import Action, Fill, OrderTerms, OrderType
from ibkr_connector.orders import exposure
from ibkr_connector.orders.exposure import Exposure
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.notes import Changed, Filled, Intended, Learned, Moved
from ibkr_connector.orders.risk import AccountFacts, RiskFacts, RiskLimits
from ibkr_connector.orders.risk.unshown import UnshownUnits
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


def called_filled(ledger: Ledger, key: str, *, at_s: int = 0) -> None:
    """Let the broker call an order filled, of which no execution may have come."""
    at, quantity = NOON + timedelta(seconds=at_s), ledger.get(key).quantity
    ledger.record(Learned(at=at, key=key, stated_filled=quantity, stated_average=Decimal(90)))
    word = Moved(at=at, key=key, event=Event.FILL_ALL, source=State.WORKING, target=State.FILLED)
    ledger.record(word)


CHANGES = st.one_of(
    st.tuples(st.just("place"), CONTRACTS, st.sampled_from(Action), st.none() | st.integers(1, 9)),
    st.tuples(st.just("fill"), st.integers(1, 9), st.integers(1, 30)),
    st.tuples(st.just("raise"), st.integers(1, 9), st.integers(100, 200)),
    st.tuples(st.just("close"), st.integers(1, 9)),
    st.tuples(st.just("call"), st.integers(1, 9)),
    st.tuples(st.just("vanish"), st.integers(1, 9), st.booleans()),
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
        elif kind == "call" and key in ledger:
            called_filled(ledger, key)
        elif kind == "vanish" and key in ledger:
            ledger.record(vanished(key, listed_again=bool(values[1])))
        elif kind == "rate":
            facts.exchange_rate = Decimal(str(values[0]))
        elif kind == "price":
            facts.price = Decimal(str(values[0]))
        book = partial(Exposure.book, account="DU1", limits=LIMITS)
        old = book(kept)
        with pytest.MonkeyPatch.context() as patch:  # at length, whatever an order looks like
            patch.setattr(exposure, "_is_as_placed", lambda entry: False)
            new = book(Exposure(ledger=ledger, facts=facts))
        assert Counter(old.working) == Counter(new.working)  # which comes first means nothing
        assert replace(old, working=()) == replace(new, working=())


def test_a_plain_order_counts_with_its_dearest_price_and_with_what_is_left_of_it() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, AAPL, Action.BUY, 90)
    # bought above its trigger at the most, whichever of both is the higher one
    wanted = replace(note.ticket, order_type=OrderType.STOP_LIMIT, stop_price=Decimal(95))
    ledger.record(replace(note, ticket=wanted))
    (row,) = exposure.book("DU1", LIMITS).working
    assert (row.unit_value, row.quantity) == (Decimal(95), Decimal(100))
    # so many by the broker's count alone: its executions are still to come
    ledger.record(Learned(at=NOON, key="ibc-1", stated_filled=Decimal(30)))
    (row,) = exposure.book("DU1", LIMITS).working
    assert (row.unit_value, row.quantity) == (Decimal(95), Decimal(70))


class Behind(Facts):
    """Holds 100 Apples, of which 40 are sold already, as one execution says."""

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        known = super().account_facts(account, limits)
        sold = UnshownUnits(
            contract=AAPL, action=Action.SELL, quantity=Decimal(40), price=Decimal(100)
        )
        held = replace(known.positions[0], contract=AAPL, quantity=Decimal(100))  # type: ignore[index]  # it has one
        return replace(known, positions=(held,), unshown=(sold,))


def test_what_the_position_does_not_show_yet_counts_as_open() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Behind())
    (working,) = exposure.book("DU1", LIMITS).working
    assert (working.action, working.quantity) == (Action.SELL, Decimal(40))
    assert working.unit_value == Decimal(100)
    assert working.is_more  # it is no order that is open
    for number, quantity, closes in ((1, 60, True), (2, 1, False)):
        note = intended(number, AAPL, Action.SELL, 9)
        sell = replace(note.ticket, quantity=Decimal(quantity), parent_id=None)
        ledger.record(replace(note, ticket=sell))
        assert exposure.only_closes(sell) is closes


def test_what_is_called_filled_counts_until_its_executions_tell_so() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, AAPL, Action.BUY, 99)
    ledger.record(note)
    called_filled(ledger, note.key)
    (working,) = exposure.book("DU1", LIMITS).working
    assert (working.action, working.quantity) == (Action.BUY, Decimal(100))
    assert working.unit_value == Decimal(90)
    assert working.is_more  # it is no order that is open
    assert not exposure.book("DU2", LIMITS).working
    sell = replace(note.ticket, action=Action.SELL, contract=OTHER, quantity=Decimal(10))
    assert exposure.only_closes(sell)
    ledger.record(filled(note.key, 1, 70, 0))
    (working,) = exposure.book("DU1", LIMITS).working
    assert working.quantity == 30
    ledger.record(replace(filled(note.key, 1, 30, 1), at=NOON))
    assert not exposure.book("DU1", LIMITS).working


def test_a_sale_that_is_called_filled_leaves_nothing_to_close() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, OTHER, Action.SELL, None)
    sell = replace(note.ticket, quantity=Decimal(10))
    ledger.record(replace(note, ticket=sell))
    assert exposure.only_closes(sell)
    called_filled(ledger, note.key)
    ledger.record(intended(2, OTHER, Action.SELL, None))
    assert not exposure.only_closes(sell)


def test_executions_that_never_come_are_believed_to_be_in_the_positions_after_a_while() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    ledger.record(intended(1, AAPL, Action.BUY, 99))
    called_filled(ledger, "ibc-1", at_s=-11)
    assert not exposure.book("DU1", LIMITS).working
    assert not exposure._ahead


def vanished(key: str, *, listed_again: bool = False) -> Moved:
    if listed_again:
        return Moved(
            at=NOON, key=key, event=Event.WORK, source=State.UNCERTAIN, target=State.WORKING
        )
    return Moved(at=NOON, key=key, event=Event.VANISH, source=State.WORKING, target=State.UNCERTAIN)


def test_an_order_that_the_broker_no_longer_lists_stands_in_nobodys_way() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, OTHER, Action.SELL, None)
    sell = replace(note.ticket, quantity=Decimal(10))
    ledger.record(replace(note, ticket=sell))
    closing = replace(intended(2, OTHER, Action.SELL, None).ticket, quantity=Decimal(10))
    ledger.record(replace(intended(2, OTHER, Action.SELL, None), ticket=closing))
    assert not exposure.only_closes(closing)
    assert len(exposure.book("DU1", LIMITS).working) == 2
    ledger.record(vanished(note.key))
    assert exposure.only_closes(closing)
    assert len(exposure.book("DU1", LIMITS).working) == 1
    # to ask for its cancellation finds nothing, and changes nothing
    asked = Moved(
        at=NOON,
        key=note.key,
        event=Event.ASK_CANCEL,
        source=State.UNCERTAIN,
        target=State.UNCERTAIN,
    )
    ledger.record(asked)
    assert len(exposure.book("DU1", LIMITS).working) == 1
    ledger.record(vanished(note.key, listed_again=True))
    assert len(exposure.book("DU1", LIMITS).working) == 2


def test_what_is_only_uncertain_is_counted() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    ledger.record(intended(1, OTHER, Action.SELL, None))
    lost = Moved(at=NOON, key="ibc-1", event=Event.LOSE, source=State.SENT, target=State.UNCERTAIN)
    ledger.record(lost)
    assert len(exposure.book("DU1", LIMITS).working) == 1


def test_the_exits_of_an_entry_that_is_lost_count_whole() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    ledger.record(intended(2, OTHER, Action.BUY, 50))
    ledger.record(intended(5, OTHER, Action.SELL, 60))
    assert sorted(one.quantity for one in exposure.book("DU1", LIMITS).working) == [0, 100]
    ledger.record(vanished("ibc-2"))
    assert [one.quantity for one in exposure.book("DU1", LIMITS).working] == [Decimal(100)]


def test_a_change_that_nobody_has_confirmed_counts_as_made_and_as_not_made() -> None:
    ledger = Ledger()
    note = intended(1, OTHER, Action.BUY, 50)
    pending: list[OrderTicket | None] = [None]
    exposure = Exposure(ledger=ledger, facts=Facts(), pending=lambda key: pending[0])
    ledger.record(note)

    def worst() -> tuple[Decimal, Decimal | None]:
        (working,) = exposure.book("DU1", LIMITS).working
        return working.quantity, working.unit_value

    assert worst() == (Decimal(100), Decimal(50))
    # the ledger has the note of a change before its bytes leave
    larger = replace(note.ticket, quantity=Decimal(900), limit_price=Decimal(40))
    ledger.record(Changed(at=NOON, key=note.key, ticket=larger))
    pending[0] = larger
    assert worst() == (Decimal(900), Decimal(50))
    pending[0] = replace(note.ticket, quantity=Decimal(9), limit_price=Decimal(70))
    assert worst() == (Decimal(100), Decimal(70))
    # without a limit it trades at the market
    pending[0] = replace(note.ticket, limit_price=None)
    assert worst() == (Decimal(100), Decimal(100))
    pending[0] = None
    assert worst() == (Decimal(100), Decimal(50))


def test_a_sale_that_may_have_become_larger_leaves_less_to_close() -> None:
    ledger = Ledger()
    pending: list[OrderTicket | None] = [None]
    exposure = Exposure(ledger=ledger, facts=Facts(), pending=lambda key: pending[0])
    note = intended(1, OTHER, Action.SELL, 50)
    sell = replace(note.ticket, quantity=Decimal(10))
    ledger.record(replace(note, ticket=sell))
    assert exposure.only_closes(sell)
    pending[0] = replace(sell, quantity=Decimal(11))
    assert not exposure.only_closes(sell)


def test_an_exit_that_is_larger_than_its_entry_counts_whole_from_the_start() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    entry, exit_ = intended(2, OTHER, Action.BUY, 50), intended(5, OTHER, Action.SELL, 60)
    assert exit_.ticket.parent_id == entry.ticket.order_id
    ledger.record(entry)
    ledger.record(exit_)
    ledger.record(filled(entry.key, 2, 30, 1))
    sizes = [one.quantity for one in exposure.book("DU1", LIMITS).working]
    assert sizes == [Decimal(70), Decimal(30)]
    ledger.record(Learned(at=NOON, key=exit_.key, quantity=Decimal(101)))
    sizes = [one.quantity for one in exposure.book("DU1", LIMITS).working]
    assert sizes == [Decimal(70), Decimal(101)]


def test_open_orders_are_looked_at_when_a_rule_asks_for_them_and_once() -> None:
    ledger = Ledger()
    looked: list[str] = []
    exposure = Exposure(ledger=ledger, facts=Facts(), pending=looked.append)
    ledger.record(intended(1, AAPL, Action.BUY, 7))
    book = exposure.book("DU1", LIMITS)
    assert not looked
    rows = list(book.working)
    assert looked == ["ibc-1"]
    ledger.record(intended(2, AAPL, Action.BUY, 8))
    assert list(book.working) == rows
    assert rows[0] in book.working
    assert looked == ["ibc-1"]
    assert len(exposure.book("DU1", LIMITS).working) == 2


def test_a_thousand_closed_orders_leave_nothing_behind() -> None:
    ledger, facts = Ledger(), Facts()
    exposure = Exposure(ledger=ledger, facts=facts)
    for number in range(1, 2500):
        ledger.record(intended(number * 5 + 1, AAPL, Action.BUY, 7))
        assert len(exposure.book("DU1", LIMITS).working) == 1
        ledger.record(closed(f"ibc-{number * 5 + 1}"))
    assert not exposure.book("DU1", LIMITS).working
    assert not any(exposure._kept.values())
    assert not exposure._account_of
    assert not exposure._changed


def test_orders_that_close_while_no_book_is_asked_for_are_not_remembered() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    assert not exposure.book("DU1", LIMITS).working
    for number in range(1, 100):
        ledger.record(intended(number * 5 + 1, AAPL, Action.BUY, 7))
        ledger.record(closed(f"ibc-{number * 5 + 1}"))
    assert not exposure._changed


def test_an_order_that_was_forgotten_is_in_no_book() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    ledger.record(intended(1, AAPL, Action.BUY, 7))
    assert exposure.book("DU1", LIMITS).working
    ledger.record(closed("ibc-1"))
    ledger.forget(["ibc-1"])
    assert not exposure.book("DU1", LIMITS).working


def test_what_is_divided_counts_whole_in_each_account_until_it_has_come_there() -> None:
    ledger, facts = Ledger(), Facts()
    exposure = Exposure(ledger=ledger, facts=facts)
    note = intended(1, AAPL, Action.BUY, 90)
    terms = OrderTerms(allocation=Allocation(group="Core"))
    ledger.record(replace(note, ticket=replace(note.ticket, account="", terms=terms)))

    def counted(account: str) -> Decimal:
        return sum((row.quantity for row in exposure.book(account, LIMITS).working), Decimal(0))

    whole = note.ticket.quantity
    assert (counted("DU1"), counted("DU2")) == (whole, whole)
    # told of the order, and of no account yet: it may still come to any of them
    ledger.record(_in(filled("ibc-1", 1, 30, 1), "DF1000000"))
    assert (counted("DU1"), counted("DU2")) == (whole, whole)
    ledger.record(_in(filled("ibc-1", 1, 30, 2), "DU1"))
    assert (counted("DU1"), counted("DU2")) == (whole - 30, whole - 30)
    assert not exposure.only_closes(replace(note.ticket, account="", terms=terms))


@pytest.mark.parametrize("limit", [90, None])
@pytest.mark.parametrize(
    ("account", "terms"),
    [
        ("", OrderTerms(allocation=Allocation(group="Core"))),
        ("DF1000000", OrderTerms(model="Growth")),
    ],
)
def test_of_what_is_divided_each_account_counts_all_with_a_limit_and_at_the_market(
    account: str, terms: OrderTerms, limit: int | None
) -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, AAPL, Action.BUY, limit)
    ledger.record(replace(note, ticket=replace(note.ticket, account=account, terms=terms)))
    for one in ("DU1", "DU2"):
        rows = exposure.book(one, LIMITS).working
        assert [row.quantity for row in rows] == [note.ticket.quantity]


def test_what_is_divided_and_called_filled_counts_in_each_account_until_it_has_come_there() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, AAPL, Action.BUY, 90)
    terms = OrderTerms(allocation=Allocation(group="Core"))
    wanted = replace(note.ticket, account="", terms=terms, quantity=Decimal(30))
    ledger.record(replace(note, ticket=wanted))
    ledger.record(_in(filled("ibc-1", 1, 30, 1), "DF1000000"))
    called_filled(ledger, "ibc-1")
    assert [row.quantity for row in exposure.book("DU2", LIMITS).working] == [30]
    ledger.record(_in(filled("ibc-1", 1, 20, 2), "DU1"))
    assert [row.quantity for row in exposure.book("DU2", LIMITS).working] == [10]
    ledger.record(_in(filled("ibc-1", 1, 10, 3), "DU2"))
    assert not exposure.book("DU2", LIMITS).working


def test_a_larger_order_that_is_divided_counts_whole_though_it_was_filled_and_not_divided() -> None:
    ledger = Ledger()
    terms = OrderTerms(allocation=Allocation(group="Core"))
    note = intended(1, AAPL, Action.BUY, 90)
    wanted = replace(note.ticket, account="", terms=terms, quantity=Decimal(30))
    larger = replace(wanted, quantity=Decimal(50))
    exposure = Exposure(ledger=ledger, facts=Facts(), pending=lambda key: larger)
    ledger.record(replace(note, ticket=wanted))
    ledger.record(_in(filled("ibc-1", 1, 30, 1), "DF1000000"))
    assert [row.quantity for row in exposure.book("DU2", LIMITS).working] == [50]


def test_what_is_divided_and_filled_to_more_than_was_asked_for_counts_with_all_of_it() -> None:
    ledger = Ledger()
    exposure = Exposure(ledger=ledger, facts=Facts())
    note = intended(1, AAPL, Action.BUY, 90)
    terms = OrderTerms(allocation=Allocation(group="Money"))
    # how many units an amount of money comes to is the broker's to say, and may be more
    wanted = replace(note.ticket, account="", terms=terms, quantity=Decimal(30))
    ledger.record(replace(note, ticket=wanted))
    ledger.record(Learned(at=NOON, key="ibc-1", stated_filled=Decimal(34)))
    assert [row.quantity for row in exposure.book("DU2", LIMITS).working] == [34]
    ledger.record(_in(filled("ibc-1", 1, 10, 2), "DU1"))
    assert [row.quantity for row in exposure.book("DU2", LIMITS).working] == [24]


def _in(note: Filled, account: str) -> Filled:
    return replace(note, fill=replace(note.fill, account=account))


class Holding(Facts):
    """Holds the same positions until it is told others, at prices that may be missing."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = super().account_facts("DU1", LIMITS).positions

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        return replace(super().account_facts(account, limits), positions=self.positions)

    def tell(self, price: Decimal | None) -> None:
        assert self.positions is not None
        self.positions = tuple(replace(row, current_price=price) for row in self.positions)


def test_what_is_held_is_worth_what_price_and_rate_of_now_say() -> None:
    facts = Holding()
    exposure = Exposure(ledger=Ledger(), facts=facts)

    def worth() -> Decimal | None:
        (row,) = exposure.book("DU1", LIMITS).held or ()
        return row.unit_value

    assert worth() == Decimal(100)
    facts.exchange_rate = Decimal(2)
    assert worth() == Decimal(200)
    facts.tell(Decimal(70))
    assert worth() == Decimal(140)
    facts.tell(None)
    assert worth() is None
    # what the last order in it said
    for said in (Decimal(3), Decimal(4)):
        exposure._values["DU1", OTHER.con_id] = said
        assert worth() == said


def test_of_positions_that_are_the_same_nothing_is_worked_out_twice() -> None:
    facts = Holding()
    exposure = Exposure(ledger=Ledger(), facts=facts)
    first = exposure.book("DU1", LIMITS).held
    assert first
    assert exposure.book("DU1", LIMITS).held is first
    facts.tell(facts.price)
    assert exposure.book("DU1", LIMITS).held == first
    assert exposure.book("DU1", LIMITS).held is not first
