"""Frames that a real gateway sent and a real client wrote are read, and written again the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_connector.simulator.wire.replies import decode_reply, encode_reply
from ibkr_connector.simulator.wire.requests import (
    UnsupportedRequest,
    decode_request,
    encode_request,
)

FRAMES = sorted((Path(__file__).parent / "frames").glob("*.txt"))
REPLIES = [path for path in FRAMES if path.name.startswith("reply-")]
REQUESTS = [path for path in FRAMES if path.name.startswith("request-")]
VERSION = 173


def fields_of(path: Path) -> list[str]:
    """Read one field per line, behind a comment that names the source."""
    lines = path.read_text().split("\n")
    assert lines[0].startswith("# recorded by ")
    return lines[1:-1]


def test_there_are_frames() -> None:
    assert len(FRAMES) >= 12


@pytest.mark.parametrize("path", REPLIES, ids=lambda p: p.stem)
def test_a_recorded_reply_is_written_as_it_was_recorded(path: Path) -> None:
    fields = fields_of(path)
    assert encode_reply(decode_reply(fields, VERSION), VERSION) == fields


@pytest.mark.parametrize("path", REQUESTS, ids=lambda p: p.stem)
def test_a_recorded_request_is_written_as_it_was_recorded(path: Path) -> None:
    fields = fields_of(path)
    request = decode_request(fields, VERSION)
    assert not isinstance(request, UnsupportedRequest)
    assert encode_request(request, VERSION) == fields
