"""The base of all settings: a frozen model that takes what it is given, and looks for nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .mistakes import described

__all__ = ["Given"]

_NUMBERS: Final = re.compile(r"\b(int|float|Decimal)\b")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LOOKS_LIKE_A_NUMBER: Final = re.compile(r"[+-]?[\d_.]+([eE][+-]?[\d_]+)?")

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
    def _as_people_write_it(cls, value: object, info: ValidationInfo) -> object:
        kind = str(cls.model_fields[info.field_name or ""].annotation)
        # pydantic takes True for 1: a client id, a limit
        if isinstance(value, bool) and "bool" not in kind and "Any" not in kind:
            raise ValueError("it is true or false, where a value is expected")
        # and digits of every script, with underscores in between: one reads 1_0000 as 1000
        if isinstance(value, str) and _NUMBERS.search(kind):
            text = value.strip()
            if _LOOKS_LIKE_A_NUMBER.fullmatch(text) and not _NUMBER.fullmatch(text):
                raise ValueError("a number has plain digits, nothing in between: write 10000")
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
