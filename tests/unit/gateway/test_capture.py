"""What a capture writes, what it hides, and what it does when the disk is full."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.gateway.capture import Capture, Redaction
from ibkr_connector.gateway.frames import frame
from kit.fake_clock import FakeClock


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def hello() -> bytes:
    return b"API\0" + frame(b"v157..178")


@pytest.mark.parametrize(
    ("account", "mask"),
    [("DU1234567", "DUXXXXXX1"), ("U7654321", "UXXXXXX1"), ("DF123456", "DFXXXXX1")],
)
def test_the_same_account_has_the_same_mask_of_the_same_length(account: str, mask: str) -> None:
    redaction = Redaction()
    said = redaction.fields("gateway", ["6", "2", "key", f"({account})", account])
    assert said == ["6", "2", "key", f"({mask})", mask]
    assert redaction.text(f"of {account}, and") == f"of {mask}, and"


def test_two_accounts_stay_apart_and_words_stay_words() -> None:
    redaction = Redaction()
    said = redaction.text("DU1234567 DU7654321 DU1234567 U123 SU12345678 DU12345678901")
    assert said == "DUXXXXXX1 DUXXXXXX2 DUXXXXXX1 U123 SU12345678 DU12345678901"


def test_accounts_of_an_unknown_form_are_learned_from_the_login() -> None:
    redaction = Redaction()
    redaction.fields("gateway", ["15", "1", "XYZ99,DU1234567,"])
    assert redaction.text("XYZ99 and XYZ991") == "XXXX1 and XYZ991"


@pytest.mark.parametrize(("sender", "number"), [("gateway", "107"), ("client", "72")])
def test_of_what_names_the_user_only_the_kind_is_kept(sender: str, number: str) -> None:
    said = Redaction().fields(sender, [number, "0", "secret", "key"])
    assert said == [number, "0", "", ""]


@given(st.lists(st.text(alphabet="DUFI0123456789 -", max_size=12), min_size=1))
def test_a_mask_never_changes_a_length(texts: list[str]) -> None:
    redaction = Redaction()
    redaction.fields("gateway", ["15", "1", ",".join(texts)])
    for text in texts:
        assert len(redaction.text(text)) == len(text)


async def test_a_capture_that_begins_late_begins_with_the_login(tmp_path: Path) -> None:
    clock = FakeClock()
    capture = Capture(clock)
    tap = capture.tap()
    tap.sent(hello())
    tap.received(b"178\0" + b"20261118 10:00:00 EST\0")
    tap.sent(frame(b"71\x002\x007\0\0"))
    tap.received(b"15\x001\0DU1234567\0")
    tap.sent(frame(b"49\x001\0"))
    tap.received(b"49\x001\x001795000000\0")
    await clock.advance(30)
    capture.start(tmp_path / "wire.jsonl")
    await clock.advance(1.5)
    half = frame(b"49\x001\0")
    tap.sent(half[:5])
    tap.sent(half[5:])
    tap.ended(by_us=True)
    done = capture.stop()()
    head, *rest = written(tmp_path / "wire.jsonl")
    assert head == {"recording": 1}
    assert [entry["connection"] for entry in rest] == [1] * len(rest)
    assert [entry.get("hello", entry.get("fields", "end")) for entry in rest] == [
        "v157..178",
        ["178", "20261118 10:00:00 EST"],
        ["71", "2", "7", ""],
        ["15", "1", "DUXXXXXX1"],
        ["49", "1"],
        "end",
    ]
    assert [entry["at_s"] for entry in rest] == [0, 0, 0, 0, 1.5, 1.5]
    assert (done.messages, done.connections) == (5, 1)
    assert stat.S_IMODE((tmp_path / "wire.jsonl").stat().st_mode) == 0o600


async def test_bytes_that_are_no_text_come_back_as_they_were(tmp_path: Path) -> None:
    capture = Capture(FakeClock())
    tap = capture.tap()
    capture.start(tmp_path / "wire.jsonl")
    tap.sent(hello())
    tap.received(b"4\x002\0\xfcber DU1234567\0")
    tap.received(b"no end")
    capture.stop()()
    import base64

    first, second = [
        base64.b64decode(one["base64"]) for one in written(tmp_path / "wire.jsonl")[2:]
    ]
    assert first == b"4\x002\0\xfcber DUXXXXXX1\0"
    assert second == b"no end"


async def test_connections_that_come_and_go_have_numbers_of_their_own(tmp_path: Path) -> None:
    capture = Capture(FakeClock())
    capture.start(tmp_path / "wire.jsonl")
    for _ in range(20):
        tap = capture.tap()
        tap.sent(hello())
        tap.ended(by_us=False)
    assert capture.stop()().connections == 20
    numbers = [entry["connection"] for entry in written(tmp_path / "wire.jsonl")[1:]]
    assert numbers == [number for number in range(1, 21) for _ in range(2)]


async def test_off_it_keeps_nothing_but_logins() -> None:
    capture = Capture(FakeClock())
    tap = capture.tap()
    tap.sent(hello())
    for number in range(10_000):
        tap.sent(frame(b"49\x001\0"))
        tap.received(b"49\x001\x00%d\0" % number)
    assert len(tap.opening()) <= 64
    tap.ended(by_us=True)
    assert capture._taps == []


async def test_a_file_that_exists_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="File exists"):
        Capture(FakeClock()).start(path)
    assert path.read_text() == "precious"


async def test_one_capture_at_a_time(tmp_path: Path) -> None:
    capture = Capture(FakeClock())
    with pytest.raises(ConfigurationError, match="no capture"):
        capture.stop()
    capture.start(tmp_path / "a.jsonl")
    with pytest.raises(ConfigurationError, match="under way"):
        capture.start(tmp_path / "b.jsonl")
    capture.stop()()


def test_a_disk_that_is_full_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to write to")
    opened = Path.open

    def device(path: Path, *_: Any, **__: Any) -> Any:
        return opened(full, "w", encoding="utf-8")

    capture = Capture(FakeClock())
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", device)
        patched.setattr(Path, "chmod", lambda *_: None)
        capture.start(tmp_path / "wire.jsonl")
    tap = capture.tap()
    tap.sent(hello())
    writer = capture._writer
    assert writer is not None
    writer._thread.join(60.0)
    # and nothing is kept for it meanwhile
    tap.sent(frame(b"71\0002\0001\0\0") * 10)
    assert writer._queue.empty()
    with pytest.raises(IBKRError, match=r"not whole: No space left"):
        capture.stop()()
