from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from ibkr_connector.settings import PermissionSettings, RiskSettings, Settings
from ibkr_connector.settings.manual import MODELS, entries
from ibkr_connector.settings.places import environment_names

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"
COUNTS_NOTHING = {"port", "client_id", "ibc_command_port", "metrics_port"}


@pytest.mark.parametrize("model", [Settings, RiskSettings, PermissionSettings])
def test_nothing_is_left_undocumented(model: type[BaseModel]) -> None:
    assert model in MODELS.values()
    page = PAGE.read_text()
    documented = {entry.name: entry for entry in entries(model)}
    assert model.model_fields.keys() - documented.keys() <= {
        "profile",
        "risk",
        "permissions",
        "alerts",
    }
    for name, entry in documented.items():
        assert re.fullmatch(r".{12,}\.", entry.meaning), name
        assert entry.kind, name
        assert entry.default, name
        is_number = entry.kind in {"number", "exact number", "whole number"}
        assert bool(entry.unit) is (is_number and name not in COUNTS_NOTHING), name
        if is_number:
            assert entry.span, name
        assert f"| `{name}` |" in page
        if model is Settings:
            assert entry.variables == environment_names(name)
            assert f"`IBKR_{name.upper()}`" in page


def test_an_entry_says_what_the_model_says() -> None:
    found = {entry.name: entry for entry in entries(Settings)}
    ttl, ids, url = found["preview_ttl_s"], found["data_client_ids"], found["journal_url"]
    assert (ttl.kind, ttl.unit, ttl.span) == ("number", "seconds", "above 0 to 3600")
    assert (ttl.default, ttl.section) == ("`60`", "ibkr")
    assert (ids.kind, ids.default) == ("list of whole number", "empty")
    assert url.kind == "secret"
    assert found["log_format"].kind == "`console`, `json`"
    assert found["application"].kind == "`tws`, `gateway`"
