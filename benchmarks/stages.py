"""
Where an order's time goes: a stopwatch at the doors between the parts of the desk.

The doors are named here once. A door that is gone is an error, not a stage that silently measures
nothing. Orders must be placed one at a time while the stopwatch runs, since it knows no names.
"""

from __future__ import annotations

import functools
import inspect
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.gateway.session import Session
from ibkr_connector.orders.admission import Admission
from ibkr_connector.orders.dispatch import Dispatch
from ibkr_connector.orders.hearing import Hearing
from ibkr_connector.orders.journal import Journal
from ibkr_connector.orders.placing import Placing

__all__ = ["STAGES", "Stages"]

_DOORS: Final[tuple[tuple[type[Any], str, str], ...]] = (
    (Placing, "place", "place"),
    (Admission, "check_risk", "risk"),
    (Journal, "append", "journal"),
    (Dispatch, "_hand_over", "hand over"),
    (Session, "send_orders", "write"),
    (Hearing, "apply", "hear"),
)
"""Where a stopwatch is pressed on the way in and on the way out."""

STAGES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "hop in": ("called", "place in"),
        "reading, validation": ("place in", "risk in"),
        "risk": ("risk in", "risk out"),
        "intent": ("risk out", "journal in"),
        "to the disk": ("journal in", "journal out"),
        "on disk, pipeline meanwhile": ("journal out", "hand over in"),
        "last checks": ("hand over in", "write in"),
        "socket write": ("write in", "write out"),
        "gateway": ("write out", "hear in"),
        "evidence, answer": ("hear in", "place out"),
        "hop out": ("place out", "returned"),
    }
)
"""Every stage, in their order, from one press of the stopwatch to another."""


class Stages:
    """A stopwatch; `running` puts it at the doors, `order` times one order."""

    def __init__(self) -> None:
        self._presses: dict[str, float] = {}
        self._found: dict[str, list[float]] = {name: [] for name in STAGES}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Stand at the doors."""
        originals = [(owner, name, getattr(owner, name)) for owner, name, _ in _DOORS]
        for (owner, name, called), (_, _, original) in zip(_DOORS, originals, strict=True):
            setattr(owner, name, self._timed(original, called))
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    async def order(self, place: Callable[[], Any]) -> None:
        """Time one order from its call to its return."""
        self._presses.clear()
        called = time.perf_counter()
        await place()
        presses = {**self._presses, "called": called, "returned": time.perf_counter()}
        for name, (start, end) in STAGES.items():
            self._found[name].append(presses[end] - presses[start])

    def medians(self) -> dict[str, float]:
        """Return the median seconds of each stage."""
        return {name: statistics.median(found) for name, found in self._found.items()}

    def _press(self, name: str) -> None:
        # the first time of each counts: what follows an answer is nobody's wait
        self._presses.setdefault(name, time.perf_counter())

    def _timed(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                self._press(f"{name} in")
                try:
                    return await original(*args, **kwargs)
                finally:
                    self._press(f"{name} out")

            return awaited

        @functools.wraps(original)
        def called(*args: Any, **kwargs: Any) -> Any:
            self._press(f"{name} in")
            try:
                return original(*args, **kwargs)
            finally:
                self._press(f"{name} out")

        return called
