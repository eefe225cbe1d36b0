"""The files for containers name settings that there are, and run nothing as root."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ibkr_connector.settings import Settings
from ibkr_connector.settings.bridge import BRIDGE_VARIABLES, BridgeSettings
from ibkr_connector.settings.bridge_load import OLDER_NAMES
from ibkr_connector.settings.load import environment_names

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
OURS = {
    *BRIDGE_VARIABLES,
    *OLDER_NAMES,
    "IBKR_CONFIG_DIR",
    *(name for field in Settings.model_fields for name in environment_names(field)),
}


def services() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return dict(told["services"])


def test_every_variable_of_the_bridges_is_a_setting() -> None:
    for name in ("bridge", "bridge-gateway"):
        assert set(services()[name]["environment"]) <= OURS
    written = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert set(re.findall(r"\b(IBKR_[A-Z_]+)=", written)) <= OURS


@pytest.mark.parametrize("name", ["bridge", "bridge-gateway"])
def test_only_this_machine_reaches_a_bridge_and_it_needs_a_token(name: str) -> None:
    one = services()[name]
    assert one["ports"] == [f"127.0.0.1:8092:{BridgeSettings().port}"]
    assert one["environment"]["IBKR_BRIDGE_TOKEN"].startswith("${IBKR_BRIDGE_TOKEN:?")
    assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])


def test_a_real_gateway_is_paper_and_read_only_unless_somebody_says_otherwise() -> None:
    said = services()["bridge-gateway"]["environment"]
    assert said["PAPER_TRADING"] == "true"
    assert said["IBKR_READONLY"] == "${IBKR_READONLY:-true}"
    assert said["IBKR_BRIDGE_TOKEN_SCOPES"].endswith(":-read}")
    assert "profiles" not in services()["bridge"], "the simulator is what starts by default"


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_lives() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    last_stage = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM")) :]
    words = [line.split(" ")[0] for line in last_stage]
    assert "HEALTHCHECK" in words
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "USER ibkr" in last_stage


def test_the_image_is_made_of_what_there_is_and_its_context_lets_all_of_it_through() -> None:
    written = (DEPLOY / "Dockerfile").read_text("utf-8")
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", written, flags=re.MULTILINE)
        for source in line.split()
    ]
    assert all((ROOT / source).exists() for source in copied)
    allowed = [
        line.removeprefix("!").removesuffix("/*.example")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    assert set(copied) == set(allowed)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    taken_along = {Path(one).parts[0] for one in build["targets"]["wheel"]["force-include"]}
    assert taken_along <= set(copied), "the wheel is built of them"


def test_the_image_says_port_command_and_health_as_the_code_has_them() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    assert f"EXPOSE {BridgeSettings().port}" in lines
    assert 'ENTRYPOINT ["ibkr", "serve"]' in lines
    (check,) = [line.strip() for line in lines if line.strip().startswith("CMD")]
    place = json.loads(check.removeprefix("CMD "))[-1]
    assert f"COPY deploy/alive.py {place}" in lines
    assert f'"{BridgeSettings().port}"' in (DEPLOY / "alive.py").read_text("utf-8")
    for name in ("bridge", "bridge-gateway"):
        seconds = float(str(services()[name]["stop_grace_period"]).removesuffix("s"))
        assert seconds > BridgeSettings().shutdown_s
