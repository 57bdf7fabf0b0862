"""The API's page, looked at: fit for everybody, found one's way in, copied from."""

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from tests.browser.galley import Galley
from tests.browser.test_appearance import faults

LIKE_ALL = "#createWorkflow, #uploadLogs"
"""Calls of every kind; axe would take a minute for all."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_fit_for_everybody_with_its_answers_open(
    browser: Browser, galley: Galley, scheme: str
) -> None:
    context = browser.new_context(base_url=galley.url, color_scheme=scheme)
    page = context.new_page()
    page.goto("/api/docs")
    page.locator(f".call:not({LIKE_ALL})").evaluate_all("calls => calls.forEach(c => c.remove())")
    page.locator("details").evaluate_all("answers => answers.forEach(a => a.open = true)")
    assert faults(page, "API", scheme) == []
    context.close()


def test_everybody_finds_a_call_without_javascript(plain_page: Page) -> None:
    page = plain_page
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/login")
    page.get_by_role("link", name="API").click()
    page.get_by_text("On this page", exact=True).click()
    page.get_by_role("link", name="POST Start a run").click()
    expect(page).to_have_url("/api/docs#startRun")
    call = page.get_by_role("article", name="Start a run")
    expect(call.get_by_role("heading", name="Start a run")).to_be_in_viewport()
    call.get_by_text("201").click()
    expect(call.get_by_text("runId")).to_be_visible()


def test_an_example_can_be_copied(browser: Browser, galley: Galley) -> None:
    context = browser.new_context(base_url=galley.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=galley.url)
    page = context.new_page()
    page.goto("/api/docs#deleteWorkflow")
    call = page.get_by_role("article", name="Delete a workflow")
    call.locator("pre").hover()
    call.get_by_role("button", name="Copy").click()
    expect(call.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith('curl -X DELETE "$GALLEY_URL/api/workflows/$workflowId"')
    assert "Copy" not in copied
    context.close()
