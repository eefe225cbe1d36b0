"""From what a user writes to the one contract that IB means by it."""
