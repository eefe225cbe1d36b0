"""What waits to be written of one order holds up nothing of another."""

from ibkr_connector.model.ids import ClientId
from ibkr_connector.orders.notes import Checkpoint, Intended, Moved
from ibkr_connector.orders.posted import Posted
from ibkr_connector.orders.states import Event, State
from kit.order_desk import NOON, ticket


def moved(key: str) -> Moved:
    return Moved(at=NOON, key=key, event=Event.SEND, source=State.INTENDED, target=State.SENT)


def test_what_was_taken_from_the_heap_holds_up_nothing_any_more() -> None:
    posted = Posted()
    posted.add([moved("a")])
    assert posted.leads([moved("a")])
    assert not posted.leads([moved("b")])
    assert posted.take() == [moved("a")]
    assert not posted
    assert not posted.leads([moved("a")])


def test_what_came_on_top_of_a_checkpoint_takes_nothing_of_its_rank_away() -> None:
    posted = Posted()
    posted.add([Checkpoint(at=NOON, live=(), highest={})])
    posted.add([moved("a")])
    intent = Intended(at=NOON, key="b", client_id=ClientId(1), ticket=ticket())
    assert posted.leads([intent])
    posted.take()
    assert not posted.leads([intent])


def test_what_was_not_taken_yet_goes_on_holding_up_its_own_order_alone() -> None:
    posted = Posted()
    posted.add([moved("a"), moved("b"), moved("a")])
    assert posted.take(2) == [moved("a"), moved("b")]
    assert len(posted) == 1
    assert posted.leads([moved("a")])
    assert not posted.leads([moved("b")])
    assert posted.take(2) == [moved("a")]
    assert not posted.leads([moved("a")])


def test_a_checkpoint_leads_until_it_is_taken() -> None:
    posted = Posted()
    posted.add([moved("a"), Checkpoint(at=NOON, live=(), highest={}), moved("b")])
    assert posted.take(1) == [moved("a")]
    assert posted.leads([moved("c")])
    assert posted.take(1) == [Checkpoint(at=NOON, live=(), highest={})]
    assert not posted.leads([moved("c")])
    assert posted.leads([moved("b")])
