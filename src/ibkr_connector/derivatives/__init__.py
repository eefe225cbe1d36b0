"""Options and futures: chains, greeks, front months, and series that go on over the rolls."""
