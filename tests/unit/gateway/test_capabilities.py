"""What a session can do, by what both sides speak."""

from __future__ import annotations

import pytest

from ibkr_connector.gateway.capabilities import CLIENT_VERSION, FEATURES, capabilities_of


def test_each_name_stands_once_and_in_the_order_of_the_versions() -> None:
    assert len({one.name for one in FEATURES}) == len(FEATURES)
    assert [one.since for one in FEATURES] == sorted(one.since for one in FEATURES)


def test_everything_that_the_client_speaks_is_there_on_a_current_gateway() -> None:
    able = capabilities_of(CLIENT_VERSION)
    assert {one.since for one in able.missing} == {
        one.since for one in FEATURES if one.since > CLIENT_VERSION
    }
    assert all(f"up to {CLIENT_VERSION}" in one.reason for one in able.missing)


def test_an_old_gateway_is_told_to_be_updated() -> None:
    able = capabilities_of(164)
    assert able.has("size_rules")
    assert not able.has("historical_schedule")
    reasons = {one.name: one.reason for one in able.missing}
    assert "164: update it" in reasons["historical_schedule"]
    assert "this client" in reasons["protobuf"]


def test_orders_say_who_refuses_them() -> None:
    assert capabilities_of(178).has("orders")
    by_setting = capabilities_of(178, readonly=True)
    assert by_setting.has("order_lists")
    assert "setting" in by_setting.missing[0].reason
    by_gateway = capabilities_of(178, readonly=True, api_is_readonly=True)
    assert not by_gateway.has("order_lists")
    assert "untick" in by_gateway.missing[0].reason


def test_a_name_that_nothing_has_lists_those_there_are() -> None:
    with pytest.raises(KeyError, match="duration"):
        capabilities_of(178).has("flying")


def test_it_is_a_record_of_plain_values() -> None:
    plain = capabilities_of(178).as_dict()
    assert plain["features"][0]["name"] == "orders"
