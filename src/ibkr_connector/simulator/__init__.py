"""A TWS gateway simulator."""
