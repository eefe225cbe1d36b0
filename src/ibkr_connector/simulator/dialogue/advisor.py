"""
What an advisor's login has set up, and the requests about it and about who a login is.

A login is an advisor's when its first account is a master account; any other is refused. Groups
and aliases are set as they are asked for: TWS has them approved by its server first (*limit*: they
never wait, so that 10230 is not given).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from ibkr_connector.simulator.exchange.advisor import Advisor, Group, master_of
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    FamilyCodes,
    ManagedAccounts,
    Pair,
    ReceiveFa,
    ReplaceFaEnd,
    SoftDollarTier,
    SoftDollarTiers,
    UserInfo,
)
from ibkr_connector.simulator.wire.versions import Version

from . import advisor_xml as xml
from .session import ClientSession, Handler

__all__ = ["GROUPS", "HANDLERS", "NO_ID"]

NO_ID: Final = 2_147_483_647
"""The id in a refusal of a request that has none (IB's DDE sample of the API)."""

GROUPS: Final = 1
PROFILES: Final = 2
ALIASES: Final = 3

_NOT_AN_ADVISOR: Final = "FA data operations ignored for non FA customers."
_NO_SUCH_DATA: Final = "Non-existent FA data operation request"
_NO_XML: Final = "An XML string is required for this operation"
_NO_PROFILES: Final = "FA Profile is not supported anymore, use FA Group instead."
_REPLACED: Final = "success"
"""What TWS writes there is not on record (assumed)."""


# --- who a login is -----------------------------------------------------------------------------


def managed(session: ClientSession, request: ask.ReqManagedAccounts, now: datetime) -> None:
    """Name the accounts of the login, an advisor's own first."""
    session.say(ManagedAccounts(accounts=",".join(session.gateway.accounts)))


def family(session: ClientSession, request: ask.ReqFamilyCodes, now: datetime) -> None:
    """Say which accounts belong together: an individual's have no code (recorded at 200)."""
    accounts = session.gateway.accounts
    master = master_of(accounts)
    codes = (
        (Pair(name="*", value=""),)
        if master is None
        # what an advisor's family code is, is not on record (assumed)
        else tuple(Pair(name=account, value=master) for account in accounts)
    )
    session.say(FamilyCodes(codes=codes))


def user_info(session: ClientSession, request: ask.ReqUserInfo, now: datetime) -> None:
    """Name the white brand of the login, which it has none of."""
    session.say(UserInfo(request_id=request.request_id, white_branding_id=""))


def tiers(session: ClientSession, request: ask.ReqSoftDollarTiers, now: datetime) -> None:
    """Name the soft dollar tiers: none, unless the login was given such a contract."""
    known = session.gateway.advisor.tiers
    tiers = tuple(
        SoftDollarTier(name=name, value=value, display_name=shown) for name, value, shown in known
    )
    session.say(SoftDollarTiers(request_id=request.request_id, tiers=tiers))


# --- groups and aliases -------------------------------------------------------------------------


def fa(session: ClientSession, request: ask.ReqFa, now: datetime) -> None:
    """Send groups or aliases, and profiles to clients of versions that have them."""
    cause = _cannot(session, request.data_type)
    if cause:
        _refuse(session, NO_ID, cause)
        return
    advisor = session.gateway.advisor
    groups = advisor.groups.values()
    match request.data_type:
        case 1:
            text = xml.write_groups(groups, with_amounts=not _has_profiles(session))
        case 2:
            text = xml.write_profiles(groups)
        case _:
            text = xml.write_aliases(advisor.aliases)
    session.say(ReceiveFa(data_type=request.data_type, xml=text))


def replace_fa(session: ClientSession, request: ask.ReplaceFa, now: datetime) -> None:
    """Replace all groups, all profiles or all aliases."""
    cause = _cannot(session, request.data_type) or ("" if request.xml.strip() else _NO_XML)
    if cause:
        _refuse(session, request.request_id, cause)
        return
    advisor = session.gateway.advisor
    try:
        if request.data_type == ALIASES:
            aliases = xml.read_aliases(request.xml)
        else:
            read = xml.read_groups if request.data_type == GROUPS else xml.read_profiles
            groups = read(request.xml)
    except ValueError as exc:
        # how TWS words a list that it cannot read is not on record (assumed)
        _refuse(session, request.request_id, f"Unable to parse FA configuration: {exc}")
        return
    if request.data_type == ALIASES:
        advisor.aliases = {
            account: alias
            for account, alias in aliases.items()
            if account in session.gateway.accounts
        }
    elif strangers := _strangers(session, groups):
        text = "The following Groups and/or Profiles contain invalid accounts: "
        session.fail(request.request_id, 10231, text + ", ".join(strangers))
        return
    else:
        kept = _of_the_other_kind(advisor, request.data_type) if _has_profiles(session) else ()
        advisor.replace_groups([*kept, *groups])
    session.say(ReplaceFaEnd(request_id=request.request_id, text=_REPLACED))


def _cannot(session: ClientSession, data_type: int) -> str:
    """Return why there is no such data; empty when there is."""
    if master_of(session.gateway.accounts) is None:
        return _NOT_AN_ADVISOR
    if data_type == PROFILES and not _has_profiles(session):
        return _NO_PROFILES
    return "" if data_type in (GROUPS, PROFILES, ALIASES) else _NO_SUCH_DATA


def _has_profiles(session: ClientSession) -> bool:
    return session.version < Version.FA_PROFILE_DESUPPORT


def _strangers(session: ClientSession, groups: Iterable[Group]) -> list[str]:
    """Return the groups with accounts that are none of the login's."""
    known = set(session.gateway.accounts)
    return [group.name for group in groups if not known.issuperset(group.members)]


def _of_the_other_kind(advisor: Advisor, data_type: int) -> list[Group]:
    """Return the groups that a client sees as profiles when groups are replaced, or reversely."""
    keeps_amounts = data_type == GROUPS
    return [group for group in advisor.groups.values() if group.method.has_amounts is keeps_amounts]


def _refuse(session: ClientSession, request_id: int, cause: str) -> None:
    if cause == _NO_PROFILES:
        session.fail(request_id, 585, cause)
        return
    session.fail(request_id, 321, f"Error validating request.-'b1' : cause - {cause}")


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqManagedAccounts: managed,
    ask.ReqFamilyCodes: family,
    ask.ReqUserInfo: user_info,
    ask.ReqSoftDollarTiers: tiers,
    ask.ReqFa: fa,
    ask.ReplaceFa: replace_fa,
}
