"""How long Hypothesis looks: a moment by default, long under `make soak`."""

from __future__ import annotations

import os

from hypothesis import settings

# a shared machine may pause for longer than any deadline: what is slow is seen elsewhere
settings.register_profile("default", deadline=None)
settings.register_profile("soak", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
