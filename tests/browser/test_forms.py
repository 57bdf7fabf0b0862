"""What superusers and admins do on each of their pages: by keys alone, and without JavaScript.

What a mouse presses is pressed in the second way; what only a script does with it is at the end.
"""

import re
from collections.abc import Iterator

import httpx
import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Dialog, Page, expect

from tests.browser.galley import Galley
from tests.browser.hands import Keys, Mouse

SETTINGS = "/projects/pond/settings"


@pytest.fixture(params=["keys", "without JavaScript"])
def hand(request: pytest.FixtureRequest, galley: Galley) -> Iterator[Mouse]:
    """Of somebody who is signed in, and works with the page in one of these ways."""
    if request.param == "without JavaScript":
        plain_page: Page = request.getfixturevalue("plain_page")
        plain_page.context.add_cookies(galley.cookies)
        yield Mouse(plain_page)
    else:
        yield Keys(request.getfixturevalue("visitor"))


@pytest.fixture
def name(request: pytest.FixtureRequest, hand: Mouse) -> str:
    """One that no other test and no other way gives."""
    way = request.node.callspec.params["hand"].split()[0]
    return f"{way}-{request.node.originalname.rpartition('_')[2]}"


def says(hand: Mouse, sentence: str) -> None:
    expect(hand.page.locator("main").get_by_text(sentence)).to_be_visible()


def test_a_project_is_made_described_and_given_a_member(hand: Mouse, name: str) -> None:
    hand.page.goto("/projects")
    hand.fill("Id", name)
    hand.fill("Name", f"The {name}")
    hand.press("Create project")
    says(hand, "Now add its members.")
    hand.fill("Username", "admin")
    hand.choose("Role", "SuperUser")
    hand.press("Add member")
    says(hand, f"admin is now SuperUser of The {name}.")
    hand.press("Remove admin")
    hand.agree("Remove admin")
    says(hand, "admin removed from")
    hand.press("General", role="link")
    hand.fill("Description optional", "What we try things with.")
    hand.press("Save")
    says(hand, "Saved.")


def test_a_fault_beside_its_field_loses_nothing_of_a_suite(
    hand: Mouse, name: str, complaints: list[str]
) -> None:
    page = hand.page
    page.goto(f"{SETTINGS}/testsuites")
    hand.press("New test suite", role="link")
    hand.fill("Name", "unit")
    hand.fill("Script", "make smoke")
    hand.press("Save")
    says(hand, "'unit' is taken.")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Script", exact=True)).to_have_value("make smoke")
    complaints.clear()  # about the status 409
    hand.fill("Name", name)
    hand.press("Save")
    says(hand, f"Test suite {name} saved.")
    hand.press(name, role="link")
    hand.press("Delete")
    hand.agree(f"Delete {name}")
    says(hand, f"Test suite {name} deleted.")


def test_an_environment_is_made_and_deleted(hand: Mouse, name: str) -> None:
    hand.page.goto(f"{SETTINGS}/environments")
    hand.press("New environment", role="link")
    hand.fill("Name", name)
    hand.choose("Driver", "storage")
    hand.fill("Address", "s3://bucket/folder")
    hand.press("Save")
    says(hand, "s3://bucket/folder")
    hand.press(name, role="link")
    hand.press("Delete")
    hand.agree(f"Delete {name}")
    expect(hand.page.get_by_text("s3://bucket/folder")).to_have_count(0)


def test_an_ingredient_is_made_and_renamed(hand: Mouse, name: str) -> None:
    hand.page.goto(f"{SETTINGS}/ingredients")
    hand.press("New ingredient", role="link")
    hand.fill("Id", name)
    hand.fill("Name", "Egg")
    hand.press("Save")
    hand.press("Egg", role="link")
    hand.fill("Name", f"Egg of {name}")
    hand.press("Save")
    expect(hand.page.get_by_role("link", name=f"Egg of {name}").first).to_be_visible()


def test_a_secret_is_stored_and_deleted(hand: Mouse, name: str) -> None:
    name = name.upper().replace("-", "_")
    hand.page.goto(f"{SETTINGS}/secrets")
    hand.fill("Name", name)
    hand.fill("Value", "correct horse battery")
    hand.press("Store secret")
    expect(hand.page.get_by_role("row").filter(has_text=name)).to_be_visible()
    assert "correct horse" not in hand.page.content()
    hand.press(f"Delete {name}")
    hand.agree(f"Delete {name}")
    expect(hand.page.get_by_role("row").filter(has_text=name)).to_have_count(0)


def test_a_user_is_made_and_deleted(hand: Mouse, name: str) -> None:
    hand.page.goto("/admin/users")
    hand.press("New user", role="link")
    hand.fill("Username", name)
    hand.press("Create user")
    hand.fill("Name optional", "Ada Lovelace")
    hand.press("Save")
    says(hand, "Saved.")
    hand.press("Delete")
    hand.agree(f"Delete {name}")
    expect(hand.page.get_by_role("link", name=name, exact=True)).to_have_count(0)


def test_a_token_is_made_shown_once_and_revoked(hand: Mouse, name: str, galley: Galley) -> None:
    page = hand.page
    page.goto("/account#tokens")
    page.locator("#token-title").scroll_into_view_if_needed()
    hand.fill("Name", name)
    hand.press("Create token")
    token = page.locator("#token")
    expect(token).to_have_text(re.compile("gal_.+"))
    headers = {"Authorization": f"Bearer {token.inner_text()}"}
    assert httpx.get(f"{galley.url}/api/users/me", headers=headers).is_success
    hand.press("Back to my tokens", role="link")
    hand.press(f"Revoke {name}")
    hand.agree(f"Revoke {name}")
    expect(page.get_by_role("row").filter(has_text=name)).to_have_count(0)
    assert httpx.get(f"{galley.url}/api/users/me", headers=headers).status_code == 401


def test_the_audit_is_searched(hand: Mouse) -> None:
    hand.page.goto("/admin/audit")
    hand.choose("Kind", "project")
    hand.press("Show events")
    expect(hand.page.locator(".events li").first).to_contain_text("the project")


def test_what_was_built_and_where_it_is_can_be_found(hand: Mouse, galley: Galley) -> None:
    galley.eventually(galley.start("Larder"), "Succeeded")
    page = hand.page
    page.goto("/environments?projectId=sample")
    hand.press("galley", role="link")
    expect(page.get_by_role("heading", name="galley", level=1)).to_be_visible()
    page.goto("/ingredients")
    hand.press("Larder", role="link")
    version = page.locator("tbody .row-link").first.inner_text()
    hand.press(version, role="link")
    expect(page.get_by_role("heading", name=f"Larder {version}")).to_be_visible()
    expect(page.locator("main a[href*='/packages/']")).not_to_have_count(0)


# ---- what only a script can do ---------------------------------------------------------------


def test_who_leaves_a_form_with_changes_is_asked_first(visitor: Page) -> None:
    page = visitor
    page.goto(f"{SETTINGS}/testsuites/unit")
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
    page.goto(f"{SETTINGS}/environments/nest")
    expect(page.get_by_label("Path")).to_be_visible()
    expect(page.get_by_label("Script", exact=True)).to_be_hidden()
    page.get_by_label("Driver").select_option("script")
    expect(page.get_by_label("Path")).to_be_hidden()
    expect(page.get_by_label("Script", exact=True)).to_be_visible()


def test_a_file_of_a_release_is_downloaded_and_its_digest_copied(
    visitor: Page, galley: Galley
) -> None:
    page = visitor
    galley.eventually(galley.start("Larder"), "Succeeded")
    release = galley.api.get("/api/ingredients/larder/releases").json()["items"][0]["id"]
    page.goto(f"/releases/{release}")
    with page.expect_download() as download:
        page.locator("main a[href*='/packages/']").first.click()
    assert download.value.suggested_filename
    page.locator("main [data-copy]").first.click()
    expect(page.get_by_text("Copied.").or_(page.get_by_text("Press Ctrl+C"))).to_be_visible()


def test_the_system_tells_how_it_is(visitor: Page) -> None:
    visitor.goto("/admin/system")
    expect(visitor.get_by_text("3 workers online")).to_be_visible()
