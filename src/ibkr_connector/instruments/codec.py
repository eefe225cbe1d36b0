"""Contracts and details as JSON, exact and the same for the same contract; pure."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from ibkr_connector.errors import ContractError
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.instruments import PriceBand

__all__ = [
    "bands_json",
    "contract_json",
    "details_json",
    "key_of",
    "read_bands",
    "read_contract",
    "read_details",
]

T = TypeVar("T")

_OTHERWISE: Final = tuple((field.name, field.default) for field in fields(Contract))
_SAID: Final = attrgetter(*(name for name, _ in _OTHERWISE))
_WRITTEN: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@lru_cache
def _contracts() -> TypeAdapter[Contract]:
    return TypeAdapter(Contract)


@lru_cache
def _details() -> TypeAdapter[ContractDetails]:
    return TypeAdapter(ContractDetails)


@lru_cache
def _bands() -> TypeAdapter[tuple[PriceBand, ...]]:
    return TypeAdapter(tuple[PriceBand, ...])


def contract_json(contract: Contract) -> str:
    """Write a contract; what it leaves open is left out."""
    return _contracts().dump_json(contract, exclude_defaults=True).decode()


def read_contract(text: str) -> Contract:
    """
    Read a contract.

    Raises:
        ContractError: It is none.
    """
    return _read(_contracts(), text)


def details_json(details: ContractDetails) -> str:
    """Write details; what IB left open is left out."""
    return _details().dump_json(details, exclude_defaults=True).decode()


def read_details(text: str) -> ContractDetails:
    """
    Read details.

    Raises:
        ContractError: They are none.
    """
    return _read(_details(), text)


def bands_json(bands: tuple[PriceBand, ...]) -> str:
    """Write price bands."""
    return _bands().dump_json(bands).decode()


def read_bands(text: str) -> tuple[PriceBand, ...]:
    """
    Read price bands.

    Raises:
        ContractError: They are none.
    """
    return _read(_bands(), text)


def key_of(description: Contract) -> str:
    """Return the text that is the same for descriptions that say the same, and for no others."""
    if description.legs:
        return contract_json(description)
    said: dict[str, object] = {}
    for (name, otherwise), value in zip(_OTHERWISE, _SAID(description), strict=True):
        # most of it is the default itself
        if value is not otherwise and value != otherwise:
            # 250 and 250.0 are one strike
            said[name] = f"{value.normalize():f}" if isinstance(value, Decimal) else value
    return _WRITTEN(said)


def _read(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise ContractError(
            f"expected what was written of a contract, found {text[:80]!r}",
            hint="the database was changed by hand or by another program",
        ) from error
