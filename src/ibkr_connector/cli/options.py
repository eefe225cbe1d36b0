"""What several commands take in the same words, and the settings that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.observe.logs import configure_logging
from ibkr_connector.settings import Settings
from ibkr_connector.settings.alerts import AlertSettings

from .render import Renderer

__all__ = [
    "EXIT_CODES",
    "EXIT_DECLINED",
    "EXIT_DEFECT",
    "EXIT_FAILED",
    "EXIT_FINE",
    "EXIT_OPEN",
    "EXIT_USAGE",
    "KEPT_ELSEWHERE",
    "OF_A_GATEWAY",
    "UNWATCHED",
    "Account",
    "ClientId",
    "Contract",
    "Host",
    "Json",
    "Port",
    "Profile",
    "WaitS",
    "of_a_command",
    "settings_of",
]

EXIT_FINE: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_DECLINED: Final = 3
EXIT_OPEN: Final = 4
EXIT_DEFECT: Final = 70

EXIT_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        EXIT_FINE: "it is done; of a check: all of it holds",
        EXIT_FAILED: "it failed, or something that was looked at does not hold; the error says why",
        EXIT_USAGE: "nothing was done: the command line or the configuration is wrong",
        EXIT_DECLINED: "`order`: you were asked, and did not say yes; nothing was sent",
        EXIT_OPEN: "`order`: the order is at the broker, or may be, and is not yet what was waited "
        "for; do not place it again",
        EXIT_DEFECT: "a defect of this program; the log has the traceback at the level `DEBUG`",
        130: "Ctrl-C",
    }
)
"""What the exit codes of all commands mean."""

UNWATCHED: Final = AlertSettings(enabled=False)
"""Nothing is watched."""

KEPT_ELSEWHERE: Final = ("journal_url", "database_url", "history_dir")
"""Places of the settings outside `state_dir`: what is only tried must not be written there."""

OF_A_GATEWAY: Final = ("account_id", "ibc_log", "ibc_command_port")
"""What the settings say of a real gateway, and of no simulated one."""

Account = Annotated[str | None, typer.Option(help="Account, when the login has several.")]
ClientId = Annotated[int | None, typer.Option(help="Client id of the API connection.")]
Contract = Annotated[str, typer.Argument(help="AAPL, EUR.USD, 'ES 202612', ...")]
Host = Annotated[str | None, typer.Option(help="Host of the gateway.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Port = Annotated[int | None, typer.Option(help="Port of the gateway.")]
Profile = Annotated[str | None, typer.Option(help="Profile of the settings.")]
WaitS = Annotated[float, typer.Option("--wait", help="Seconds to wait for the running program.")]


def of_a_command(settings: Settings) -> Settings:
    """
    Return settings for a connection that lasts as long as one command.

    A program runs beside it, and serves its metrics at the port that both read of.
    """
    return settings.model_copy(update={"metrics_port": None, "spans": False})


def settings_of(
    profile: str | None,
    *,
    as_json: bool = False,
    alerts: bool = False,
    without: Iterable[str] = (),
    **overrides: Any,
) -> Settings:
    """
    Load the settings of a profile with what the command line says; a fault ends the program.

    Without `alerts` nothing is watched: a command beside the running program must neither wake
    anybody nor act, and its end is no lost connection. What is named in `without` is not set,
    whatever environment and files say.
    """
    said = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings.load(profile, **{**said, **dict.fromkeys(without)})
    except ConfigurationError as error:
        Renderer(as_json=as_json).fail(error)
        raise typer.Exit(EXIT_USAGE) from error
    # what one command prints is its result: it says more about itself when it is asked to
    level = settings.log_level if settings.origin("log_level") != "default" else "WARNING"
    try:
        configure_logging(
            level,
            form=settings.log_format,
            file=settings.log_file,
            file_max_bytes=settings.log_file_max_bytes,
            file_keep=settings.log_file_keep,
            show_accounts=settings.show_accounts,
            queued=False,
        )
    except ConfigurationError as error:
        Renderer(as_json=as_json).fail(error)
        raise typer.Exit(EXIT_USAGE) from error
    settings = of_a_command(settings)
    return settings if alerts else settings.model_copy(update={"alerts": UNWATCHED})
