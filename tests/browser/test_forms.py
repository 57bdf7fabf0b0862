"""The forms of superusers and admins: by mouse, by keys alone, without JavaScript."""

import re

import httpx
import pytest

pytest.importorskip("pytest_playwright")

from playwright.sync_api import Dialog, Locator, Page, expect

from tests.browser.galley import Galley, sign_in

SUITES = "/projects/pond/settings/testsuites"


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the control has the focus, as somebody without a mouse does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("(control) => control === document.activeElement"):
            return
    raise AssertionError("it cannot be reached by the keyboard")


def test_a_suite_is_made_after_a_fault_that_loses_nothing(
    visitor: Page, complaints: list[str]
) -> None:
    page = visitor
    page.goto(SUITES)
    page.get_by_role("link", name="New test suite").click()
    page.get_by_label("Name", exact=True).fill("unit")
    page.get_by_label("Script", exact=True).fill("make smoke")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("'unit' is taken.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Script", exact=True)).to_have_value("make smoke")
    assert len(complaints) == 1  # about the status 409
    complaints.clear()
    page.get_by_label("Name", exact=True).fill("smoke")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The test suite smoke is saved.")).to_be_visible()
    page.get_by_role("link", name="smoke").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete smoke").click()
    expect(page.get_by_text("The test suite smoke is gone.")).to_be_visible()


def test_who_leaves_a_form_with_changes_is_asked_first(visitor: Page) -> None:
    page = visitor
    page.goto(f"{SUITES}/unit")
    page.get_by_label("Description").press_sequentially("half a thou")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    runs = page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs")
    runs.click(no_wait_after=True)
    expect(page.get_by_label("Description")).to_have_value("half a thou")
    assert asked == ["beforeunload"]
    page.once("dialog", lambda dialog: dialog.accept())
    runs.click()
    page.wait_for_url("/runs?projectId=pond")


def test_the_settings_of_the_chosen_driver_alone_are_asked_for(visitor: Page) -> None:
    page = visitor
    page.goto("/projects/pond/settings/environments/nest")
    expect(page.get_by_label("Path")).to_be_visible()
    expect(page.get_by_label("Script", exact=True)).to_be_hidden()
    page.get_by_label("Driver").select_option("script")
    expect(page.get_by_label("Path")).to_be_hidden()
    expect(page.get_by_label("Script", exact=True)).to_be_visible()


def test_by_keys_alone_a_token_is_made_copied_and_revoked(visitor: Page, galley: Galley) -> None:
    page = visitor
    page.goto("/account")
    tab_to(page, page.locator("#tokens").get_by_label("Name", exact=True))
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    token = page.locator("#token")
    expect(token).to_have_text(re.compile("gal_.+"))
    headers = {"Authorization": f"Bearer {token.inner_text()}"}
    assert httpx.get(f"{galley.url}/api/users/me", headers=headers).is_success
    tab_to(page, page.get_by_role("button", name="Copy the token"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Copied.").or_(page.get_by_text("Press Ctrl+C"))).to_be_visible()
    page.goto("/account")
    row = page.get_by_role("row").filter(has_text="by keys")
    tab_to(page, row.get_by_role("button"))
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="by keys")).to_have_count(0)
    assert httpx.get(f"{galley.url}/api/users/me", headers=headers).status_code == 401


def test_without_javascript_people_are_made_and_let_in(plain_page: Page) -> None:
    page = plain_page
    sign_in(page)
    page.goto("/admin/users")
    page.get_by_role("link", name="New user").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_role("button", name="Make the user").click()
    page.goto("/projects/pond/settings/members")
    page.get_by_label("Username").fill("eve")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("There is no user 'eve'.")).to_be_visible()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Role", exact=True).select_option("SuperUser")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("ada is SuperUser of Pond.")).to_be_visible()
    page.get_by_role("button", name="Remove ada").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove ada").click()
    expect(page.get_by_text("ada is no member of Pond any more.")).to_be_visible()


def test_what_is_deployed_and_released_can_be_found_and_the_system_tells_how_it_is(
    visitor: Page, galley: Galley
) -> None:
    page = visitor
    galley.eventually(galley.start("Larder"), "Succeeded")
    page.goto("/environments?projectId=sample")
    page.get_by_role("link", name="galley", exact=True).click()
    expect(page.get_by_role("heading", name="galley", level=1)).to_be_visible()
    page.goto("/ingredients")
    page.get_by_role("link", name="Larder", exact=True).click()
    page.locator("tbody .row-link").first.click()
    expect(page.get_by_role("link", name=re.compile("larder"))).not_to_have_count(0)
    with page.expect_download() as download:
        page.locator("main a[href*='/packages/']").first.click()
    assert download.value.suggested_filename
    page.goto("/admin/system")
    expect(page.get_by_text("3 listen")).to_be_visible()
    page.goto("/admin/audit")
    page.get_by_label("Action").select_option("start")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".events li").first).to_contain_text("started the run")
