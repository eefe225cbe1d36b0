"""Fixtures for pytest: a gateway simulator on a free port."""
