"""
Look at configuration, machine and gateway, and say what to tick: `await doctor(settings)`.

Nothing is changed and nothing is placed. Questions go out under a client id of their own, so that
no program that trades is kept out for longer than one login takes.
"""

from __future__ import annotations

from .examination import doctor, examine_configuration
from .findings import Check, Finding, Health, is_well

__all__ = ["Check", "Finding", "Health", "doctor", "examine_configuration", "is_well"]
