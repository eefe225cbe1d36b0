"""How long Hypothesis looks, a moment or under `make soak` long, and which gateway is asked too."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# a shared machine may pause for longer than any deadline: what is slow is seen elsewhere
settings.register_profile("default", deadline=None)
settings.register_profile("soak", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests that make sense on a paper account run on one."""
    parser.addoption(
        "--gateway",
        metavar="HOST:PORT",
        help="run the conformance tests of orders on this gateway of a paper account as well",
    )
