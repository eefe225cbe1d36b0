"""Settings in the words of the parts: what each part is to be told of them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .model.ids import ClientId
from .model.outages import parse_windows
from .orders.journal import Place
from .resilience.pipeline import PipelineTuning
from .settings import Settings, check_port
from .storage.postgres import PostgresPlace
from .supervisor import Address, IdPolicy, Launcher, Outages, SupervisorTiming

__all__ = [
    "address_of",
    "database_place",
    "history_place",
    "journal_place",
    "launcher_of",
    "outages_of",
    "pipeline_tuning",
    "supervisor_timing",
]


def journal_place(settings: Settings) -> Place:
    """Return where the order journal of these settings is: one per mode and client id."""
    name = f"orders-{settings.mode}-client{settings.client_id}"
    if settings.journal_url is not None:
        return PostgresPlace(url=settings.journal_url.get_secret_value(), name=name)
    return settings.state_dir / f"{name}.sqlite3"


def history_place(settings: Settings) -> Path:
    """Return where downloaded bars are kept: all profiles may share it, bars are nobody's."""
    return settings.history_dir or settings.state_dir / "history"


def database_place(settings: Settings) -> Path | str:
    """Return where the registry of instruments is: one for all profiles of a state directory."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return settings.state_dir / "instruments.sqlite3"


def pipeline_tuning(settings: Settings) -> PipelineTuning:
    """Return the numbers of the policies."""
    # half a message a second for each line (IB campus), and a tenth less to be on the safe side
    gateway_limit = settings.market_data_lines // 2
    budget = settings.messages_per_second or max(10, gateway_limit * 9 // 10)
    return PipelineTuning(
        request_timeout_s=settings.request_timeout_s,
        messages_per_second=budget,
        gateway_limit=gateway_limit,
        market_data_lines=settings.market_data_lines,
        retry_max_attempts=settings.retry_max_attempts,
        retry_base_s=settings.retry_base_s,
        retry_cap_s=settings.retry_cap_s,
        breaker_fail_max=settings.breaker_fail_max,
        breaker_reset_s=settings.breaker_reset_s,
    )


def supervisor_timing(settings: Settings) -> SupervisorTiming:
    """Return the numbers of supervision."""
    return SupervisorTiming(
        heartbeat_interval_s=settings.heartbeat_interval_s,
        heartbeat_timeout_s=settings.heartbeat_timeout_s,
        sync_timeout_s=settings.sync_timeout_s,
        reconnect=settings.reconnect,
        max_attempts=settings.reconnect_max_attempts,
        base_s=settings.reconnect_base_s,
        cap_s=settings.reconnect_cap_s,
        client_id_wait_s=settings.client_id_wait_s,
        escalate_s=settings.outage_escalate_s,
    )


def address_of(
    settings: Settings, *, may_change_id: Callable[[], bool], client_id: ClientId | None = None
) -> Address:
    """Return where to connect, and under which client id; that of the settings if not given."""
    ids = (settings.client_id, *settings.client_id_pool) if client_id is None else (client_id,)
    return Address(
        port=settings.effective_port,
        client_ids=[ClientId(one) for one in ids],
        policy=IdPolicy(settings.client_id_policy),
        may_change_id=may_change_id,
        check_port=lambda port: check_port(port, settings.mode),
    )


def outages_of(settings: Settings) -> Outages:
    """Return which outages are planned."""
    return Outages(parse_windows(settings.reset_windows), escalate_s=settings.outage_escalate_s)


def launcher_of(settings: Settings) -> Launcher:
    """Return where the gateway's launcher leaves its traces."""
    return Launcher(
        log=settings.ibc_log, host=settings.host, command_port=settings.ibc_command_port
    )
