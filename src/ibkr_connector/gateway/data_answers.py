"""
Answers that are not bars, read from the fields of the wire into the table of open questions.

One row for each message: where its request id stands, how its rows are read, and whether it is the
last of its answer. What belongs to none of our questions goes on to ib_async.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.model.history import Session

from .times import parse_time, zone

__all__ = ["REQUEST_ID_AT", "with_data_answers"]

Fields = Sequence[str]
Read = Callable[[Fields, tzinfo], Sequence[object]]


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


def _local(text: str, place: tzinfo) -> datetime:
    return parse_time(text.replace("-", " "), login_zone=place)


_ANSWERS: Final[Mapping[int, _Answer]] = MappingProxyType(
    # ib_async decoder.py
    {
        88: _Answer(at=1, read=_head, ends=_always),
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

    return {
        **handlers,
        **{number: before(answer, handlers[number]) for number, answer in _ANSWERS.items()},
    }
