"""The base of all settings: a frozen model that takes what it is given, and looks for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .mistakes import described

__all__ = ["Given"]

_STRICT = SettingsConfigDict(
    frozen=True,
    extra="forbid",
    validate_default=True,
    hide_input_in_errors=True,
    allow_inf_nan=False,
    arbitrary_types_allowed=False,
)


class Given(BaseSettings):
    """A model that takes what it is given; looking for values is `load.py`'s business."""

    model_config = _STRICT

    if not TYPE_CHECKING:  # type checkers know the fields as keywords, and check them

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise described(error, type(self), values, place=type(self).__name__) from error

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        # pydantic takes True for 1: a client id, a limit
        if isinstance(value, bool) and info.field_name is not None:
            kind = str(cls.model_fields[info.field_name].annotation)
            if "bool" not in kind and "Any" not in kind:
                raise ValueError("it is true or false, where a value is expected")
        return value

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917  # as pydantic-settings has it
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)
