"""An advisor's set-up, written and read."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.dialogue.advisor_xml import (
    read_aliases,
    read_groups,
    read_profiles,
    write_aliases,
    write_groups,
    write_profiles,
)
from ibkr_connector.simulator.exchange.advisor import Group, Method

EQUAL = Group(name="Core", method=Method.EQUAL, members={"DU1": None, "DU2": None})
RATIO = Group(name="Tilt", method=Method.RATIO, members={"DU1": Decimal(1), "DU2": Decimal("2.5")})


def test_groups_have_amounts_where_their_method_needs_them() -> None:
    assert write_groups([EQUAL, RATIO], with_amounts=True) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListOfGroups>\n"
        "\t<Group>\n"
        "\t\t<name>Core</name>\n"
        "\t\t<defaultMethod>Equal</defaultMethod>\n"
        '\t\t<ListOfAccts varName="list">\n'
        "\t\t\t<Account>\n\t\t\t\t<acct>DU1</acct>\n\t\t\t</Account>\n"
        "\t\t\t<Account>\n\t\t\t\t<acct>DU2</acct>\n\t\t\t</Account>\n"
        "\t\t</ListOfAccts>\n"
        "\t</Group>\n"
        "\t<Group>\n"
        "\t\t<name>Tilt</name>\n"
        "\t\t<defaultMethod>Ratio</defaultMethod>\n"
        '\t\t<ListOfAccts varName="list">\n'
        "\t\t\t<Account>\n\t\t\t\t<acct>DU1</acct>\n\t\t\t\t<amount>1.0</amount>\n\t\t\t</Account>\n"
        "\t\t\t<Account>\n\t\t\t\t<acct>DU2</acct>\n\t\t\t\t<amount>2.5</amount>\n\t\t\t</Account>\n"
        "\t\t</ListOfAccts>\n"
        "\t</Group>\n"
        "</ListOfGroups>\n"
    )


def test_before_profiles_became_groups_each_kind_has_its_own_list() -> None:
    groups = write_groups([EQUAL, RATIO], with_amounts=False)
    assert read_groups(groups) == [EQUAL]
    assert "<String>DU1</String>" in groups
    assert "<defaultMethod>EqualQuantity</defaultMethod>" in groups
    profiles = write_profiles([EQUAL, RATIO])
    assert read_profiles(profiles) == [RATIO]
    assert "<type>2</type>" in profiles


def test_aliases_come_back() -> None:
    aliases = {"DU1": "Main & <first>", "DU2": "Zweitkonto ä"}
    assert read_aliases(write_aliases(aliases)) == aliases
    assert read_aliases("<ListOfAccountAliases/>") == {}


AMOUNTS = st.decimals(0, 10**6, places=2)
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=12)
GROUPS = st.lists(
    st.builds(
        lambda name, method, amounts: Group(
            name=name,
            method=method,
            members={
                f"DU{number}": amount if method.has_amounts else None
                for number, amount in enumerate(amounts)
            },
        ),
        NAMES,
        st.sampled_from(list(Method)),
        st.lists(AMOUNTS, max_size=5),
    ),
    max_size=4,
)


@given(groups=GROUPS)
def test_groups_come_back_as_they_went(groups: list[Group]) -> None:
    assert read_groups(write_groups(groups, with_amounts=True)) == groups


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<ListOfGroups><Group>", "no element found|mismatched"),
        ("<ListOfAccountAliases/>", "expected <ListOfGroups>"),
        ("<ListOfGroups><Group><name>A</name></Group></ListOfGroups>", "unknown method ''"),
        (
            "<ListOfGroups><Group><defaultMethod>Equal</defaultMethod></Group></ListOfGroups>",
            "has no name",
        ),
        (
            "<ListOfGroups><Group><name>A</name><defaultMethod>Ratio</defaultMethod><ListOfAccts>"
            "<Account><acct>DU1</acct><amount>much</amount></Account></ListOfAccts></Group>"
            "</ListOfGroups>",
            "'much' is no number",
        ),
        ('<!DOCTYPE x [<!ENTITY a "b">]><ListOfGroups/>', "document type"),
    ],
)
def test_what_is_no_list_of_groups_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_groups(text)


@pytest.mark.parametrize("kind", ["9", "", "two"])
def test_a_profile_of_no_known_type_is_refused(kind: str) -> None:
    text = (
        "<ListOfAllocationProfiles><AllocationProfile><name>A</name>"
        f"<type>{kind}</type></AllocationProfile></ListOfAllocationProfiles>"
    )
    with pytest.raises(ValueError, match="unknown type"):
        read_profiles(text)


@given(text=st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for read in (read_groups, read_profiles, read_aliases):
        with contextlib.suppress(ValueError):
            read(text)
