# SPDX-License-Identifier: Apache-2.0
"""How long the page of a large run takes: to be written, to be read, to be searched.

    python benchmarks/report_page.py [--tests 10000] [--megabytes 10] [--keep FOLDER]

Makes up a run of four RSEs, writes its page as `hil report` does (start of Python included), and
opens it in a headless Chromium where there is one. Wanted: a first picture within a second, usable
within three, and an answer to each search within 300 ms, on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "report"))

from page_browser import Browser, open_browser  # noqa: E402
from page_runs import large_run  # noqa: E402

_ANSWER = """
const [field, text, output, done] = arguments, start = performance.now();
const input = document.getElementById(field);
input.value = text;
input.dispatchEvent(new Event("input"));
const look = () => document.getElementById(output).textContent.includes(" of ")
  ? requestAnimationFrame(() => done(performance.now() - start)) : requestAnimationFrame(look);
look();
"""
_SCROLL = """
const done = arguments[0], start = performance.now();
document.getElementById("uart").scrollIntoView();
const look = () => document.querySelectorAll(".row").length > 5
  ? requestAnimationFrame(() => done(performance.now() - start)) : requestAnimationFrame(look);
look();
"""
_FRAMES = """
const done = arguments[0], grid = document.getElementById("uart-grid");
let number = 0, worst = 0, last = performance.now();
const step = () => {
  const now = performance.now();
  worst = Math.max(worst, now - last);
  last = now;
  grid.scrollTop = (grid.scrollTop + 99991) % grid.scrollHeight;
  if (++number < 60) requestAnimationFrame(step); else done(worst);
};
requestAnimationFrame(step);
"""


def told(what: str, milliseconds: float, wanted: float | None = None) -> None:
    mark = "" if wanted is None else f"   wanted {wanted:g}" + " MISSED" * (milliseconds > wanted)
    print(f"{what:<42} {milliseconds:>9.0f} ms{mark}")


def look(browser: Browser, page: Path) -> None:
    driver: Any = browser.driver
    driver.set_script_timeout(60)
    browser.look(page)
    paint = browser.run("performance.getEntriesByName('first-contentful-paint')[0]?.startTime || 0")
    ready = browser.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    told("first picture", paint, 1000)
    told("usable (parsed, script has run)", ready, 3000)
    told("UARTs side by side, first look", driver.execute_async_script(_SCROLL), 1000)
    told("worst frame of 60 jumps through the UARTs", driver.execute_async_script(_FRAMES), 300)
    # Both wait 120 ms for the next key before they begin.
    search = driver.execute_async_script(_ANSWER, "uart-query", "needle", "uart-hits") - 120
    told("search of all UARTs", search, 300)
    filtered = driver.execute_async_script(_ANSWER, "test-query", "case_4242", "test-count") - 120
    told("filter of all tests", filtered, 300)
    print(f"{browser.run('document.querySelectorAll(`*`).length'):,} elements")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--megabytes", type=float, default=10.0)
    parser.add_argument("--keep", type=Path, help="folder for the run; must not exist")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = large_run(options.keep or Path(scratch) / "run", options.tests, options.megabytes)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hil.cli", "report", folder], check=True)
        told("hil report", (time.perf_counter() - start) * 1000)
        page = folder / "report.html"
        print(f"{page.stat().st_size / 1e6:.1f} MB")
        try:
            browsers = open_browser()
            browser = next(browsers)
        except BaseException as missing:  # noqa: BLE001 - pytest's skip is no Exception
            print(missing)
            return
        try:
            look(browser, page)
        finally:
            next(browsers, None)


if __name__ == "__main__":
    main()
