"""Historical data: bars of any range, ticks, sessions, the store, and long downloads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ibkr_connector.bridge.asking import ADMIN, READ, House, Symbol, of, unchanged_or
from ibkr_connector.bridge.jobs import DownloadTask
from ibkr_connector.bridge.pages import Limit, Mark, page
from ibkr_connector.bridge.plain import JSON, answer, as_json, utc_text
from ibkr_connector.bridge.problems import told_of
from ibkr_connector.bridge.ranges import check_range
from ibkr_connector.bridge.tables import CSV, TABLES, accepted, table_of
from ibkr_connector.model.history import BarGap, Session, StoredSeries, TimeSpan
from ibkr_connector.model.market import Bar
from ibkr_connector.model.research import PastMidpoint, PastQuote, VolumeAtPrice
from ibkr_connector.model.streams import Trade

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["history"])

Word = Annotated[str, Field(min_length=1, max_length=64)]
Size = Annotated[str, Query(max_length=32, description="IB's spelling.", examples=["5 mins"])]
Shown = Annotated[str | None, Query(max_length=32, examples=["TRADES"])]
Start = Annotated[AwareDatetime | None, Query(description="Instead of `duration`.")]
End = Annotated[AwareDatetime | None, Query(description="Now, when not given.")]

_AS_TABLE: Final[dict[str, Any]] = {
    name: {"schema": {"type": "string"} | ({} if name == CSV else {"format": "binary"})}
    for name in TABLES
}


class Bars(BaseModel):
    """A page of bars, oldest first; `next` is the cursor of the one after it."""

    symbol: str
    bar_size: str
    what_to_show: str
    items: list[Bar]
    next: str | None


class Ticks(BaseModel):
    """Ticks, oldest first; when not `is_whole`, ask on from the last one's time."""

    symbol: str
    what_to_show: str
    is_whole: bool
    items: list[Trade | PastQuote | PastMidpoint]


class Histogram(BaseModel):
    """How much was traded at each price, from the lowest up."""

    items: list[VolumeAtPrice]


class Sessions(BaseModel):
    """Trading sessions, oldest first."""

    items: list[Session]


class Head(BaseModel):
    """The earliest moment of which IB has data."""

    symbol: str
    earliest: datetime


class Stored(BaseModel):
    """What the store holds."""

    items: list[StoredSeries]


class Coverage(BaseModel):
    """Which spans of a stored series are known, and what is missing in them."""

    symbol: str
    coverage: list[TimeSpan]
    gaps: list[BarGap]


class DownloadWish(BaseModel):
    """What is to be downloaded into the store."""

    model_config = ConfigDict(extra="forbid")

    symbols: list[Word] = Field(min_length=1, max_length=1000, examples=[["AAPL", "EUR.USD"]])
    duration: Word = Field(default="1 Y", examples=["1 D"])
    bar_size: Word = Field(default="1 min", examples=["1 hour"])
    what_to_show: Word | None = None
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    regular_hours_only: bool = True


class DownloadRow(BaseModel):
    """How far the download of one contract is; `waits` says for what, `problem` why not."""

    symbol: str
    state: str
    done: int
    total: int
    bars: int
    stored_bars: int
    gaps: int | None
    waits: str
    problem: dict[str, Any] | None


class DownloadState(BaseModel):
    """A download: `running`, `done`, `failed` (some contracts, or all) or `cancelled`."""

    job_id: str
    state: str
    began: datetime
    ended: datetime | None
    symbols: list[str]
    finished: int
    eta_s: float | None
    rows: list[DownloadRow]
    problem: dict[str, Any] | None


class DownloadStates(BaseModel):
    """The oldest first."""

    items: list[DownloadState]


Job = Annotated[str, Path(min_length=1, max_length=64, description="As it was answered.")]


@router.get(
    "/bars/{symbol}",
    dependencies=[READ],
    responses={
        200: {
            "model": Bars,
            "description": "Bars, oldest first; as a table the whole range at once",
            "content": _AS_TABLE,
        }
    },
)
async def v1_bars(
    symbol: Symbol,
    house: House,
    request: Request,
    duration: Annotated[
        str, Query(max_length=32, description="Count and unit (S D W M Y), without `start`.")
    ] = "1 D",
    bar_size: Size = "5 mins",
    what_to_show: Shown = None,
    start: Start = None,
    end: End = None,
    regular_hours_only: bool = True,
    stored: Annotated[bool, Query(description="Read the store first, and keep there.")] = False,
    limit: Limit = 1000,
    cursor: Mark = None,
) -> Response:
    """
    Return historical bars of any range: JSON in pages, or a table by `Accept`.

    Further pages are cut from the same range: give `end`, so that it does not move on meanwhile.
    `text/csv` needs nothing, Arrow and Parquet need the extra `data` where the bridge runs.
    """
    form = accepted(request)
    check_range(bar_size, duration=duration, start=start, end=end or house.clock.utcnow())
    series = await house.ib.get_historical_data(
        symbol,
        duration=duration,
        bar_size=bar_size,
        what_to_show=what_to_show,
        start=start,
        end=end,
        regular_hours_only=regular_hours_only,
        stored=stored,
    )
    if form != JSON:
        return unchanged_or(request, await table_of(series, form), media_type=form)
    rows, following = page(series.bars, limit, cursor, key=lambda bar: utc_text(bar.timestamp))
    told = Bars(
        symbol=symbol,
        bar_size=series.bar_size,
        what_to_show=series.what_to_show,
        items=list(rows),
        next=following,
    )
    return unchanged_or(request, as_json(told))


@router.get("/bars/{symbol}/earliest", dependencies=[READ], responses=of(Head, "The moment"))
async def v1_earliest(symbol: Symbol, house: House, what_to_show: Shown = None) -> Response:
    """Return the earliest moment of which IB has data."""
    found = await house.ib.history.head_timestamp(symbol, what_to_show=what_to_show)
    return answer(Head(symbol=symbol, earliest=found))


@router.get("/sessions/{symbol}", dependencies=[READ], responses=of(Sessions, "Oldest first"))
async def v1_sessions(
    symbol: Symbol,
    house: House,
    start: Annotated[AwareDatetime, Query(examples=["2026-11-16T00:00:00Z"])],
    end: End = None,
    regular_hours_only: bool = True,
) -> Response:
    """Return the trading sessions that a span of the past touches, as IB tells them."""
    rows = await house.ib.history.schedule(
        symbol, start=start, end=end, regular_hours_only=regular_hours_only
    )
    return answer(Sessions(items=list(rows)))


@router.get("/ticks/{symbol}", dependencies=[READ], responses=of(Ticks, "Oldest first"))
async def v1_ticks(
    symbol: Symbol,
    house: House,
    start: Annotated[AwareDatetime, Query(examples=["2026-11-18T14:30:00Z"])],
    end: End = None,
    what_to_show: Annotated[str, Query(max_length=32)] = "TRADES",
    regular_hours_only: bool = True,
    limit: Annotated[int, Query(ge=1, le=20_000, description="IB tells 1000 at a time.")] = 1000,
) -> Response:
    """Return ticks of a span of the past: trades, quotes (`BID_ASK`) or midpoints."""
    found = await house.ib.history.ticks(
        symbol,
        start=start,
        end=end,
        what_to_show=what_to_show,
        regular_hours_only=regular_hours_only,
        limit=limit,
    )
    told = Ticks(
        symbol=symbol,
        what_to_show=found.what_to_show,
        is_whole=found.is_whole,
        items=list(found.ticks),
    )
    return answer(told)


@router.get("/histogram/{symbol}", dependencies=[READ], responses=of(Histogram, "By price"))
async def v1_histogram(
    symbol: Symbol,
    house: House,
    period: Annotated[str, Query(max_length=32)] = "1 day",
    regular_hours_only: bool = True,
) -> Response:
    """Return how much was traded at each price."""
    rows = await house.ib.history.histogram(
        symbol, period=period, regular_hours_only=regular_hours_only
    )
    return answer(Histogram(items=list(rows)))


@router.get("/stored", dependencies=[READ], responses=of(Stored, "Each series"))
async def v1_stored(house: House, request: Request) -> Response:
    """Return which series of bars the store holds, without asking anybody."""
    rows = await house.ib.history.stored()
    return unchanged_or(request, as_json(Stored(items=list(rows))))


@router.get("/stored/{symbol}", dependencies=[READ], responses=of(Coverage, "Spans and gaps"))
async def v1_coverage(
    symbol: Symbol, house: House, bar_size: Size = "1 min", what_to_show: Shown = None
) -> Response:
    """Return which times of a stored series are known, and what the calendar misses in them."""
    wish = {"bar_size": bar_size, "what_to_show": what_to_show}
    spans: Sequence[TimeSpan] = await house.ib.history.coverage(symbol, **wish)
    gaps = await house.ib.history.gaps(symbol, **wish)
    return answer(Coverage(symbol=symbol, coverage=list(spans), gaps=list(gaps)))


@router.post(
    "/downloads",
    status_code=202,
    dependencies=[ADMIN],
    responses=of(DownloadState, "It has begun, and goes on by itself", status=202),
)
async def v1_begin_download(body: DownloadWish, house: House) -> Response:
    """
    Begin to download bars of many contracts into the store.

    The same again goes on where the first one was. The bars are read with `stored=true`.
    """
    wish = body.model_dump(exclude={"symbols"})
    job = house.downloads.begin(list(dict.fromkeys(body.symbols)), wish)
    where = {"Location": f"/v1/downloads/{job.job_id}"}
    return answer(_state(job), status=202, headers=where)


@router.get("/downloads", dependencies=[READ], responses=of(DownloadStates, "The oldest first"))
async def v1_downloads(house: House, request: Request) -> Response:
    """Return the downloads that run, and the last ones that are over."""
    rows = [_state(job) for job in house.downloads.all()]
    return unchanged_or(request, as_json(DownloadStates(items=rows)))


@router.get(
    "/downloads/{job_id}", dependencies=[READ], responses=of(DownloadState, "How far it is")
)
async def v1_download(job_id: Job, house: House, request: Request) -> Response:
    """Return how far a download is, contract by contract."""
    return unchanged_or(request, as_json(_state(house.downloads.get(job_id))))


@router.delete(
    "/downloads/{job_id}", dependencies=[ADMIN], responses=of(DownloadState, "What became of it")
)
async def v1_end_download(job_id: Job, house: House) -> Response:
    """End a download; what it has brought stays in the store."""
    return answer(_state(await house.downloads.end(job_id)))


def _state(job: DownloadTask) -> DownloadState:
    rows = [
        DownloadRow(
            symbol=str(one.contract),
            state=one.state.value,
            done=one.done,
            total=one.total,
            bars=one.bars,
            stored_bars=one.stored_bars,
            gaps=None if one.gaps is None else len(one.gaps),
            waits=one.waits,
            problem=None if one.error is None else told_of(one.error),
        )
        for one in (job.table.jobs if job.table is not None else ())
    ]
    return DownloadState(
        job_id=job.job_id,
        state=job.state,
        began=job.began,
        ended=job.ended,
        symbols=list(job.symbols),
        finished=0 if job.table is None else job.table.finished,
        eta_s=None if job.table is None else job.table.eta_s,
        rows=rows,
        problem=job.problem,
    )
