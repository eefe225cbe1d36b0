"""Farms by name, from the texts that IB sends."""

from __future__ import annotations

import pytest

from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.model.status import FarmState
from ibkr_connector.supervisor.notices import farm_name, with_notice


@pytest.mark.parametrize(
    ("code", "text", "name", "state"),
    [
        (2103, "Market data farm connection is broken:usfarm", "usfarm", FarmState.BROKEN),
        (2104, "Market data farm connection is OK:usfarm.nj", "usfarm.nj", FarmState.OK),
        (2105, "HMDS data farm connection is broken:ushmds", "ushmds", FarmState.BROKEN),
        (2106, "HMDS data farm connection is OK:ushmds", "ushmds", FarmState.OK),
        (
            2107,
            "HMDS data farm connection is inactive but should be available upon demand.ushmds",
            "ushmds",
            FarmState.INACTIVE,
        ),
        (
            2108,
            "Market data farm connection is inactive but should be available upon demand.usfuture",
            "usfuture",
            FarmState.INACTIVE,
        ),
        (2119, "Market data farm is connecting:usfarm", "usfarm", FarmState.CONNECTING),
        (2157, "Sec-def data farm connection is broken:secdefnj", "secdefnj", FarmState.BROKEN),
        (2158, "Sec-def data farm connection is OK: secdefnj", "secdefnj", FarmState.OK),
    ],
)
def test_a_farm_is_tracked_by_its_name(code: int, text: str, name: str, state: FarmState) -> None:
    assert with_notice({}, GatewayNotice(code=code, text=text)) == {name: state}


def test_a_text_without_a_name_names_no_farm() -> None:
    assert farm_name("Market data farm connection is OK") == ""
    assert farm_name("it says: something else entirely") == ""


def test_a_notice_that_changes_nothing_leaves_the_same_farms() -> None:
    farms = {"usfarm": FarmState.OK}
    for code, text in ((2104, "is OK:usfarm"), (2104, "is OK"), (1100, "lost:usfarm")):
        assert with_notice(farms, GatewayNotice(code=code, text=text)) is farms


def test_the_old_picture_is_never_changed() -> None:
    before = with_notice({}, GatewayNotice(code=2104, text="is OK:usfarm"))
    after = with_notice(before, GatewayNotice(code=2103, text="is broken:usfarm"))
    assert (before["usfarm"], after["usfarm"]) == (FarmState.OK, FarmState.BROKEN)
