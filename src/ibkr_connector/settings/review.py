"""
Look through everything that a profile reads, and tell every mistake that can be found, not the
first one only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Final

from ibkr_connector.errors import ConfigurationError

from .agreement import IDLE_ACTION, doubtful_settings
from .files import ALERTS_NAME, INI_NAME, read_yaml
from .load import Gathered, gather
from .mistakes import Mistake, is_secret
from .model import Settings
from .places import DOTENV, PROFILE_PREFIX
from .secrets import file_of, reference_of, too_open

__all__ = ["Review", "profile_names", "review", "review_all"]

_NO: Final = frozenset({"0", "off", "f", "false", "n", "no"})
"""How a flag is denied, as pydantic reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """
    What was found for one profile.

    Args:
        profile: Its name.
        settings: What would hold; `None` when it cannot be built.
        mistakes: Errors and warnings, in the order in which they are met.
    """

    profile: str
    settings: Settings | None
    mistakes: tuple[Mistake, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing but warnings was found."""
        return not any(mistake.is_error for mistake in self.mistakes)


def profile_names(*, config_dir: Path | str | None = None) -> tuple[str, ...]:
    """Return the profiles that the INI file has, `default` first."""
    return _names(gather("default", config_dir=config_dir))


def review(
    profile: str | None = None,
    *,
    config_dir: Path | str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Review:
    """Look through one profile; see `load_settings` for the arguments."""
    return _reviewed(gather(profile, config_dir=config_dir, overrides=overrides))


def review_all(*, config_dir: Path | str | None = None) -> tuple[Review, ...]:
    """
    Look through all profiles, and at what they do to each other.

    When `IBKR_PROFILE` chooses a profile, the environment is meant for that one, and only it is
    looked through.
    """
    chosen = gather(config_dir=config_dir)
    if chosen.profile != "default":
        return (_reviewed(chosen),)
    names = _names(chosen)
    reviews = [_reviewed(chosen)]
    reviews += [review(name, config_dir=config_dir) for name in names if name != "default"]
    return tuple(_with_collisions(reviews))


def _names(found: Gathered) -> tuple[str, ...]:
    named = [
        section.removeprefix(PROFILE_PREFIX)
        for section in found.sections
        if section.startswith(PROFILE_PREFIX)
    ]
    return ("default", *(name for name in named if name != "default"))


def _reviewed(found: Gathered) -> Review:
    mistakes = list(found.mistakes)
    settings = found.settings
    if settings is not None:
        origins = {
            name: settings.origin(name)
            for name in Settings.model_fields
            if settings.origin(name) != "default"
        }
        doubts = doubtful_settings(settings)
        if _somebody_trades(found):
            # the profiles share the file of the alerts: it is that one's actions that stand there
            doubts = (one for one in doubts if one.keys != IDLE_ACTION)
        mistakes += [one.placed(origins) for one in doubts]
        mistakes += _state(settings, origins)
    mistakes += _open_secrets(found)
    return Review(profile=found.profile, settings=settings, mistakes=tuple(mistakes))


def _somebody_trades(found: Gathered) -> bool:
    said = (keys.get("readonly", "").lower() for keys in found.sections.values())
    return any(word in _NO for word in said)


def _state(settings: Settings, origins: Mapping[str, str]) -> Iterator[Mistake]:
    """Yield what keeps the journal from being written; creates nothing."""
    nearest = settings.state_dir
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return
    how = "cannot be written to" if nearest.is_dir() else "is a file"
    whole = Mistake(
        place="",
        key="state_dir",
        value=str(settings.state_dir),
        problem=f"state_dir is {str(settings.state_dir)!r}, but {nearest} {how}",
        remedy="name a directory that the user of this program may write to: the order journal "
        "lives there, and without it no order is sent",
        keys=("state_dir",),
    )
    yield whole.placed(origins)


def _open_secrets(found: Gathered) -> Iterator[Mistake]:
    """Yield files that hold a secret and that others can read."""
    holding: dict[Path, str] = {}
    for layer in found.layers:
        for name, value in layer.values.items():
            if not isinstance(value, str) or not is_secret(Settings, name):
                continue
            where = {INI_NAME: found.directory / INI_NAME, DOTENV: Path(DOTENV)}.get(layer.place)
            if reference_of(value) is None:
                if where is not None:
                    holding.setdefault(where, name)
            elif (named := file_of(value)) is not None:
                holding.setdefault(named, name)
    for name, url in _route_urls(found.directory / ALERTS_NAME):
        holding.setdefault(file_of(url) or found.directory / ALERTS_NAME, name)
    for path, name in holding.items():
        if problem := too_open(path):
            yield Mistake(
                place=str(path),
                key=name,
                value=None,
                problem=f"{path.name} holds the secret of {name}, and {problem.split(';')[0]}",
                remedy=problem.split("; ", 1)[1],
                is_error=False,
                keys=(name,),
            )


def _route_urls(path: Path) -> Iterator[tuple[str, str]]:
    """Yield where each route of the alerts has its secret, but for those in neither file."""
    try:
        routes = read_yaml(path).get("routes") if path.is_file() else None
    except ConfigurationError:
        return  # told with all that is wrong there
    for name, row in routes.items() if isinstance(routes, Mapping) else ():
        url = row.get("url") if isinstance(row, Mapping) else None
        if isinstance(url, str) and (reference_of(url) is None or file_of(url) is not None):
            yield f"routes.{name}.url", url


@dataclass(slots=True)
class _Told:
    """What is added to each profile's mistakes."""

    more: dict[str, list[Mistake]] = field(default_factory=dict)

    def both(self, names: Sequence[str], mistake: Mistake) -> None:
        for name in names:
            self.more.setdefault(name, []).append(mistake)


def _with_collisions(reviews: Sequence[Review]) -> Iterator[Review]:
    told = _Told()
    # the default profile is what the others are made from: it is compared with none of them
    named = [one for one in reviews if one.profile != "default"]
    for first, second in combinations(named, 2):
        if first.settings is None or second.settings is None:
            continue
        for mistake in _collisions(first.settings, second.settings):
            told.both((first.profile, second.profile), mistake)
    for one in reviews:
        yield replace(one, mistakes=(*one.mistakes, *told.more.get(one.profile, ())))


def _collisions(first: Settings, second: Settings) -> Iterator[Mistake]:
    both = f"the profiles {first.profile} and {second.profile}"
    shared = sorted(_client_ids(first) & _client_ids(second))
    same_gateway = (first.host, first.effective_port) == (second.host, second.effective_port)
    if shared and same_gateway:
        ids = ", ".join(map(str, shared))
        yield Mistake(
            place=INI_NAME,
            key="client_id",
            value=ids,
            problem=f"{both} use the client id {ids} at the same gateway "
            f"{first.host}:{first.effective_port} ({first.origin('client_id')}; "
            f"{second.origin('client_id')})",
            remedy="give each profile ids of its own: the gateway refuses the second one",
            keys=("client_id",),
        )
    if first.state_dir.resolve() == second.state_dir.resolve():
        yield Mistake(
            place=INI_NAME,
            key="state_dir",
            value=str(first.state_dir),
            problem=f"{both} share the state_dir {first.state_dir} "
            f"({first.origin('state_dir')}; {second.origin('state_dir')})",
            remedy="give each a state_dir of its own, in its section: a kill switch there stops "
            "both of them",
            is_error=first.mode is not second.mode,
            keys=("state_dir",),
        )


def _client_ids(settings: Settings) -> set[int]:
    return {settings.client_id, *settings.client_id_pool, *settings.data_client_ids}
