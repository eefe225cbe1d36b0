from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_connector.account.advisor import (
    read_aliases,
    read_groups,
    read_profiles,
    write_aliases,
    write_groups,
)
from ibkr_connector.errors import AccountError
from ibkr_connector.model.advisor import AdvisorGroup, GroupMember

# as IB's samples of the API have them
OLD_GROUPS = """<?xml version="1.0" encoding="UTF-8"?>
<ListOfGroups><Group><name>Equal_Quantity</name><ListOfAccts varName="list">
<String>DU6202167</String><String>DU6202168</String></ListOfAccts>
<defaultMethod>EqualQuantity</defaultMethod></Group></ListOfGroups>"""
PROFILES = """<?xml version="1.0" encoding="UTF-8"?>
<ListOfAllocationProfiles><AllocationProfile><name>Percent_60_40</name><type>1</type>
<ListOfAllocations varName="listOfAllocations"><Allocation><acct>DU6202167</acct>
<amount>60.0</amount></Allocation><Allocation><acct>DU6202168</acct><amount>40.0</amount>
</Allocation></ListOfAllocations></AllocationProfile></ListOfAllocationProfiles>"""


def group(name: str = "G", method: str = "Ratio", **amounts: str | None) -> AdvisorGroup:
    return AdvisorGroup(
        name=name,
        method=method,
        members=tuple(
            GroupMember(account=account, amount=None if amount is None else Decimal(amount))
            for account, amount in amounts.items()
        ),
    )


def test_old_groups_and_profiles_are_read() -> None:
    (old,) = read_groups(OLD_GROUPS)
    assert (old.name, old.method, old.accounts) == (
        "Equal_Quantity",
        "EqualQuantity",
        ("DU6202167", "DU6202168"),
    )
    (profile,) = read_profiles(PROFILES)
    assert (profile.name, profile.method, profile.is_profile) == ("Percent_60_40", "Percent", True)
    assert [member.amount for member in profile.members] == [60, 40]


def test_what_is_written_is_what_is_read() -> None:
    groups = (group(DU1="1", DU2="2.5"), group("E", "NetLiq", DU1=None))
    assert read_groups(write_groups(groups)) == groups
    names = {"DU1": "Ann & <Bob>", "DU2": "Zoë"}
    assert read_aliases(write_aliases(names)) == names


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (group("", DU1="1"), "has a name"),
        (group("Empty"), "has a name and an account"),
        (group(method="Guess", DU1="1"), "has the method 'Guess'"),
        (group(DU1=None), "an amount for each account"),
        (group(method="Equal", DU1="1"), "takes no amounts"),
    ],
)
def test_a_group_that_is_not_whole_is_not_sent(bad: AdvisorGroup, why: str) -> None:
    with pytest.raises(AccountError, match=why):
        write_groups([bad])


def test_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(AccountError, match="two groups"):
        write_groups([group(DU1="1"), group(DU2="1")])


@pytest.mark.parametrize(
    "xml",
    ["", "<a", "<Other/>", '<!DOCTYPE x [<!ENTITY a "b">]><ListOfGroups/>'],
)
def test_what_is_no_list_is_an_error_and_not_an_empty_one(xml: str) -> None:
    with pytest.raises(AccountError):
        read_groups(xml)


def test_an_amount_that_is_no_number_is_an_error() -> None:
    with pytest.raises(AccountError, match="'many'"):
        read_profiles(PROFILES.replace("60.0", "many"))
