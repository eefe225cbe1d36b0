"""Where to knock, and under which name."""

from __future__ import annotations

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.ids import ClientId
from ibkr_connector.supervisor import Address, IdPolicy


def address(*ids: int, policy: IdPolicy = IdPolicy.POOL, may_change: bool = True) -> Address:
    return Address(
        port=4002,
        client_ids=[ClientId(one) for one in ids],
        policy=policy,
        may_change_id=lambda: may_change,
    )


def test_a_pool_is_tried_from_one_end_to_the_other_and_then_waits() -> None:
    where = address(1, 11, 12)
    seen = [where.client_id]
    while where.next_id():
        seen.append(where.client_id)
    assert seen == [1, 11, 12]
    assert where.client_id == 1


def test_an_id_that_was_free_is_kept() -> None:
    where = address(1, 11)
    assert where.next_id()
    where.opened()
    assert where.client_id == 11


@pytest.mark.parametrize("policy", [IdPolicy.FAIL, IdPolicy.WAIT])
def test_without_a_pool_the_id_never_changes(policy: IdPolicy) -> None:
    where = address(1, 11, policy=policy)
    assert not where.next_id()
    assert where.client_id == 1


def test_an_id_with_open_orders_is_never_given_up() -> None:
    where = address(1, 11, may_change=False)
    assert not where.next_id()
    assert where.client_id == 1


def test_the_configured_id_may_stand_in_the_pool_too() -> None:
    where = address(1, 1, 11)
    assert where.next_id()
    assert where.client_id == 11


def test_a_gateway_that_moved_is_looked_for_there_and_then_where_it_was() -> None:
    where = address(1)
    assert where.moved(4003)
    assert where.port == 4003
    assert where.take_move()
    assert not where.take_move()
    where.unreachable()
    assert where.port == 4002
    where.unreachable()
    assert where.port == 4003


def test_it_may_move_more_than_once() -> None:
    where = address(1)
    for port in (4003, 4004, 4003):
        assert where.moved(port)
        assert where.port == port


def test_a_port_that_is_refused_changes_nothing() -> None:
    def refuse(port: int) -> None:
        raise ConfigurationError(f"{port} is live")

    where = Address(port=4002, client_ids=[ClientId(1)], check_port=refuse)
    assert not where.moved(4001)
    assert where.port == 4002
    assert not where.take_move()
