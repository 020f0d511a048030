# SPDX-License-Identifier: Apache-2.0
"""The page of a run in a real browser: read, searched, walked by keyboard, on phones, in the dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from page_browser import Browser, open_browser
from page_runs import failing_run, hostile_run, large_run

from hil.report.page import write_page
from hil.report.page.test_list import anchor_of

#: What Jenkins sends with every file of a build.
JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
HERE = "document.querySelector('#uart-here')?.innerText"
OUTSIDE = """
return [...document.querySelectorAll('main *, header *')].filter(e => {
  if (e.getBoundingClientRect().right <= innerWidth + 1 || !e.getClientRects().length) return false;
  for (let p = e.parentElement; p; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== 'visible') return false;
  return true;
}).map(e => e.outerHTML.slice(0, 100))
"""
FOCUSED = """
const e = document.activeElement, s = getComputedStyle(e);
return [e.tagName, e.id || e.textContent.trim().slice(0, 20), parseFloat(s.outlineWidth), s.outlineStyle]
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this file."""
    yield from open_browser()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a failing and of a hostile run."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        make.__name__: write_page(make(folder / make.__name__))
        for make in (failing_run, hostile_run)
    }


@pytest.mark.parametrize("name", ["failing_run", "hostile_run"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nothing_goes_wrong_and_nothing_is_loaded(
    browser: Browser, pages: dict[str, Path], name: str, phone: bool
) -> None:
    """No word in the console, no request, no value of the run that became script or overflows."""
    browser.look(pages[name], phone=phone)
    browser.run("document.getElementById('uart').scrollIntoView()")
    browser.wait("document.querySelectorAll('.row').length > 3")
    assert browser.complaints() == []
    assert browser.run("performance.getEntriesByType('resource').length") == 0
    assert browser.run("typeof window.hacked") == "undefined"
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(OUTSIDE) == []


def test_a_script_that_got_into_the_page_does_not_run(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    """The page's own policy stops what is not its own, should escaping ever fail."""
    text = pages["failing_run"].read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(
        text.replace("<main", "<script>window.hacked=1</script><img src='x.png'><main", 1),
        encoding="utf-8",
    )
    browser.look(broken)
    assert browser.run("typeof window.hacked") == "undefined"
    assert len([told for told in browser.complaints() if "Content Security Policy" in told]) == 2
    assert browser.run("document.documentElement.dataset.ready") == "yes"


def test_a_stage_leads_to_its_uart_line(browser: Browser, pages: dict[str, Path]) -> None:
    """A click on the line of a stage shows that line on the UART of that RSE; back leads back."""
    browser.look(pages["failing_run"])
    link = "#boot-1 a[data-at^='u1-']"
    browser.run("document.querySelector('#boot-1').open = true")
    browser.click(f"{link}[aria-label*='beginning']")
    assert browser.wait(HERE) == "[INF] Starting TF-M BL1_1"
    assert browser.text("#uart-line").startswith("RSE 1, line 7, 10.0100 s")
    browser.run(
        "return void [...document.querySelectorAll('#boot-1 td.line a')]"
        ".filter(a => a.textContent.includes('rse=1'))[0].click()"
    )
    assert "fp=bbbb" in browser.wait(f"{HERE}?.includes('vhuk') && {HERE}")
    assert browser.run("location.hash") == "#L=u1-9"
    assert browser.run("document.activeElement.id") == "uart-grid"
    row = "document.querySelector('#uart-here').parentElement"
    assert browser.run(f"{row}.innerText").count("[HIL1]") == 2  # the other RSE beside it
    browser.driver.back()
    browser.wait("location.hash === '#L=u1-6'")
    assert browser.wait(HERE) == "[INF] Starting TF-M BL1_1"


def test_a_link_to_a_line_opens_there(browser: Browser, pages: dict[str, Path]) -> None:
    """The address of a line can be sent to somebody."""
    browser.look(pages["failing_run"].as_uri() + "#L=u0-20")
    assert browser.wait(HERE) == "[INF] heart beat 8"


def test_the_uarts_are_searched_together(browser: Browser, pages: dict[str, Path]) -> None:
    """Hits of all RSEs in the order of time; Enter, n and p go from one to the next."""
    browser.look(pages["failing_run"])
    browser.type("#uart-query", "RUNTIME")
    browser.wait("document.getElementById('uart-hits').textContent === 'none'")
    browser.type("#uart-query", "bl1_2")
    browser.wait("document.getElementById('uart-hits').textContent === '1 of 8'")
    assert browser.text("#uart-line").startswith("RSE 0, line 3, 0.2000 s")
    assert browser.text("#uart-rows mark").lower() == "bl1_2"
    browser.press("\ue007")
    assert browser.text("#uart-line").startswith("RSE 1, line 3, 0.2000 s")
    browser.run("return void document.getElementById('uart-grid').focus()")
    browser.press("n")
    assert browser.text("#uart-hits") == "3 of 8"
    browser.press("p", "p", "p")
    assert browser.text("#uart-hits") == "8 of 8"
    assert browser.text("#uart-line").startswith("RSE 1, line 10, 10.8000 s")


def test_lines_of_one_moment_stand_side_by_side(browser: Browser, pages: dict[str, Path]) -> None:
    """A row holds what the RSEs said within some milliseconds; an RSE can be left out."""
    browser.look(pages["failing_run"])
    browser.run("document.getElementById('uart').scrollIntoView()")
    browser.wait("document.querySelectorAll('.row').length > 14")
    rows = "[...document.querySelectorAll('.row')].map(r => [...r.children].map(c => c.innerText))"
    found = browser.run(rows)
    assert found[0] == ["0.0100", "[INF] Starting TF-M BL1_1", "[INF] Starting TF-M BL1_1"]
    assert ["12.0000", "[INF] heart beat 0", ""] in found
    assert ["14.0000", "[INF] heart beat 2", "[ERR] last words"] in found
    browser.click("#uart-rses input")
    assert browser.run(rows)[0] == ["0.0100", "[INF] Starting TF-M BL1_1"]
    assert all("heart beat" not in cell for row in browser.run(rows) for cell in row)


def test_a_phone_shows_the_uarts_in_one_column(browser: Browser, pages: dict[str, Path]) -> None:
    """At 360 pixels the lines of all RSEs follow each other, each with its RSE."""
    browser.look(pages["failing_run"], phone=True)
    browser.run("document.getElementById('uart').scrollIntoView()")
    browser.wait("document.querySelectorAll('.row').length > 4")
    cells = browser.run(
        "[...document.querySelectorAll('.row [role=gridcell]')].slice(0, 2).map(c => c.innerText)"
    )
    assert cells == ["0 │ [INF] Starting TF-M BL1_1", "1 │ [INF] Starting TF-M BL1_1"]
    small = browser.run(
        "[...document.querySelectorAll('p, dd, li, td')].filter(e => e.getClientRects().length)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)).filter(size => size < 11)"
    )
    assert small == []


def test_the_page_is_dark_where_its_reader_is(browser: Browser, pages: dict[str, Path]) -> None:
    """Ground and ink change places, also in the picture of the boots."""
    colours = (
        "[document.body, document.querySelector('.card'), document.querySelector('rect.stage')]"
        ".map(e => { const s = getComputedStyle(e); const c = e.tagName === 'rect' ? s.fill : "
        "s.backgroundColor; return c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0) })"
    )
    browser.look(pages["failing_run"])
    light = browser.run(colours)
    browser.look(pages["failing_run"], dark=True)
    dark = browser.run(colours)
    assert min(light) > 550
    assert max(dark) < 300


def test_the_page_is_walked_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    """First a link past the head; each stop shows its focus; arrows move through the UARTs."""
    browser.look(pages["failing_run"])
    browser.press("\ue004")
    assert browser.run(FOCUSED)[1] == "Skip to the report"
    browser.press("\ue007")
    browser.wait("document.activeElement.id === 'main'")
    stops = []
    for _ in range(150):
        browser.press("\ue004")
        tag, name, width, style = browser.run(FOCUSED)
        if tag == "BODY":
            break
        assert style != "none", (tag, name)
        assert width >= 1, (tag, name)
        stops.append(name)
    order = [stops.index(name) for name in ("uart-query", "uart-mixed", "uart-grid", "test-query")]
    assert order == sorted(order)
    browser.run("return void document.getElementById('uart-grid').focus()")
    browser.press("\ue011", "\ue015", "\ue015")  # Home, down, down
    assert browser.text("#uart-line").startswith("RSE 0, line 3,")
    browser.press("\ue014")  # right
    assert browser.text("#uart-line").startswith("RSE 1, line 3,")
    browser.press("\ue010", "/")  # End, /
    assert browser.text("#uart-line").startswith("RSE 1, line 13,")
    assert browser.run("document.activeElement.id") == "uart-query"


def test_tests_are_filtered_by_words_and_status(browser: Browser, pages: dict[str, Path]) -> None:
    """Words in id or message, any status switched off; what is left is counted."""
    browser.look(pages["failing_run"])
    visible = (
        "[...document.querySelectorAll('details.test')].filter(e => e.getClientRects().length)"
        ".map(e => e.querySelector('.id').innerText)"
    )
    browser.type("#test-query", "RSE1 vhuk")
    browser.wait("document.getElementById('test-count').textContent === '1 of 6'")
    assert browser.run(visible) == ["test_survives[rse1]"]
    browser.type("#test-query", " ")
    browser.click("#test-bar input[value=PASS]")
    browser.wait("document.getElementById('test-count').textContent === '4 of 6'")
    assert "test_boots[rse0]" not in browser.run(visible)
    browser.click("#test-bar input[value=PASS]")
    assert len(browser.run(visible)) == 6


def test_a_test_that_is_opened_shows_what_belongs_to_it(
    browser: Browser, pages: dict[str, Path]
) -> None:
    """Its address opens it: the end of its UART excerpt, and the images of its RSE with hashes."""
    anchor = anchor_of("testcases/boot/test_a.py::test_boots[rse1]")
    browser.look(f"{pages['failing_run'].as_uri()}#{anchor}")
    browser.wait(f"document.querySelector('#{anchor} figure')")
    assert browser.run(f"document.getElementById('{anchor}').open")
    assert "    1.2000  [NOT] Booting TF-M v2.3.1" in browser.text(f"#{anchor} figure pre")
    assert "10.0" not in browser.text(f"#{anchor} figure pre")  # the second boot is not its
    browser.run(f"document.querySelector('#{anchor} details').open = true")
    assert "1" * 64 in browser.text(f"#{anchor} table")


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_page_is_read_without_script(
    browser: Browser, pages: dict[str, Path], phone: bool
) -> None:
    """Verdict, failure, picture, every test and every UART line are there; no dead control is."""
    browser.look(pages["failing_run"], phone=phone, script=False)
    assert "The product failed" in browser.text("h1")
    assert "provision RSE 1 again" in browser.text("#failures")
    assert browser.run("document.querySelector('rect.stage').getBoundingClientRect().width") > 5
    for control in ("#viewer", "#test-bar"):
        assert not browser.run(f"document.querySelector('{control}').getClientRects().length")
    assert len(browser.run("[...document.querySelectorAll('details.test')].map(e => e.id)")) == 6
    browser.run("document.querySelector('#u0').open = true")
    assert "[INF] heart beat 39" in browser.run("document.querySelector('#u0').textContent")


class _Store(BaseHTTPRequestHandler):
    page = b""
    timeout = 1  # a browser keeps connections open that it may want later

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", JENKINS)
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_the_page_is_read_where_script_and_style_are_forbidden(
    browser: Browser, pages: dict[str, Path]
) -> None:
    """Under the policy of Jenkins everything can be read, and the picture has its shapes."""
    _Store.page = pages["failing_run"].read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    server.daemon_threads = False  # the end of the server waits for them
    thread = threading.Thread(target=server.serve_forever, name="artefact store")
    thread.start()
    try:
        browser.look(f"http://127.0.0.1:{server.server_port}/report.html")
        assert browser.run("document.documentElement.dataset.ready") is None
        assert "The product failed" in browser.text("h1")
        assert "provision RSE 1 again" in browser.text("#failures")
        shape = "const r = document.querySelector('rect.stage').getBoundingClientRect(); "
        width, height = browser.run(f"{shape} return [r.width, r.height]")
        assert (width > 5, height) == (True, 17)
        assert not browser.run("document.querySelector('#viewer').getClientRects().length")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_ten_thousand_tests_and_ten_megabytes_work(browser: Browser, tmp_path: Path) -> None:
    """The whole of a large run is there: every test, every line, found by search and by filter."""
    page = write_page(large_run(tmp_path / "large"))
    browser.look(page)
    assert browser.run("document.querySelectorAll('details.test').length") == 10_000
    browser.type("#uart-query", "needle of RSE 3")
    browser.wait("document.getElementById('uart-hits').textContent === '1 of 1'")
    assert browser.run(HERE) == "[INF] needle of RSE 3"
    assert browser.run("document.querySelectorAll('.row').length") < 200
    browser.type("#test-query", "test_case_4242")
    browser.wait("document.getElementById('test-count').textContent === '1 of 10000'")
    assert browser.complaints() == []
