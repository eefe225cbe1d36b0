"""`ibkr config`: show the settings, look through them, write the files of a new configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel
from rich.markup import escape

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.status import TradingMode
from ibkr_connector.settings import Settings, SettingSource, setting_sources
from ibkr_connector.settings.mistakes import Mistake
from ibkr_connector.settings.review import Review, review, review_all
from ibkr_connector.settings.starting import write_configuration

from .options import EXIT_USAGE, Json, Profile
from .render import Renderer

__all__ = ["register"]

ConfigDir = Annotated[
    Path | None, typer.Option("--dir", help="Directory of the files instead of `config`.")
]

_RULES: Final = ("risk", "permissions", "alerts")


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    config_app = typer.Typer(help="Look at the settings, or start new ones.", no_args_is_help=True)
    config_app.command()(show)
    config_app.command()(check)
    config_app.command()(profiles)
    config_app.command()(init)
    app.add_typer(config_app, name="config")


def show(profile: Profile = None, directory: ConfigDir = None, as_json: Json = False) -> None:
    """Print each setting with its value, where that came from, and what it stood before."""
    renderer = Renderer(as_json=as_json)
    try:
        settings = Settings.load(profile, config_dir=directory)
    except ConfigurationError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_USAGE) from error
    rows = tuple(_with_rules(settings))
    if as_json:
        renderer.show({row.key: _as_json(row) for row in rows})
        return
    width = max(len(row.key) for row in rows)
    for row in rows:
        source = escape(row.source)
        renderer.lines(f"{row.key:<{width}}  {escape(_plain(row.value))}  [dim]{source}[/]")
        for other in row.overrode:
            over = escape(f"over {_plain(other.value)}  {other.source}")
            renderer.lines(f"{'':<{width}}  [dim]{over}[/]")


def check(profile: Profile = None, directory: ConfigDir = None, as_json: Json = False) -> None:
    """Look through one profile or all of them, and tell every mistake; 2 when there is one."""
    renderer = Renderer(as_json=as_json)
    reviews = (
        review_all(config_dir=directory)
        if profile is None
        else (review(profile, config_dir=directory),)
    )
    sound = all(one.is_sound for one in reviews)
    if as_json:
        renderer.show(
            {"ok": sound, "profiles": {one.profile: _review_as_json(one) for one in reviews}}
        )
    else:
        _tell(renderer, reviews)
    raise typer.Exit(0 if sound else EXIT_USAGE)


def profiles(directory: ConfigDir = None, as_json: Json = False) -> None:
    """Print the profiles: what each connects to, and whether it may trade."""
    renderer = Renderer(as_json=as_json)
    reviews = review_all(config_dir=directory)
    if as_json:
        renderer.show(
            {
                one.profile: {
                    "sound": one.is_sound,
                    "summary": None if one.settings is None else summary(one.settings),
                    "state_dir": None if one.settings is None else str(one.settings.state_dir),
                }
                for one in reviews
            }
        )
        return
    for one in reviews:
        if one.settings is None:
            renderer.lines(f"[red]profile {escape(one.profile)}[/]: broken, see ibkr config check")
            continue
        mark = "" if one.is_sound else "; mistakes, see ibkr config check"
        renderer.lines(escape(f"{summary(one.settings)}, state in {one.settings.state_dir}{mark}"))


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write.")] = Path("config"),
    paper: Annotated[
        bool | None, typer.Option("--paper/--live", help="What the common section is for.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Host of the gateway.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the gateway.")] = None,
    as_json: Json = False,
) -> None:
    """Write the files of a configuration, for their owner alone; what is there stays as it is."""
    renderer = Renderer(as_json=as_json)
    if paper is None and not as_json and is_asked():
        paper = typer.confirm("For paper money?", default=True)
        host = host or typer.prompt("Host of the gateway", default="127.0.0.1")
        usual = "4002 or 7497" if paper else "4001 or 7496"
        port = port or typer.prompt(f"Its port (usually {usual})", type=int)
    mode = TradingMode.LIVE if paper is False else TradingMode.PAPER
    try:
        started = write_configuration(directory, mode=mode, host=host, port=port)
    except ConfigurationError as error:
        renderer.fail(error)
        raise typer.Exit(EXIT_USAGE) from error
    if as_json:
        renderer.show(
            {
                "directory": str(started.directory),
                "written": list(started.written),
                "kept": list(started.kept),
            }
        )
        return
    for name in started.written:
        renderer.lines(escape(f"written  {started.directory / name}"))
    for name in started.kept:
        renderer.lines(escape(f"kept     {started.directory / name} (it was there)"))
    where = "" if started.directory == Path("config") else f" --dir {started.directory}"
    renderer.lines(escape(f"look through it: ibkr config check{where}"))


def is_asked() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin.isatty()


def summary(settings: Settings) -> str:
    """Return what a profile is about in one line."""
    return (
        f"profile {settings.profile}: {settings.mode} trading at "
        f"{settings.host}:{settings.effective_port}, "
        f"{'read-only' if settings.readonly else 'orders allowed'}, "
        f"client id {settings.client_id}, risk limits {settings.risk.source}"
    )


def _tell(renderer: Renderer, reviews: tuple[Review, ...]) -> None:
    told: set[Mistake] = set()
    for one in reviews:
        if one.settings is not None and one.is_sound:
            renderer.lines(escape(summary(one.settings)))
        # what is wrong with a file is wrong with every profile that reads it: once is enough
        for mistake in one.mistakes:
            if mistake in told:
                continue
            told.add(mistake)
            kind = "[red]mistake[/]" if mistake.is_error else "[yellow]warning[/]"
            text = escape(f"profile {one.profile}: {mistake.problem}; {mistake.remedy}")
            renderer.lines(f"{kind} {text}", to_errors=mistake.is_error)


def _with_rules(settings: Settings) -> Iterator[SettingSource]:
    for row in setting_sources(settings):
        if row.key not in _RULES:
            yield row
            continue
        rules: Any = row.value
        yield replace(row, value=row.source)
        for name, value in _flat(rules):
            said = name.partition(".")[0] in rules.model_fields_set
            yield SettingSource(
                key=f"{row.key}.{name}", value=value, source=row.source if said else "default"
            )


def _flat(rules: BaseModel) -> Iterator[tuple[str, object]]:
    """Give each value of a file a line of its own; of an alert only what the file says of it."""
    for name in type(rules).model_fields:
        value = getattr(rules, name)
        if not isinstance(value, Mapping) or not any(
            isinstance(v, BaseModel) for v in value.values()
        ):
            yield name, value
            continue
        for key, inner in value.items():
            for field in sorted(inner.model_fields_set):
                yield f"{name}.{key}.{field}", getattr(inner, field)


def _as_json(row: SettingSource) -> dict[str, object]:
    body: dict[str, object] = {"value": _plain(row.value), "source": row.source}
    if row.overrode:
        body["overrode"] = [
            {"value": _plain(other.value), "source": other.source} for other in row.overrode
        ]
    return body


def _plain(value: object) -> str:
    if isinstance(value, frozenset | tuple):
        return ", ".join(
            sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value)
        )
    return str(value)


def _review_as_json(one: Review) -> dict[str, object]:
    return {
        "ok": one.is_sound,
        "summary": None if one.settings is None else summary(one.settings),
        "mistakes": [
            {
                "kind": "error" if mistake.is_error else "warning",
                "place": mistake.place,
                "key": mistake.key,
                "value": mistake.value,
                "problem": mistake.problem,
                "remedy": mistake.remedy,
            }
            for mistake in one.mistakes
        ],
    }
