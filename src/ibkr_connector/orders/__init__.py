"""Orders: decided by pure tables and rules, written down before they leave, settled by evidence."""
