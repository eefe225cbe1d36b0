"""
An advisor's groups, profiles and aliases, from the XML of TWS and back.

Pure. From server version 177 on a group has an amount for each account, as profiles had before
(shapes: IB's samples of the API, XML of advisor accounts that is public). A document type is
refused: it could declare entities that fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree import ElementTree as ET

from ibkr_connector.errors import AccountError
from ibkr_connector.model.advisor import AdvisorGroup, AllocationMethod, GroupMember

__all__ = ["read_aliases", "read_groups", "read_profiles", "write_aliases", "write_groups"]

_DECLARES: Final = re.compile(r"<!(?!--)")
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_KINDS: Final = {
    "1": AllocationMethod.PERCENT,
    "2": AllocationMethod.RATIO,
    "3": AllocationMethod.SHARES,
}
"""Types of an allocation profile (IB's documentation of the API)."""


def read_groups(xml: str) -> tuple[AdvisorGroup, ...]:
    """
    Read groups, with amounts and without.

    Raises:
        AccountError: It is no list of groups.
    """
    return tuple(
        AdvisorGroup(
            name=_said(node, "name"),
            method=_said(node, "defaultMethod"),
            members=tuple(_members(node.find("ListOfAccts"))),
        )
        for node in _children(xml, "ListOfGroups", "Group")
    )


def read_profiles(xml: str) -> tuple[AdvisorGroup, ...]:
    """
    Read allocation profiles, of servers older than 177.

    Raises:
        AccountError: It is no list of profiles.
    """
    return tuple(
        AdvisorGroup(
            name=_said(node, "name"),
            method=_KINDS.get(_said(node, "type"), _said(node, "type")),
            members=tuple(_members(node.find("ListOfAllocations"))),
            is_profile=True,
        )
        for node in _children(xml, "ListOfAllocationProfiles", "AllocationProfile")
    )


def read_aliases(xml: str) -> dict[str, str]:
    """
    Read the other names of accounts.

    Raises:
        AccountError: It is no list of aliases.
    """
    return {
        _said(node, "account"): _said(node, "alias")
        for node in _children(xml, "ListOfAccountAliases", "AccountAlias")
    }


def write_groups(groups: Iterable[AdvisorGroup]) -> str:
    """
    Write groups with amounts, as servers from 177 on take them.

    Raises:
        AccountError: A group has no name or no account, or an amount is missing or too much.
    """
    root, seen = ET.Element("ListOfGroups"), set[str]()
    for group in groups:
        _check(group, seen)
        node = ET.SubElement(root, "Group")
        _leaf(node, "name", group.name)
        _leaf(node, "defaultMethod", str(group.method))
        listed = ET.SubElement(node, "ListOfAccts", varName="list")
        for member in group.members:
            one = ET.SubElement(listed, "Account")
            _leaf(one, "acct", member.account)
            if member.amount is not None:
                _leaf(one, "amount", f"{member.amount:f}")
    return _HEAD + ET.tostring(root, encoding="unicode")


def write_aliases(aliases: Mapping[str, str]) -> str:
    """Write the other names of accounts."""
    root = ET.Element("ListOfAccountAliases")
    for account, alias in aliases.items():
        node = ET.SubElement(root, "AccountAlias")
        _leaf(node, "account", account)
        _leaf(node, "alias", alias)
    return _HEAD + ET.tostring(root, encoding="unicode")


def _check(group: AdvisorGroup, seen: set[str]) -> None:
    if not group.name or not group.members:
        raise AccountError(f"a group has a name and an account; got {group.name!r}")
    if group.name in seen:
        raise AccountError(f"two groups have the name {group.name!r}")
    seen.add(group.name)
    if group.method not in set(AllocationMethod):
        known = ", ".join(AllocationMethod)
        raise AccountError(
            f"the group {group.name!r} has the method {group.method!r}", hint=f"one of {known}"
        )
    wants = AllocationMethod(group.method).has_amounts
    if any((member.amount is not None) is not wants for member in group.members):
        need = "an amount for each account" if wants else "no amounts"
        raise AccountError(f"the method {group.method} of the group {group.name!r} takes {need}")


def _members(listed: ET.Element | None) -> Iterator[GroupMember]:
    for node in () if listed is None else listed:
        if node.tag == "String":
            yield GroupMember(account=(node.text or "").strip())
            continue
        text = _said(node, "amount")
        try:
            amount = Decimal(text) if text else None
        except InvalidOperation as error:
            raise AccountError(f"expected the amount of an account, found {text!r}") from error
        yield GroupMember(account=_said(node, "acct"), amount=amount)


def _children(xml: str, root: str, name: str) -> Iterator[ET.Element]:
    try:
        if _DECLARES.search(xml):
            raise ET.ParseError("a document type is not allowed")
        tree = ET.fromstring(xml.encode())
    except ET.ParseError as error:
        raise AccountError(f"the gateway's list cannot be read: {error}") from error
    if tree.tag != root:
        raise AccountError(f"expected {root} of the gateway, found {tree.tag}")
    yield from tree.iter(name)


def _said(node: ET.Element, name: str) -> str:
    return (node.findtext(name) or "").strip()


def _leaf(node: ET.Element, name: str, text: str) -> None:
    ET.SubElement(node, name).text = text
