"""
Questions of one session about models and about what an advisor has set up.

What has an id is asked, answered and called off at once; the advisor's lists and the family codes
have none, so that callers share one answer.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods are not typed.
# ruff: noqa: FBT003
# The order of the arguments is ib_async's.

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ibkr_connector.errors import AccountError
from ibkr_connector.model.account import AccountValue, FigureSource
from ibkr_connector.model.advisor import SoftDollarTier

from . import translate
from .account_port import AdvisorList, ModelPositionRow
from .asking import ask
from .client import GatewayClient
from .field_values import amount, described, size
from .port import PositionRow
from .requests import Listing, Requests

__all__ = ["AccountQuestions"]

_CONTRACT: Final = slice(4, 15)
"""Of message 71: like that of a position, one field later (ib_async decoder.py)."""

_RECEIVE_FA: Final = 16
_POSITION: Final = 71
_POSITION_END: Final = 72
_VALUE: Final = 73
_VALUE_END: Final = 74
_TIERS: Final = 77
_FAMILY: Final = 78
_REPLACED: Final = 103


class AccountQuestions:
    """Asks through one session; `advisor` and `family` are its questions without an id."""

    def __init__(
        self,
        client: GatewayClient,
        requests: Requests,
        *,
        advisor: Listing[Any],
        family: Listing[Any],
    ) -> None:
        self._client = client
        self._requests = requests
        self._advisor = advisor
        self._family = family
        self._turn = asyncio.Lock()
        handlers = client.decoder.handlers
        for number, at, take in (
            (_POSITION, 2, self._position),
            (_POSITION_END, 2, self._end),
            (_VALUE, 2, self._value),
            (_VALUE_END, 2, self._end),
            (_REPLACED, 1, self._end),
            (_TIERS, 1, self._tiers),
        ):
            handlers[number] = self._taking(handlers[number], at, take)
        handlers[_RECEIVE_FA] = self._with(handlers[_RECEIVE_FA], self._received)
        handlers[_FAMILY] = self._with(handlers[_FAMILY], self._families)

    async def model_positions(self, account: str, model: str) -> tuple[ModelPositionRow, ...]:
        """Return what an account holds in a model, or in all when it is empty; asked anew."""
        rows: list[ModelPositionRow] = await self._asked(
            "model_positions",
            lambda number: self._client.reqPositionsMulti(number, account, model),
            self._client.cancelPositionsMulti,
        )
        return tuple(one for one in rows if one.row.quantity)

    async def model_values(self, account: str, model: str) -> tuple[AccountValue, ...]:
        """Return the figures of a model in an account; asked anew."""
        rows: list[AccountValue] = await self._asked(
            "model_values",
            lambda number: self._client.reqAccountUpdatesMulti(number, account, model, False),
            self._client.cancelAccountUpdatesMulti,
        )
        return tuple(rows)

    async def advisor_list(self, which: AdvisorList) -> str:
        """Return a list of an advisor as XML."""
        # the answer names the list, and a refusal does not: one question at a time
        async with self._turn:
            rows = await self._advisor.ask(lambda: self._client.requestFA(int(which)))
        text = next((xml for number, xml in rows if number == which), None)
        if text is None:
            raise AccountError(f"the gateway answered with another list than {which.name.lower()}")
        return str(text)

    async def replace_advisor_list(self, which: AdvisorList, xml: str) -> None:
        """Set a list of an advisor; what is not in it is gone."""
        await ask(
            self._client,
            self._requests,
            "advisor",
            send=lambda number: self._client.replaceFA(number, int(which), xml),
        )

    async def family_codes(self) -> tuple[tuple[str, str], ...]:
        """Return which accounts belong together: pairs of account and code."""
        return tuple(await self._family.ask(self._client.reqFamilyCodes))

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """Return the tiers of the login's soft-dollar contracts."""
        return tuple(
            await ask(
                self._client,
                self._requests,
                "soft_dollar_tiers",
                send=self._client.reqSoftDollarTiers,
            )
        )

    async def _asked(
        self, name: str, send: Callable[[Any], None], stop: Callable[[Any], None]
    ) -> Any:
        numbers: list[int] = []

        def sending(number: Any) -> None:
            numbers.append(number)
            send(number)

        try:
            return await ask(self._client, self._requests, name, send=sending)
        finally:
            # a subscription to TWS, of which one answer is wanted
            if numbers and self._client.isReady():
                stop(numbers[0])

    # --- what comes -----------------------------------------------------------------------------

    def _taking(
        self,
        otherwise: Callable[[list[str]], None],
        at: int,
        take: Callable[[int, list[str]], None],
    ) -> Callable[[list[str]], None]:
        def handler(fields: list[str]) -> None:
            number = int(fields[at])
            if self._requests.owns(number):
                take(number, fields)
            else:
                otherwise(fields)

        return handler

    @staticmethod
    def _with(
        otherwise: Callable[[list[str]], None], take: Callable[[list[str]], None]
    ) -> Callable[[list[str]], None]:
        def handler(fields: list[str]) -> None:
            take(fields)
            otherwise(fields)

        return handler

    def _position(self, number: int, fields: list[str]) -> None:
        rows = self._requests.collector(number)
        if rows is None:
            return
        *_, held, cost, model = fields
        row = PositionRow(
            account=fields[3],
            contract=described(tuple(fields[_CONTRACT])).record,
            quantity=size(held),
            average_cost=amount(cost) or size("0"),
        )
        rows.append(ModelPositionRow(row=row, model=model))

    def _value(self, number: int, fields: list[str]) -> None:
        rows = self._requests.collector(number)
        if rows is None:
            return
        _, _, _, account, _, tag, value, currency, *_ = fields
        rows.append(
            translate.account_value(
                account, tag, value, currency=currency, source=FigureSource.MODEL
            )
        )

    def _tiers(self, number: int, fields: list[str]) -> None:
        rows = self._requests.collector(number)
        if rows is None:
            return
        for at in range(3, 3 + 3 * int(fields[2]), 3):
            name, value, shown = fields[at : at + 3]
            rows.append(SoftDollarTier(name=name, value=value, display_name=shown))
        self._requests.end(number)

    def _end(self, number: int, _: list[str]) -> None:
        self._requests.end(number)

    def _received(self, fields: list[str]) -> None:
        self._advisor.row(fields[2], (int(fields[2]), fields[3]))
        self._advisor.end()

    def _families(self, fields: list[str]) -> None:
        for at in range(2, 2 + 2 * int(fields[1]), 2):
            self._family.row(fields[at], (fields[at], fields[at + 1]))
        self._family.end()
