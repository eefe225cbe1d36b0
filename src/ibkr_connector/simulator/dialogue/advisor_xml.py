"""
An advisor's groups and aliases as XML, in the shapes of TWS.

From server version 177 on, groups have what profiles had: an amount for each account. Before, a
group is a list of accounts, and what has amounts is an allocation profile. (Shapes: the XML of
ibapi's samples, and XML that public programs and their tests keep of advisor accounts.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree import ElementTree as ET

from ibkr_connector.simulator.exchange.advisor import Group, Method
from ibkr_connector.simulator.wire.fields import number_text

__all__ = [
    "read_aliases",
    "read_groups",
    "read_profiles",
    "write_aliases",
    "write_groups",
    "write_profiles",
]

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DECLARES: Final = re.compile(r"<!(?!--)")

_PROFILE_TYPES: Final = {
    # ibapi docs: type of an allocation profile
    1: Method.PERCENT,
    2: Method.RATIO,
    3: Method.CONTRACTS_OR_SHARES,
}
_OLD_NAMES: Final = {Method.EQUAL: "EqualQuantity"}


def write_groups(groups: Iterable[Group], *, with_amounts: bool) -> str:
    """Write groups; as before profiles became groups, only those that need no amounts."""
    root = ET.Element("ListOfGroups")
    for group in groups:
        if not with_amounts and group.method.has_amounts:
            continue
        node = ET.SubElement(root, "Group")
        _leaf(node, "name", group.name)
        if with_amounts:
            _leaf(node, "defaultMethod", group.method.value)
        accounts = ET.SubElement(node, "ListOfAccts", varName="list")
        for account, amount in group.members.items():
            if not with_amounts:
                _leaf(accounts, "String", account)
                continue
            member = ET.SubElement(accounts, "Account")
            _leaf(member, "acct", account)
            if amount is not None:
                _leaf(member, "amount", _amount(amount))
        if not with_amounts:
            _leaf(node, "defaultMethod", _OLD_NAMES.get(group.method, group.method.value))
    return _text(root)


def write_profiles(groups: Iterable[Group]) -> str:
    """Write the groups that have amounts as allocation profiles."""
    root = ET.Element("ListOfAllocationProfiles")
    types = {method: number for number, method in _PROFILE_TYPES.items()}
    for group in groups:
        if group.method not in types:
            continue
        node = ET.SubElement(root, "AllocationProfile")
        _leaf(node, "name", group.name)
        _leaf(node, "type", str(types[group.method]))
        listed = ET.SubElement(node, "ListOfAllocations", varName="listOfAllocations")
        for account, amount in group.members.items():
            member = ET.SubElement(listed, "Allocation")
            _leaf(member, "acct", account)
            _leaf(member, "amount", _amount(amount or Decimal(0)))
    return _text(root)


def write_aliases(aliases: Mapping[str, str]) -> str:
    """Write the other names of accounts."""
    root = ET.Element("ListOfAccountAliases")
    for account, alias in aliases.items():
        node = ET.SubElement(root, "AccountAlias")
        _leaf(node, "account", account)
        _leaf(node, "alias", alias)
    return _text(root)


def read_groups(xml: str) -> list[Group]:
    """
    Read groups, of the new and of the old shape.

    Raises:
        ValueError: It is not such a list; says why.
    """
    found: list[Group] = []
    for node in _children(xml, "ListOfGroups", "Group"):
        method = Method.named(_said(node, "defaultMethod"))
        if method is None:
            raise ValueError(f"unknown method {_said(node, 'defaultMethod')!r}")
        found.append(
            Group(name=_name(node), method=method, members=dict(_members(node, "ListOfAccts")))
        )
    return found


def read_profiles(xml: str) -> list[Group]:
    """
    Read allocation profiles as groups.

    Raises:
        ValueError: It is not such a list; says why.
    """
    found: list[Group] = []
    for node in _children(xml, "ListOfAllocationProfiles", "AllocationProfile"):
        kind = _said(node, "type")
        method = _PROFILE_TYPES.get(int(kind)) if kind.isdigit() else None
        if method is None:
            raise ValueError(f"unknown type {kind!r} of a profile")
        members = dict(_members(node, "ListOfAllocations"))
        found.append(Group(name=_name(node), method=method, members=members))
    return found


def read_aliases(xml: str) -> dict[str, str]:
    """
    Read the other names of accounts.

    Raises:
        ValueError: It is not such a list.
    """
    return {
        _said(node, "account"): _said(node, "alias")
        for node in _children(xml, "ListOfAccountAliases", "AccountAlias")
    }


def _children(xml: str, root_name: str, name: str) -> Iterator[ET.Element]:
    if _DECLARES.search(xml):
        # a document type could declare entities that fill the memory
        raise ValueError("a document type is not allowed")
    try:
        root = ET.fromstring(xml.encode())
    except ET.ParseError as exc:
        raise ValueError(str(exc)) from exc
    if root.tag != root_name:
        raise ValueError(f"expected <{root_name}>, found <{root.tag}>")
    yield from root.findall(name)


def _members(node: ET.Element, list_name: str) -> Iterator[tuple[str, Decimal | None]]:
    listed = node.find(list_name)
    for child in listed if listed is not None else ():
        if child.tag == "String":
            yield (child.text or "").strip(), None
            continue
        said = _said(child, "amount")
        try:
            amount = Decimal(said) if said else None
        except InvalidOperation as exc:
            raise ValueError(f"amount {said!r} is no number") from exc
        if amount is not None and not amount.is_finite():
            raise ValueError(f"amount {said!r} is no number")
        yield _said(child, "acct"), amount


def _name(node: ET.Element) -> str:
    name = _said(node, "name")
    if not name:
        raise ValueError(f"a {node.tag} has no name")
    return name


def _said(node: ET.Element, name: str) -> str:
    return (node.findtext(name) or "").strip()


def _leaf(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _amount(amount: Decimal) -> str:
    text = number_text(amount)
    return text if "." in text else f"{text}.0"


def _text(root: ET.Element) -> str:
    # each element in a line of its own: IB's Java sample reads it line by line
    ET.indent(root, space="\t")
    return f"{_HEAD}{ET.tostring(root, encoding='unicode', short_empty_elements=True)}\n"
