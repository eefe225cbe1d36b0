"""Statements held against a journal of real trades, and downloaded from a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from ibkr_connector import IBKRConnector, market_order
from ibkr_connector.account.flex import parse_flex
from ibkr_connector.account.flex_check import check_flex
from ibkr_connector.account.flex_findings import Finding, Whose
from ibkr_connector.account.flex_service import fetch_flex
from ibkr_connector.codes.flex import FLEX
from ibkr_connector.errors import (
    AccountError,
    ConfigurationError,
    FlexError,
    IBKRError,
    RequestTimeoutError,
)
from ibkr_connector.model.statements import FlexReason
from ibkr_connector.orders.history import RecordedOrder, read_orders
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.tuning import journal_place
from kit.command import ibkr

TOKEN = "2711828sesame1828459045"
NEW_YORK = ZoneInfo("America/New_York")


class Traded:
    """What was traded, and statements of it as IB would write them."""

    def __init__(self, journal: Path, rows: list[dict[str, str]]) -> None:
        self.journal = journal
        self.rows = rows

    @property
    def orders(self) -> tuple[RecordedOrder, ...]:
        return read_orders(self.journal)

    def statement(self, *rows: dict[str, str]) -> bytes:
        told = (" ".join(f"{name}='{value}'" for name, value in row.items()) for row in rows)
        said = "".join(f"<Trade {one}/>" for one in told)
        days = [row["dateTime"][:8] for row in self.rows]
        return (
            '<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1"><FlexStatement '
            f'accountId="{self.rows[0]["accountId"]}" fromDate="{min(days)}" toDate="{max(days)}" '
            f'period="LastBusinessDay"><Trades>{said}</Trades></FlexStatement></FlexStatements>'
            "</FlexQueryResponse>"
        ).encode()


@pytest.fixture
def traded(
    ibkr_gateway: HostedSimulator,
    make_connector: Callable[..., IBKRConnector],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Traded:
    """Trade through a connector, and tell what the venue says of it."""

    async def trade() -> None:
        async with make_connector(ibkr_gateway.port) as ib:
            for action, quantity in (("BUY", 7), ("SELL", 3)):
                report = await ib.place_order(market_order("AAPL", action, quantity))
                done = await ib.wait_for_fill(report.order_id, timeout_s=60)
                while done.commission is None:
                    done = await ib.get_order_status(report.order_id)

    asyncio.run(trade())
    state = tmp_path / "journal"
    monkeypatch.setenv("IBKR_STATE_DIR", str(state))
    place = journal_place(Settings.load(state_dir=state))
    assert isinstance(place, Path)
    return Traded(place, ibkr_gateway.do(_told_by_the_venue))


def _told_by_the_venue(gateway: Any) -> list[dict[str, str]]:
    return [
        {
            "accountId": one.account,
            "conid": str(one.instrument.con_id),
            "symbol": one.instrument.symbol,
            "assetCategory": "STK",
            "currency": one.instrument.currency,
            "multiplier": "1",
            "quantity": str(one.quantity if one.is_buy else -one.quantity),
            "buySell": "BUY" if one.is_buy else "SELL",
            "tradePrice": str(one.price),
            "ibCommission": str(-charge.amount),
            "ibCommissionCurrency": charge.currency,
            "ibExecID": one.exec_id,
            "orderReference": one.order.order_ref,
            "dateTime": one.time.astimezone(NEW_YORK).strftime("%Y%m%d;%H%M%S"),
            "levelOfDetail": "EXECUTION",
        }
        for one, charge in gateway.venue.executions()
    ]


def test_what_was_traded_is_what_the_statement_tells(traded: Traded) -> None:
    check = check_flex(parse_flex(traded.statement(*traded.rows)), traded.orders)
    assert check.is_clean, check.differences
    assert check.matched == len(traded.rows) >= 2
    (total,) = check.totals
    assert total.currency == "USD"
    assert total.executions_here == total.executions_there == check.matched
    assert total.value_here == total.value_there > 0
    assert abs(total.commission_here - total.commission_there) < Decimal("0.01")
    assert total.commission_here > 0


def test_every_difference_is_told_with_both_values(traded: Traded) -> None:
    first, *rest = traded.rows
    last = rest[-1]
    dearer = {**last, "ibCommission": str(Decimal(last["ibCommission"]) - 1)}
    typed = {**first, "ibExecID": "00aa.00bb.01", "orderReference": ""}
    kept = rest[:-1]
    check = check_flex(parse_flex(traded.statement(*kept, dearer, typed)), traded.orders)
    # what the evening brings belongs to the next day's statement
    gone = check.of(Finding.MISSING_THERE)
    assert len(gone) + check.later == 1
    assert all(row.exec_id == first["ibExecID"] and row.whose is Whose.OURS for row in gone)
    (cost,) = check.of(Finding.COMMISSION)
    assert isinstance(cost.here, Decimal)
    assert isinstance(cost.there, Decimal)
    assert abs(cost.there - cost.here - 1) < Decimal("0.01")
    assert (cost.exec_id, cost.whose) == (last["ibExecID"], Whose.OURS)
    (manual,) = check.of(Finding.MISSING_HERE)
    assert (manual.exec_id, manual.whose) == ("00aa.00bb.01", Whose.MANUAL)
    assert not check.is_clean
    frame = check.to_pandas()
    assert len(frame) == len(check.differences)
    assert "commission" in list(frame["finding"])


def test_price_quantity_time_and_revision_are_compared(traded: Traded) -> None:
    first, *rest = traded.rows
    base, _, revision = first["ibExecID"].rpartition(".")
    moment = datetime.strptime(first["dateTime"], "%Y%m%d;%H%M%S").replace(tzinfo=UTC)
    other = {
        **first,
        "quantity": str(Decimal(first["quantity"]) + 1),
        "tradePrice": str(Decimal(first["tradePrice"]) + Decimal("0.01")),
        "dateTime": (moment + timedelta(seconds=30)).strftime("%Y%m%d;%H%M%S"),
        "ibExecID": f"{base}.{int(revision) + 1:02}",
    }
    check = check_flex(parse_flex(traded.statement(other, *rest)), traded.orders)
    assert [row.finding for row in check] == [
        Finding.REVISION,
        Finding.QUANTITY,
        Finding.PRICE,
        Finding.TIME,
    ]


def test_the_command_tells_whether_they_agree(traded: Traded, tmp_path: Path) -> None:
    file = tmp_path / "statement.xml"
    file.write_bytes(traded.statement(*traded.rows))
    done = ibkr("flex", str(file))
    assert done.returncode == 0, done.stderr
    assert f"{len(traded.rows)} executions match, 0 differences" in done.stdout
    manual = {**traded.rows[0], "ibExecID": "00aa.00bb.01", "orderReference": ""}
    file.write_bytes(traded.statement(*traded.rows, manual))
    told = ibkr("flex", str(file), "--journal", str(traded.journal), "--json")
    assert told.returncode == 1, told.stderr
    body = json.loads(told.stdout)
    assert (body["is_clean"], body["matched"]) == (False, len(traded.rows))
    assert [row["finding"] for row in body["differences"]] == ["missing here"]
    table = ibkr("flex", str(file))
    assert (table.returncode, "1 differences" in table.stdout) == (1, True)
    file.write_bytes(traded.statement(*traded.rows, {**manual, "symbol": "[/red]X"}))
    assert "[/red]X" in ibkr("flex", str(file)).stdout
    account = traded.rows[0]["accountId"]
    assert account not in done.stdout + told.stdout + table.stdout


def test_the_command_wants_a_file_or_a_download_and_no_naked_token(tmp_path: Path) -> None:
    missing = ibkr("flex", str(tmp_path / "none.xml"))
    assert (missing.returncode, "cannot be opened" in " ".join(missing.stderr.split())) == (2, True)
    assert ibkr("flex").returncode == 2
    naked = ibkr("flex", "--fetch", "--query", "1", "--token", TOKEN)
    assert (naked.returncode, "env:NAME" in " ".join(naked.stderr.split())) == (2, True)
    assert TOKEN not in naked.stderr + naked.stdout


class Service:
    """The Flex web service on the loopback: `answers` are given to GetStatement in turn."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.begin: bytes | None = None
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.released = threading.Event()
        self.redirect: str | None = None
        self.hangs = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                agent = self.headers.get("User-Agent", "")
                service.asked.append((parts.path, parse_qs(parts.query), agent))
                if service.hangs:
                    service.released.wait(200)
                    return
                if service.redirect is not None:
                    self.send_response(302)
                    self.send_header("Location", service.redirect)
                    self.end_headers()
                    return
                body = service.answer(parts.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/FlexWebService"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, path: str) -> bytes:
        if path.endswith("/SendRequest"):
            return self.begin or accepted(f"{self.url}/GetStatement")
        return self.answers.pop(0)

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def accepted(url: str) -> bytes:
    return (
        "<FlexStatementResponse timestamp='20 November, 2026 10:38 AM EST'>\n"
        "<Status>Success</Status>\n<ReferenceCode>4242</ReferenceCode>\n"
        f"<Url>{url}</Url>\n</FlexStatementResponse>"
    ).encode()


def refused(code: int, said: str, status: str = "Fail") -> bytes:
    return (
        f"<FlexStatementResponse><Status>{status}</Status><ErrorCode>{code}</ErrorCode>"
        f"<ErrorMessage>{said}</ErrorMessage></FlexStatementResponse>"
    ).encode()


LATER = refused(1019, "Statement generation in progress. Please try again shortly.", "Warn")
EMPTY = b"<FlexQueryResponse><FlexStatements/></FlexQueryResponse>"


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.close()


class Leaping:
    """A clock that moves when somebody sleeps, and only then."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def utcnow(self) -> datetime:
        return datetime(2026, 3, 4, tzinfo=UTC) + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_a_statement_is_asked_for_until_it_is_written(service: Service) -> None:
    service.answers = [LATER, LATER, EMPTY]
    clock = Leaping()
    data = await fetch_flex(token=TOKEN, query=77, url=service.url, clock=clock, deadline_s=40.0)
    assert data == EMPTY
    assert [path.rpartition("/")[2] for path, _, _ in service.asked] == [
        "SendRequest",
        *["GetStatement"] * 3,
    ]
    assert [asked["q"] for _, asked, _ in service.asked] == [["77"], *[["4242"]] * 3]
    assert all(asked["t"] == [TOKEN] and asked["v"] == ["3"] for _, asked, _ in service.asked)
    assert all(re.fullmatch(r"Python/3\.\d+", agent) for _, _, agent in service.asked)
    assert clock.now == 3  # a second, then two


async def failed(service: Service, **more: Any) -> IBKRError:
    given = {"token": TOKEN, "query": 77, "url": service.url, "clock": Leaping(), **more}
    with pytest.raises(IBKRError) as caught:
        await fetch_flex(**{"deadline_s": 40.0, **given})
    seen: BaseException | None = caught.value
    while seen is not None:
        assert TOKEN not in repr(seen) + str(seen) + str(vars(seen))
        seen = seen.__cause__ or seen.__context__
    return caught.value


async def test_an_expired_token_is_told_with_its_remedy_and_asked_once(service: Service) -> None:
    service.begin = refused(1012, f"Token {TOKEN} has expired.")
    error = await failed(service)
    assert isinstance(error, AccountError)
    assert "1012: Token *** has expired" in str(error)
    assert "make a new one in Client Portal" in str(error)
    assert len(service.asked) == 1


@pytest.mark.parametrize("code", sorted(FLEX))
async def test_each_refusal_is_its_own_error_or_is_waited_out(service: Service, code: int) -> None:
    row = FLEX[code]
    service.begin = refused(code, f"no, {TOKEN}")
    error = await failed(service, deadline_s=100.0)
    if row.wait_s is None:
        assert isinstance(error, FlexError)
        assert (error.flex_code, error.reason, error.hint) == (code, row.reason, row.remedy)
        assert len(service.asked) == 1
    else:
        assert isinstance(error, RequestTimeoutError)
        assert f"its last answer was {code}: {row.reason}" in str(error)
        # IB allows ten a minute
        assert 2 <= len(service.asked) <= 11


async def test_a_number_that_is_not_listed_is_final(service: Service) -> None:
    service.begin = refused(4711, "no")
    error = await failed(service)
    assert isinstance(error, FlexError)
    assert (error.flex_code, error.reason) == (4711, FlexReason.UNKNOWN)


async def test_other_days_are_asked_for_instead_of_the_querys(service: Service) -> None:
    service.answers = [EMPTY]
    first, last = date(2026, 3, 4), date(2026, 3, 5)
    given: dict[str, Any] = {"url": service.url, "clock": Leaping()}
    await fetch_flex(token=TOKEN, query=77, from_date=first, to_date=last, **given)
    (_, begun, _), (_, taken, _) = service.asked
    assert (begun["fd"], begun["td"]) == (["20260304"], ["20260305"])
    assert not {"fd", "td"} & taken.keys()
    for wrong in ((first, None), (last, first), (first, date(2027, 3, 5))):
        error = await failed(service, from_date=wrong[0], to_date=wrong[1])
        assert isinstance(error, ConfigurationError)
    assert len(service.asked) == 2


async def test_too_many_requests_are_waited_out(service: Service) -> None:
    service.answers = [refused(1018, "Too many requests"), EMPTY]
    clock = Leaping()
    assert await fetch_flex(token=TOKEN, query=77, url=service.url, clock=clock, deadline_s=40.0)
    assert clock.now == 10


async def test_a_statement_that_is_never_written_ends_at_the_deadline(service: Service) -> None:
    service.answers = [LATER] * 50
    error = await failed(service, deadline_s=60.0)
    assert isinstance(error, RequestTimeoutError)
    assert "within 60 s: its last answer was 1019" in str(error)


async def test_a_server_that_hangs_is_left_at_the_deadline(service: Service) -> None:
    service.hangs = True
    error = await failed(service, deadline_s=1.0, clock=None)
    assert isinstance(error, RequestTimeoutError)
    assert "within 1 s: it went silent" in str(error)


async def test_the_token_goes_nowhere_else(service: Service) -> None:
    other = Service()
    try:
        service.redirect = other.url
        assert "HTTP status 302" in str(await failed(service))
        service.redirect = None
        service.begin = accepted("https://flex.example.com/GetStatement")
        assert "'flex.example.com', which is not IB's" in str(await failed(service))
        assert other.asked == []
    finally:
        other.close()


@pytest.mark.parametrize(
    "data", [b"<html><body>maintenance</body></html>", b"ClientAccountID,Symbol\n", b""]
)
async def test_what_is_no_statement_is_refused(service: Service, data: bytes) -> None:
    service.answers = [data]
    assert isinstance(await failed(service), AccountError)


async def test_a_server_that_is_gone_is_told(service: Service) -> None:
    port = service.url
    service.close()
    assert "ConnectionRefusedError" in str(await failed(service, url=port))


def test_the_command_downloads_keeps_and_compares(
    traded: Traded, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEX_TOKEN", TOKEN)
    kept = tmp_path / "kept.xml"
    kept.write_text("of yesterday", "utf-8")
    kept.chmod(0o644)
    statement = traded.statement(*traded.rows)
    service.answers = [statement]
    done = ibkr(
        "flex", "--fetch", "--query", "77", "--token", "env:FLEX_TOKEN",
        "--url", service.url, "--save", str(kept),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert kept.read_bytes() == statement
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    service.begin = refused(1012, "Token has expired.")
    late = ibkr(
        "flex", "--fetch", "--query", "77", "--token", "env:FLEX_TOKEN", "--url", service.url
    )
    assert (late.returncode, "1012" in late.stderr) == (1, True)
    assert TOKEN not in done.stdout + done.stderr + late.stdout + late.stderr
