"""The bridge keeps to its own description, whatever a generator of requests thinks of."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ibkr_connector.bridge.app import bare_app
from kit.bridge import Served

LEFT_OUT = {"/connect", "/disconnect", "/v1/connect", "/v1/disconnect"}
"""They would end what the others are tried on."""

PARTS = {"parameters", "requestBody"}

EXAMPLES = 40 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 1
"""Of each operation in each manner; the long run is for those who look for faults."""

OPERATIONS = [
    (path, method)
    for path, methods in bare_app().openapi()["paths"].items()
    for method in methods
    if path not in LEFT_OUT
]


@pytest.fixture(scope="module")
def schema(bridge: Served) -> Any:
    """Return the description as the bridge serves it."""
    return schemathesis.openapi.from_url(
        f"http://{bridge.host}:{bridge.port}/openapi.json", timeout=200
    )


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_endpoint_does_what_it_says(
    schema: Any, path: str, method: str, mode: GenerationMode
) -> None:
    operation = schema[path][method.upper()]
    if mode is GenerationMode.NEGATIVE and not PARTS & operation.definition.raw.keys():
        return  # nothing can be said wrongly

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        case.call_and_validate(
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
            # one that asks for the same ticks again waits until the gateway may be asked
            timeout=200,
            headers={"Connection": "close"},
        )

    tried()
