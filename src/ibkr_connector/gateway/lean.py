"""
Import ib_async without numpy, which costs a third of that and which nothing here uses of it.

`eventkit`, on which ib_async stands, has one module that imports numpy for an operator on events
(`event.array()`). While ib_async is imported here for the first time, that module's own `numpy` is
a stand-in that imports the real one at the first thing asked of it. Nobody else sees the stand-in:
not `sys.modules`, and no other module; a program that has imported ib_async or numpy before has
them as they are, and an `eventkit` without that module is imported as ever.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any, Final

__all__ = ["import_ib_async"]

_OPERATORS: Final = "eventkit.ops.array"
_NUMPY: Final = "numpy"


def import_ib_async() -> None:
    """Import ib_async, and numpy only if it must be."""
    if _NUMPY in sys.modules or _OPERATORS in sys.modules:
        import_module("ib_async")
        return
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        import_module("ib_async")
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    """Finds one module, where it is, and has it loaded with the stand-in."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _OPERATORS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, str(spec.loader.path))
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        # what `import` does within a module is for the module's own builtins to say
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


def _import(  # noqa: PLR0917  # as Python calls it
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] = (),
    level: int = 0,
) -> ModuleType:
    if name == _NUMPY and not fromlist and not level:
        return _Numpy(_NUMPY)
    return builtins.__import__(name, globals, locals, fromlist, level)


class _Numpy(ModuleType):
    """Stands where numpy will be."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(_NUMPY), name)
