"""Whatever is said, in whatever order and however often: the ledger's invariants hold."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ibkr_connector.gateway.port import (
    BrokerOrder,
    CommissionReported,
    CompletedOrder,
    Execution,
    OpenOrderSeen,
    OrderStatusSeen,
)
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Action
from ibkr_connector.orders.evidence import (
    FaultReading,
    Seen,
    move,
    see,
    see_completed,
    see_fault,
    see_listed,
)
from ibkr_connector.orders.ledger import Ledger, exec_base
from ibkr_connector.orders.notes import Intended, Moved, Note
from ibkr_connector.orders.states import TRANSITIONS, Event
from kit.order_desk import AAPL, NOON, ticket

ME = ClientId(1)
WORDS = st.sampled_from(
    [
        "ApiPending",
        "PendingSubmit",
        "PreSubmitted",
        "Submitted",
        "PendingCancel",
        "ApiCancelled",
        "Cancelled",
        "Filled",
        "Inactive",
        "Pondering",
    ]
)
ORDERS = st.integers(min_value=1, max_value=3)
QUANTITIES = st.integers(min_value=0, max_value=100).map(Decimal)


class AnyMessages(RuleBasedStateMachine):
    """Three orders of ours, and a broker that says anything about them, again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.notes: list[Note] = []
        self.latest: dict[str, tuple[int, Decimal, str]] = {}
        for number in (1, 2, 3):
            note = Intended(
                at=NOON,
                key=f"ibc-{number}",
                client_id=ME,
                ticket=ticket(order_id=number, order_ref=f"ibc-{number}"),
            )
            self.ledger.record(note)
            self.notes.append(note)

    def take(self, seen: Seen) -> None:
        self.notes += seen.notes

    def row(self, number: int, word: str, *, reject: bool = False) -> BrokerOrder:
        return BrokerOrder(
            order_id=OrderId(number),
            client_id=ME,
            perm_id=PermId(900 + number),
            order_ref=f"ibc-{number}",
            account="DU1",
            contract=AAPL,
            action=Action.BUY,
            quantity=Decimal(100),
            order_type="LMT",
            limit_price=Decimal(1),
            stop_price=None,
            time_in_force="DAY",
            status=word,
            reject_reason="because" if reject else "",
        )

    @rule(number=ORDERS, event=st.sampled_from(Event))
    def we_do_something(self, number: int, event: Event) -> None:
        self.take(move(self.ledger, f"ibc-{number}", event, at=NOON, cause="test"))

    @rule(number=ORDERS, word=WORDS, named=st.booleans())
    def status(self, number: int, word: str, named: bool) -> None:
        said = OrderStatusSeen(
            order_id=OrderId(number),
            client_id=ME,
            perm_id=PermId(900 + number) if named else None,
            status=word,
            filled=Decimal(0),
            remaining=Decimal(0),
            average_fill_price=None,
        )
        self.take(see(self.ledger, said, at=NOON))

    @rule(number=ORDERS, word=WORDS, reject=st.booleans())
    def open_order(self, number: int, word: str, reject: bool) -> None:
        order = self.row(number, word, reject=reject)
        self.take(see(self.ledger, OpenOrderSeen(order=order), at=NOON))

    @rule(number=ORDERS, word=WORDS)
    def listed(self, number: int, word: str) -> None:
        since = self.ledger.mark()
        self.take(see_listed(self.ledger, self.row(number, word), at=NOON, since=since))

    @rule(number=ORDERS, word=st.sampled_from(["Cancelled", "Inactive", "Odd"]))
    def completed(self, number: int, word: str) -> None:
        order = CompletedOrder(
            perm_id=None,
            order_ref=f"ibc-{number}",
            account="DU1",
            contract=AAPL,
            action=Action.BUY,
            quantity=None,
            filled_quantity=None,
            status=word,
        )
        self.take(see_completed(self.ledger, order, at=NOON))

    @rule(number=ORDERS, base=st.integers(0, 4), revision=st.integers(1, 3), quantity=QUANTITIES)
    def execution(self, number: int, base: int, revision: int, quantity: Decimal) -> None:
        stem = f"{number}.{base}"
        said = Execution(
            exec_id=ExecId(f"{stem}.{revision:02}"),
            order_id=OrderId(number),
            client_id=ME,
            perm_id=PermId(900 + number),
            order_ref=f"ibc-{number}",
            account="DU1",
            contract=AAPL,
            action=Action.BUY,
            quantity=quantity,
            price=Decimal(100),
            cumulative_quantity=None,
            average_price=None,
            exchange="",
            time=NOON,
        )
        known = self.latest.get(stem, (0, Decimal(0), ""))[0]
        if revision > known:
            self.latest[stem] = (revision, quantity, f"ibc-{number}")
        self.take(see(self.ledger, said, at=NOON))
        assert see(self.ledger, said, at=NOON).notes == ()

    @rule(number=ORDERS, base=st.integers(0, 4), revision=st.integers(1, 3))
    def commission(self, number: int, base: int, revision: int) -> None:
        said = CommissionReported(
            exec_id=ExecId(f"{number}.{base}.{revision:02}"),
            commission=Decimal(1),
            currency="USD",
            realized_pnl=None,
        )
        self.take(see(self.ledger, said, at=NOON))

    @rule(number=ORDERS, dead=st.booleans(), ask=st.booleans())
    def fault(self, number: int, dead: bool, ask: bool) -> None:
        reading = FaultReading(order_id=OrderId(number), code=201, text="text", dead=dead, ask=ask)
        self.take(see_fault(self.ledger, reading, client_id=ME, at=NOON))

    @invariant()
    def fills_are_the_latest_revision_of_each_execution(self) -> None:
        for entry in self.ledger:
            expected = sum(
                (quantity for _, quantity, key in self.latest.values() if key == entry.key),
                Decimal(0),
            )
            assert entry.executed == expected
            bases = [exec_base(fill.exec_id)[0] for fill in entry.fills]
            assert len(bases) == len(set(bases))

    @invariant()
    def every_step_is_a_row_of_the_table_and_they_join_up(self) -> None:
        for entry in self.ledger:
            steps = [n for n in self.notes if isinstance(n, Moved) and n.key == entry.key]
            for step in steps:
                assert TRANSITIONS[step.source][step.event] is step.target
            for before, after in pairwise(steps):
                assert after.source is before.target
            if steps:
                assert entry.state is steps[-1].target

    @invariant()
    def replaying_the_notes_gives_the_same_orders(self) -> None:
        again = Ledger()
        again.replay(self.notes)
        assert list(again) == list(self.ledger)

    @invariant()
    def nothing_of_it_makes_a_fourth_order(self) -> None:
        assert len(self.ledger) == 3


TestAnyMessages = AnyMessages.TestCase
