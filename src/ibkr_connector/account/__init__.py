"""Account figures and positions, kept current by events."""
