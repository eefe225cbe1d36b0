"""
Secrets that stand elsewhere: a setting says where, and only the secret itself never gets out.

Whatever takes a secret takes `env:NAME`, `file:PATH` and `keyring:SERVICE/USER` in its place; any
other text is the secret. No message made here holds a secret, or a part of one.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from ibkr_connector.errors import ConfigurationError

__all__ = ["file_of", "reference_of", "resolve_secret", "too_open"]

_LOG = logging.getLogger(__name__)

_SCHEMES: Final = ("env", "file", "keyring")
_LARGEST: Final = 65_536
"""More bytes than any password, token or address: a file that holds more was named by mistake."""


def reference_of(value: str) -> str | None:
    """
    Tell where a value says that the secret stands, as in `file:/run/secrets/x`.

    Returns:
        The reference, which is no secret; `None` when the value is the secret itself.
    """
    scheme, colon, rest = value.strip().partition(":")
    if not colon or scheme.lower() not in _SCHEMES:
        return None
    return f"{scheme.lower()}:{rest.strip()}"


def file_of(value: str) -> Path | None:
    """Return the file that a value points to, if it points to one."""
    reference = reference_of(value)
    if reference is None or not reference.startswith("file:"):
        return None
    # `file:///run/secrets/x` is the same place as `file:/run/secrets/x`
    named = reference.removeprefix("file:")
    return Path(named.removeprefix("//") if named.startswith("///") else named).expanduser()


def too_open(path: Path) -> str | None:
    """
    Say who else can read a file of secrets.

    Returns:
        What is wrong and how to mend it; `None` when only its owner can, where there is no file,
        and where the system has no such permissions.
    """
    if os.name != "posix":
        return None
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    others = "everybody" if mode & stat.S_IROTH else "its group"
    return (
        f"{path} can be read by {others} (mode {stat.S_IMODE(mode):04o}); chmod 600 it, "
        "or mount the secret with mode 0400"
    )


def resolve_secret(
    value: str | SecretStr,
    *,
    key: str,
    place: str = "settings",
    environment: Mapping[str, str] | None = None,
) -> SecretStr:
    """
    Return the secret that a value is, or points to.

    Args:
        value: The secret itself, `env:NAME`, `file:PATH` or `keyring:SERVICE/USER`. Of a file the
            newlines at its end do not count. The service may hold slashes, the user may not.
        key: What the setting is called, for messages.
        place: Where it stands, for messages: a file's name, `environment IBKR_DATABASE_URL`.
        environment: Where `env:` looks; the environment of the process when not given.

    Raises:
        ConfigurationError: It points to nothing. Names the place, the key and the reference, never
            the secret.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    reference = reference_of(text)
    if reference is None:
        return SecretStr(text)
    scheme, _, named = reference.partition(":")
    where = f"{place}: {key} is {reference!r}"
    if not named:
        raise ConfigurationError(
            f"{where}, which points nowhere",
            hint="write env:NAME, file:/path/of/the/file or keyring:SERVICE/USER",
        )
    if scheme == "env":
        found = _of_variable(named, where, os.environ if environment is None else environment)
    elif scheme == "file":
        found = _of_file(file_of(text) or Path(named), where)
    else:
        found = _of_keyring(named, where)
    return SecretStr(found)


def _of_variable(name: str, where: str, environment: Mapping[str, str]) -> str:
    found = environment.get(name, "")
    if not found:
        how = "is empty" if name in environment else "is not set"
        raise ConfigurationError(
            f"{where}, but the variable {name} {how}",
            hint=f"set {name} where this program is started, or write another name",
        )
    return found


def _of_file(path: Path, where: str) -> str:
    if path.is_dir():
        # what a container runtime makes of a mount whose source is missing
        raise ConfigurationError(
            f"{where}, but that is a directory", hint="name the file in it that holds the secret"
        )
    try:
        with path.open("rb") as file:
            read = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{where}, but there is no such file",
            hint="create it, or mount the secret there (Docker: `secrets:`; Kubernetes: a volume)",
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{where}, but the file cannot be read: {error.strerror or type(error).__name__}",
            hint="let the user of this program read it, and nobody else: chown and chmod 600",
        ) from error
    # nothing that a decoder would quote may get into a message
    found = read.decode("utf-8-sig", "replace").rstrip("\r\n")
    wrong = None
    if len(read) > _LARGEST:
        wrong = f"is longer than {_LARGEST} bytes"
    elif "\ufffd" in found or "\0" in found:
        wrong = "is not text in UTF-8"
    elif not found.strip():
        wrong = "is empty"
    elif "\n" in found:
        wrong = f"has {found.count(chr(10)) + 1} lines"
    if wrong is not None:
        raise ConfigurationError(
            f"{where}, but the file {wrong}", hint="put the secret there alone, in one line"
        )
    if problem := too_open(path):
        _LOG.warning("a file of secrets is open to others: %s", problem)
    return found


def _of_keyring(named: str, where: str) -> str:
    service, slash, user = named.rpartition("/")
    if not slash or not service or not user:
        raise ConfigurationError(f"{where}, which names no user", hint="write keyring:SERVICE/USER")
    try:
        import keyring  # noqa: PLC0415  # an extra
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name != "keyring":
            raise
        raise ConfigurationError(
            f"{where}, which needs the extra 'keyring'",
            hint="pip install 'ibkr-connector[keyring]'",
        ) from missing
    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        raise ConfigurationError(
            f"{where}, but the keyring cannot be asked: {type(error).__name__}",
            hint="unlock it, or start this program in the session that has it; a server has none: "
            "use file: there",
        ) from error
    if not found:
        raise ConfigurationError(
            f"{where}, but the keyring holds nothing under that name",
            hint=f"store it: keyring set {service} {user}",
        )
    return found
