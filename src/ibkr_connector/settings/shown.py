"""Each setting with its value, where that came from, and what it stood before; secrets masked."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Settings

__all__ = ["SettingSource", "setting_sources"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSource:
    """
    One setting, its value, and where that came from.

    Args:
        key: Name of the setting.
        value: What holds; a secret is masked.
        source: Where it stands, as in `environment IBKR_PORT`, or `default`.
        overrode: What stands in places that lose against it, the strongest first.
    """

    key: str
    value: object
    source: str
    overrode: tuple[SettingSource, ...] = ()


def setting_sources(settings: Settings) -> tuple[SettingSource, ...]:
    """Return each setting with its value and where that came from, in declared order."""
    return tuple(
        SettingSource(
            key=field,
            value=settings.effective_port if field == "port" else getattr(settings, field),
            source=settings.origin(field),
            overrode=tuple(
                SettingSource(key=field, value=value, source=place)
                for place, value in settings.overrode(field)
            ),
        )
        for field in Settings.model_fields
    )
