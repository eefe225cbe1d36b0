"""How long Hypothesis looks, a moment or under `make soak` long, and which gateway is asked too."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from kit.postgres import postgres_url

__all__ = ["postgres_url"]

# a shared machine may pause for longer than any deadline, also while it draws: what is slow is seen
# elsewhere; the proofs of the order path ask for their hundred themselves
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", PATIENT, max_examples=40)
# what an hour has found is repeated from its log
settings.register_profile("soak", PATIENT, max_examples=2_000, print_blob=True)
# a change is judged by the same examples before and after; the other two look for new ones
settings.register_profile("default", settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests that make sense on a paper account run on one."""
    parser.addoption(
        "--gateway",
        metavar="HOST:PORT",
        help="run the conformance tests of orders on this gateway of a paper account as well",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """
    Let one failure stay one.

    What a failed test leaves open is kept alive by its traceback, and would be complained about in
    the middle of some later test. So would a log that a command has set up in this process.
    """
    try:
        return (yield)
    finally:
        if (logs := sys.modules.get("ibkr_connector.observe.logs")) is not None:
            logs.reset_logging()
        if getattr(sys, "last_value", None) is not None:
            for name in ("last_type", "last_value", "last_traceback", "last_exc"):
                if hasattr(sys, name):
                    delattr(sys, name)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gc.collect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """
    Count no branches of a property, unless it is marked as the only test of most of them.

    Its examples run the same code hundreds of times: counting makes that last ten times as long.
    """
    counting = coverage.Coverage.current() if (coverage := sys.modules.get("coverage")) else None
    repeats = is_hypothesis_test(getattr(item, "obj", None))
    if counting is None or not repeats or item.get_closest_marker("counted"):
        return (yield)
    counting.stop()
    try:
        return (yield)
    finally:
        counting.start()
