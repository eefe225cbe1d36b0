"""
Import what others wrote without what they import besides, and which nothing here uses.

Some libraries import large ones for a single function. While such a library is imported here for
the first time, what it would import has a stand-in, which imports the real one at the first thing
asked of it. Nobody else sees the stand-in: not `sys.modules`, and no module but the one named. A
program that has imported the library, or what is left out, before has them as they are, and what
is not installed is missing as ever.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

__all__ = ["import_lean"]


def import_lean(name: str, later: Mapping[str, Collection[str]]) -> None:
    """
    Import a library, and some modules only if they must be.

    Args:
        name: The library.
        later: For a module of the library, which modules that it imports can wait.
    """
    finder = _Finder(later)
    sys.meta_path.insert(0, finder)
    try:
        import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    """Finds some modules, where they are, and has them loaded with stand-ins."""

    def __init__(self, later: Mapping[str, Collection[str]]) -> None:
        self._later = later

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        waiting = [one for one in self._later.get(fullname, ()) if one not in sys.modules]
        if not waiting:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, str(spec.loader.path), waiting)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, waiting: Collection[str]) -> None:
        super().__init__(fullname, path)
        self._waiting = waiting

    def exec_module(self, module: ModuleType) -> None:
        # what `import` does within a module is for the module's own builtins to say
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        super().exec_module(module)

    def _import(  # noqa: PLR0917  # as Python calls it
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level or name not in self._waiting or not _is_there(name):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = _Later(name)
        for one in fromlist or ():
            setattr(module, one, _Later(f"{name}.{one}"))
        return module


def _is_there(name: str) -> bool:
    first = name.partition(".")[0]
    return first in sys.modules or PathFinder.find_spec(first) is not None


class _Later(ModuleType):
    """Stands where a module, or what a module holds, will be."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_real(self.__name__), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _real(self.__name__)(*args, **kwargs)


def _real(name: str) -> Any:
    home, _, last = name.rpartition(".")
    holder = import_module(home) if home else None
    return getattr(holder, last, None) or import_module(name)
