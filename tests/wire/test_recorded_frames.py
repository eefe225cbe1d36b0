"""Frames that a real gateway sent and a real client wrote are read, and written again the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_connector.simulator.wire.orders import ECHO
from ibkr_connector.simulator.wire.replies import (
    CompletedOrder,
    OpenOrder,
    decode_reply,
    encode_reply,
)
from ibkr_connector.simulator.wire.requests import (
    UnsupportedRequest,
    decode_request,
    encode_request,
)

HERE = Path(__file__).parent
FRAMES = sorted((HERE / "frames").glob("*.txt"))
VERSION = 173

Frame = tuple[int, str, list[str]]


def _recorded() -> list[Frame]:
    """Read one frame a line, behind comments that name the source."""
    found: list[Frame] = []
    for line in (HERE / "recorded_frames.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            version, direction, rest = line.split(" ", 2)
            fields = rest.replace("\\n", "\n").split("|")[:-1]
            found.append((int(version), direction, fields))
    return found


def _of_files() -> list[Frame]:
    """Read one field a line, behind a comment that names the source."""
    found: list[Frame] = []
    for path in FRAMES:
        lines = path.read_text("utf-8").split("\n")
        assert lines[0].startswith("# recorded by ")
        found.append((VERSION, "<" if path.name.startswith("reply-") else ">", lines[1:-1]))
    return found


ALL = [*_of_files(), *_recorded()]


def test_there_are_frames_of_many_kinds_and_of_several_versions() -> None:
    assert len(FRAMES) >= 12
    assert len(_recorded()) >= 25
    assert {version for version, _, _ in ALL} == {157, 163, 164, 173, 176, 178, 200}
    assert len({(direction, fields[0]) for _, direction, fields in ALL}) >= 29


@pytest.mark.parametrize("frame", ALL, ids=lambda f: f"{f[2][0]} at {f[0]}{f[1]}")
def test_a_recorded_frame_is_written_as_it_was_recorded(frame: Frame) -> None:
    version, direction, fields = frame
    if direction == "<":
        assert encode_reply(decode_reply(fields, version), version) == fields
    else:
        request = decode_request(fields, version)
        assert not isinstance(request, UnsupportedRequest)
        assert encode_request(request, version) == fields


@pytest.mark.parametrize(
    "frame", [f for f in ALL if f[2][0] == "5"], ids=lambda f: f"openOrder at {f[0]}"
)
def test_what_a_client_did_not_set_is_echoed_as_it_was_recorded(frame: Frame) -> None:
    version, _, fields = frame
    order = decode_reply(fields, version)
    assert isinstance(order, OpenOrder | CompletedOrder)
    said = {"action", "totalQuantity", "orderType", "lmtPrice", "tif", "account", "openClose"}
    said |= {"permId", "clientId", "sharesAllocation", "status"}
    said |= {name for name in order.texts if "Margin" in name or name.startswith("equityWith")}
    if version == 157:
        # it left these empty, said "1" where a flag has no effect, and had an offset of its own
        said |= {"displaySize", "scaleInitLevelSize", "scaleSubsLevelSize", "discretionaryAmt"}
        said |= {"eTradeOnly", "firmQuoteOnly", "adjustedTrailStopPrice"}
    else:
        said |= {"percentOffset"}
    unset = {name: text for name, text in order.texts.items() if name not in said}
    assert unset == {name: ECHO.get(name, "") for name in unset}
