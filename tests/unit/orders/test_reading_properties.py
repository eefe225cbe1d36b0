"""Whatever makes sense can be written as a plain mapping, and is read back as the same order."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given

from ibkr_connector.model.orders import OrderRequest
from ibkr_connector.orders.drafts import OrderDraft
from ibkr_connector.orders.reading import as_request
from ibkr_connector.orders.validation import check_request
from kit.any_order import as_mapping, requests


@given(request=requests())
def test_an_order_survives_being_written_as_plain_text(request: OrderRequest) -> None:
    check_request(request)
    written = json.loads(json.dumps(as_mapping(request)))
    assert as_request(written) == request
    assert as_request({**dict(request), "client_order_id": None}) == request
    assert as_request(OrderDraft(request)) is request


@given(request=requests())
def test_every_order_can_be_told_in_words(request: OrderRequest) -> None:
    draft = OrderDraft(replace(request, client_order_id="mine"))
    assert f"{request.action} {request.quantity:f} " in repr(draft)
    assert "client order id mine" in repr(draft)
    assert draft._repr_html_().startswith("<table><tr><th>order</th>")
