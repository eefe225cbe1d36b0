"""Each finding, before the simulator and before plain sockets that answer as other things do."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ibkr_connector.cli.app import app
from ibkr_connector.clock import Clock, ManualClock, ScaledClock, SystemClock
from ibkr_connector.doctor import Check, Finding, Health, doctor, is_well
from ibkr_connector.model.contracts import stock
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.faults import Answer, Cut, Drop, IgnoreRequest, Notice, Warn
from kit.leaps import leaping
from kit.ports import held_port
from kit.quiet import settled

SHORT_S = 0.3
"""How long nobody is waited for who cannot answer."""

PATIENT_S = 60.0
"""How long who answers is waited for; where nobody does, it is leapt over."""

PROBLEM, WARNING, OK = Health.PROBLEM, Health.WARNING, Health.OK


async def examined(
    port: int,
    *,
    with_orders: bool = False,
    within_s: float = PATIENT_S,
    ports: Mapping[int, str] | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> tuple[Finding, ...]:
    given = {"port": port, "client_id": 7, "readonly": False, **settings}
    return await doctor(
        Settings.load(**given),
        with_orders=with_orders,
        within_s=within_s,
        ports=ports or {},
        clock=clock,
    )


def of(findings: tuple[Finding, ...], check: Check) -> list[Finding]:
    return [one for one in findings if one.check is check]


def only(findings: tuple[Finding, ...], check: Check) -> Finding:
    found = of(findings, check)
    assert len(found) == 1, findings
    return found[0]


# --- the simulator ------------------------------------------------------------------------------


async def test_a_gateway_as_it_should_be_has_nothing_to_tick() -> None:
    # at an hour for which the default windows plan no outage
    clock = ScaledClock(datetime(2026, 11, 18, 15, tzinfo=UTC))
    async with GatewaySimulator(clock=clock) as gateway:
        found = await examined(gateway.port, with_orders=True, clock=clock)
        asked = [type(one.request).__name__ for one in gateway.log]
        questions = [one for one in gateway.log if type(one.request).__name__ == "PlaceOrder"]
        assert all(one.request.order.flag("whatIf") for one in questions)  # type: ignore[union-attr]
        assert len(questions) == 2
        assert not {"CancelOrder", "ReqOpenOrders", "ReqAutoOpenOrders", "ReqIds"} & set(asked)
        assert gateway.venue.open_orders() == gateway.venue.closed_orders() == ()
    assert is_well(found)
    assert {one.health for one in found} == {OK}
    assert {
        Check.GATEWAY,
        Check.LOGIN,
        Check.CLIENT_ID,
        Check.MODE,
        Check.VERSION,
        Check.CLOCK,
        Check.ZONE,
        Check.LINK,
        Check.READ_ONLY,
        Check.DATA,
        Check.PRESETS,
    } <= {one.check for one in found}
    assert "DU" not in repr(found)


CASES: list[tuple[str, Check, Health, str, str]] = [
    ("read_only_api", Check.READ_ONLY, PROBLEM, "refuses every order", "untick 'Read-Only API'"),
    ("client_id_in_use", Check.CLIENT_ID, PROBLEM, "client id 7 is in use", "IBKR_CLIENT_ID"),
    ("clock_skew", Check.CLOCK, PROBLEM, "behind this machine's", "NTP"),
    ("hello_zone_missing", Check.ZONE, WARNING, "cannot be told", "instrument-specific"),
    ("not_subscribed_354", Check.DATA, WARNING, "delayed ones", "Market Data Subscriptions"),
    ("delayed_10167", Check.DATA, WARNING, "only delayed", "Market Data Subscriptions"),
    ("max_tickers_101", Check.LINES, PROBLEM, "no market data line", "Quote Booster"),
    ("competing_session_10197", Check.COMPETING, PROBLEM, "another session", "log that session"),
    ("order_precautions", Check.PRESETS, PROBLEM, "Size Limit", "tick 'Bypass Order Precautions"),
    ("warning_399", Check.PRESETS, WARNING, "would bring a warning", "look at Presets"),
]


@pytest.mark.parametrize(("quirk", "check", "health", "seen", "remedy"), CASES)
async def test_a_manner_of_tws_is_told_with_what_to_tick(
    quirk: str, check: Check, health: Health, seen: str, remedy: str
) -> None:
    async with GatewaySimulator(quirks=[quirk]) as gateway:
        found = await examined(gateway.port, with_orders=check is Check.PRESETS)
    told = of(found, check)
    assert told
    for one in told:
        assert one.health is health
        assert seen in one.seen
        assert remedy in one.remedy
        assert one.reference == f"docs/how-to/doctor.md#{check}"
    others = [one for one in found if one.health is PROBLEM and one.check is not check]
    assert [one.check for one in others if quirk != "client_id_in_use"] == []


async def test_without_a_fallback_a_missing_subscription_is_a_problem() -> None:
    async with GatewaySimulator(quirks=["not_subscribed_354"]) as gateway:
        found = await examined(gateway.port, delayed_fallback=False, with_orders=True)
    told = only(found, Check.DATA)
    assert told.health is PROBLEM
    assert "IBKR_DELAYED_FALLBACK=true" in told.remedy
    # no price, no question
    assert "without a price" in only(found, Check.PRESETS).seen


async def test_a_contract_that_is_not_listed_is_told() -> None:
    async with GatewaySimulator() as gateway:
        settings = Settings.load(port=gateway.port, readonly=False)
        found = await doctor(settings, contract=stock("NOSUCHTHING"), within_s=PATIENT_S, ports={})
    told = only(found, Check.DATA)
    assert told.health is WARNING
    assert "NOSUCHTHING" in told.seen
    assert told.remedy


async def test_a_market_without_prices_is_no_problem() -> None:
    # a snapshot without a price ends after eleven seconds, of the gateway's clock
    start = SystemClock().utcnow()
    async with GatewaySimulator(clock=ScaledClock(start=start, speed=50)) as gateway:
        for reply in ("TickPrice", "TickSize"):
            gateway.inject(Drop(reply=reply))
        told = only(await examined(gateway.port), Check.DATA)
    assert (told.health, "is its market closed?" in told.seen) == (OK, True)


async def test_data_that_are_refused_for_another_reason_are_told() -> None:
    async with GatewaySimulator() as gateway:
        gateway.inject(Answer(to="ReqMarketData", code=10187, text="Failed to request data."))
        gateway.inject(Answer(to="ReqAllOpenOrders", code=504, text="Not connected."))
        async with leaping() as clock:
            found = await examined(gateway.port, clock=clock)
    assert only(found, Check.DATA).health is WARNING


async def test_orders_are_asked_about_only_when_that_is_wanted() -> None:
    async with GatewaySimulator(quirks=["order_precautions"]) as gateway:
        assert is_well(await examined(gateway.port))
        assert "PlaceOrder" not in {type(one.request).__name__ for one in gateway.log}


async def test_a_preset_that_fills_in_the_time_in_force_is_a_question_answered_late() -> None:
    async with GatewaySimulator() as gateway:
        gateway.inject(Warn(on="PlaceOrder", code=10349, text="Order TIF was set to DAY."))
        found = await examined(gateway.port, with_orders=True)
    told = of(found, Check.PRESETS)
    assert {one.health for one in told} == {WARNING}
    assert "Order TIF was set to DAY" in told[0].seen
    assert "Presets" in told[0].remedy


async def test_a_read_only_gateway_suits_a_read_only_profile() -> None:
    async with GatewaySimulator(quirks=["read_only_api"]) as gateway:
        found = await examined(gateway.port, readonly=True, with_orders=True)
    assert only(found, Check.READ_ONLY).health is OK
    assert {"untick 'Read-Only API'" in one.remedy for one in of(found, Check.PRESETS)} == {True}


@pytest.mark.parametrize(
    ("quirk", "check", "seen", "remedy"),
    [
        ("accept_then_close", Check.GATEWAY, "hung up without a word", "'Trusted IPs'"),
        ("silent_after_hello", Check.GATEWAY, "is silent", "'Accept incoming connection'"),
        ("silent_after_start", Check.LOGIN, "greeted and", "second factor included"),
    ],
)
async def test_who_is_not_let_in_is_told_why(
    quirk: str, check: Check, seen: str, remedy: str
) -> None:
    async with GatewaySimulator(quirks=[quirk]) as gateway, leaping() as clock:
        found = await examined(gateway.port, clock=clock)
    told = only(found, check)
    assert told.health is PROBLEM
    assert seen in told.seen
    assert remedy in told.remedy
    assert of(found, Check.READ_ONLY) == []


@pytest.mark.parametrize(
    ("account", "settings", "seen"),
    [
        ("U1234567", {}, "logged in to a live account"),
        ("DU1234567", {"paper_trading": False}, "logged in to a paper account"),
        ("DU1234567", {"account_id": "DU7654321"}, "not one of the 1 account(s)"),
    ],
)
async def test_a_login_of_the_other_mode_is_told_without_its_number(
    account: str, settings: dict[str, Any], seen: str
) -> None:
    async with GatewaySimulator(accounts={account: Decimal(1)}) as gateway:
        told = only(await examined(gateway.port, **settings), Check.MODE)
    assert told.health is PROBLEM
    assert seen in told.seen
    assert "1234567" not in repr(told)


async def test_an_old_gateway_is_told_to_be_updated() -> None:
    async with GatewaySimulator(server_version=160) as gateway:
        told = only(await examined(gateway.port), Check.VERSION)
    assert told.health is WARNING
    assert "server version 160" in told.seen
    assert "update" in told.remedy


@pytest.mark.parametrize(
    ("code", "text", "seen"),
    [
        (2103, "Market data farm connection is broken:usfarm", "broken data farms: usfarm"),
        (2157, "Sec-def data farm connection is broken:secdefil", "broken data farms: secdefil"),
        (1100, "Connectivity between IBKR and TWS has been lost.", "lost its link to IB"),
        (2110, "Connectivity between TWS and server is broken.", "lost its link to IB"),
        (10197, "No market data during competing live session", "another session"),
    ],
)
async def test_what_the_gateway_says_of_its_way_to_ib_is_told(
    code: int, text: str, seen: str
) -> None:
    async with GatewaySimulator() as gateway:
        # said during the questions, the last word on the matter
        gateway.inject(Warn(on="ReqAllOpenOrders", code=code, text=text))
        gateway.inject(Notice(code=code, text=text, copies=1, every_s=0.01, times=50))
        found = await examined(gateway.port)
    told = [one for one in found if one.check in {Check.LINK, Check.COMPETING}]
    assert [one.health for one in told] == [PROBLEM]
    assert seen in told[0].seen


async def test_client_id_0_is_warned_of() -> None:
    async with GatewaySimulator() as gateway:
        told = only(await examined(gateway.port, client_id=0), Check.MANUAL)
    assert told.health is WARNING
    assert "'Master API client ID'" in told.remedy


async def test_a_client_id_that_a_running_connector_has_is_no_problem(tmp_path: Path) -> None:
    from ibkr_connector import IBKRConnector  # brings the engine with it

    with GatewaySimulator.in_thread() as gateway:
        settings: dict[str, Any] = {"state_dir": tmp_path / "mine"}
        ib = IBKRConnector.create(
            Settings.load(
                port=gateway.port,
                client_id=7,
                readonly=False,
                connect_timeout_s=60,
                sync_timeout_s=60,
                **settings,
            )
        )
        async with ib:
            found = await examined(gateway.port, **settings)
            assert ib.get_connection_status().is_connected
        assert only(found, Check.JOURNAL).seen.startswith("process ")
        told = only(found, Check.CLIENT_ID)
        assert (told.health, "by the connector of this profile" in told.seen) == (OK, True)
        after = await examined(gateway.port, **settings)
    assert "no connector" in only(after, Check.JOURNAL).seen


async def test_questions_that_nobody_answers_are_told() -> None:
    async with GatewaySimulator() as gateway:
        for name in ("ReqCurrentTime", "ReqAllOpenOrders", "ReqContractDetails"):
            gateway.inject(IgnoreRequest(on=name))
        async with leaping() as clock:
            found = await examined(gateway.port, with_orders=True, clock=clock)
    for check in (Check.CLOCK, Check.READ_ONLY, Check.DATA, Check.PRESETS):
        assert only(found, check).health is WARNING
    assert is_well(found)


async def test_a_session_that_ends_under_a_question_is_told() -> None:
    async with GatewaySimulator() as gateway:
        gateway.inject(Cut(on="ReqCurrentTime", handled=False))
        found = await examined(gateway.port, with_orders=True)
    for check in (Check.CLOCK, Check.READ_ONLY, Check.DATA, Check.PRESETS):
        assert only(found, check).health is WARNING


# --- plain sockets ------------------------------------------------------------------------------

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def said(handler: Handler) -> Finding:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with leaping() as clock:
            found = await examined(port, clock=clock)
        # whoever knocked last may not have been heard yet
        await settled()
    assert not is_well(found)
    return only(found, Check.GATEWAY)


async def test_nobody_listens(free_port: int) -> None:
    told = only(await examined(free_port), Check.GATEWAY)
    assert told.health is PROBLEM
    assert "nobody listens at 127.0.0.1:" in told.seen
    assert "Configure > Settings > API > Settings" in told.remedy


async def test_tws_is_told_by_its_own_menus(free_port: int) -> None:
    told = only(await examined(free_port, application="tws"), Check.GATEWAY)
    assert "File > Global Configuration > API > Settings" in told.remedy


async def test_a_name_that_is_not_known() -> None:
    told = only(await examined(4002, host="nowhere.invalid"), Check.GATEWAY)
    assert told.health is PROBLEM
    assert "'nowhere.invalid'" in told.seen or "nothing comes back" in told.seen


@contextmanager
def deaf() -> Iterator[int]:
    """A port whose queue is full: whoever knocks hears nothing at all."""
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        one.bind(("127.0.0.1", 0))
        one.listen(0)
        two.connect(one.getsockname())
        yield one.getsockname()[1]


async def test_a_machine_that_never_answers() -> None:
    with deaf() as port:
        told = only(await examined(port, within_s=SHORT_S), Check.GATEWAY)
    assert told.health is PROBLEM
    assert "nothing comes back" in told.seen
    assert "firewall" in told.remedy


async def test_a_port_that_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert "is silent" in (await said(silent)).seen


async def test_a_port_that_hangs_up() -> None:
    async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    assert "ends it" in (await said(closes)).seen


async def test_a_port_that_resets() -> None:
    async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    assert "ends it" in (await said(resets)).seen


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",  # an alert of TLS
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\x03a\0b",  # a frame, and no greeting
        b"\0\0",  # less than a frame, whose rest is waited for
    ],
)
async def test_something_else_listens(words: bytes) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        await reader.read()
        writer.close()

    told = await said(answers)
    assert "is not the API of TWS" in told.seen
    assert "'Socket port'" in told.remedy


@pytest.mark.parametrize(
    ("what", "more"),
    [("TWS for paper trading", False), ("IB Gateway for live trading", True)],
)
async def test_another_usual_port_that_answers_is_named(
    what: str, more: bool, free_port: int
) -> None:
    async with GatewaySimulator() as gateway:
        with held_port() as silent:
            found = await examined(free_port, ports={gateway.port: what, silent: "nothing"})
        told = only(found, Check.PORTS)
        assert f"but {gateway.port} answers: {what}" in told.seen
        assert f"IBKR_PORT={gateway.port}" in told.remedy
    assert ("second thought" in told.remedy) is more


async def test_an_older_gateway_than_any_that_is_spoken_to() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = b"100\x0020261120 09:30:00 EST\0"
        writer.write(len(greeting).to_bytes(4, "big") + greeting)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    async with server, leaping() as clock:
        found = await examined(server.sockets[0].getsockname()[1], clock=clock)
    told = only(found, Check.VERSION)
    assert (told.health, "older than the oldest" in told.seen) == (PROBLEM, True)


async def test_what_the_launcher_waits_for_is_told(tmp_path: Path, free_port: int) -> None:
    log = tmp_path / "ibc.txt"
    log.write_text("IBC: Second Factor Authentication initiated\n")
    found = await examined(free_port, ibc_log=log)
    assert "a confirmation on the phone" in only(found, Check.LAUNCHER).seen
    log.write_text("IBC: Login has completed\n")
    assert only(await examined(free_port, ibc_log=log), Check.LAUNCHER).health is OK


@pytest.mark.parametrize(
    ("windows", "hours", "health"),
    [
        ("none", 0, WARNING),
        ("Sun-Sat 12:00-13:00 UTC", 0, WARNING),
        ("Sun-Sat 12:00-13:00 UTC", 2, OK),
    ],
)
async def test_planned_outages(windows: str, hours: int, health: Health, free_port: int) -> None:
    noon = datetime(2026, 11, 18, 12, 30, tzinfo=UTC)
    clock = ManualClock(noon + timedelta(hours=hours))
    settings = Settings.load(port=free_port, reset_windows=windows)
    found = await doctor(settings, ports={}, clock=clock)
    assert only(found, Check.RESET).health is health


# --- the command --------------------------------------------------------------------------------


def test_the_command_prints_what_to_tick(ibkr_gateway: HostedSimulator) -> None:
    runner, port = CliRunner(), str(ibkr_gateway.port)
    well = runner.invoke(app, ["doctor", "--port", port, "--orders"])
    assert well.exit_code == 0, well.output
    assert "ok      read-only-api" in well.stdout
    ibkr_gateway.do(lambda gw: gw.quirk("read_only_api"))
    ill = runner.invoke(app, ["doctor", "--port", port, "--json"])
    assert ill.exit_code == 0  # a profile is read-only until it says otherwise
    told = json.loads(ill.stdout)
    assert told["ok"] is True
    Path(".env").write_text("IBKR_READONLY=false\n")
    worse = runner.invoke(app, ["doctor", "--port", port, "--json"])
    assert worse.exit_code == 1
    rows = {one["check"]: one for one in json.loads(worse.stdout)["findings"]}
    assert rows["read-only-api"]["health"] == "problem"
    assert "untick" in rows["read-only-api"]["remedy"]
    assert rows["read-only-api"]["reference"].endswith("#read-only-api")


def test_the_command_tells_of_a_broken_configuration_and_stops() -> None:
    Path(".env").write_text("IBKR_PROT=1\nIBKR_CLIENT_ID=x\n")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "did you mean IBKR_PORT?" in done.stdout
    assert "client_id is 'x'" in done.stdout
    assert "gateway  " not in done.stdout


def test_a_contract_that_is_none_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["doctor", "--contract", ""]).exit_code == 2
