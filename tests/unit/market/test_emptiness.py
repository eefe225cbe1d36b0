"""What is known to be empty: only what the calendar says, and never "no data" alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.market.bar_store import SeriesKey
from ibkr_connector.market.chunks import chunks
from ibkr_connector.market.emptiness import Emptiness
from ibkr_connector.market.intervals import Span
from ibkr_connector.model.bars import micros
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.history import Session
from ibkr_connector.model.ids import ConId

TOYOTA = ContractDetails(
    contract=Contract(symbol="7203", con_id=ConId(7), primary_exchange="TSEJ"),
    time_zone_id="Asia/Tokyo",
    liquid_hours=";".join(
        f"202610{day:02}:0900-202610{day:02}:1130;202610{day:02}:1230-202610{day:02}:1530"
        for day in (5, 6, 7)
    ),
)
HEAD = datetime(2026, 3, 2, tzinfo=UTC)
FIRST = date(2026, 10, 5)
"""A Monday; nine in Tokyo is midnight in UTC."""


def utc(day: int, hour: float = 0.0) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(
        days=day, hours=hour
    )


def span(first: datetime, last: datetime) -> Span:
    return micros(first), micros(last)


SESSIONS = [
    Session(start=utc(day), end=utc(day, 6.5), day=utc(day).date()) for day in (0, 1, 2, 3, 4, 7, 8)
]


class Told:
    """Tells sessions and a beginning, or refuses both."""

    def __init__(self, *, sessions: list[Session] | None, head: datetime | None = HEAD) -> None:
        self.sessions, self.head = sessions, head

    async def head_timestamp(
        self, description: Contract | str, *, what_to_show: str | None, regular_hours_only: bool
    ) -> datetime:
        assert (description, what_to_show) == (TOYOTA.contract, "TRADES")
        assert regular_hours_only
        if self.head is None:
            raise HistoricalDataError("no head timestamp")
        return self.head

    async def schedule(
        self,
        description: Contract | str,
        *,
        start: datetime,
        end: datetime | None,
        regular_hours_only: bool,
    ) -> tuple[Session, ...]:
        assert (description, regular_hours_only) == (TOYOTA.contract, True)
        if self.sessions is None:
            raise HistoricalDataError("no schedule")
        return tuple(
            one for one in self.sessions if one.end > start and (end is None or one.start < end)
        )


def emptiness(told: Told, *, bar_size: str = "1 secs") -> Emptiness:
    key = SeriesKey.of(
        TOYOTA.contract, bar_size=bar_size, what_to_show="TRADES", regular_hours_only=True
    )
    return Emptiness(past=told, details=TOYOTA, key=key, span=span(utc(0, -48), utc(9)))


async def test_no_data_is_believed_of_weekends_nights_noons_and_times_before_history() -> None:
    empty = [
        span(utc(5), utc(7)),  # a weekend
        span(utc(1, 7), utc(1, 23)),  # a night
        span(utc(2, 2.5), utc(2, 3.5)),  # noon in Tokyo
        span(HEAD - timedelta(days=9), HEAD - timedelta(days=2)),
    ]
    assert await emptiness(Told(sessions=SESSIONS)).believed(empty) == empty


async def test_no_data_is_not_believed_of_times_in_which_there_is_a_session() -> None:
    traded = [span(utc(0), utc(7)), span(utc(1, 1), utc(1, 2)), span(utc(2, 2), utc(2, 3))]
    assert await emptiness(Told(sessions=SESSIONS)).believed(traded) == []


async def test_no_data_is_not_believed_where_nobody_tells_sessions() -> None:
    weekend = [span(utc(5), utc(7))]
    assert await emptiness(Told(sessions=None, head=None)).believed(weekend) == []
    # IB cuts schedules: one that begins later says nothing of what is before it
    cut = Told(sessions=SESSIONS[5:], head=None)
    assert await emptiness(cut).believed(weekend) == []


async def test_what_is_outside_of_the_sessions_need_not_be_asked_for() -> None:
    whole = span(utc(0, -48), utc(9))
    plan = chunks([whole], bar_size="1 secs")
    nothing = await emptiness(Told(sessions=SESSIONS, head=None)).beforehand(plan)
    assert span(utc(2, 2.5), utc(2, 3.5)) in nothing
    assert span(utc(4, 6.5), utc(7)) in nothing
    # before the first session that is told, and after the last, anything may be
    assert min(nothing)[0] >= micros(SESSIONS[0].start)
    assert max(nothing)[1] <= micros(SESSIONS[-1].end)
    # larger bars are not limited so hard: they are simply asked for
    large = emptiness(Told(sessions=SESSIONS, head=None), bar_size="1 min")
    assert await large.beforehand(chunks([whole], bar_size="1 min")) == []
