"""Alerts of a running connector: what it looks at, who is told, and what is done about it."""
