from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest
from keyring.errors import KeyringLocked, PasswordDeleteError
from pydantic import SecretStr

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.settings import Settings, resolve_secret
from ibkr_connector.settings.secrets import file_of, reference_of, too_open

SECRET = "postgresql://trader:hunter2@db/orders"


class Held(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has it so
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise KeyringLocked(SECRET)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError(username)


@pytest.fixture
def ring() -> Iterator[Held]:
    before, held = keyring.get_keyring(), Held()
    keyring.set_keyring(held)
    yield held
    keyring.set_keyring(before)


def written(path: Path, content: bytes, *, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return f"file:{path}"


def found(value: str) -> str:
    return resolve_secret(value, key="database_url", place="here").get_secret_value()


def test_what_points_nowhere_else_is_the_secret_itself() -> None:
    assert found(SECRET) == SECRET
    assert reference_of(SECRET) is None
    assert resolve_secret(SecretStr(SECRET), key="k").get_secret_value() == SECRET


def test_a_secret_may_stand_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_DATABASE", SECRET)
    assert found("env:ORDERS_DATABASE") == SECRET
    assert found("ENV: ORDERS_DATABASE") == SECRET


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_a_secret_may_stand_in_a_file_and_newlines_at_its_end_do_not_count(
    tmp_path: Path, end: bytes
) -> None:
    assert found(written(tmp_path / "x", SECRET.encode() + end)) == SECRET


def test_a_file_may_have_a_mark_of_its_encoding_and_be_named_as_a_url(tmp_path: Path) -> None:
    written(tmp_path / "x", b"\xef\xbb\xbf" + SECRET.encode())
    assert found(f"file://{tmp_path / 'x'}") == SECRET
    assert file_of("file:~/x") == Path("~/x").expanduser()


def test_a_secret_may_stand_in_a_keyring(ring: Held) -> None:
    ring.set_password("ibkr/prod", "journal", SECRET)
    assert found("keyring:ibkr/prod/journal") == SECRET


@pytest.mark.parametrize(
    ("value", "said", "remedy"),
    [
        ("env:", "points nowhere", "env:NAME"),
        ("env:NOT_THERE", "the variable NOT_THERE is not set", "set NOT_THERE"),
        ("env:EMPTY", "the variable EMPTY is empty", "set EMPTY"),
        ("file:missing", "no such file", "create it"),
        ("file:directory", "a directory", "the file in it"),
        ("file:empty", "the file is empty", "in one line"),
        ("file:lines", "the file has 2 lines", "in one line"),
        ("file:bytes", "not text in UTF-8", "in one line"),
        ("file:long", "longer than 65536 bytes", "in one line"),
        ("keyring:ibkr", "names no user", "keyring:SERVICE/USER"),
        ("keyring:ibkr/nobody", "holds nothing under that name", "keyring set ibkr nobody"),
    ],
)
def test_a_secret_that_is_not_there_is_named_by_place_key_reference_and_remedy(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ring: Held,
    value: str,
    said: str,
    remedy: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMPTY", "")
    Path("directory").mkdir()
    written(Path("empty"), b"\n")
    written(Path("lines"), b"hunter2\nhunter3\n")
    written(Path("bytes"), b"hunter2\xff")
    written(Path("long"), b"hunter2" * 10_000)
    with pytest.raises(ConfigurationError) as wrong:
        found(value)
    text = str(wrong.value)
    assert text.startswith(f"here: database_url is '{value}'")
    assert said in text
    assert remedy in (wrong.value.hint or "")
    assert "hunter" not in text


def test_a_file_that_may_not_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    value = written(tmp_path / "x", b"hunter2")

    def refused(*_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)  # root may read everything
    with pytest.raises(ConfigurationError, match=r"cannot be read: Permission denied.*chown"):
        found(value)


def test_a_keyring_that_is_locked_says_so_and_nothing_else(ring: Held) -> None:
    ring.is_locked = True
    with pytest.raises(ConfigurationError, match="KeyringLocked") as wrong:
        found("keyring:ibkr/journal")
    assert "hunter2" not in str(wrong.value)


def test_without_the_extra_a_keyring_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "keyring":
            raise ModuleNotFoundError("No module named 'keyring'", name="keyring")
        return imported(name, *rest)

    monkeypatch.delitem(sys.modules, "keyring")
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigurationError, match=r"the extra 'keyring'.*pip install"):
        found("keyring:ibkr/journal")


@pytest.mark.parametrize(("mode", "who"), [(0o640, "its group"), (0o604, "everybody")])
def test_a_file_that_others_can_read_is_told_of_and_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, who: str
) -> None:
    value = written(tmp_path / "x", SECRET.encode(), mode=mode)
    with caplog.at_level(logging.WARNING):
        assert found(value) == SECRET
    assert f"can be read by {who} (mode {mode:04o}); chmod 600" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_file_of_its_owner_is_not_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    value = written(tmp_path / "x", SECRET.encode())
    assert found(value) == SECRET
    assert not caplog.records
    assert too_open(tmp_path / "missing") is None


def test_settings_take_a_secret_from_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IBKR_JOURNAL_URL", written(tmp_path / "x", SECRET.encode() + b"\n"))
    loaded = Settings.load()
    assert loaded.journal_url is not None
    assert loaded.journal_url.get_secret_value() == SECRET
    for shown in (repr(loaded), str(loaded), loaded.model_dump_json()):
        assert "hunter2" not in shown
