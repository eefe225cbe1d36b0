"""Recorded market prices that the simulator can replay; see SOURCE.md."""
