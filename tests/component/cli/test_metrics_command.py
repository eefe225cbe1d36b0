"""`ibkr metrics`, and commands beside a program that serves its metrics."""

from __future__ import annotations

import json

import pytest
from prometheus_client import parser

from ibkr_connector.simulator import HostedSimulator
from kit.command import ibkr


def test_metrics_are_printed_as_prometheus_reads_them(ibkr_gateway: HostedSimulator) -> None:
    done = ibkr("metrics", "--port", str(ibkr_gateway.port), "--client-id", "7")
    assert done.returncode == 0, done.stderr
    families = {one.name: one for one in parser.text_string_to_metric_families(done.stdout)}
    assert families["ibkr_up"].samples[0].value == 1
    assert families["ibkr_account_net_liquidation"].samples
    assert "DU1234567" not in done.stdout
    told = ibkr("metrics", "--port", str(ibkr_gateway.port), "--client-id", "7", "--json")
    samples = {row["name"]: row for row in json.loads(told.stdout)}
    assert samples["ibkr_up"] == {"name": "ibkr_up", "labels": {"profile": "default"}, "value": 1}


def test_a_command_serves_no_metrics_beside_the_program_that_does(
    ibkr_gateway: HostedSimulator, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setenv("IBKR_METRICS_PORT", str(free_port))
    monkeypatch.setenv("IBKR_SPANS", "true")
    with socket.create_server(("127.0.0.1", free_port)):
        done = ibkr("status", "--port", str(ibkr_gateway.port), "--client-id", "8")
        assert done.returncode == 0, done.stderr
        served = ibkr("metrics", "--serve", str(free_port), "--port", str(ibkr_gateway.port))
    assert served.returncode == 1
    assert f"127.0.0.1:{free_port}" in served.stderr


def test_the_log_of_a_command_goes_where_a_setting_says(
    ibkr_gateway: HostedSimulator, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "logs" / "ibkr.log"
    monkeypatch.setenv("IBKR_LOG_FILE", str(path))
    monkeypatch.setenv("IBKR_LOG_LEVEL", "INFO")
    monkeypatch.setenv("IBKR_LOG_FORMAT", "json")
    done = ibkr("status", "--port", str(ibkr_gateway.port))
    assert done.returncode == 0, done.stderr
    assert '"state": "ready"' in path.read_text()
