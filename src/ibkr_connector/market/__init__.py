"""Prices: quotes and history."""
