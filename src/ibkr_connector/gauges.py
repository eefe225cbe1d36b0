"""
What is so now, as metrics: read from the parts of an engine when somebody scrapes.

Owns: names and labels of everything that is not counted as it happens. Nothing here is kept, and
nothing is read when nobody asks. Labels are of few values: no order, no contract, no text.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

from .account.desk import AccountDesk
from .alarms.desk import Alarms
from .errors import AccountError
from .market.subscriptions import Subscriptions
from .model.account import AccountSummary
from .model.status import BreakerState, ConnectionState, ConnectionStatus, FarmState
from .observe.masking import mask_accounts
from .observe.metrics import Family, counted, told
from .orders.desk import OrdersDesk
from .orders.journal import Journal
from .resilience.pipeline import Pipeline

__all__ = ["Observed", "build", "connection", "picture", "unconnected"]

Rows = list[tuple[tuple[str, ...], float]]


class Observed(Protocol):
    """What is read of an engine."""

    pipeline: Pipeline
    streams: Subscriptions
    orders: OrdersDesk
    account: AccountDesk
    journal: Journal
    alarms: Alarms

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the login."""
        ...

    def status(self) -> ConnectionStatus:
        """Take a picture of the connection."""
        ...


def build() -> Iterator[Family]:
    """Say what runs."""
    labels = (_version("ibkr-connector"), platform.python_version(), _version("ib_async"))
    yield told("ibkr_build_info", "What runs.", [(labels, 1)], "version", "python", "ib_async")


def unconnected() -> Iterator[Family]:
    """Say that there is no connection, nor anybody who makes one."""
    yield told("ibkr_up", _UP, 0)
    yield told("ibkr_connection_state", _STATE, _states(ConnectionState.IDLE), "state")


def connection(status: ConnectionStatus) -> Iterator[Family]:
    """Give what a picture of the connection says."""
    yield told("ibkr_up", _UP, status.is_connected)
    yield told("ibkr_connection_state", _STATE, _states(status.state), "state")
    yield told("ibkr_connection_uptime_seconds", "Since the session was made.", status.uptime_s)
    yield counted("ibkr_reconnects", "Times that it came back.", _one(status.reconnect_count))
    yield told(
        "ibkr_heartbeat_timestamp_seconds",
        "When the last heartbeat was answered.",
        None if status.last_heartbeat is None else status.last_heartbeat.timestamp(),
    )
    yield told(
        "ibkr_degraded_parts", "Parts of the state that are missing.", len(status.degraded_by)
    )
    yield told(
        "ibkr_farm_up",
        "Whether a data farm of IB is well, or idle until it is needed.",
        [
            ((name,), state in (FarmState.OK, FarmState.INACTIVE))
            for name, state in list(status.farms.items())
        ],
        "farm",
    )
    yield told(
        "ibkr_data_connection_up",
        "Whether a connection of its own for data is ready.",
        [
            ((name,), state in (ConnectionState.READY, ConnectionState.DEGRADED))
            for name, state in status.data_connections.items()
        ],
        "client_id",
    )
    yield told(
        "ibkr_competing_session",
        "Whether another login of the same user has the market data.",
        status.competing_session,
    )
    yield told(
        "ibkr_planned_outage",
        "Whether a planned outage explains why it is not ready.",
        status.planned_outage is not None,
    )
    yield counted(
        "ibkr_unreadable_messages",
        "Messages that could not be read.",
        _one(status.unreadable_count),
    )
    yield told(
        "ibkr_breaker_state",
        "1 at the state in which a circuit is.",
        [
            ((group, state.value), state is now)
            for group, now in status.breakers.items()
            for state in BreakerState
        ],
        "group",
        "state",
    )
    circuits = status.circuits.items()
    yield counted(
        "ibkr_breaker_opened", "Circuits opened.", [((g,), c.opened) for g, c in circuits], "group"
    )
    yield counted(
        "ibkr_breaker_refused",
        "Calls not tried because a circuit was open.",
        [((g,), c.refused) for g, c in circuits],
        "group",
    )
    yield told("ibkr_orders_open", "Orders to which something may happen.", status.open_orders)
    yield told(
        "ibkr_orders_uncertain",
        "Orders of which nobody knows what became.",
        status.uncertain_orders,
    )
    yield told(
        "ibkr_trading_halts", "Reasons for which new orders are refused.", len(status.halted_by)
    )
    yield told(
        "ibkr_kill_switch_engaged", "Whether the kill switch is engaged.", bool(status.kill_switch)
    )
    yield told("ibkr_attention_needed", "Things that somebody must look at.", len(status.attention))
    yield told(
        "ibkr_drift_differences",
        "Differences from the broker at the last comparison.",
        len(status.drift.differences),
    )
    yield told(
        "ibkr_drift_checked_timestamp_seconds",
        "When the ledger was last compared with the broker.",
        None if status.drift.checked_at is None else status.drift.checked_at.timestamp(),
    )


def picture(engine: Observed, *, show_accounts: bool) -> list[Family]:
    """Return everything that is read on the loop on which it changes."""
    alerts = _counted((one.kind.value, one.severity.value) for one in engine.alarms.active)
    return [
        *_pacing(engine),
        *_streams(engine.streams),
        *_accounts(engine, show=show_accounts),
        told("ibkr_alerts_active", "Alerts that go on.", alerts, "kind", "severity"),
    ]


def _pacing(engine: Observed) -> Iterator[Family]:
    seen = engine.pipeline.pacing_status()
    yield told("ibkr_pacing_budget_messages", "Messages a second, as of now.", seen.budget_now)
    yield told("ibkr_pacing_used_messages", "Messages of the last second.", seen.used)
    yield told(
        "ibkr_pacing_left_messages",
        "What is left of the budget.",
        max(seen.budget_now - seen.used, 0),
    )
    lanes = seen.lanes.items()
    yield told(
        "ibkr_pacing_queued", "Calls that wait.", [((n,), o.queued) for n, o in lanes], "lane"
    )
    yield counted("ibkr_pacing_complaints", "Times IB said: too often.", _one(seen.complaints))
    yield told("ibkr_history_requests_used", "Of the ten minutes' limit.", seen.history.used)
    yield told("ibkr_history_requests_limit", "Of ten minutes.", seen.history.limit_now)
    yield told("ibkr_history_requests_open", "Waiting for their answers.", seen.history.open)
    lines = seen.lines.items()
    yield told(
        "ibkr_market_data_lines_used",
        "Lines that are taken.",
        [((name,), one.used) for name, one in lines],
        "pool",
    )
    yield told(
        "ibkr_market_data_lines_limit",
        "Lines that there are.",
        [((name,), one.limit_now) for name, one in lines],
        "pool",
    )


def _streams(streams: Subscriptions) -> Iterator[Family]:
    states = streams.states()
    yield told(
        "ibkr_streams",
        "Lines of streams.",
        _counted((one.kind, one.phase) for one in states),
        "kind",
        "phase",
    )
    kinds = sorted({one.kind for one in states})

    def of_kind(figure: str) -> Rows:
        return [((k,), sum(getattr(s, figure) for s in states if s.kind == k)) for k in kinds]

    yield told("ibkr_stream_readers", "Readers of streams.", of_kind("readers"), "kind")
    yield told("ibkr_stream_waiting_records", "Records not read yet.", of_kind("waiting"), "kind")
    yield told(
        "ibkr_stream_silence_seconds",
        "The longest silence of a stream.",
        [((k,), max(s.silent_s for s in states if s.kind == k)) for k in kinds],
        "kind",
    )
    for name, text, rows in streams.totals.rows():
        labels = ("kind", "reason") if name == "gaps" else ("kind",)
        yield counted(f"ibkr_stream_{name}", text, rows, *labels)


_FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "net_liquidation": ("total_value", "What the account is worth."),
    "cash": ("cash", "Cash."),
    "buying_power": ("buying_power", "Buying power."),
    "initial_margin": ("initial_margin", "Initial margin."),
    "maintenance_margin": ("maintenance_margin", "Maintenance margin."),
    "available_funds": ("available_funds", "Funds for new positions."),
    "excess_liquidity": ("excess_liquidity", "What is above the maintenance margin."),
    "gross_position_value": ("gross_position_value", "Sum of all positions, without sign."),
}
_TAGS: Final[Mapping[str, str]] = {
    "UnrealizedPnL": "unrealized_pnl",
    "RealizedPnL": "realized_pnl",
}


def _accounts(engine: Observed, *, show: bool) -> Iterator[Family]:
    summaries: dict[str, AccountSummary] = {}
    held: Rows = []
    daily: Rows = []
    for account, name in _names(engine.accounts, show=show).items():
        try:
            summary = summaries[name] = engine.account.summary(account)
            held.append(((name,), engine.account.view.count(account)))
        except AccountError:
            continue  # not told yet: no figure is better than a wrong one
        if (gain := engine.account.daily_pnl(account)) is not None:
            daily.append(((name, summary.currency), float(gain)))
    for metric, (attribute, text) in _FIGURES.items():
        yield told(
            f"ibkr_account_{metric}",
            f"{text} In the base currency.",
            [
                ((name, one.currency), float(value))
                for name, one in summaries.items()
                if (value := getattr(one, attribute)) is not None
            ],
            "account",
            "currency",
        )
    yield told(
        "ibkr_account_cushion_ratio",
        "Excess liquidity as a share of the worth.",
        [((n,), float(s.cushion)) for n, s in summaries.items() if s.cushion is not None],
        "account",
    )
    for tag, metric in _TAGS.items():
        yield told(
            f"ibkr_account_{metric}",
            "As the account window tells it, by currency; BASE is all of it.",
            # by key, because a row without a currency and one of BASE are the same
            {
                (name, value.currency or "BASE"): float(Decimal(value.value))
                for name, one in summaries.items()
                for value in one.values
                if value.tag == tag and _is_number(value.value)
            }.items(),
            "account",
            "currency",
        )
    yield told(
        "ibkr_account_daily_pnl",
        "Gain or loss of the day in the base currency: IB's where somebody follows it, or ours.",
        daily,
        "account",
        "currency",
    )
    yield told("ibkr_account_positions", "Contracts that are held.", held, "account")
    yield told(
        "ibkr_account_timestamp_seconds",
        "When figures of the account last came.",
        [((name,), one.as_of.timestamp()) for name, one in summaries.items()],
        "account",
    )


def _names(accounts: Iterable[str], *, show: bool) -> dict[str, str]:
    """Return what each account is called; two that are masked alike are told apart by a number."""
    if show:
        return {account: account for account in accounts}
    named: dict[str, str] = {}
    alike: Counter[str] = Counter()
    for account in accounts:
        name = mask_accounts(account)
        name = name if name != account else f"{account[:1]}***{account[-2:]}"
        alike[name] += 1
        named[account] = name if alike[name] == 1 else f"{name}-{alike[name]}"
    return named


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except ArithmeticError:
        return False


def _states(now: ConnectionState) -> Rows:
    return [((state.value,), state is now) for state in ConnectionState]


def _one(value: float) -> Rows:
    return [((), value)]


def _counted(labels: Iterable[tuple[str, ...]]) -> Rows:
    return [(key, count) for key, count in Counter(labels).items()]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


_UP: Final = "Whether there is a session with the gateway."
_STATE: Final = "1 at the state in which the connection is."
