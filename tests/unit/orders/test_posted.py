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
