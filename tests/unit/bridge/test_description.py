"""What the interface says of itself, and that no door was forgotten."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from fastapi.routing import APIRoute

from ibkr_connector.bridge.app import ROUTERS, bare_app
from ibkr_connector.bridge.described import EXAMPLES, scope_of
from ibkr_connector.bridge.guard import OPEN

BRG1 = {
    ("/connect", "POST"),
    ("/disconnect", "POST"),
    ("/health", "GET"),
    ("/quotes/{symbol}", "GET"),
    ("/candles/{symbol}", "POST"),
    ("/orders", "POST"),
    ("/orders/{order_id}", "GET"),
    ("/orders/{order_id}", "DELETE"),
    ("/positions", "GET"),
    ("/account", "GET"),
    ("/metrics", "GET"),
}


@cache
def described() -> dict[str, Any]:
    """Return the description; it takes a while to write."""
    return bare_app().openapi()


def routes() -> list[APIRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def test_the_older_endpoints_are_all_there() -> None:
    there = {(route.path, method) for route in routes() for method in route.methods or ()}
    assert there >= BRG1


def test_every_endpoint_but_the_probes_needs_a_scope() -> None:
    open_ones = {route.path for route in routes() if scope_of(route) is None}
    assert open_ones == OPEN


def test_whatever_changes_something_needs_more_than_reading() -> None:
    reading = {
        (route.path, method)
        for route in routes()
        for method in route.methods or ()
        if method != "GET" and scope_of(route) == "read"
    }
    # it asks for history, and has its question in a body
    assert reading == {("/candles/{symbol}", "POST")}


def test_every_endpoint_says_what_it_does_and_how_it_fails() -> None:
    for path, methods in described()["paths"].items():
        for method, said in methods.items():
            where = f"{method} {path}"
            assert said["summary"], where
            assert said["description"], where
            assert "application/problem+json" in said["responses"]["default"]["content"], where
            answered = [
                r for code, r in said["responses"].items() if code.startswith("2") and code != "204"
            ]
            assert all(r.get("content") for r in answered), where
            schemas = [c["schema"] for r in answered for c in r["content"].values()]
            assert all(schemas), where


def test_every_operation_has_a_name_of_its_own() -> None:
    named = [
        said["operationId"]
        for methods in described()["paths"].values()
        for said in methods.values()
    ]
    assert len(set(named)) == len(named)


def test_every_body_has_an_example_that_it_takes() -> None:
    bodies = {
        (body.field_info.annotation, method)
        for route in routes()
        if (body := route.body_field) is not None
        for method in route.methods or ()
    }
    shown = set()
    for kind, _ in bodies:
        (one,) = [part for part in get_args(kind) or (kind,) if part is not type(None)]
        shown.add(one.__name__)
        told = one.model_validate(described()["components"]["schemas"][one.__name__]["examples"][0])
        assert told.model_fields_set
    assert shown == EXAMPLES.keys()
