"""The dashboard at `/`: a page that is served by the bridge, and speaks to nothing else."""

from __future__ import annotations

from .serving import POLICY, router

__all__ = ["POLICY", "router"]
