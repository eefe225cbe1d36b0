"""
What is looked at of the accounts, and what the broker says of them by itself.

Owns: that among several connectors of one state directory one alone watches the accounts, or each
would tell, and act, by itself; that marks of day and peak are kept when a rule needs them; and what
a notice or an execution of the broker's own means.

*limit*: a liquidation is known by its execution, which IB tells as it happens to client 0 and to
the master client id alone; to others it shows in the positions, and as `drift`.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ibkr_connector.account.desk import AccountDesk
from ibkr_connector.account.watch import AccountSeen, looked_at
from ibkr_connector.clock import Clock
from ibkr_connector.codes import AccountEffect, account_effect
from ibkr_connector.errors import AccountError
from ibkr_connector.gateway.port import Execution, GatewayEvent, GatewayNotice
from ibkr_connector.model.alerts import AlertKind
from ibkr_connector.observe.alerts import Finding, Measured
from ibkr_connector.orders.equity_store import EquityStore
from ibkr_connector.settings.alerts import AlertSettings
from ibkr_connector.storage.file_lock import FileLock

__all__ = ["ANY_ACCOUNT", "AccountSource", "restriction"]

_log = logging.getLogger("ibkr_connector.alerts")

LOCK: Final = "account-watch.lock"
_K = AlertKind
_WITH_MARKS: Final = (_K.DAILY_LOSS, _K.DAILY_PROFIT, _K.DRAWDOWN)
_NAMED: Final = re.compile(r"Account:\s*(\w+)")
_RESTRICTED: Final = ("restricted", "liquidation only", "closing only", "closing-only")
_REMEMBERED: Final = 1000
ANY_ACCOUNT: Final = "account"
"""The key of what is heard of an account without its name, when there are several."""


class AccountSource:
    """
    The accounts of one connector; lives on its loop.

    Args:
        settings: The rules.
        desk: The accounts' figures.
        equity: What they were worth.
        accounts: Which there are.
        directory: Where connectors agree on who watches.
        clock: The one time base.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        desk: AccountDesk,
        equity: EquityStore,
        accounts: Callable[[], Sequence[str]],
        directory: Path,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._equity = equity
        self._accounts = accounts
        self._clock = clock
        self._lock = FileLock(directory / LOCK)
        self._is_ours = False
        self._told: deque[str] = deque(maxlen=_REMEMBERED)
        if settings.enabled and any(settings.rule(kind).is_on for kind in _WITH_MARKS):
            equity.keeps_always = True

    def close(self) -> None:
        """Let another connector watch."""
        self._lock.release()
        self._is_ours = False

    def look(self) -> Iterator[Measured]:
        """Return every figure of every account; nothing while another connector watches them."""
        if not self._watches():
            return
        for account in self._accounts():
            try:
                summary = self._desk.summary(account)
            except AccountError:
                continue
            marks = self._equity.marks(account)
            seen = AccountSeen(
                summary=summary,
                now=self._clock.utcnow(),
                day_start=None if marks is None else marks.day_start,
                peak=None if marks is None else marks.peak,
                is_held=self._is_held(account),
            )
            yield from looked_at(seen, self._settings.rule)

    def heard(self, event: GatewayEvent) -> Finding | None:
        """Return what an event of the gateway's says of an account, if it says anything."""
        finding = None
        if isinstance(event, Execution):
            if event.is_liquidation and event.exec_id not in self._told:
                self._told.append(event.exec_id)
                finding = _liquidation(event)
        elif isinstance(event, GatewayNotice):
            effect = account_effect(event.code, event.text)
            finding = None if effect is None else self._notice(effect, event)
        return finding if finding is not None and self._watches() else None

    def _watches(self) -> bool:
        if not self._is_ours:
            try:
                self._is_ours = self._lock.acquire()
            except OSError as error:
                # better twice than not at all
                _log.error("the accounts may be watched twice: %s", error.strerror or error)
                self._is_ours = True
        return self._is_ours

    def _is_held(self, account: str) -> bool | None:
        try:
            return self._desk.view.count(account) > 0
        except AccountError:
            return None

    def _notice(self, effect: AccountEffect, notice: GatewayNotice) -> Finding:
        named = _NAMED.search(notice.text)
        accounts = self._accounts()
        key = named[1] if named else (accounts[0] if len(accounts) == 1 else ANY_ACCOUNT)
        is_urgent = effect is AccountEffect.LIQUIDATION_NEAR
        return Finding(
            kind=_K.MARGIN_CALL if is_urgent else _K.MARGIN_CUSHION,
            key=key,
            text=f"the broker says: {notice.text}",
            value=f"code {notice.code}",
            remedy="close something, or pay in, before the broker does",
        )


def restriction(account: str, reason: str) -> Finding | None:
    """
    Return what a rejection says of the account itself; `None` when it speaks of the order alone.

    *limit*: by words of an English TWS; IB has no code for it, and no public source records what it
    says of a restricted account: "restricted", "liquidation only" and "closing only" are assumed,
    as in what IB writes of a stock that it has in closing-only mode.
    """
    said = reason.lower()
    if "account" not in said or not any(word in said for word in _RESTRICTED):
        return None
    return Finding(
        kind=_K.ACCOUNT_RESTRICTED,
        key=account or ANY_ACCOUNT,
        text=f"the broker lets {account or 'the account'} do less: {reason}",
        remedy="look at the account in Client Portal, and ask IB",
    )


def _liquidation(execution: Execution) -> Finding:
    what = f"{execution.action} {execution.quantity} {execution.contract} at {execution.price}"
    return Finding(
        kind=_K.LIQUIDATION,
        key=execution.account,
        text=f"the broker has closed a position of {execution.account} by itself: {what}",
        remedy="close more, or pay in; your programs do not know of it by themselves",
    )
