"""Orders: placing, changing, cancelling, asking what would be, and what became of them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from ibkr_connector.bridge.asking import (
    ADMIN,
    READ,
    TRADE,
    House,
    Key,
    OrderNumber,
    Who,
    of,
    unchanged_or,
)
from ibkr_connector.bridge.bodies import (
    BracketBody,
    ChangeBody,
    OrderBody,
    PlaceBody,
    PlaceBracketBody,
    TimeoutS,
)
from ibkr_connector.bridge.pages import Limit, Mark, page
from ibkr_connector.bridge.placing import place, place_bracket
from ibkr_connector.bridge.plain import answer, as_json
from ibkr_connector.model.brackets import BracketReport
from ibkr_connector.model.orders import Fill, OrderReport, OrderStatus
from ibkr_connector.model.preview import OrderPreview
from ibkr_connector.orders.closing import ClosingReport
from ibkr_connector.orders.fills import FillFigures, analyse_fills, arrival_prices
from ibkr_connector.orders.history import OrderHistory, read_orders
from ibkr_connector.tuning import journal_place

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["orders"])


class Orders(BaseModel):
    """A page of orders, in the order in which we met them; `next` is the cursor of the next."""

    items: list[OrderReport]
    next: str | None


class Fills(BaseModel):
    """A page of executions by the broker's time; `next` is the cursor of the next."""

    items: list[Fill]
    next: str | None


class FillRows(BaseModel):
    """A page of what the fills of each order cost, the oldest first."""

    items: list[FillFigures]
    next: str | None


class Settling(BaseModel):
    """What somebody has seen of an order that nobody knows of."""

    why: Annotated[str, Field(min_length=1, max_length=500)]


@router.post(
    "/orders",
    status_code=201,
    dependencies=[TRADE],
    responses={
        **of(OrderReport, "The order, as the broker first speaks of it", status=201),
        **of(OrderReport, "It is there, and what was waited for is not yet so", status=202),
    },
)
async def v1_place_order(body: PlaceBody, house: House, who: Who, key: Key = None) -> Response:
    """
    Place one order.

    With `Idempotency-Key` the call may be repeated, also after a lost answer or a restart of the
    bridge: the same key is the same order, and another order under it is refused (422). Without a
    key, never repeat a call whose answer was lost: look at the orders first.
    """
    report, is_done = await place(house, who, body, key=key)
    where = {"Location": f"/v1/orders/{report.order_id}"}
    return answer(report, status=201 if is_done else 202, headers=where)


@router.post(
    "/orders/preview",
    dependencies=[TRADE],
    responses=of(OrderPreview, "Margins, rules and, if it may go, a token for it"),
)
async def v1_preview_order(
    body: OrderBody, house: House, who: Who, timeout_s: TimeoutS | None = None
) -> Response:
    """Tell what an order would do, without placing it; the token lets exactly it go, once."""
    preview = await house.ib.preview_order(
        body.order(None), by=f"http: {who.name}", timeout_s=timeout_s
    )
    return answer(preview)


@router.get("/orders", dependencies=[READ], responses=of(Orders, "A page of orders"))
async def v1_orders(
    house: House,
    request: Request,
    open_only: bool = False,
    status: Annotated[list[OrderStatus] | None, Query(description="Only these.")] = None,
    changed_since: Annotated[
        AwareDatetime | None, Query(description="Only those that changed at or after it.")
    ] = None,
    limit: Limit = 100,
    cursor: Mark = None,
) -> Response:
    """Return orders of memory: all that are open, and closed ones for a day and a half."""
    reports = await house.ib.order_book.orders(open_only=open_only)
    wanted = [
        report
        for report in reports
        if (not status or report.status in status)
        and (changed_since is None or report.timestamp >= changed_since)
    ]
    rows, following = page(wanted, limit, cursor, key=_key)
    return unchanged_or(request, as_json(Orders(items=list(rows), next=following)))


@router.delete("/orders", dependencies=[TRADE], responses=of(ClosingReport, "What became of each"))
async def v1_cancel_all(house: House) -> Response:
    """Cancel every open order of this client id."""
    return answer(await house.ib.cancel_all())


@router.get(
    "/orders/{order_id}", dependencies=[READ], responses=of(OrderReport, "The order as it stands")
)
async def v1_order(order_id: OrderNumber, house: House, request: Request) -> Response:
    """Return an order as it stands, with its fills and every step so far."""
    return unchanged_or(request, as_json(await house.ib.get_order_status(order_id)))


@router.patch(
    "/orders/{order_id}", dependencies=[TRADE], responses=of(OrderReport, "The order, changed")
)
async def v1_modify_order(order_id: OrderNumber, body: ChangeBody, house: House) -> Response:
    """Change a working order, and return it when the broker shows it changed."""
    report = await house.ib.modify_order(
        order_id, body.changes(), timeout_s=body.timeout_s, token=body.token
    )
    return answer(report)


@router.delete(
    "/orders/{order_id}",
    dependencies=[TRADE],
    responses=of(OrderReport, "What became of it: cancelled, or filled first"),
)
async def v1_cancel_order(
    order_id: OrderNumber, house: House, timeout_s: TimeoutS | None = None
) -> Response:
    """Cancel an order; to cancel twice is harmless."""
    return answer(await house.ib.cancel_order(order_id, timeout_s=timeout_s))


@router.post(
    "/orders/{order_id}/preview",
    dependencies=[TRADE],
    responses=of(OrderPreview, "What the rules say, and a token for the change"),
)
async def v1_preview_change(
    order_id: OrderNumber, body: ChangeBody, house: House, who: Who
) -> Response:
    """Tell what the rules say of a change; the broker is not asked."""
    preview = await house.ib.preview_change(order_id, body.changes(), by=f"http: {who.name}")
    return answer(preview)


@router.get("/orders/{order_id}/fills", dependencies=[READ], responses=of(Fills, "Its executions"))
async def v1_order_fills(order_id: OrderNumber, house: House, request: Request) -> Response:
    """Return the executions of one order."""
    report = await house.ib.get_order_status(order_id)
    return unchanged_or(request, as_json(Fills(items=list(report.fills), next=None)))


@router.get(
    "/orders/{which}/history",
    dependencies=[READ],
    responses=of(OrderHistory, "Every step with its cause and evidence"),
)
async def v1_order_history(
    which: Annotated[
        str,
        Path(
            min_length=1,
            max_length=128,
            pattern=r"^[\x20-\x7e]+$",
            description="Order id, permanent id, reference or `client_order_id`.",
        ),
    ],
    house: House,
) -> Response:
    """Tell the life of an order from the journal, also of earlier runs."""
    return answer(await house.ib.order_history(which))


@router.post(
    "/orders/{order_id}/settle",
    dependencies=[ADMIN],
    responses=of(OrderReport, "The order, at its end"),
)
async def v1_settle_order(order_id: OrderNumber, body: Settling, house: House) -> Response:
    """End an uncertain order on your word, when the statement shows that it is over."""
    return answer(await house.ib.settle_order(order_id, why=body.why))


@router.post(
    "/brackets",
    status_code=201,
    dependencies=[TRADE],
    responses=of(BracketReport, "Entry, profit and stop", status=201),
)
async def v1_place_bracket(
    body: PlaceBracketBody, house: House, who: Who, key: Key = None
) -> Response:
    """Place an entry with a profit target and a stop, in one piece; the exits end each other."""
    report = await place_bracket(house, who, body, key=key)
    where = {"Location": f"/v1/orders/{report.entry.order_id}"}
    return answer(report, status=201, headers=where)


@router.post(
    "/brackets/preview",
    dependencies=[TRADE],
    responses=of(OrderPreview, "Margins, rules and, if it may go, a token for it"),
)
async def v1_preview_bracket(
    body: BracketBody, house: House, who: Who, timeout_s: TimeoutS | None = None
) -> Response:
    """Tell what a bracket would do, without placing it."""
    preview = await house.ib.preview_bracket(
        body.order(None), by=f"http: {who.name}", timeout_s=timeout_s
    )
    return answer(preview)


@router.get("/fills", dependencies=[READ], responses=of(Fills, "A page of executions"))
async def v1_fills(
    house: House,
    request: Request,
    since: Annotated[AwareDatetime | None, Query(description="Only at or after it.")] = None,
    limit: Limit = 500,
    cursor: Mark = None,
) -> Response:
    """Return executions of the orders of memory, by the broker's time."""
    fills = [f for f in await house.ib.order_book.fills() if since is None or f.time >= since]
    rows, following = page(fills, limit, cursor, key=lambda fill: fill.exec_id)
    return unchanged_or(request, as_json(Fills(items=list(rows), next=following)))


@router.get(
    "/fills/analysis", dependencies=[READ], responses=of(FillRows, "One row for each order")
)
async def v1_fill_analysis(
    house: House,
    request: Request,
    since: Annotated[
        AwareDatetime | None, Query(description="Only orders intended at or after it.")
    ] = None,
    arrival: Annotated[
        bool, Query(description="Ask for the price at arrival too; 1 message for each row.")
    ] = False,
    limit: Limit = 500,
    cursor: Mark = None,
) -> Response:
    """Return what fills cost, from the journal, also of earlier runs: prices, charges, times."""
    recorded = await asyncio.to_thread(read_orders, journal_place(house.ib.settings))
    wanted = [one for one in recorded if since is None or one.created >= since]
    rows, following = page(analyse_fills(wanted).rows, limit, cursor, key=lambda one: one.order_ref)
    if arrival:
        # of this page alone: a journal of years would take all that may be asked of IB
        taken = {row.order_ref for row in rows}
        shown = [one for one in wanted if one.report.order_ref in taken]
        known = await arrival_prices(shown, bars=house.ib.get_historical_data)
        rows = analyse_fills(shown, arrival=known).rows
    return unchanged_or(request, as_json(FillRows(items=list(rows), next=following)))


def _key(report: OrderReport) -> str:
    return f"{report.order_ref}/{report.client_id}/{report.order_id}/{report.perm_id}"
