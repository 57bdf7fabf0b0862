"""A real browser that looks at a real Galley. Whatever the browser complains about is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.galley import Galley, running
from tests.conftest import skip_or_fail

if TYPE_CHECKING:  # without it every test here is skipped, and this file still has to load
    from playwright.sync_api import Browser, ConsoleMessage, Page

BROWSERS = os.environ.get("CHROMIUM", "chromium-headless-shell chromium").split()
"""The first has all of Chromium but its windows, and does the same for two thirds of the time."""
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"),
    # Pages of tests are left before code that is made faster has paid for itself.
    "--js-flags=--no-turbofan,--no-maglev",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Its path."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = "there is no Chromium: install the Debian package, or set CHROMIUM to its path"
        skip_or_fail("GALLEY_REQUIRE_BROWSER", reason)
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def galley(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Galley]:
    with running(tmp_path_factory.mktemp("galley")) as galley:
        yield galley


@pytest.fixture
def complaints() -> list[str]:
    """The browser's; a test that provokes some forgives them by emptying the list."""
    return []


@pytest.fixture
def page(galley: Galley, browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """Of nobody yet; tests name paths only."""
    context = browser.new_context(base_url=galley.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def visitor(galley: Galley, page: Page) -> Page:
    """Signed in."""
    page.context.add_cookies(galley.cookies)
    return page


@pytest.fixture
def plain_page(galley: Galley, browser: Browser) -> Iterator[Page]:
    """Without JavaScript."""
    context = browser.new_context(base_url=galley.url, java_script_enabled=False)
    yield context.new_page()
    context.close()
