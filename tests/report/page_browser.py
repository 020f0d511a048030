# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium for tests of pages; they skip where there is none."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LIMIT = 30.0
_DESKTOP, _PHONE = (1280, 900), (360, 740)
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
)


class Browser:
    """One tab; what a person does and sees."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def look(
        self, page: Path | str, *, phone: bool = False, dark: bool = False, script: bool = True
    ) -> None:
        """Open a page as somebody has it in front of them."""
        width, height = _PHONE if phone else _DESKTOP
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[scheme])
        self._tell("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get("about:blank")
        self.complaints()
        self.driver.get(page.as_uri() if isinstance(page, Path) else page)

    def run(self, script: str, *arguments: Any) -> Any:
        """Evaluate an expression, or statements that begin with `return` or `const`."""
        whole = script.lstrip().startswith(("return", "const"))
        return self.driver.execute_script(script if whole else f"return {script}", *arguments)

    def wait(self, condition: str, *arguments: Any) -> Any:
        """Wait until an expression is true, and return it."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if value := self.run(condition, *arguments):
                return value
            time.sleep(0.02)
        pytest.fail(f"not within {LIMIT:g} s: {condition}")

    def text(self, selector: str) -> str:
        """Return the text that an element shows."""
        return str(self.run("document.querySelector(arguments[0]).innerText", selector))

    def click(self, selector: str) -> None:
        self.run("return void document.querySelector(arguments[0]).click()", selector)

    def type(self, selector: str, text: str) -> None:
        element = self.driver.find_element("css selector", selector)
        element.clear()
        element.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        """Return what the console says since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def _tell(self, command: str, **values: Any) -> None:
        self.driver.execute_cdp_cmd(command, values)


def open_browser() -> Iterator[Browser]:
    """Start Chromium, skip the test where it is missing; end it afterwards."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver_path = shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        pytest.skip(
            "no Chromium with its driver (Debian: apt-get install chromium chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in _OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Its sockets have a folder in TMPDIR, and a path of 107 bytes at most.
    service = Service(driver_path, env={**os.environ, "TMPDIR": "/tmp"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
