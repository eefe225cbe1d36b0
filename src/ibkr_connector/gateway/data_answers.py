"""
Answers that are not bars, read from the fields of the wire into the table of open questions.

One row for each message: where its request id stands, how its rows are read, and whether it is the
last of its answer. What belongs to none of our questions goes on to ib_async.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.model.contracts import Contract, Right, SecurityType
from ibkr_connector.model.history import Session
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.research import (
    Article,
    Bulletin,
    BulletinKind,
    Headline,
    NewsProvider,
    PastMidpoint,
    PastQuote,
    ScanRow,
    VolumeAtPrice,
)

from .figures import figure, quantity, tick_price
from .requests import Listing
from .times import parse_time, zone

__all__ = [
    "REQUEST_ID_AT",
    "PastTrade",
    "bulletin",
    "headline",
    "scan_rows",
    "with_data_answers",
]

Fields = Sequence[str]
Read = Callable[[Fields, tzinfo], Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTrade:
    """A trade of the past, before anybody has said of which contract."""

    timestamp: datetime
    price: Decimal | None
    size: Decimal | None
    exchange: str
    conditions: str
    past_limit: bool
    unreported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """
    How one message is read.

    Args:
        at: The field of its request id.
        read: Makes rows of the fields after it.
        ends: Whether the answer is complete with it.
    """

    at: int
    read: Read
    ends: Callable[[Fields], bool]


def _always(_: Fields) -> bool:
    return True


def _head(fields: Fields, login_zone: tzinfo) -> Sequence[object]:
    return [parse_time(fields[0], login_zone=login_zone)]


def _schedule(fields: Fields, _: tzinfo) -> Sequence[object]:
    # start, end, zone, count; then start, end and date of each. The hyphen, which means UTC
    # elsewhere, stands here in times of the zone that is named (recorded frames)
    place, count, rows = zone(fields[2]), int(fields[3]), fields[4:]
    if len(rows) < 3 * count:
        raise ValueError(f"expected {count} sessions, found {len(rows) // 3}")
    return [
        Session(
            start=_local(rows[at], place),
            end=_local(rows[at + 1], place),
            day=parse_time(rows[at + 2], login_zone=UTC).date(),
        )
        for at in range(0, 3 * count, 3)
    ]


def _midpoints(fields: Fields, login_zone: tzinfo) -> Sequence[object]:
    return [
        PastMidpoint(timestamp=parse_time(time, login_zone=login_zone), price=_price(price))
        for time, _, price, _ in _rows(fields, 4)
    ]


def _quotes(fields: Fields, login_zone: tzinfo) -> Sequence[object]:
    return [
        PastQuote(
            timestamp=parse_time(time, login_zone=login_zone),
            bid=_shown(bid, bid_size),
            ask=_shown(ask, ask_size),
            bid_size=quantity(bid_size),
            ask_size=quantity(ask_size),
            ask_past_high=bool(int(mask) & 1),
            bid_past_low=bool(int(mask) & 2),
        )
        for time, mask, bid, ask, bid_size, ask_size in _rows(fields, 6)
    ]


def _trades(fields: Fields, login_zone: tzinfo) -> Sequence[object]:
    return [
        PastTrade(
            timestamp=parse_time(time, login_zone=login_zone),
            price=figure(price),
            size=quantity(size),
            exchange=exchange,
            conditions=conditions,
            past_limit=bool(int(mask) & 1),
            unreported=bool(int(mask) & 2),
        )
        for time, mask, price, size, exchange, conditions in _rows(fields, 6)
    ]


def _is_last_page(fields: Fields) -> bool:
    return bool(int(fields[-1]))


def _histogram(fields: Fields, _: tzinfo) -> Sequence[object]:
    return [
        VolumeAtPrice(price=_price(price), size=_price(size)) for price, size in _rows(fields, 2)
    ]


def _scan(fields: Fields, _: tzinfo) -> Sequence[object]:
    return scan_rows(fields)


def scan_rows(fields: Fields) -> tuple[ScanRow, ...]:
    """Read what a scan found, best first, from the fields after its request id."""
    found = [
        ScanRow(
            rank=int(row[0]),
            contract=Contract(
                con_id=ConId(int(row[1])),
                symbol=row[2],
                security_type=SecurityType(row[3]),
                expiry=row[4],
                strike=figure(row[5]) or None,
                right=Right(row[6]) if row[6] in {"C", "P"} else None,
                exchange=row[7],
                currency=row[8],
                local_symbol=row[9],
                trading_class=row[11],
            ),
            distance=row[12],
            benchmark=row[13],
            projection=row[14],
        )
        for row in _rows(fields, 16)
    ]
    return tuple(sorted(found, key=lambda row: row.rank))


def _article(fields: Fields, _: tzinfo) -> Sequence[object]:
    return [Article(text=fields[1], is_binary=bool(int(fields[0])))]


def _headline(fields: Fields, _: tzinfo) -> Sequence[object]:
    time, provider, article_id, text = fields[:4]
    # news times name no zone, and are UTC (ib_async wrapper.py: historicalNews)
    return [
        Headline(
            time=parse_time(time, login_zone=UTC),
            provider=provider,
            article_id=article_id,
            text=text,
        )
    ]


def headline(fields: Fields) -> Headline:
    """Read a headline that has just come, from the fields after its request id."""
    time_ms, provider, article_id, text, *extra = fields
    return Headline(
        time=datetime.fromtimestamp(int(time_ms) / 1000, UTC),
        provider=provider,
        article_id=article_id,
        text=text,
        extra=extra[0] if extra else "",
    )


def bulletin(fields: Fields, *, received: datetime) -> Bulletin:
    """Read a bulletin of IB, from the fields after its version."""
    number, kind, text, exchange = fields[:4]
    known = int(kind) in BulletinKind.__members__.values()
    return Bulletin(
        number=int(number),
        kind=BulletinKind(int(kind)) if known else BulletinKind.OTHER,
        text=text,
        exchange=exchange,
        received=received,
    )


def _more(fields: Fields, _: tzinfo) -> Sequence[object]:
    return [bool(int(fields[0]))]


def _text(fields: Fields, _: tzinfo) -> Sequence[object]:
    return [fields[0]]


def _providers(fields: Fields, _: tzinfo) -> Sequence[Hashable]:
    return [NewsProvider(code=code, name=name) for code, name in _rows(fields, 2)]


def _parameters(fields: Fields, _: tzinfo) -> Sequence[Hashable]:
    return [fields[1]]


def _rows(fields: Fields, width: int) -> list[Fields]:
    count = int(fields[0])
    if len(fields) < 1 + count * width:
        raise ValueError(f"expected {count} rows of {width} fields, found {len(fields) - 1}")
    return [fields[at : at + width] for at in range(1, 1 + count * width, width)]


def _price(text: str) -> Decimal:
    number = figure(text)
    if number is None:
        raise ValueError(f"expected a number, found {text!r}")
    return number


def _shown(price: str, size: str) -> Decimal | None:
    return tick_price(float(price), float(size or 0)) and figure(price)


def _never(_: Fields) -> bool:
    return False


def _local(text: str, place: tzinfo) -> datetime:
    return parse_time(text.replace("-", " "), login_zone=place)


_ANSWERS: Final[Mapping[int, _Answer]] = MappingProxyType(
    # ib_async decoder.py
    {
        20: _Answer(at=2, read=_scan, ends=_always),
        51: _Answer(at=2, read=_text, ends=_always),
        83: _Answer(at=1, read=_article, ends=_always),
        86: _Answer(at=1, read=_headline, ends=_never),
        87: _Answer(at=1, read=_more, ends=_always),
        88: _Answer(at=1, read=_head, ends=_always),
        89: _Answer(at=1, read=_histogram, ends=_always),
        96: _Answer(at=1, read=_midpoints, ends=_is_last_page),
        97: _Answer(at=1, read=_quotes, ends=_is_last_page),
        98: _Answer(at=1, read=_trades, ends=_is_last_page),
        104: _Answer(at=1, read=_text, ends=_always),
        105: _Answer(at=1, read=_text, ends=_always),
        106: _Answer(at=1, read=_schedule, ends=_always),
    }
)

REQUEST_ID_AT: Final[Mapping[str, int]] = MappingProxyType(
    {str(number): answer.at for number, answer in _ANSWERS.items()}
)
"""Where the request id stands in each of these messages."""


def with_data_answers(
    handlers: Mapping[int, Callable[[list[str]], None]], wrapper: Any
) -> dict[int, Callable[[list[str]], None]]:
    """Return the handlers with ours before those of ib_async."""

    def before(answer: _Answer, other: Callable[[list[str]], None]) -> Callable[[list[str]], None]:
        def handle(fields: list[str]) -> None:
            request_id = int(fields[answer.at])
            requests = wrapper.requests
            if not requests.owns(request_id):
                other(fields)
                return
            rows = requests.collector(request_id)
            if rows is not None:
                told = fields[answer.at + 1 :]
                rows.extend(answer.read(told, wrapper.login_zone))
                if answer.ends(told):
                    requests.end(request_id)

        return handle

    def listed(
        listing: Listing[Any],
        read: Callable[[Fields, tzinfo], Sequence[Hashable]],
        other: Callable[[list[str]], None],
    ) -> Callable[[list[str]], None]:
        def handle(fields: list[str]) -> None:
            for row in read(fields[1:], wrapper.login_zone):
                listing.row(row, row)
            listing.end()
            # somebody may have asked through the escape hatch as well
            other(fields)

        return handle

    return {
        **handlers,
        19: listed(wrapper.scan_parameters, _parameters, handlers[19]),
        85: listed(wrapper.providers, _providers, handlers[85]),
        **{number: before(answer, handlers[number]) for number, answer in _ANSWERS.items()},
    }
