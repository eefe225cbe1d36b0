"""Routes: what a service that fails, hangs or drowns does to alerts, over real HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ibkr_connector.alarms import store
from ibkr_connector.alarms.lanes import Backoff
from ibkr_connector.alarms.outbox import Outbox
from ibkr_connector.clock import ManualClock, SystemClock
from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.alerts import Alert, AlertChange, AlertKind, AlertStep, Receipt, Severity
from ibkr_connector.observe.messages import Message
from ibkr_connector.observe.services import AppriseService, NotTold, _secrets_of, service_of
from ibkr_connector.settings.alerts import AlertRoute
from ibkr_connector.storage.database import Database, open_database
from kit.alert_service import AlertService, alert_service
from kit.ports import held_port

START = datetime(2026, 11, 18, 15, tzinfo=UTC)
QUICK = Backoff(base_s=0.02, cap_s=0.05, draw=lambda: 0.0)


def change(
    number: int = 0,
    *,
    step: AlertStep = AlertStep.RAISED,
    severity: Severity = Severity.WARNING,
    kind: AlertKind = AlertKind.PACING,
    **more: Any,
) -> AlertChange:
    alert = Alert(
        alert_id=f"alert{number:04d}",
        kind=kind,
        severity=severity,
        key=f"key {number}",
        text="a test of DU1234567",
        raised_at=START,
        cleared_at=START if step is AlertStep.CLEARED else None,
        **more,
    )
    return AlertChange(at=START, step=step, alert=alert)


def route(url: str, *, timeout_s: float = 60.0, **more: Any) -> AlertRoute:
    # what a busy machine answers too late would count as failed, and come twice
    return AlertRoute(url=SecretStr(url), timeout_s=timeout_s, **more)


@asynccontextmanager
async def outbox(
    routes: dict[str, AlertRoute],
    *,
    database: Database | None = None,
    backoff: Backoff = QUICK,
    clock: Any = None,
    services: Any = None,
) -> AsyncIterator[Outbox]:
    services = services or {name: service_of(name, one) for name, one in routes.items()}
    made = Outbox(
        routes,
        services=services,
        run=None if database is None else database.run,
        owner="mine",
        sender="mine",
        clock=clock or SystemClock(),
        backoff=backoff,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.aclose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def hangs(service: AlertService, box: Outbox) -> None:
    """Wait until as many calls hang in the service as may, so that no other is under way."""
    await until(lambda: service.heard == 3)
    await until(lambda: "still hang" in (box.outstanding[0].problem if box.outstanding else ""))
    assert service.heard == 3


def waits(clock: ManualClock) -> float:
    """Return the moment for which somebody waits, 0 when nobody does."""
    return max((at for at, _, woken in clock._sleepers if not woken.done()), default=0.0)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await open_database(tmp_path / "x.sqlite3")
    yield made
    await made.aclose()


async def rows(database: Database) -> list[Receipt]:
    return await database.read(store.receipts)


@pytest.fixture
def service() -> Any:
    with alert_service() as made:
        yield made


async def test_each_step_arrives_once_and_masked(service: AlertService, database: Database) -> None:
    async with outbox({"ops": route(service.url)}, database=database) as box:
        box.put(change())
        box.put(change(step=AlertStep.ACKNOWLEDGED))
        box.put(change(step=AlertStep.CLEARED))
        await until(lambda: len(service.taken) == 2)
        await until(lambda: not box.outstanding)
        await box.settle()
    assert [one["title"] for one in service.taken] == [
        "[warning] pacing: key 0",
        "[over] pacing: key 0",
    ]
    assert "DU1***67" in service.text
    assert "DU1234567" not in service.text
    assert service.taken[0]["type"] == "warning"
    receipts = await rows(database)
    assert [(one.attempts, one.is_delivered, one.problem) for one in receipts] == [
        (1, True, ""),
        (1, True, ""),
    ]


async def test_a_route_is_told_what_it_asked_for_and_nothing_else(service: AlertService) -> None:
    wants = route(
        service.url, severity="critical", without=["drift"], cleared=False, show_accounts=True
    )
    async with outbox({"ops": wants}) as box:
        box.put(change(1))
        box.put(change(2, severity=Severity.CRITICAL, kind=AlertKind.DRIFT))
        box.put(change(3, severity=Severity.CRITICAL, step=AlertStep.CLEARED))
        box.put(change(4, severity=Severity.CRITICAL, is_silenced=True))
        box.put(change(5, severity=Severity.CRITICAL))
        await until(lambda: not box.outstanding)
    assert list(service.counts()) == [("alert0005", "raised")]
    assert "DU1234567" in service.text


@pytest.mark.parametrize("mode", ["500", "hang", "refuse"])
async def test_a_service_that_fails_gets_everything_when_it_recovers(
    mode: str, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    # its port stays its own while it is closed
    with held_port() as port, alert_service(port) as service, alert_service() as good:
        routes = {
            "bad": route(service.url, timeout_s=1 if mode == "hang" else 60, max_messages=1000),
            "good": route(good.url),
        }
        async with outbox(routes, database=database) as box:
            service.mode = mode
            if mode == "refuse":
                service.close()
            for number in range(8):
                box.put(change(number))
            # the other route suffers nothing from it: its first five come one by one
            await until(lambda: len(good.counts()) == 8)
            await until(lambda: any(one.attempts > 1 for one in box.outstanding))
            assert len(box.outstanding) == 8
            assert box.outstanding[0].problem
            if mode == "refuse":
                with alert_service(service.port) as again:
                    await until(lambda: not box.outstanding)
                    await box.settle()
                    counts = again.counts()
            else:
                if mode == "hang":
                    await hangs(service, box)
                # whoever answers has time for it on a busy machine too
                box._lanes["bad"]._teller._timeout_s = 60.0
                service.mode = "ok"
                service.release()
                await until(lambda: not box.outstanding)
                await box.settle()
                counts = service.counts()
    assert counts == {(f"alert{number:04d}", "raised"): 1 for number in range(8)}
    assert all(one.is_delivered for one in await rows(database))
    assert "has not taken" in caplog.text
    assert "sesame" not in caplog.text


async def test_only_a_lost_answer_makes_a_double(service: AlertService) -> None:
    async with outbox({"ops": route(service.url)}) as box:
        service.mode = "lost"
        box.put(change())
        await until(lambda: bool(service.taken))
        service.mode = "ok"
        await until(lambda: not box.outstanding)
    assert service.counts()["alert0000", "raised"] >= 2


async def test_what_is_too_much_becomes_a_digest_and_what_is_urgent_does_not(
    database: Database,
) -> None:
    clock = ManualClock(START)
    told: list[Message] = []

    class Ear:
        def tell(self, message: Message) -> None:
            told.append(message)

    limited = route("json://nowhere", max_messages=5, per_s=600)
    async with outbox({"ops": limited}, clock=clock, services={"ops": Ear()}) as box:
        for number in range(4):
            box.put(change(number))
            await until(lambda: len(told) == number + 1)  # noqa: B023
        # the fifth place is kept for what is urgent
        for number in range(4, 30):
            box.put(change(number))
        await until(lambda: sum(one.is_held for one in box.outstanding) == 26)
        box.put(change(30, severity=Severity.CRITICAL))
        await until(lambda: len(told) == 5)
        assert "key 30" in told[-1].title
        await until(lambda: len(box.outstanding) == 26 and waits(clock) == 600.0)
        clock.advance(599.0)
        assert len(told) == 5
        clock.advance(1.0)
        await until(lambda: not box.outstanding)
    assert [one.title for one in told[5:]] == ["[warning] 26 alerts"]
    assert all(f"alert{number:04d} raised" in told[-1].body for number in range(4, 30))


async def test_what_was_outstanding_is_told_by_the_next_run(
    service: AlertService, database: Database
) -> None:
    routes = {"ops": route(service.url)}
    service.mode = "500"
    # after the first failure nothing is on its way that the service could hear too late
    rarely = Backoff(base_s=3600.0, cap_s=3600.0, draw=lambda: 1.0)
    async with outbox(routes, database=database, backoff=rarely) as box:
        box.put(change(1))
        box.put(change(2))
        await until(lambda: any(one.attempts for one in box.outstanding))
        await box.settle()
    assert service.taken == []
    service.mode = "ok"
    async with outbox(routes, database=database) as box:
        active = await box.resume()
        await until(lambda: not box.outstanding)
        await box.settle()
        assert [one.alert_id for one in active] == ["alert0001", "alert0002"]
        assert await box.resume() == active
    assert service.counts() == {("alert0001", "raised"): 1, ("alert0002", "raised"): 1}
    assert all(one.is_delivered and one.attempts > 0 for one in await rows(database))


async def test_a_database_that_cannot_be_used_holds_up_no_alert(
    service: AlertService, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        is_broken = True

        async def run(self, work: Any) -> Any:
            if self.is_broken:
                raise ConfigurationError("the disk is full")
            return await database.run(work)

    broken = Broken()
    clock = ManualClock(START)
    made = Outbox(
        {"ops": route(service.url)},
        services={"ops": service_of("ops", route(service.url))},
        run=broken.run,
        owner="mine",
        sender="mine",
        clock=clock,
    )
    await made.start()
    made.put(change(1))
    await until(lambda: not made.outstanding and bool(service.taken))
    assert await rows(database) == []
    broken.is_broken = False
    made.put(change(2))
    await until(lambda: len(service.taken) == 2)
    await until(lambda: not made.outstanding)
    await made.settle()
    await made.aclose()
    receipts = await rows(database)
    assert [one.is_delivered for one in receipts] == [True, True]
    assert caplog.text.count("cannot be written down") == 1
    assert service.counts() == {("alert0001", "raised"): 1, ("alert0002", "raised"): 1}


async def test_a_test_tells_every_route_and_brings_its_receipt(service: AlertService) -> None:
    with alert_service() as broken:
        broken.mode = "500"
        routes = {"ops": route(service.url, severity="critical"), "no": route(broken.url)}
        async with outbox(routes) as box:
            good, bad = await box.tell_all(change(severity=Severity.INFO))
    assert (good.route, good.is_delivered, good.attempts) == ("ops", True, 1)
    assert (bad.route, bad.is_delivered, bad.attempts) == ("no", False, 1)
    assert "500" in bad.problem


async def test_calls_that_never_return_are_not_piled_up(service: AlertService) -> None:
    service.mode = "hang"
    box: Outbox
    async with outbox({"ops": route(service.url, timeout_s=0.05)}) as box:
        box.put(change())
        await hangs(service, box)
        box._lanes["ops"]._teller._timeout_s = 60.0
        service.mode = "ok"
        service.release()
        await until(lambda: not box.outstanding)


def test_what_apprise_does_not_know_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match=r"routes\.ops\.url") as refused:
        service_of("ops", route("tgram://secret-token"))
    assert "secret-token" not in str(refused.value)


def test_a_problem_shows_no_part_of_the_url(caplog: pytest.LogCaptureFixture) -> None:
    made = service_of("ops", route("json://me:geheim%40nis@127.0.0.1:9/sesame?cto=1"))
    with caplog.at_level(logging.DEBUG), pytest.raises(NotTold) as failed:
        made.tell(Message(title="t", body="b", severity=Severity.INFO))
    assert str(failed.value)
    for secret in ("geheim", "sesame"):
        assert secret not in str(failed.value)
        assert secret not in caplog.text


def test_what_is_told_leaves_no_trace_of_the_url_in_any_log(
    service: AlertService, caplog: pytest.LogCaptureFixture
) -> None:
    made = service_of("ops", route(service.url))
    with caplog.at_level(logging.DEBUG):
        made.tell(Message(title="t", body="b", severity=Severity.INFO))
        logging.getLogger("urllib3.connectionpool").debug("of somebody else, afterwards")
    assert "sesame" not in caplog.text
    assert "somebody else" in caplog.text


def test_a_secret_is_masked_as_it_is_written_and_as_it_is_meant() -> None:
    class Talker:
        def notify(self, **_: Any) -> bool:
            raise OSError("535 me p@ss-word, or p%40ss-word, is wrong")

    url = "mailto://me-and-you:p%40ss-word@example.com"
    made = AppriseService(Talker(), _secrets_of(url))
    with pytest.raises(NotTold) as failed:
        made.tell(Message(title="t", body="b", severity=Severity.INFO))
    assert str(failed.value) == "OSError: 535 me ***, or ***, is wrong"


def test_what_is_longer_than_a_service_takes_goes_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = service_of("ops", route("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"))
    assert isinstance(made, AppriseService)
    sent: list[str] = []

    def send(body: str, **_: object) -> bool:
        sent.append(body)
        return True

    # the address of this service cannot be that of a server of ours
    monkeypatch.setattr(made.target, "send", send)
    lines = [f"- alert a{number:05d} raised" for number in range(200)]
    made.tell(Message(title="many", body="\n".join(lines), severity=Severity.WARNING))
    assert all(len(body) <= 2000 for body in sent)
    assert len(re.findall(r"a\d{5}", "".join(sent))) == 200
    one = service_of("ops", route("json://127.0.0.1/x?overflow=truncate"))
    assert isinstance(one, AppriseService)
    assert one.target.overflow_mode == "truncate"
