"""How long to wait before trying again: plain arithmetic, shared by retry and reconnect."""

from __future__ import annotations

__all__ = ["delay", "full_jitter"]


def delay(attempt: int, *, base_s: float, cap_s: float, draw: float) -> float:
    """
    Return the seconds to wait after failure number `attempt`.

    The step doubles from `base_s` up to `cap_s`. The upper half of a step is drawn, so that many
    clients that failed together do not come back together, and none comes back at once.

    Args:
        attempt: How many attempts have failed, counted from 1.
        base_s: The first step.
        cap_s: No step is longer.
        draw: A random number from 0 to 1; 0 takes the shorter end.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    # 2**1024 does not fit a float, and no cap is ever that far away
    step = min(cap_s, base_s * 2.0 ** min(attempt - 1, 1000))
    return step * (0.5 + 0.5 * draw)


def full_jitter(attempt: int, *, base_s: float, cap_s: float, draw: float) -> float:
    """
    As `delay`, but the whole step is drawn: for many that come back to one place after an outage.

    A twentieth of the first step is never undercut, so that no loop spins.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    step = min(cap_s, base_s * 2.0 ** min(attempt - 1, 1000))
    return max(base_s / 20, step * draw)
