"""
Have the documentation show the fields of records.

Our `dataclass` is the standard library's to a reader, as it is to type checkers; the generator of
the documentation looks for that by its name.
"""

from __future__ import annotations

from typing import Any, Final

from griffe import Alias, Extension, Module

__all__ = ["RecordsInDocs"]

_OURS: Final = "ibkr_connector.model.making.dataclass"
_ITS: Final = "dataclasses.dataclass"


class RecordsInDocs(Extension):
    """Tells where `dataclass` is from, before the generator looks."""

    def on_package(self, *, pkg: Module, **kwargs: Any) -> None:
        """Go through all modules of a package that is loaded."""
        del kwargs
        waiting = [pkg]
        while waiting:
            module = waiting.pop()
            waiting += [one for one in module.modules.values() if not one.is_alias]
            found = module.members.get("dataclass")
            if isinstance(found, Alias) and found.target_path == _OURS:
                found.target_path = _ITS
                for one in module.classes.values():
                    if any(str(by.value).startswith("dataclass") for by in one.decorators):
                        one.labels.add("dataclass")
