"""Every command that a page tells a reader to type runs, or there is a reason why not."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from tools.commands import commands
from typer.testing import CliRunner

from ibkr_connector.cli.app import app
from ibkr_connector.cli.options import EXIT_FAILED
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.scenario import Scenario
from kit.pages import ROOT, spoken_of, typed_commands

LIVELY: Final = datetime(2026, 11, 18, 15, tzinfo=UTC)
TYPED: Final = typer.main.get_command(app)

NOT_RUN: Final = {
    r"ibkr (sim|serve)\b": "runs until it is stopped; tests/component/{simulator,bridge} start it",
    r"ibkr flex\b": "tests/component/account/test_flex_on_a_socket.py has statements for it",
    r"ibkr --install-completion": "writes to the files of one's shell",
    r"ibkr doctor --profile live": "scans the ports of this machine; `ibkr doctor` has run",
    r"curl\b": "tests/component/bridge/test_serve_command.py types the page's",
    r"make\b": "is what runs this; the target is looked up",
    r"(sudo )?(/opt/ibkr/bin/)?pip install\b": "asks a registry; the extras are looked up",
    r"docker\b": "needs a daemon; its files are looked up",
    r"(sudo )?(useradd|systemctl|journalctl|chown)\b": "changes the machine",
    r"sudo python3.11 -m venv": "changes the machine",
    r"sudo /opt/ibkr/bin/ibkr config init": "changes the machine; it runs without sudo elsewhere",
    r"git clone|cd ": "is where the reader begins",
    r"python docs/examples/(tutorial|strategy)\.py": "test_examples.py and test_strategy.py do",
    r"python -c 'import secrets": "prints a token that nobody uses",
    r"python -m benchmarks": "tests/architecture/test_benchmarks.py knows its subjects",
    r"IBKR_SOAK_MINUTES": "takes hours",
}
"""What is not run here, and why; each must still be met on a page."""

ENDS: Final = {
    'ibkr settle 41 --why "expired, says the statement"': EXIT_FAILED,  # it is not uncertain
    "ibkr doctor": EXIT_FAILED,  # the gateway's clock shows another day
    "ibkr kill --flatten": EXIT_FAILED,  # nobody runs who could
    "ibkr kill --flatten --account DU1": EXIT_FAILED,
    "ibkr kill --everyone": EXIT_FAILED,
}
"""What ends in another way than well in this world."""

MORE: Final = {"ibkr kill": ["--wait", "0.1"], "ibkr paid-": ["--wait", "0.1"]}
"""What is said besides, to wait for less time."""


def plain(command: str) -> str:
    return command.replace(".venv/bin/", "")


def reason(command: str) -> str | None:
    return next((pattern for pattern in NOT_RUN if re.match(pattern, plain(command))), None)


ALL: Final = [(place, command) for place, command in typed_commands()]
RUN: Final = [(place, plain(command)) for place, command in ALL if reason(command) is None]


class World:
    """A directory with a configuration, before a paper gateway and a live one."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.paper = self._gateway(stack, "DU1234567")
        self.live = self._gateway(stack, "U1234567")
        (folder / "config").mkdir()
        (folder / "config" / "ibkr_config.ini").write_text(
            f"[ibkr]\nport = {self.paper}\nreadonly = false\n"
            "connect_timeout_s = 60\nsync_timeout_s = 60\norder_ack_timeout_s = 60\n"
            "[profile.tutorial]\nclient_id = 5\n"
            f"[profile.live]\nport = {self.live}\nclient_id = 21\npaper_trading = false\n"
        )
        (folder / "config" / "risk_config.yaml").write_text(
            "max_order_size: 25000\nmax_order_value: 25000\nmax_portfolio_risk: 0.1\n"
        )
        self.order = ""

    def _gateway(self, stack: ExitStack, account: str) -> int:
        def make() -> GatewaySimulator:
            scenario = Scenario(start=LIVELY)
            return GatewaySimulator(scenario=scenario, accounts={account: Decimal(1_000_000)})

        return stack.enter_context(GatewaySimulator.in_thread(make)).port

    def run(self, command: str, patch: pytest.MonkeyPatch) -> Any:
        words = shlex.split(re.sub("4002|4010", str(self.paper), command))
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            patch.setenv(name, value)
        assert words[0] == "ibkr", command
        words = [self.order if word == "41" else word for word in words[1:]]
        more = next((said for typed, said in MORE.items() if command.startswith(typed)), [])
        return CliRunner().invoke(app, [*words, *more], input="y\n" * 9)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("world"), stack)


@pytest.fixture
def world(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(made.folder / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("typer.testing._get_command", lambda _: TYPED)
    if not made.order:
        for profile, symbol in (("default", "AAPL"), ("tutorial", "MSFT")):
            key = f"{profile}-1"
            said = f"order buy 1 {symbol} --limit 1.05 --key {key} --yes --json --profile {profile}"
            placed = CliRunner().invoke(app, said.split())
            assert placed.exit_code == 0, placed.output
        listed = CliRunner().invoke(app, ["orders", "--json"])
        (made.order,) = re.findall(r'"order_id": (\d+)', listed.output)
    return made


@pytest.mark.parametrize(
    ("place", "command"), RUN, ids=[f"{place} {command}" for place, command in RUN]
)
def test_a_command_of_a_page_runs(
    place: str, command: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = world.run(command, monkeypatch)
    assert isinstance(done.exception, SystemExit | None), repr(done.exception)
    assert done.exit_code == ENDS.get(command, 0), f"{place}: {done.output}"
    assert done.output.strip()


def test_every_reason_not_to_run_a_command_is_needed() -> None:
    used = {reason(command) for _, command in ALL} - {None}
    assert used == set(NOT_RUN)
    assert len(RUN) > 30


def test_a_newcomer_trades_after_five_commands() -> None:
    """From nothing to the tutorial's first fill, which test_examples.py runs."""
    told = [command for place, command in ALL if place.startswith("docs/tutorial.md")]
    (trades,) = (at for at, one in enumerate(told) if "tutorial.py" in one)
    assert [plain(one).split()[0] for one in told[: trades + 1]] == [
        "git",
        "cd",
        "make",
        "ibkr",
        "python",
    ]
    # or after one: what `make demo` runs is in tests/component/cli/test_commands.py
    assert next(one for place, one in ALL if place.startswith("README.md")) == "make demo"


def options_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words name, and what is said to it."""
    found = TYPED
    rest = words[1:]
    while rest and rest[0] in getattr(found, "commands", {}):
        found = found.commands[rest.pop(0)]  # type: ignore[attr-defined]  # of a group
    return found, rest


@pytest.mark.parametrize(
    ("page", "typed"),
    sorted(
        {*spoken_of(), *((place, plain(one)) for place, one in ALL if plain(one)[:5] == "ibkr ")}
    ),
)
def test_a_command_that_a_page_names_exists_with_its_options(page: str, typed: str) -> None:
    words = re.sub(r"[.,;:…]+$", "", typed.replace("'", '"')).split()
    command, said = options_of(words)
    assert command is not TYPED or said[0].startswith("--"), f"{page}: no command {typed}"
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in said:
        if word.startswith("--"):
            assert word.partition("=")[0] in known | {"--help"}, f"{page}: {typed}"


def test_targets_extras_and_files_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    missing = []
    for place, command in ALL:
        words = shlex.split(command)
        if words[0] == "make" and words[1] not in targets:
            missing.append((place, command))
        extras = re.findall(r"[a-z]+", "".join(re.findall(r"ibkr-connector\[(.+)\]", command)))
        if not set(extras) <= project["optional-dependencies"].keys():
            missing.append((place, command))
        if words[0] == "docker" and not (ROOT / words[words.index("-f") + 1]).is_file():
            missing.append((place, command))
    assert missing == []


def test_every_command_of_the_program_is_told_of_in_a_guide() -> None:
    guides = [page for page, _ in spoken_of() if "reference" not in page]
    assert guides
    told = " \n".join(typed for page, typed in [*spoken_of(), *ALL] if "reference" not in page)
    assert {name for name in commands() if f"{name} " not in f"{told} "} == set()
