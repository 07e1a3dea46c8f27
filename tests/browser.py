"""Debian's Chromium with its own driver. It starts with an empty profile and contacts no other service."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

_FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
_SECONDS = 300


class Page:
    """An open page, and what happened since the browser requested it."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def show(self, path: Path, *, width: int, dark: bool = False, drawn: bool = True) -> None:
        """Open a file in a window of that width; a narrow window is a phone's. If `drawn`, wait for its charts."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._driver.get("about:blank")
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._driver.get_log("performance")
        self._driver.get_log("browser")
        self._driver.get(path.as_uri())
        if drawn:
            WebDriverWait(self._driver, _SECONDS).until(lambda _: self.ask("document.body.dataset.drawn"))

    def ask(self, expression: str) -> Any:
        return self._driver.execute_script(f"return {expression}")

    def complaints(self) -> list[str]:
        """All console messages, of any level."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def hosts(self) -> set[str]:
        """The hosts of all requests. Files, and data inside the page, have no host."""
        events = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        assert asked, "the page itself is asked for, too"
        return {urlsplit(url).netloc for url in asked if urlsplit(url).scheme not in ("data", "blob")} - {""}


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A new browser with an empty profile."""
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        pytest.fail("a report is looked at in Chromium, which is missing: apt-get install -y chromium chromium-driver")
    browser, driver = map(str, programs)
    options = ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in [*_FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    with Chrome(options=options, service=Service(driver)) as opened:
        yield Page(opened)
