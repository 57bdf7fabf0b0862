"""Tests of a run: from the list to a review, by keys alone."""

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.browser.galley import Galley
from tests.browser.hands import Keys


def test_a_test_is_found_opened_and_reviewed_by_keys(visitor: Page, galley: Galley) -> None:
    run_id = galley.eventually(galley.start("Failing"), "Failed")
    stages = galley.api.get(f"/api/workflowruns/{run_id}").json()["stageRuns"]
    keys = Keys(visitor)
    visitor.goto(f"/runs/{run_id}/steps/{stages[1]['stepRuns'][0]['id']}/tests")
    visitor.evaluate("window.isSamePage = true")
    keys.fill("Search tests", "qua")
    expect(visitor.locator(".tests tbody th")).to_have_count(1)
    keys.press("quacks", "link")
    test = visitor.get_by_role("link", name="quacks", exact=True)
    expect(test).to_have_attribute("aria-expanded", "true")
    expect(test).to_be_focused()
    expect(visitor.locator(".opened pre")).to_have_text("It said <b>moo</b>.")
    assert visitor.evaluate("window.isSamePage")
    keys.reach(visitor.get_by_role("radio", name="Approved"))
    visitor.keyboard.press("ArrowDown")
    keys.fill("Comment optional", "Ducks do not moo.")
    keys.press("Save review")
    expect(visitor.get_by_role("status").first).to_contain_text("quacks marked as rejected.")
    expect(visitor.locator(".is-open .review")).to_have_text("Rejected")
    expect(visitor.locator(".opened")).to_contain_text("by admin")
    keys.press("quacks", "link")
    expect(visitor.locator(".opened")).to_have_count(0)
    expect(visitor).to_have_url(visitor.url.partition("?")[0] + "?search=qua")
