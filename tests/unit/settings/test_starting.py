from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import TradingMode
from ibkr_connector.settings import load_settings
from ibkr_connector.settings.files import INI_NAME, PERMISSIONS_NAME, RISK_NAME
from ibkr_connector.settings.review import review_all
from ibkr_connector.settings.starting import example_of, write_configuration

PAPER, LIVE = TradingMode.PAPER, TradingMode.LIVE
EXAMPLES = Path(__file__).parents[3] / "config"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("IBKR_", "MAX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("mode", "port", "paper_port", "live_port"),
    [
        (PAPER, None, 4002, 4001),
        (LIVE, None, 4002, 4001),
        (PAPER, 7497, 7497, 7496),
        (LIVE, 7496, 7497, 7496),
        (PAPER, 4002, 4002, 4001),
        (PAPER, 14002, 14002, 4001),
        (LIVE, 14001, 4002, 14001),
    ],
)
def test_what_is_written_holds_together_for_both_modes(
    mode: TradingMode, port: int | None, paper_port: int, live_port: int
) -> None:
    started = write_configuration(Path("new/config"), mode=mode, host="gw", port=port)
    assert {INI_NAME, RISK_NAME, PERMISSIONS_NAME} <= set(started.written)
    reviews = review_all(config_dir="new/config")
    assert [one.mistakes for one in reviews] == [()] * 3
    default, paper, live = (load_settings(one.profile, config_dir="new/config") for one in reviews)
    assert default.mode is mode
    assert default.readonly
    assert (paper.mode, paper.effective_port, paper.host) == (PAPER, paper_port, "gw")
    assert (live.mode, live.effective_port, live.readonly) == (LIVE, live_port, True)
    assert default.effective_port == (paper_port if mode is PAPER else live_port)


def test_the_files_are_for_their_owner_alone() -> None:
    write_configuration(Path("config"))
    assert stat.S_IMODE(Path("config").stat().st_mode) == 0o700
    for path in Path("config").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_there_is_never_touched() -> None:
    Path("config").mkdir()
    mine = Path("config", RISK_NAME)
    mine.write_text("max_order_size: 1\n")
    Path("config", PERMISSIONS_NAME).symlink_to("elsewhere")
    started = write_configuration(Path("config"))
    assert set(started.kept) == {RISK_NAME, PERMISSIONS_NAME}
    assert INI_NAME in started.written
    assert mine.read_text() == "max_order_size: 1\n"
    assert not Path("elsewhere").exists()
    assert set(write_configuration(Path("config")).kept) >= {RISK_NAME, INI_NAME}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "http://gw"}, "host is 'http://gw'"),
        ({"port": 4001}, "port 4001 is the standard port of live trading"),
        ({"port": 4002, "mode": LIVE}, "port 4002 is the standard port of paper trading"),
    ],
)
def test_what_makes_no_sense_writes_nothing(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        write_configuration(Path("config"), **given)  # type: ignore[arg-type]  # a table of cases
    assert not Path("config").exists()


def test_a_directory_that_cannot_be_made_is_named() -> None:
    Path("file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write to file/config"):
        write_configuration(Path("file/config"))


def test_the_examples_are_those_of_the_repository() -> None:
    for path in EXAMPLES.glob("*.example"):
        assert example_of(path.stem) == path.read_text()
    assert example_of("nothing") is None
