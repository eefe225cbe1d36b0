"""Contracts that are named by their last day are there before it."""

from kit.november import november_in_all

__all__ = ["november_in_all"]
