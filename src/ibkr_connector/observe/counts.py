"""What is counted of a connector as it happens: names, labels and buckets of each metric."""

from __future__ import annotations

from collections.abc import Iterator

from .metrics import Family, counted, spread, told
from .tallies import SLOW_LATENCIES, Distribution, Tally

__all__ = ["Counts"]


class Counts:
    """Everything that is counted as it happens."""

    def __init__(self) -> None:
        self.calls, self.errors, self.retries = Tally(), Tally(), Tally()
        self.duration, self.paced, self.heartbeat = Distribution(), Distribution(), Distribution()
        self.sent, self.closed, self.uncertain = Tally(), Tally(), Tally()
        self.denied, self.denials, self.anomalies = Tally(), Tally(), Tally()
        self.acked = Distribution()
        self.filled, self.filled_all = Distribution(SLOW_LATENCIES), Distribution(SLOW_LATENCIES)
        self.fills, self.corrections, self.commissions = Tally(), Tally(), Tally()
        self.committed, self.lag = Distribution(), Distribution()
        self.tick_age = Distribution(SLOW_LATENCIES)

    def families(self) -> Iterator[Family]:
        """Give all of it."""
        yield counted("ibkr_calls", "Calls that ended.", self.calls, "endpoint", "outcome")
        yield counted(
            "ibkr_call_errors", "Calls that failed.", self.errors, "endpoint", "error", "code"
        )
        yield counted("ibkr_call_retries", "Calls made again.", self.retries, "endpoint")
        yield spread(
            "ibkr_call_duration_seconds",
            "From the call to its end, waits and repeats included.",
            self.duration,
            "endpoint",
        )
        yield spread(
            "ibkr_pacing_wait_seconds",
            "What calls waited for the message budget.",
            self.paced,
            "group",
        )
        yield spread(
            "ibkr_heartbeat_round_trip_seconds", "Round trips of heartbeats.", self.heartbeat
        )
        yield counted("ibkr_orders_sent", "Orders whose bytes have left.", self.sent)
        yield counted(
            "ibkr_orders_closed",
            "Orders that ended; own are those of this connector.",
            self.closed,
            "outcome",
            "origin",
        )
        yield counted(
            "ibkr_order_uncertainties",
            "Times that nobody knew what became of an order.",
            self.uncertain,
        )
        yield counted(
            "ibkr_orders_denied", "Orders refused here, before the wire.", self.denied, "error"
        )
        yield counted(
            "ibkr_risk_denials",
            "Rules that orders broke and were refused for.",
            self.denials,
            "rule",
        )
        yield counted(
            "ibkr_order_anomalies", "Things the broker said that cannot be.", self.anomalies
        )
        yield spread(
            "ibkr_order_submit_to_ack_seconds",
            "From an order's intent to the broker's first word: journal, pacing and wire.",
            self.acked,
        )
        yield spread(
            "ibkr_order_ack_to_fill_seconds",
            "From the broker's first word to an order's first execution.",
            self.filled,
        )
        yield spread(
            "ibkr_order_submit_to_filled_seconds",
            "From an order's intent to its last execution.",
            self.filled_all,
        )
        yield counted("ibkr_fills", "Executions.", self.fills, "asset", "side", "origin")
        yield counted(
            "ibkr_fill_corrections", "Executions corrected or taken back.", self.corrections, "kind"
        )
        yield told(
            "ibkr_commissions_paid",
            "Commissions since the start; rebates count against them.",
            self.commissions,
            "currency",
        )
        yield spread(
            "ibkr_journal_commit_seconds",
            "What one commit of the journal takes, of as many notes as wait.",
            self.committed,
        )
        yield spread(
            "ibkr_event_loop_lag_seconds",
            "How late the I/O loop is, looked at every second.",
            self.lag,
        )
        yield spread(
            "ibkr_tick_age_seconds",
            "Age of the newest tick of each live stream, looked at every second.",
            self.tick_age,
            "kind",
        )
