"""What must not stand together among the settings of one profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import TradingMode

from .alert_rules import AlertAction
from .forms import check_client_ids
from .guard import check_port
from .mistakes import Mistake

if TYPE_CHECKING:
    from .model import Settings

__all__ = ["IDLE_ACTION", "contrary_settings", "doubtful_settings"]

IDLE_ACTION = ("alerts", "readonly")
"""Keys of the mistake that an alert is to act where nothing may be sent."""

_SHORTEST_ACCOUNT = 5
_SHARE_IN_PERCENT = 5
_MESSAGES_PER_LINE = 0.5
"""IB campus: as many messages a second as half the lines."""


def contrary_settings(settings: Settings) -> Iterator[Mistake]:
    """Yield settings that contradict each other: with any of these nothing starts."""
    if settings.port is not None:
        try:
            check_port(settings.port, settings.mode)
        except ConfigurationError as error:
            yield Mistake.of(
                error, key="port", value=str(settings.port), keys=("port", "paper_trading")
            )
    if settings.profile.lower() == "paper" and settings.mode is TradingMode.LIVE:
        yield _mistake(
            "the profile is called paper, but the mode is live",
            remedy="set paper_trading = true in its section, or call it otherwise",
            keys=("paper_trading",),
        )
    yield from _contrary_account(settings)
    try:
        check_client_ids((settings.client_id,), settings.client_id_pool, settings.data_client_ids)
    except ConfigurationError as error:
        yield Mistake.of(
            error, key="data_client_ids", keys=("data_client_ids", "client_id", "client_id_pool")
        )
    if settings.client_id_policy == "pool" and not settings.client_id_pool:
        yield _mistake(
            "client_id_policy is 'pool', but client_id_pool is empty",
            remedy="name the ids that may stand in, as in client_id_pool = 11, 12",
            keys=("client_id_policy", "client_id_pool"),
        )
    for first, longest in (
        ("retry_base_s", "retry_cap_s"),
        ("reconnect_base_s", "reconnect_cap_s"),
    ):
        wait, cap = getattr(settings, first), getattr(settings, longest)
        if wait > cap:
            yield _mistake(
                f"{first} is {wait:g}, longer than {longest} {cap:g}",
                remedy=f"raise {longest}, or lower {first}",
                keys=(first, longest),
            )


def _contrary_account(settings: Settings) -> Iterator[Mistake]:
    account = (settings.account_id or "").strip().upper()
    if len(account) < _SHORTEST_ACCOUNT or not account[-3:].isdigit():
        return  # no id as IB gives them: nothing can be told from it
    paper = account.startswith("D")
    if paper is (settings.mode is TradingMode.PAPER):
        return
    of = "a paper" if paper else "a live"
    other = "true" if paper else "false"
    yield _mistake(
        f"account_id names {of} account, but the mode is {settings.mode}",
        remedy=f"correct account_id, or set paper_trading to {other} and mean it "
        "(paper accounts start with D)",
        keys=("account_id", "paper_trading"),
    )


def doubtful_settings(settings: Settings) -> Iterator[Mistake]:
    """Yield what is allowed and hardly meant; nothing of it stops anything."""
    if settings.readonly and settings.kill_switch:
        yield _doubt(
            "readonly and kill_switch are both on: a position cannot be closed either",
            remedy="take one of them away: the kill switch lets closing orders go",
            keys=("readonly", "kill_switch"),
        )
    if settings.readonly:
        yield from _idle_actions(settings)
    if settings.client_id_pool and settings.client_id_policy != "pool":
        yield _doubt(
            f"client_id_pool names ids, but client_id_policy is '{settings.client_id_policy}'",
            remedy="set client_id_policy = pool, or take the pool away",
            keys=("client_id_pool", "client_id_policy"),
        )
    if settings.heartbeat_timeout_s > settings.heartbeat_interval_s:
        yield _doubt(
            f"heartbeat_timeout_s is {settings.heartbeat_timeout_s:g}, longer than "
            f"heartbeat_interval_s {settings.heartbeat_interval_s:g}",
            remedy="lower the timeout: until it ends, no other heartbeat is sent",
            keys=("heartbeat_timeout_s", "heartbeat_interval_s"),
        )
    if not settings.reconnect and settings.reconnect_max_attempts is not None:
        yield _doubt(
            "reconnect_max_attempts is set, but reconnect is false",
            remedy="set reconnect = true, or take the attempts away",
            keys=("reconnect_max_attempts", "reconnect"),
        )
    allowed = settings.market_data_lines * _MESSAGES_PER_LINE
    if (settings.messages_per_second or 0) > allowed:
        yield _doubt(
            f"messages_per_second is {settings.messages_per_second}, but "
            f"{settings.market_data_lines} market data lines allow {allowed:g}",
            remedy="the gateway cuts off who says more: lower it, or correct market_data_lines",
            keys=("messages_per_second", "market_data_lines"),
        )
    if settings.profile.lower() == "live" and settings.mode is TradingMode.PAPER:
        yield _doubt(
            "the profile is called live, but the mode is paper: no real order is sent",
            remedy="write paper_trading = false in its section [profile.live], and mean it",
            keys=("paper_trading",),
        )
    yield from _doubtful_rules(settings)


def _idle_actions(settings: Settings) -> Iterator[Mistake]:
    for kind, rule in settings.alerts.rules.items():
        if rule.action in {AlertAction.CANCEL, AlertAction.FLATTEN} and rule.enabled is not False:
            yield _doubt(
                f"alerts.yaml: rules.{kind}.action is '{rule.action}', but readonly is true: "
                "nothing would be done",
                remedy="set readonly = false, or let the action be none or block_orders",
                keys=IDLE_ACTION,
                is_error=True,
            )


def _doubtful_rules(settings: Settings) -> Iterator[Mistake]:
    if not settings.risk.trading_allowed and not settings.readonly:
        yield _doubt(
            f"readonly is false, but no order will be sent: {settings.risk.halted_reason}",
            remedy="write risk_config.yaml from its example (`ibkr config init`), or set "
            "readonly = true",
            keys=("readonly", "risk"),
            is_error=True,
        )
    for name in ("max_exposure_share", "max_concentration"):
        share: Any = getattr(settings.risk, name)
        if share is not None and share >= _SHARE_IN_PERCENT:
            yield _doubt(
                f"risk_config.yaml: {name} is {share}, that is {share:g} times the account",
                remedy=f"shares are written as 0.25 for 25 per cent; did you mean {share / 100}?",
                keys=(name,),
            )
    widest = settings.risk.max_order_size
    if settings.max_order_size is not None and settings.max_order_size > widest:
        yield _doubt(
            f"max_order_size is {settings.max_order_size}, looser than the {widest} of "
            f"{settings.risk.source}: it does nothing",
            remedy="a setting only tightens: change the file, or lower the setting",
            keys=("max_order_size", "risk"),
        )


def _mistake(problem: str, *, remedy: str, keys: tuple[str, ...]) -> Mistake:
    return Mistake(place="", key=keys[0], value=None, problem=problem, remedy=remedy, keys=keys)


def _doubt(problem: str, *, remedy: str, keys: tuple[str, ...], is_error: bool = False) -> Mistake:
    return Mistake(
        place="",
        key=keys[0],
        value=None,
        problem=problem,
        remedy=remedy,
        keys=keys,
        is_error=is_error,
    )
