"""Every page in a real browser: nothing overflows, nothing inline is blocked, axe finds nothing, charts draw.

`QUIETGRID_SHOTS=folder pytest tests/web/test_in_browser.py` keeps a picture of each.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from quietgrid.web.environment import STATIC, render, security_headers
from tests.web.samples import EVENING, pages, start

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PAGES = pages()
PAGES["live"] = ("start.html", start(spied=False) | {"live": "/events", "live_every": 1})
DRAWN = [name for name in PAGES if name != "live"]
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SIZES = {"phone": (390, 844), "tablet": (768, 1024), "desk": (1440, 900)}
EVENTS: dict[str, dict[str, object]] = {
    "values": {"slot-clock": "18:30–18:45", "utility-total": "22.2"},
    "series": {"chart": "utility-total-chart", "x": EVENING + 900, "values": [22.2]},
    "bytes": {"rows": [["meter 1", "00 ff"]]},
    "state": {"holder-0": {"tone": "bad", "text": "stopped"}},
    "notice": {"text": "A home asked why"},
}
STOP = threading.Event()
LOOKS = (  # size, colour scheme, checked by axe as well
    ("phone", "light", True),
    ("tablet", "light", False),
    ("desk", "light", False),
    ("desk", "dark", True),
    ("phone", "dark", False),
)

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
    pytest.mark.skipif(not AXE.exists(), reason="npm parts are not installed: run `make setup-dev`"),
]


class Server(BaseHTTPRequestHandler):
    """The sample pages and the static files, with the headers the real faces send."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            self.answer(
                200 if file.is_file() else 404,
                TYPES.get(file.suffix, "text/plain"),
                file.read_bytes() if file.is_file() else b"",
            )
        elif path == "/replay/progress":
            self.answer(200, "text/html", render("partials/replay.html", PAGES["replay"][1]).encode())
        elif path == "/community/sealed":
            self.answer(200, "text/html", render("partials/sealed.html", PAGES["community-proof"][1]).encode())
        elif path == "/events":
            self.events()
        elif path.strip("/") in PAGES:
            text = render(*PAGES[path.strip("/")])
            self.answer(200, "text/html; charset=utf-8", text.replace("/household/glance.html", "/glance").encode())
        else:
            self.answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        """Answers the spy's question, if the form's token comes along both ways."""
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "csrf=token" in sent and self.headers["X-CSRF-Token"] == "token":
            self.answer(200, "text/html", render("partials/spy.html", start()).encode())
        else:
            problem = {"title": "Not allowed", "detail": "The token is missing", "fix": "Load the page again"}
            self.answer(403, "application/problem+json", json.dumps(problem).encode())

    def events(self) -> None:
        """One of each live event, then silence."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for name, data in EVENTS.items():
            self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()
        STOP.wait(10)

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in security_headers(frames="'self'", framed_by="'self'").items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    STOP.set()
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield launched
        launched.close()


def opened(browser: Browser, address: str, name: str, size: str, scheme: str) -> tuple[BrowserContext, Page, list[str]]:
    """The page, once its charts are drawn, and what its console said."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/{name}", wait_until="load")
    if page.locator("figure[data-chart]").count():
        page.wait_for_function(
            "[...document.querySelectorAll('figure[data-chart]')].every((figure) => figure.querySelector('canvas'))"
        )
    return context, page, said


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("QUIETGRID_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("name", DRAWN)
def test_page_fits_and_is_accessible(name: str, browser: Browser, address: str) -> None:
    context, page, said = opened(browser, address, name, "phone", "light")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for size, scheme, checked in LOOKS:
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        keep(page, f"{name}-{size}-{scheme}")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} at {size} is {overflow} px too wide"
        if checked:
            found = page.evaluate(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], iframes: false})"
                ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(', ')))"
            )
            assert found == [], f"{name} at {size}, {scheme}"
    assert not said, f"{name}: {said}"
    context.close()


def test_chart_as_table_holds_the_same_numbers(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "aggregates", "desk", "light")
    page.locator("#total summary").click()
    rows = page.locator("#total .twin tbody tr")
    spec = PAGES["aggregates"][1]["total"]["spec"]
    assert rows.count() == len(spec["x"])
    assert rows.nth(0).inner_text().split("\t") == [
        "Thu 12 Mar, 00:00", f"{spec['series'][0]['data'][0]:.1f} kWh", "0.0 kWh"
    ]  # fmt: skip
    assert "no data" in rows.nth(41).inner_text()
    context.close()


def test_theme_is_kept_and_keys_work(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "home", "desk", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 245, 241)"
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 16, 19)"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    with page.expect_navigation(url="**/bills"):
        page.keyboard.press("b")
    context.close()


def test_without_a_mouse_the_first_stop_is_the_skip_link(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "aggregates", "phone", "light")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    context.close()


def test_targets_are_large_enough(browser: Browser, address: str) -> None:
    for name in ("start", "privacy", "billing", "consents", "grid", "alarms", "storage", "stop", "community-proof"):
        context, page, _ = opened(browser, address, name, "phone", "light")
        small = page.evaluate(
            "[...document.querySelectorAll('button, .button, select, summary, .nav a, .segments > *')]"
            ".filter(n => n.checkVisibility() && n.getBoundingClientRect().height < 24).map(n => n.outerHTML)"
        )
        assert small == [], name
        context.close()


def test_live_events_reach_the_page_and_silence_is_said(browser: Browser, address: str) -> None:
    context, page, said = opened(browser, address, "live", "desk", "light")
    page.locator("[data-value='slot-clock']", has_text="18:30–18:45").wait_for()
    assert page.locator("[data-value='utility-total']").inner_text() == "22.2"
    assert page.locator("[data-bytes]").inner_text().split() == ["meter", "1", "00", "ff"]
    badge = page.locator("[data-state='holder-0']")
    assert (badge.inner_text(), badge.get_attribute("class")) == ("stopped", "badge bad")
    assert page.locator(".toast").inner_text() == "A home asked why"
    page.locator("#utility-total-chart summary").click()
    assert page.locator("#utility-total-chart .twin tbody tr").last.inner_text().split("\t")[1] == "22.20 kWh"
    page.locator(".live.is-stale", has_text="last update").wait_for(timeout=8000)
    assert not said
    context.close()


def test_the_key_a_acknowledges_the_row_one_is_in_else_the_first(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "alarms", "desk", "light")
    page.evaluate("document.addEventListener('submit', (e) => { e.preventDefault(); window.sent = e.target.action; })")
    page.keyboard.press("a")
    assert page.evaluate("window.sent").endswith("/grid/alarms/000000000000/acknowledge")
    page.locator("[data-ack]").nth(1).focus()
    page.keyboard.press("a")
    assert page.evaluate("window.sent").endswith("/grid/alarms/000000000003/acknowledge")
    page.locator("#show").focus()
    page.evaluate("window.sent = ''")
    page.keyboard.press("a")  # in a field a letter is a letter: here it chooses, and the filter is sent
    assert "acknowledge" not in page.evaluate("window.sent")
    context.close()


def test_what_is_new_is_fetched_and_what_is_drawn_stays(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "grid", "desk", "light")
    page.evaluate("document.querySelector('#grid-now').dataset.old = 'yes'")
    with page.expect_response("**/grid/charts/loading"):
        page.evaluate("onLive.fresh({what: 'grid'})")
    page.wait_for_function("!document.querySelector('#grid-now').dataset.old")
    assert page.locator("#grid-now .kpi").count() == 5
    assert page.locator("#day-loading canvas").count() == 1  # what was drawn stays when nothing better comes
    context.close()


def test_one_diagram_is_shown_for_each_width(browser: Browser, address: str) -> None:
    for size, shown in (("phone", "narrow"), ("desk", "broad")):
        context, page, _ = opened(browser, address, "diagram", size, "light")
        ids = page.evaluate(
            "[...document.querySelectorAll('svg.oneline')].filter(n => n.checkVisibility())"
            ".map(n => n.querySelector('title').id)"
        )
        assert ids == [f"{shown}-title"]
        context.close()


def test_a_button_replaces_its_part_of_the_page(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "start-quiet", "phone", "light")
    page.get_by_role("button", name="Ask for one home").click()
    page.locator("#spy", has_text="Refused by the rule “floor”").wait_for()
    context.close()


def test_a_refusal_is_said_with_its_cure(browser: Browser, address: str) -> None:
    context, page, _ = opened(browser, address, "start-quiet", "desk", "light")
    page.evaluate("document.querySelectorAll('[name=csrf]').forEach((field) => { field.value = 'stolen'; })")
    page.get_by_role("button", name="Ask for one home").click()
    page.locator(".toast", has_text="Not allowed. The token is missing. Load the page again").wait_for()
    context.close()
