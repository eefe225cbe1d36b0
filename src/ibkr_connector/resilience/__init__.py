"""The one way to the gateway for every call: deadline, retry, circuit breaker, pacing."""
