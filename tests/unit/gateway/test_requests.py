"""Each question ends once, and nothing stays behind."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.requests import Listing, Requests


async def test_a_request_ends_once() -> None:
    requests = Requests()
    pending = requests.open("x", collector=[])
    requests.end(pending.request_id)
    requests.end(pending.request_id)
    requests.fail(pending.request_id, IBKRError("late"))
    assert await pending.future == []
    assert len(requests) == 0


async def test_an_error_that_meets_a_cancelled_caller_is_not_lost_loudly() -> None:
    requests = Requests()
    pending = requests.open("x", collector=[])
    requests.fail(pending.request_id, IBKRError("too late"))
    requests.forget(pending)
    listing: Listing[int] = Listing("x", monotonic=lambda: 0.0, grace_s=1)
    call = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    listing.fail(IBKRError("too late"))
    call.cancel()
    await asyncio.wait([call])


async def test_ids_stay_clear_of_order_ids() -> None:
    requests = Requests()
    first = requests.new_id()
    assert requests.owns(first)
    assert not requests.owns(first + 1)
    far = Requests()
    far.keep_clear_of(2**30 - 5)
    assert (far.constant_id, far.new_id()) == (1, 2)
    assert not far.owns(2**30)
    near = Requests()
    near.keep_clear_of(500)
    assert near.new_id() == first


async def test_the_constant_id_is_the_same_in_every_session_and_given_to_nobody_else() -> None:
    first, second = Requests(), Requests()
    second.new_id()
    assert first.constant_id == second.constant_id
    assert first.owns(first.constant_id)
    assert first.constant_id not in {first.new_id() for _ in range(100)}


async def test_rows_of_an_abandoned_question_are_forgotten_after_its_grace() -> None:
    now = 0.0
    listing: Listing[str] = Listing("x", monotonic=lambda: now, grace_s=5)
    call = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    listing.row("a", "old")
    call.cancel()
    await asyncio.wait([call])

    now = 6.0
    listing.row("b", "stray")
    again = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    listing.row("c", "new")
    listing.end()
    assert await again == ("new",)


async def test_rows_that_nobody_asked_for_are_not_kept() -> None:
    listing: Listing[str] = Listing("x", monotonic=lambda: 0.0, grace_s=5)
    listing.row("a", "pushed")
    listing.end()
    call = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    listing.row("b", "first")
    listing.row("b", "newer")
    listing.end()
    assert await call == ("newer",)


async def test_a_question_that_cannot_be_sent_is_not_owed_an_answer() -> None:
    listing: Listing[str] = Listing("x", monotonic=lambda: 0.0, grace_s=5)

    def refuse() -> None:
        raise IBKRError("no socket")

    with pytest.raises(IBKRError):
        await listing.ask(refuse)
    assert not listing.is_awaited


async def test_an_answer_that_is_still_owed_is_gathered_from_its_first_row() -> None:
    listing: Listing[str] = Listing("x", monotonic=lambda: 0.0, grace_s=5)
    abandoned = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    abandoned.cancel()
    await asyncio.wait([abandoned])
    second = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    listing.row("a", "a")
    listing.end()
    assert await second == ("a",)

    # The second question's own answer has begun before the third is asked.
    listing.row("a", "a")
    third = asyncio.ensure_future(listing.ask(lambda: None))
    await asyncio.sleep(0)
    listing.row("b", "b")
    listing.end()
    assert await third == ("a", "b")
