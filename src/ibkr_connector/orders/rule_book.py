"""
The rules that hold now: read from the settings, replaced while trading when the files change.

Owns: how settings become limits, that an override is narrowed and never widened by the
environment, and that a broken file changes nothing but what is said about it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.settings import PermissionSettings, RiskSettings, Settings, load_rules
from ibkr_connector.settings.files import PERMISSIONS_NAME, RISK_NAME

from .events import RulesReloaded
from .risk import RiskLimits

__all__ = ["RuleBook", "RulesStatus"]

_log = logging.getLogger("ibkr_connector.orders")

_MORE_IS_STRICTER: Final = frozenset({"halt_cooldown_s", "duplicate_window_s"})
_FALSE_IS_STRICTER: Final = frozenset({"allow_short"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesStatus:
    """Which rules hold: where they come from, how often they were replaced, and what is wrong."""

    source: str
    reloads: int
    problem: str

    @property
    def sentence(self) -> str:
        """The same in words."""
        said = f"{self.source}, replaced {self.reloads} times" if self.reloads else self.source
        return f"{said}; {self.problem}" if self.problem else said

    def event(self, at: datetime) -> RulesReloaded:
        """The same as what streams tell."""
        return RulesReloaded(at=at, source=self.source, problem=self.problem)


class RuleBook:
    """Tell the limits for a contract in an account; a `LimitSource`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._risk, self._permissions = settings.risk, settings.permissions
        # asked several times by each order, and slow to read from a model's private fields
        self._halted_reason = self._risk.halted_reason
        self._cache: dict[tuple[str, str, str], RiskLimits] = {}
        self._reloads = 0
        self._problem = ""
        self._seen = self._marks()
        self._had = self._found()
        self.on_change: Callable[[RulesStatus], None] = lambda status: None
        """Told when files were read again and rules or problem are others than before."""
        self._say_start()

    @property
    def trading_allowed(self) -> bool:
        """Whether orders may be sent at all."""
        return not self._halted_reason

    @property
    def halted_reason(self) -> str:
        """Why not; empty when they may."""
        return self._halted_reason

    @property
    def status(self) -> RulesStatus:
        """Which rules hold."""
        return RulesStatus(source=self._risk.source, reloads=self._reloads, problem=self._problem)

    def limits_for(self, contract: Contract, account: str) -> RiskLimits:
        """Return the limits for one contract in one account."""
        # `value` is a property in Python, and every order asks
        return self._cached(contract.security_type._value_, contract.symbol.upper(), account)

    def limits_of_account(self, account: str) -> RiskLimits:
        """Return the limits of an account, whatever is traded."""
        return self._cached("", "", account)

    def reload(self) -> RulesStatus:
        """Read the files again; when they are broken the rules stay as they are, and it is said."""
        self._seen = self._marks()
        before = self.status
        try:
            self._replace(*load_rules(self._settings, had=self._had))
        except ConfigurationError as error:
            self._problem = f"the earlier rules stay in force: {error}"
            _log.error("%s", self._problem)
        if self.status != before:
            self.on_change(self.status)
        return self.status

    def reload_when_changed(self) -> bool:
        """Reload when a file is another than it was; tell whether it was."""
        if self._marks() == self._seen:
            return False
        self.reload()
        return True

    def _replace(self, risk: RiskSettings, permissions: PermissionSettings) -> None:
        mended = bool(self._problem)
        self._problem = ""
        same = risk == self._risk and permissions == self._permissions
        if same and risk.source == self._risk.source:
            if mended:
                _log.warning("the files of the rules are whole again; nothing has changed")
            return
        self._risk, self._permissions = risk, permissions
        self._halted_reason = risk.halted_reason
        self._had |= self._found()
        self._cache.clear()
        self._reloads += 1
        _log.warning("the trading rules were replaced; they come from %s now", risk.source)

    def _cached(self, security_type: str, symbol: str, account: str) -> RiskLimits:
        key = (security_type, symbol, account)
        known = self._cache.get(key)
        if known is None:
            known = self._cache[key] = self._limits(*key)
        return known

    def _limits(self, security_type: str, symbol: str, account: str) -> RiskLimits:
        risk, permissions = self._risk, self._permissions
        values: dict[str, Any] = {
            name: getattr(risk, name) for name in RiskSettings.model_fields if name != "overrides"
        }
        stated: dict[str, Any] = {}
        named = (
            ("security_types", security_type),
            ("symbols", symbol),
            ("accounts", account),
        )
        for subject, name in named:
            row = _row(risk.overrides, subject, name)
            if row:
                read = RiskSettings(**(values | dict(row)))
                for key in row:
                    value = getattr(read, key)
                    stated[key] = _stricter(key, stated[key], value) if key in stated else value
        values |= stated
        for key in ("max_order_size", "max_portfolio_risk"):
            extra: Decimal | None = getattr(self._settings, key)
            if extra is not None:
                values[key] = extra if values[key] is None else min(extra, values[key])
        named_sets = {name: getattr(permissions, name) for name in PermissionSettings.model_fields}
        return RiskLimits(
            **values,
            **named_sets,
            trading_allowed=risk.trading_allowed,
            halted_reason=risk.halted_reason,
        )

    def _found(self) -> frozenset[str]:
        names = (RISK_NAME, PERMISSIONS_NAME)
        marks = zip(names, self._seen, strict=False)  # none are looked for when rules were given
        return frozenset(name for name, mark in marks if mark is not None)

    def _marks(self) -> tuple[tuple[int, ...] | None, ...]:
        directory = self._settings.rules_dir
        if directory is None:
            return ()
        # first a list: looking at a file lets other threads run, and a profiler that takes hold of
        # all objects breaks a tuple that is being made (`gc.get_objects`)
        marks = [_mark(directory / name) for name in (RISK_NAME, PERMISSIONS_NAME)]
        return tuple(marks)

    def _say_start(self) -> None:
        if self._settings.readonly:
            return  # no order goes anyway
        if self._risk.source == "built-in" and self._risk.trading_allowed:
            _log.warning(
                "no %s: orders run under built-in limits of %s units, %s of the base currency "
                "and %s of the account per order",
                RISK_NAME,
                self._risk.max_order_size,
                self._risk.max_order_value,
                self._risk.max_portfolio_risk,
            )
        for key in ("max_order_size", "max_portfolio_risk"):
            asked, limit = getattr(self._settings, key), getattr(self._risk, key)
            if asked is not None and limit is not None and asked > limit:
                _log.warning(
                    "%s=%s would loosen the limit %s of %s, which holds",
                    key.upper(),
                    asked,
                    limit,
                    self._risk.source,
                )


def _row(
    overrides: Mapping[Any, Mapping[str, Mapping[str, Any]]], subject: str, name: str
) -> Mapping[str, Any] | None:
    rows = overrides.get(subject, {})
    return next((row for key, row in rows.items() if key.strip().upper() == name.upper()), None)


def _stricter(key: str, left: Any, right: Any) -> Any:
    if key in _MORE_IS_STRICTER:
        return max(left, right)
    if isinstance(left, bool):
        return left and right if key in _FALSE_IS_STRICTER else left or right
    return min(left, right)


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
