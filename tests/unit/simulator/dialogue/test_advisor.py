"""What an advisor may ask, and who a login is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.simulator.dialogue import ClientSession, Gateway
from ibkr_connector.simulator.dialogue.advisor import HANDLERS, NO_ID
from ibkr_connector.simulator.exchange.advisor import Group, Method
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.tape import SeededTape
from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.wire import replies as say
from ibkr_connector.simulator.wire import requests as ask

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
CATALOGUE = default_catalogue(NOW.date())
FIRM = ("DF1000000", "DU1", "DU2")
CORE = (
    "<ListOfGroups><Group><name>Core</name><defaultMethod>Ratio</defaultMethod>"
    '<ListOfAccts varName="list"><Account><acct>DU1</acct><amount>1</amount></Account>'
    "<Account><acct>DU2</acct><amount>3</amount></Account></ListOfAccts></Group></ListOfGroups>"
)


def connect(*accounts: str, version: int = 178) -> ClientSession:
    venue = Venue(
        catalogue=CATALOGUE,
        tape=SeededTape(1),
        accounts=dict.fromkeys(accounts or FIRM, Decimal(1_000)),
    )
    client = ClientSession(gateway=Gateway(venue=venue), version=version)
    client.handle(ask.StartApi(client_id=1, capabilities=""), NOW)
    client.take()
    return client


def answers(client: ClientSession, request: Any) -> list[say.Reply]:
    HANDLERS[type(request)](client, request, NOW)
    return client.take()


def refusals(replies: Sequence[say.Reply]) -> list[tuple[int, int, str]]:
    return [
        (reply.request_id, reply.code, reply.text.rpartition("cause - ")[2])
        for reply in replies
        if isinstance(reply, say.ErrorMessage)
    ]


def replace(data_type: int, xml: str, number: int = 8) -> ask.ReplaceFa:
    return ask.ReplaceFa(request_id=number, data_type=data_type, xml=xml)


def test_groups_are_replaced_and_received() -> None:
    client = connect()
    assert answers(client, replace(1, CORE)) == [say.ReplaceFaEnd(request_id=8, text="success")]
    (received,) = answers(client, ask.ReqFa(data_type=1))
    assert isinstance(received, say.ReceiveFa)
    assert "<amount>3.0</amount>" in received.xml
    members = {"DU1": Decimal(1), "DU2": Decimal(3)}
    group = Group(name="Core", method=Method.RATIO, members=members)
    assert client.gateway.advisor.groups == {"Core": group}
    answers(client, replace(1, received.xml.replace("Core", "Other")))
    assert list(client.gateway.advisor.groups) == ["Other"]


def test_aliases_are_replaced_and_received() -> None:
    client = connect()
    xml = (
        "<ListOfAccountAliases><AccountAlias><account>DU2</account><alias>Second</alias>"
        "</AccountAlias><AccountAlias><account>U9</account><alias>Nobody</alias></AccountAlias>"
        "</ListOfAccountAliases>"
    )
    answers(client, replace(3, xml))
    (received,) = answers(client, ask.ReqFa(data_type=3))
    assert isinstance(received, say.ReceiveFa)
    assert "<alias>Second</alias>" in received.xml
    assert "Nobody" not in received.xml


def test_profiles_end_with_version_177() -> None:
    new, old = connect(version=177), connect(version=176)
    text = "FA Profile is not supported anymore, use FA Group instead."
    assert refusals(answers(new, ask.ReqFa(data_type=2))) == [(NO_ID, 585, text)]
    assert refusals(answers(new, replace(2, "<x/>"))) == [(8, 585, text)]
    profiles = (
        "<ListOfAllocationProfiles><AllocationProfile><name>Tilt</name><type>1</type>"
        "<ListOfAllocations><Allocation><acct>DU1</acct><amount>100</amount></Allocation>"
        "</ListOfAllocations></AllocationProfile></ListOfAllocationProfiles>"
    )
    groups = (
        "<ListOfGroups><Group><name>Old</name><ListOfAccts><String>DU2</String></ListOfAccts>"
        "<defaultMethod>NetLiq</defaultMethod></Group></ListOfGroups>"
    )
    answers(old, replace(2, profiles))
    answers(old, replace(1, groups))
    # an older client sees two lists of what is one, and replaces its part alone
    assert sorted(old.gateway.advisor.groups) == ["Old", "Tilt"]
    for data_type, there, elsewhere in ((1, "Old", "Tilt"), (2, "Tilt", "Old")):
        (received,) = answers(old, ask.ReqFa(data_type=data_type))
        assert isinstance(received, say.ReceiveFa)
        assert there in received.xml
        assert elsewhere not in received.xml


def test_groups_of_strangers_are_refused_by_name() -> None:
    client = connect()
    ((number, code, text),) = refusals(answers(client, replace(1, CORE.replace("DU2", "U9"))))
    assert (number, code) == (8, 10231)
    assert text.endswith("contain invalid accounts: Core")
    assert client.gateway.advisor.groups == {}


@pytest.mark.parametrize(
    ("request_", "number", "cause"),
    [
        (ask.ReqFa(data_type=4), NO_ID, "Non-existent FA data operation request"),
        (replace(1, " "), 8, "An XML string is required for this operation"),
        (
            replace(3, "<x/>"),
            8,
            "Unable to parse FA configuration: expected <ListOfAccountAliases>, found <x>",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(request_: Any, number: int, cause: str) -> None:
    assert refusals(answers(connect(), request_)) == [(number, 321, cause)]


@pytest.mark.parametrize("accounts", [("DU1",), ("DU1", "DU2")])
def test_who_is_no_advisor_has_no_groups(accounts: tuple[str, ...]) -> None:
    client = connect(*accounts)
    cause = "FA data operations ignored for non FA customers."
    assert refusals(answers(client, ask.ReqFa(data_type=1))) == [(NO_ID, 321, cause)]
    assert refusals(answers(client, replace(1, CORE))) == [(8, 321, cause)]


def test_a_login_says_who_it_is() -> None:
    one, firm = connect("DU1"), connect()
    assert answers(firm, ask.ReqManagedAccounts()) == [
        say.ManagedAccounts(accounts="DF1000000,DU1,DU2")
    ]
    assert answers(one, ask.ReqFamilyCodes()) == [
        say.FamilyCodes(codes=(say.Pair(name="*", value=""),))
    ]
    (family,) = answers(firm, ask.ReqFamilyCodes())
    assert isinstance(family, say.FamilyCodes)
    assert [code.name for code in family.codes] == list(FIRM)
    assert len({code.value for code in family.codes}) == 1
    tiers = answers(one, ask.ReqSoftDollarTiers(request_id=3))
    assert tiers == [say.SoftDollarTiers(request_id=3, tiers=())]
    user = answers(one, ask.ReqUserInfo(request_id=4))
    assert user == [say.UserInfo(request_id=4, white_branding_id="")]
