"""The dashboard in a real browser, before a real bridge, connector and simulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    BrowserContext,
    Locator,
    Page,
    Request,
    Route,
    WebSocket,
    WebSocketRoute,
    expect,
)

from ibkr_connector.simulator import GatewaySimulator, HostedSimulator, Refuse
from kit.browser import Desk, desk_of

READ, TRADE = "r" * 40, "t" * 40

MARKUP = '<img src=x onerror="document.title=1">'

PATIENCE_MS = 200_000
"""Of a loaded machine; what is expected is there as soon as it is there."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def desk(
    gateway_of_all: HostedSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """Return one browser and one bridge that asks for tokens, for all tests of the module."""
    expect.set_options(timeout=PATIENCE_MS)
    tokens = {"read": READ, "trade,admin": TRADE}
    with ExitStack() as stack:
        yield stack.enter_context(
            desk_of(gateway_of_all, tmp_path_factory.mktemp("desk"), tokens=tokens)
        )


@dataclass
class Seen:
    """What a page did that nobody sees."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        def asks(request: Request) -> None:
            self.asked.append(request.url)

        def opens(socket: WebSocket) -> None:
            self.asked.append(socket.url)
            socket.on("framesent", lambda payload: self.sent.append(str(payload)))

        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", asks)
        page.on("websocket", opens)


Open = Callable[..., tuple[Page, Seen]]


@pytest.fixture(scope="module")
def open_page(desk: Desk) -> Iterator[Open]:
    """Return a function that opens the dashboard, signed in unless it says no token."""
    contexts: list[BrowserContext] = []

    def open_it(
        *, token: str | None = TRADE, watched: str = "AAPL", ready: bool = True
    ) -> tuple[Page, Seen]:
        context = desk.browser.new_context(
            viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        begin = f"localStorage.setItem('ibkr.watched', '[\"{watched}\"]');"
        if token is not None:
            begin += f"sessionStorage.setItem('ibkr.token', '{token}');"
        context.add_init_script(begin)
        page, seen = context.new_page(), Seen()
        seen.watch(page)
        page.goto(desk.url)
        if ready:
            expect(page.locator("#link")).to_have_text("Gateway ready")
        return page, seen

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def opened(open_page: Open) -> tuple[Page, Seen]:
    """Return the page that most tests share, as somebody who trades has it open."""
    return open_page()


@pytest.fixture
def page(opened: tuple[Page, Seen]) -> Page:
    """Return that page."""
    return opened[0]


@pytest.fixture
def seen(opened: tuple[Page, Seen]) -> Seen:
    """Return what it did, since the beginning of the test."""
    opened[1].said.clear()
    opened[1].sent.clear()
    return opened[1]


def tab_to(page: Page, wanted: Locator, *, steps: int = 120) -> None:
    """Go there as somebody without a mouse does."""
    for _ in range(steps):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Let the browser tell what it does, until something is so."""
    for _ in range(PATIENCE_MS // 20):
        if condition():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it does not come to be so")


def order_rows(page: Page) -> Locator:
    return page.locator("#orders-rows tbody tr")


def place(desk: Desk, **more: Any) -> dict[str, Any]:
    """Place an order that rests, as another program would."""
    said: dict[str, Any] = {"symbol": "AAPL", "action": "BUY", "quantity": "1", "order_type": "LMT"}
    said |= {"limit_price": "1.05", **more}
    answer = desk.post("/v1/orders", said)
    assert answer.status == 201, answer.json
    made: dict[str, Any] = answer.json
    return made


# --- it loads ----------------------------------------------------------------------------------


def test_it_loads_without_a_mistake_and_from_its_bridge_alone(
    desk: Desk, opened: tuple[Page, Seen]
) -> None:
    page, seen = opened
    expect(page.locator("#mode")).to_have_text("PAPER ACCOUNT")
    expect(page.locator('[data-figure="total_value"]')).to_contain_text("USD")
    expect(page.locator("#farms li").first).to_contain_text("ok")
    expect(page.locator("#breakers li").first).to_contain_text("closed")
    expect(page.get_by_role("meter", name="Market data lines")).to_be_visible()
    assert seen.said == []
    assert {urlsplit(url).netloc for url in seen.asked} == {urlsplit(desk.url).netloc}
    assert not any(TRADE in url for url in [*seen.asked, page.url])


def test_quotes_come_and_the_chart_grows(page: Page, seen: Seen) -> None:
    row = page.locator("#quotes tbody tr").first
    expect(row.locator(".last")).to_have_text(re.compile(r"^\d+\.\d+$"))
    chart = page.locator("#chart")
    # history alone has hundreds of bars, and quotes go on behind it
    expect(chart).to_have_attribute("data-points", re.compile(r"^([3-9]\d\d|\d{4,})$"))
    closed = chart.get_attribute("data-close") or ""
    expect(chart).not_to_have_attribute("data-close", closed)
    expect(chart).to_have_attribute("aria-label", re.compile("Chart of AAPL, 5-second bars from"))
    expect(chart.locator("canvas")).to_be_visible()
    expect(page.locator("#gain-chart canvas")).to_be_visible()
    # of what was before the page was opened
    until(page, lambda: any("/v1/equity?" in url for url in seen.asked))
    assert seen.said == []


# --- orders ------------------------------------------------------------------------------------


def test_an_order_is_previewed_placed_and_cancelled_by_keyboard_alone(
    desk: Desk, page: Page, seen: Seen
) -> None:
    expect(page.locator("#ticket")).to_be_visible()
    tab_to(page, page.get_by_label("Quantity"))
    page.keyboard.type("3")
    tab_to(page, page.get_by_label("Limit price"))
    page.keyboard.type("1.07")
    page.keyboard.press("Enter")
    preview = page.get_by_role("dialog")
    expect(preview).to_contain_text("BUY 3 AAPL, LMT 1.07 USD, DAY")
    expect(preview).to_contain_text("It may go.")
    expect(preview).to_contain_text("Initial margin")
    tab_to(page, preview.get_by_role("button", name="Place paper order"))
    page.keyboard.press("Enter")
    expect(preview).to_have_count(0)
    row = order_rows(page).filter(has_text="LMT 1.07")
    expect(row).to_contain_text("BUY 3 AAPL")
    expect(row).to_contain_text("submitted")

    tab_to(page, row.get_by_role("button", name="Cancel"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("dialog").get_by_role("button", name="Cancel the order"))
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    tab_to(page, page.get_by_label("Open", exact=True))
    page.keyboard.press("ArrowRight")
    expect(row).to_contain_text("cancelled")
    (mine,) = (o for o in desk.get("/v1/orders").json["items"] if o["limit_price"] == "1.07")
    assert mine["status"] == "cancelled"
    assert seen.said == []


def test_an_order_that_would_be_refused_cannot_be_placed(page: Page) -> None:
    page.get_by_label("Quantity").fill("900000")
    page.get_by_label("Limit price").fill("1.08")
    page.get_by_role("button", name="Preview order").click()
    preview = page.get_by_role("dialog")
    expect(preview).to_contain_text("It would be refused.")
    expect(preview).to_contain_text("MAX_ORDER_SIZE")
    expect(preview.get_by_role("button", name="Place paper order")).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_label("Quantity").fill("1")


def test_an_order_whose_answer_is_lost_is_asked_for_again_and_placed_once(
    desk: Desk, page: Page
) -> None:
    lost: list[int] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.fallback()
            return
        # the bridge has it, and the page hears nothing
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/v1/orders", lose_the_first)
    try:
        page.get_by_label("Limit price").fill("1.06")
        page.get_by_role("button", name="Preview order").click()
        preview = page.get_by_role("dialog")
        preview.get_by_role("button", name="Place paper order").click()
        expect(preview).to_contain_text("nobody knows whether the order is there")
        preview.get_by_role("button", name="Ask again").click()
        expect(preview).to_have_count(0)
    finally:
        page.unroute("**/v1/orders")
    assert lost == [201]
    expect(order_rows(page).filter(has_text="LMT 1.06")).to_have_count(1)
    mine = [o for o in desk.get("/v1/orders").json["items"] if o["limit_price"] == "1.06"]
    assert len(mine) == 1


def test_who_cancels_or_closes_names_what_stands_in_the_row_and_nothing_that_is_called_alike(
    desk: Desk, page: Page, seen: Seen
) -> None:
    # another program's order may have the number of one of ours, and a symbol several contracts
    made = desk.get(f"/v1/orders/{place(desk, limit_price='1.16')['order_id']}").json
    row = order_rows(page).filter(has_text="LMT 1.16")
    row.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.locator("#notices")).to_contain_text(f"Order {made['order_id']}: cancelled")
    assert any(url.endswith(f"/v1/orders/{made['perm_id']}") for url in seen.asked)
    place(desk, order_type="MKT", limit_price=None)
    held = page.locator("#positions-rows tbody tr").filter(has_text="AAPL")
    held.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Close it").click()
    expect(page.locator("#notices")).to_contain_text("AAPL is being closed: 1 orders")
    wanted = f"/v1/positions/%23{made['contract']['con_id']}/close"
    assert any(wanted in url for url in seen.asked)


def test_a_late_answer_does_not_bring_back_what_has_been_told_meanwhile(
    desk: Desk, page: Page
) -> None:
    made = desk.get(f"/v1/orders/{place(desk, limit_price='1.18')['order_id']}").json
    page.locator("#orders-which").get_by_label("All").check()
    row = order_rows(page).filter(has_text="LMT 1.18")

    held: list[Route] = []
    where = f"**/v1/orders/{made['perm_id']}"
    page.route(where, lambda route: held.append(route))
    try:
        row.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel the order").click()
        until(page, lambda: bool(held))
        answer = held[0].fetch().json()
        expect(row).to_contain_text("cancelled")  # told by the WebSocket
        held[0].fulfill(json={**answer, "status": "submitted", "timestamp": made["timestamp"]})
        expect(page.locator("#notices")).to_contain_text(f"Order {made['order_id']}: submitted")
    finally:
        page.unroute(where)
    assert "cancelled" in (row.text_content() or "")


@pytest.mark.parametrize(
    ("status", "slug", "button"),
    [(504, "", "Ask again"), (409, "order-uncertain", "Uncertain"), (422, "x", "Not placed")],
)
def test_what_nobody_knows_of_is_not_called_not_placed(
    page: Page, status: int, slug: str, button: str
) -> None:
    def answer(route: Route) -> None:
        told = {"type": f"urn:ibkr-connector:problem:{slug}", "title": "No", "detail": "said so"}
        route.fulfill(status=status, json=told)

    page.get_by_label("Limit price").fill("1.17")
    page.get_by_role("button", name="Preview order").click()
    preview = page.get_by_role("dialog")
    page.route("**/v1/orders", answer)
    try:
        preview.get_by_role("button", name="Place paper order").click()
        told = preview.get_by_role("button", name=button)
        expect(told).to_be_visible()
        expect(preview.get_by_role("alert")).to_contain_text("said so")
    finally:
        page.unroute("**/v1/orders")
    if button == "Ask again":
        told.click()
        expect(order_rows(page).filter(has_text="LMT 1.17")).to_have_count(1)
    else:
        expect(told).to_be_disabled()
        page.keyboard.press("Escape")
    expect(preview).to_have_count(0)


def test_the_history_of_an_order_opens_with_markup_shown_as_text(desk: Desk, page: Page) -> None:
    made = place(desk, limit_price="1.09", client_order_id="<b>bold</b>")
    row = order_rows(page).filter(has_text="LMT 1.09")
    row.get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog", name=f"History of order {made['order_id']}")
    expect(dialog).to_contain_text("<b>bold</b>")
    expect(dialog).to_contain_text("accepted -> working")
    expect(dialog.locator(".facts b")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row.get_by_role("button", name="History")).to_be_focused()


def test_markup_in_symbols_reasons_and_alerts_is_shown_as_text(desk: Desk, page: Page) -> None:
    page.get_by_label("Symbol to watch").fill(MARKUP)
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.locator("#quotes")).to_contain_text(MARKUP)
    expect(page.locator("#chart-title")).to_have_text(MARKUP)
    try:
        assert desk.post("/v1/kill-switch", {"reason": MARKUP}).status == 200
        expect(page.locator("#banners")).to_contain_text(MARKUP)
        expect(page.locator("#alerts-rows")).to_contain_text("<img")
    finally:
        desk.call("DELETE", "/v1/kill-switch")
    expect(page.locator("main img")).to_have_count(0)
    row = page.locator("#quotes tbody tr").filter(has_text=MARKUP)
    row.get_by_role("button", name="no more").click()
    expect(page.locator("#chart-title")).to_have_text("AAPL")
    assert "ibkr-connector" in page.title()


# --- the kill switch ---------------------------------------------------------------------------


def test_the_kill_switch_wants_its_word_and_refuses_the_next_order(desk: Desk, page: Page) -> None:
    page.get_by_role("button", name="Kill switch", exact=True).click()
    dialog = page.get_by_role("dialog")
    engage = dialog.get_by_role("button", name="Engage the kill switch")
    expect(engage).to_be_disabled()
    dialog.get_by_label("Type STOP to confirm").fill("STO")
    expect(engage).to_be_disabled()
    assert desk.get("/v1/kill-switch").json["engaged"] is False
    dialog.get_by_label("Type STOP to confirm").fill("STOP")
    engage.click()
    banner = page.locator('.banner[data-name="kill"]')
    try:
        expect(banner).to_contain_text("stopped from the dashboard")
        expect(page.get_by_role("button", name="Kill switch", exact=True)).to_be_disabled()
        page.get_by_label("Limit price").fill("1.11")
        page.get_by_role("button", name="Preview order").click()
        preview = page.get_by_role("dialog")
        expect(preview).to_contain_text("It would be refused.")
        expect(preview.get_by_role("button", name="Place paper order")).to_be_disabled()
        page.keyboard.press("Escape")
        banner.get_by_role("button", name="Release").click()
        page.get_by_label("Type RELEASE to confirm").fill("RELEASE")
        page.keyboard.press("Enter")
        expect(banner).to_have_count(0)
    finally:
        desk.call("DELETE", "/v1/kill-switch")
    assert desk.get("/v1/kill-switch").json["engaged"] is False


# --- connections -------------------------------------------------------------------------------


def test_a_cut_of_the_gateway_is_shown_and_recovers(
    page: Page, gateway_of_all: HostedSimulator
) -> None:
    expect(page.locator("#quotes tbody tr .last").first).to_have_text(re.compile(r"\d"))
    banner = page.locator('.banner[data-name="gateway"]')

    def goes(gateway: GatewaySimulator) -> None:
        gateway.inject(Refuse())
        gateway.cut()

    # it stays away until the page has shown that, however long a busy machine takes
    gateway_of_all.do(goes)
    try:
        expect(banner).to_contain_text("no connection to the gateway")
        expect(page.locator("body")).to_have_attribute("data-stale", "yes")
        expect(page.locator("#link")).not_to_have_text("Gateway ready")
    finally:
        gateway_of_all.do(lambda gateway: gateway.clear_faults())
    expect(page.locator("#link")).to_have_text("Gateway ready")
    expect(banner).to_have_count(0)
    expect(page.locator("body")).to_have_attribute("data-stale", "no")


def test_a_lost_bridge_is_shown_at_once_and_the_page_comes_back_where_it_was(
    page: Page, seen: Seen
) -> None:
    expect(page.locator("#quotes tbody tr .last").first).to_have_text(re.compile(r"\d"))
    page.context.set_offline(True)
    banner = page.locator('.banner[data-name="link"]')
    expect(banner).to_contain_text("The connection to the bridge is lost.")
    expect(banner).to_contain_text("UTC")
    expect(page.locator("#link")).to_have_text("Bridge lost")
    page.context.set_offline(False)
    expect(page.locator("#link")).to_have_text("Gateway ready")
    expect(banner).to_have_count(0)
    until(page, lambda: any('"quotes:AAPL"' in one and '"resume"' in one for one in seen.sent))


# --- who cannot see it, or has little room -----------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    desk: Desk, page: Page, scheme: Literal["light", "dark"], width: int
) -> None:
    if not desk.get("/v1/positions").json["items"]:
        place(desk, order_type="MKT", limit_price=None)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    try:
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        expect(page.locator("#positions-rows tbody tr")).not_to_have_count(0)
        # a chart takes its new size in the next frame
        until(page, lambda: page.evaluate("document.documentElement.scrollWidth") <= width)
        assert broken(page) == []
        if (scheme, width) not in {("light", 1440), ("dark", 360)}:
            return
        page.get_by_label("Limit price").fill("1.14")
        page.get_by_role("button", name="Preview order").click()
        expect(page.get_by_role("dialog")).to_contain_text("It may go.")
        assert broken(page) == []
        page.keyboard.press("Escape")
    finally:
        page.set_viewport_size({"width": 1440, "height": 900})


def broken(page: Page) -> list[str]:
    """Return what axe has against a page."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


# --- who may what ------------------------------------------------------------------------------


def test_a_wrong_token_is_refused_and_a_good_one_lets_in(open_page: Open) -> None:
    page, seen = open_page(token=None, watched="NVDA", ready=False)
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    page.keyboard.type("wrong" * 8)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="not one of this bridge")).to_be_visible()
    expect(page.locator("#desk")).to_be_hidden()
    field.fill(TRADE)
    page.keyboard.press("Enter")
    expect(page.locator("#link")).to_have_text("Gateway ready")
    kept = page.evaluate("[localStorage.getItem('ibkr.token'), document.cookie, location.href]")
    assert kept[:2] == [None, ""]
    assert not any(TRADE in url for url in [*seen.asked, kept[2]])
    page.get_by_role("button", name="Sign out").click()
    expect(field).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('ibkr.token')") is None


def test_who_may_only_read_sees_nothing_to_trade_with(desk: Desk, open_page: Open) -> None:
    place(desk, limit_price="1.12")
    page, _ = open_page(token=READ, watched="SPY")
    row = order_rows(page).filter(has_text="LMT 1.12")
    expect(row.get_by_role("button", name="History")).to_be_visible()
    expect(row.get_by_role("button", name="Cancel")).to_have_count(0)
    for hidden in ("#ticket", "#kill", "#cancel-all", '#sections [href="#ticket"]'):
        expect(page.locator(hidden)).to_be_hidden()


def test_a_live_account_is_told_from_paper_by_colour_and_word(open_page: Open) -> None:
    page, _ = open_page(watched="MSFT")

    def colour() -> str:
        told = page.locator("#mode").evaluate("one => getComputedStyle(one).backgroundColor")
        return str(told)

    paper = colour()

    def as_live(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        # the same bridge, with one word of its status changed
        server.on_message(
            lambda told: route.send(str(told).replace('"mode":"paper"', '"mode":"live"'))
        )

    page.route_web_socket("**/v1/ws", as_live)
    page.reload()
    expect(page.locator("#mode")).to_have_text("LIVE ACCOUNT: REAL MONEY")
    expect(page).to_have_title(re.compile("^LIVE"))
    assert colour() != paper
    page.get_by_label("Limit price").fill("1.13")
    page.get_by_role("button", name="Preview order").click()
    preview = page.get_by_role("dialog", name="Preview: order with real money")
    expect(preview.get_by_role("button", name="Place LIVE order")).to_be_enabled()
