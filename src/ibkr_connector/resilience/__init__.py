"""The one way to the gateway for every call: deadline, retry, circuit breaker, pacing."""

from ibkr_connector.imports import import_lean

# it has a decorator for coroutines of tornado, which is a web server
import_lean("pybreaker", {"pybreaker": {"tornado"}})
