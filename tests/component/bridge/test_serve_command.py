"""`ibkr serve`, and the commands that its documentation shows, as people type them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ibkr_connector import ConfigurationError
from ibkr_connector.bridge import BridgeSettings, missing_extra
from ibkr_connector.bridge.serving import listen
from ibkr_connector.cli.app import app

CODE = "from ibkr_connector.cli import main; raise SystemExit(main())"
DOCS = Path(__file__).parents[3] / "docs"

PATIENT = {f"IBKR_{name}_TIMEOUT_S": "60" for name in ("CONNECT", "SYNC", "REQUEST", "ORDER_ACK")}
"""No deadline that a busy machine misses."""

Serve = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts the command, and returns the process and where it serves."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **variables: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, "serve", "--port", "0", "--json", *arguments],
            env={**os.environ, **PATIENT, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())["url"]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def until_ready(url: str) -> None:
    # another process: there is nothing to wait on but its word, and it needs the processor itself
    end = time.monotonic() + 150  # noqa: TID251
    while time.monotonic() < end:  # noqa: TID251
        threading.Event().wait(0.05)
        try:
            assert get(f"{url}/readyz")["ready"]
        except urllib.error.HTTPError as error:
            error.close()
        else:
            return
    raise AssertionError("it does not become ready")


def shown(heading: str, *, page: Path = DOCS / "how-to" / "bridge.md") -> list[str]:
    """Return the commands that a page shows first under a heading."""
    block = page.read_text("utf-8").split(heading)[1].split("```sh\n")[1].split("```")[0]
    return re.split(r"\n(?=curl)", block.replace("\\\n", "").strip())


def test_the_commands_of_the_page_work_and_the_end_is_a_good_one(
    serve: Serve, tmp_path: Path
) -> None:
    # what is set for a real gateway is of no simulated one, and its places stay untouched
    real = {"IBKR_ACCOUNT_ID": "U7654321", "IBKR_HISTORY_DIR": str(tmp_path / "kept")}
    real["IBKR_JOURNAL_URL"] = real["IBKR_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    process, url = serve("--sim", **real)
    until_ready(url)
    commands = [*shown("## The calls of the first day"), *shown("## Everything else")]
    assert len(commands) == 14
    assert shown("## Over HTTP", page=DOCS.parent / "README.md") == commands[:10]
    script = tmp_path / "calls.sh"
    calls = [
        command.replace("http://127.0.0.1:8092", url) + " --fail; echo" for command in commands
    ]
    script.write_text("set -e\n" + "\n".join(calls))
    done = subprocess.run(
        ["bash", script], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    told = [json.loads(line) for line in lines[:10]]
    assert told[0]["connected"] is True
    assert told[1]["symbol"] == "AAPL"
    assert told[2]["candles"]
    assert (told[3]["order_id"], told[3]["status"]) == (1, "submitted")
    assert told[4]["order_id"] == 1
    assert told[5]["status"] == "cancelled"
    assert told[6] == []
    assert told[7]["cash"] > 0
    assert told[8]["connected"] is False
    assert told[9]["connected"] is True
    assert lines[10].startswith("timestamp,open,high,low,close")
    sized, options, roll = (json.loads(line) for line in lines[-3:])
    assert float(sized["quantity"]) > 0
    assert options["items"]
    assert roll["symbol"] == "ES"
    assert not (tmp_path / "kept").exists()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_it_goes_on_trying_until_there_is_a_gateway(
    serve: Serve, make_ibkr_gateway: Callable[..., Any], free_port: int
) -> None:
    _, url = serve(IB_GATEWAY_PORT=str(free_port), IB_GATEWAY_HOST="127.0.0.1", AUTO_CONNECT="1")
    with pytest.raises(urllib.error.HTTPError) as told:
        get(f"{url}/readyz")
    told.value.close()
    assert told.value.code == 503
    make_ibkr_gateway(port=free_port)
    until_ready(url)
    assert get(f"{url}/health")["status"] == "ready"


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (("--host", "0.0.0.0"), {}, "without any token"),
        (("--token-file", "nothing"), {}, "cannot be read"),
        (("--sim", "--gateway", "a:1"), {}, "own gateway"),
        (("--gateway", "nowhere"), {}, "HOST:PORT"),
        ((), {"IB_GATEWAY_PORT": "4002", "IBKR_PORT": "7497"}, "contradicts itself"),
        ((), {"IBKR_BRIDGE_PROT": "1"}, "IBKR_BRIDGE_PROT"),
        ((), {"PAPER_TRADING": "perhaps"}, "PAPER_TRADING"),
    ],
)
def test_what_cannot_be_served_is_said_and_nothing_begins(
    arguments: tuple[str, ...], variables: dict[str, str], says: str
) -> None:
    ran = CliRunner().invoke(app, ["serve", "--port", "0", *arguments], env=variables)
    assert ran.exit_code == 2
    assert says in ran.output.replace("\n", " ")


def test_an_address_that_is_taken_is_said_before_anything_begins(free_port: int) -> None:
    settings = BridgeSettings(port=free_port)
    with (
        listen(settings),
        pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{free_port}"),
    ):
        listen(settings)


def test_a_missing_extra_is_named() -> None:
    told = missing_extra(ModuleNotFoundError(name="uvicorn.config"))
    assert isinstance(told, ConfigurationError)
    assert "ibkr-connector[bridge]" in str(told)
    other = ModuleNotFoundError(name="something")
    assert missing_extra(other) is other
