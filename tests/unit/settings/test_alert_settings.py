"""`alerts.yaml`: what it changes, and that nothing wrong in it goes unseen."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.alerts import AlertKind, Severity
from ibkr_connector.settings import Settings
from ibkr_connector.settings.alert_rules import BUILT_IN, AlertAction, Side, Unit
from ibkr_connector.settings.alerts import AlertRoute, AlertSettings, read_alerts
from ibkr_connector.settings.review import review

EXAMPLE = Path(__file__).parents[3] / "config" / "alerts.yaml.example"


def read(directory: Path, text: str) -> AlertSettings:
    (directory / "alerts.yaml").write_text(text, "utf-8")
    return read_alerts(directory)


def test_without_a_file_the_built_in_rules_hold_and_nobody_is_sent_to(tmp_path: Path) -> None:
    alerts = read_alerts(tmp_path)
    assert (alerts.source, alerts.routes) == ("built-in", {})
    assert {kind: alerts.rule(kind) for kind in AlertKind} == dict(BUILT_IN)


def test_every_kind_has_a_rule_and_those_without_a_figure_are_off() -> None:
    assert set(BUILT_IN) == set(AlertKind)
    for kind, rule in BUILT_IN.items():
        needs = rule.side is not Side.NONE
        assert rule.is_on or needs, kind
        assert (rule.threshold is not None) == (needs and rule.is_on), kind


def test_the_example_is_sound(tmp_path: Path) -> None:
    alerts = read(tmp_path, EXAMPLE.read_text("utf-8"))
    assert alerts.source == "alerts.yaml"
    assert alerts.rule(AlertKind.MARGIN_CALL).action is AlertAction.BLOCK_ORDERS
    assert alerts.rule(AlertKind.DAILY_PROFIT).is_on
    routes = EXAMPLE.read_text("utf-8").partition("# routes:")[2]
    lines = ["routes:", *(line.removeprefix("# ") for line in routes.splitlines()[1:])]
    shown = (
        "\n".join(lines)
        .replace("env:ALERTS_PHONE_URL", "json://a")
        .replace("file:/run/secrets/alerts-desk", "json://b")
    )
    assert set(read(tmp_path, shown).routes) == {"phone", "desk"}


def test_what_a_rule_leaves_out_stays_as_it_was(tmp_path: Path) -> None:
    alerts = read(tmp_path, "rules: {margin_cushion: {severity: critical, clear_after_s: 5}}")
    rule = alerts.rule(AlertKind.MARGIN_CUSHION)
    assert (rule.severity, rule.clear_after_s) == (Severity.CRITICAL, 5)
    assert (rule.threshold, rule.clear_at) == (Decimal("0.15"), Decimal("0.20"))
    assert alerts.rule(AlertKind.DRIFT) == BUILT_IN[AlertKind.DRIFT]


def test_a_threshold_of_ones_own_clears_at_itself_unless_it_is_said_where(tmp_path: Path) -> None:
    alerts = read(tmp_path, "rules: {daily_loss: {threshold: 500, unit: money}}")
    rule = alerts.rule(AlertKind.DAILY_LOSS)
    assert (rule.threshold, rule.clear_at, rule.unit) == (Decimal(500), None, Unit.MONEY)
    assert rule.is_reached(Decimal(500)) is True
    assert rule.is_reached(Decimal("499.99")) is False


def test_a_route_takes_what_it_asked_for() -> None:
    route = AlertRoute(url="json://a", severity="warning", without=["drift"])  # type: ignore[arg-type]
    assert route.takes(AlertKind.PACING, Severity.WARNING)
    assert not route.takes(AlertKind.PACING, Severity.INFO)
    assert not route.takes(AlertKind.DRIFT, Severity.CRITICAL)
    only = route.model_copy(update={"kinds": frozenset({AlertKind.TEST}), "enabled": True})
    assert not only.takes(AlertKind.PACING, Severity.CRITICAL)
    assert not route.model_copy(update={"enabled": False}).takes(
        AlertKind.PACING, Severity.CRITICAL
    )


def test_a_secret_stands_elsewhere_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEWHERE", "json://host/geheimnis")
    (tmp_path / "url").write_text("json://host/sesame\n", "utf-8")
    (tmp_path / "url").chmod(0o600)
    text = f"routes: {{a: {{url: 'env:SOMEWHERE'}}, b: {{url: 'file:{tmp_path / 'url'}'}}}}"
    alerts = read(tmp_path, text)
    assert alerts.routes["a"].url.get_secret_value() == "json://host/geheimnis"
    assert alerts.routes["b"].url.get_secret_value() == "json://host/sesame"
    for shown in (str(alerts), repr(alerts)):
        assert "geheimnis" not in shown
        assert "sesame" not in shown


def test_the_page_says_of_each_kind_when_it_is_raised_and_what_to_do() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "alerts.md").read_text("utf-8")
    when, _, what = page.partition("## What to do")
    for kind in set(AlertKind) - {AlertKind.TEST}:
        row = rf"^\| `{kind}` \|"
        assert len(re.findall(row, when, re.M)) == 1, kind
        assert len(re.findall(row, what, re.M)) == 1, kind


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        ("rule: {}", "unknown key in alerts.yaml: rule", "did you mean rules?"),
        (
            "rules: {margin_cushio: {}}",
            "unknown rule in alerts.yaml: margin_cushio",
            "margin_cushion?",
        ),
        (
            "rules: {margin_cushion: {treshold: 1}}",
            "alerts.yaml: rules.margin_cushion: treshold",
            "did you mean threshold?",
        ),
        (
            "rules: {margin_cushion: {threshold: abc}}",
            "alerts.yaml: rules.margin_cushion: threshold is 'abc'",
            "no comma",
        ),
        (
            "rules: {margin_cushion: {threshold: 0.3, clear_at: 0.2}}",
            "alerts.yaml: rules.margin_cushion.clear_at is 0.2, below the threshold 0.3",
            "leave it out",
        ),
        (
            "rules: {daily_loss: {threshold: 0.02, clear_at: 0.03}}",
            "alerts.yaml: rules.daily_loss.clear_at is 0.03, above the threshold 0.02",
            "leave it out",
        ),
        (
            "rules: {daily_loss: {threshold: 2}}",
            "alerts.yaml: rules.daily_loss.threshold is 2",
            "a share above 0, up to 1",
        ),
        (
            "rules: {slow_orders: {threshold: 0}}",
            "alerts.yaml: rules.slow_orders.threshold is 0",
            "above 0",
        ),
        (
            "rules: {daily_loss: {unit: money}}",
            "alerts.yaml: rules.daily_loss.unit is money without a threshold",
            "give the threshold",
        ),
        (
            "rules: {drawdown: {unit: money, threshold: 5}}",
            "alerts.yaml: rules.drawdown.unit is 'money', which does not fit",
            "expected",
        ),
        (
            "rules: {daily_profit: {enabled: true}}",
            "alerts.yaml: rules.daily_profit.enabled is true, and there is no threshold",
            "give one",
        ),
        (
            "rules: {drift: {threshold: 1}}",
            "alerts.yaml: rules.drift.threshold is 1, and this rule measures nothing",
            "remove it",
        ),
        (
            "rules: {drift: {action: flatten}}",
            "alerts.yaml: rules.drift.action is flatten",
            "margin_call",
        ),
        (
            "rules: {margin_call: {action: panic}}",
            "alerts.yaml: rules.margin_call: action is 'panic'",
            "flatten",
        ),
        (
            "rules: {drift: {clear_after_s: -1}}",
            "alerts.yaml: rules.drift: clear_after_s is '-1'",
            "expected",
        ),
        ("rules: {drift: 3}", "alerts.yaml: rules.drift is '3'", "alerts.yaml.example"),
        ("rules: [drift]", "alerts.yaml: rules is ['drift']", "alerts.yaml.example"),
        ("rules: {drift: {}, drift: {}}", "the key 'drift' stands twice", "line"),
        ("rules: {drift: {", "cannot read alerts.yaml", "a bracket"),
        ("enabled: perhaps", "alerts.yaml: enabled is 'perhaps'", "true or false"),
        ("routes: {a: {}}", "alerts.yaml: routes.a: url is not given", "env:NAME"),
        (
            "routes: {a: {url: 'env:NOWHERE'}}",
            "alerts.yaml: routes.a: url is 'env:NOWHERE', but the variable NOWHERE is not set",
            "set NOWHERE",
        ),
        ("routes: {a: {url: geheimnis}}", "alerts.yaml: routes.a: url is no URL", "mailto://"),
        (
            "routes: {a: {url: 'json://geheimnis', severity: loud}}",
            "alerts.yaml: routes.a: severity is 'loud'",
            "critical",
        ),
        (
            "routes: {a: {url: 'json://geheimnis', kinds: [drift], without: [drift]}}",
            "alerts.yaml: routes.a: kinds and without both name drift",
            "one of them",
        ),
        (
            "routes: {a: {url: 'json://geheimnis', max_messages: 0}}",
            "alerts.yaml: routes.a: max_messages is '0'",
            "Most messages",
        ),
        (
            "routes: {a: {url: 'json://geheimnis', kinds: [drifft]}}",
            "alerts.yaml: routes.a: kinds",
            "drift",
        ),
    ],
)
def test_a_mistake_names_file_key_value_and_remedy(
    text: str, says: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read(tmp_path, text)
    assert says in wrong.value.message
    assert remedy in str(wrong.value)
    assert "geheimnis" not in str(wrong.value)


def test_a_broken_file_is_an_error_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IBKR_CONFIG_DIR", raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "alerts.yaml").write_text("rules: {drift: {enabled: off}}", "utf-8")
    assert Settings.load().alerts.rule(AlertKind.DRIFT).is_on is False
    (tmp_path / "config" / "alerts.yaml").write_text("rules: {drift: {enabled: of}}", "utf-8")
    with pytest.raises(ConfigurationError, match=r"alerts\.yaml: rules\.drift: enabled is 'of'"):
        Settings.load()


MANY = """
enabled: perhaps
rulez: {}
rules:
  margin_cushio: {}
  margin_cushion: {treshold: 1, severity: loud}
  drift: {threshold: 1, action: flatten, remind_s: 100}
  slow_orders: 3
  daily_loss: {threshold: 2, unit: share}
routes:
  a: {url: geheimnis, severity: loud, kindz: []}
  b: {max_messages: 0}
  c: 3
  d: {url: 'json://h/geheimnis', kinds: [drift], without: [drift]}
"""


def test_all_mistakes_of_a_file_are_told_at_once_each_with_its_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "alerts.yaml").write_text(MANY, "utf-8")
    found = [one for one in review().mistakes if "alerts.yaml" in one.problem]
    for problem, remedy in (
        ("alerts.yaml: enabled is 'perhaps'", "true or false"),
        ("key in alerts.yaml: rulez", "rules?"),
        ("rule in alerts.yaml: margin_cushio", "margin_cushion?"),
        ("rules.margin_cushion: treshold", "threshold?"),
        ("rules.margin_cushion: severity is 'loud'", "critical"),
        ("rules.drift.threshold is 1, and this rule measures nothing", "remove it"),
        ("rules.drift.action is flatten", "margin_call"),
        ("rules.slow_orders is '3'", "alerts.yaml.example"),
        ("rules.daily_loss.threshold is 2", "up to 1"),
        ("routes.a: url is no URL", "mailto://"),
        ("routes.a: severity is 'loud'", "critical"),
        ("routes.a: kindz", "kinds?"),
        ("routes.b: url is not given", "env:NAME"),
        ("routes.b: max_messages is '0'", "Most messages"),
        ("routes.c is '3'", "alerts.yaml.example"),
        ("routes.d: kinds and without both name drift", "one of them"),
    ):
        (one,) = [row for row in found if problem in row.problem]
        assert remedy in f"{one.problem}; {one.remedy}", one
        assert one.remedy
        assert one.problem.startswith(("alerts.yaml", "unknown"))
    assert not any("geheimnis" in str(one) for one in found)
    with pytest.raises(ConfigurationError) as wrong:
        Settings.load()
    assert "alerts.yaml" in str(wrong.value)
