"""The table of endpoints."""

from __future__ import annotations

from ibkr_connector.resilience.operation import ENDPOINTS, Lane, Operation, Replay


def test_every_row_is_found_under_its_own_name() -> None:
    assert [policy.name for policy in ENDPOINTS.values()] == list(ENDPOINTS)


def test_an_order_and_what_nobody_can_judge_are_never_repeated() -> None:
    never = {name for name, policy in ENDPOINTS.items() if policy.replay is Replay.NEVER}
    assert never == {
        "place_order",
        "what_if",
        "heartbeat",
        "request",
        "unsubscribe",
        "unsubscribe_pnl",
        "replace_advisor",
    }


def test_cancels_overtake_orders_and_orders_overtake_everything_else() -> None:
    assert ENDPOINTS["cancel_order"].lane < ENDPOINTS["place_order"].lane
    others = [
        policy.lane
        for name, policy in ENDPOINTS.items()
        if name not in {"cancel_order", "place_order"}
    ]
    assert min(others) > Lane.ORDER
    assert max(others) is ENDPOINTS["bars"].lane


def test_an_attempt_leaves_room_for_another_before_the_deadline() -> None:
    bounded = [p for p in ENDPOINTS.values() if p.attempt_s is not None]
    assert all(p.attempt_s < (p.deadline_s or 30.0) for p in bounded if p.attempt_s is not None)


def test_an_operation_speaks_for_its_policy() -> None:
    async def call() -> None:
        return None

    quote = Operation(policy=ENDPOINTS["quote"], call=call)
    assert (quote.name, quote.cost, quote.lane, quote.replay) == (
        "quote",
        1,
        Lane.DATA,
        Replay.SAFE,
    )
