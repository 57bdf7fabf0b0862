"""Every page in light and dark: axe finds nothing wrong, nothing has to be moved sideways."""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.galley import Galley

RULES = {
    "light": {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    # All else is the same in both.
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
OPTIONS = {"resultTypes": ["violations"], "elementRef": False}
"""What is well need not be told: that costs more than to find it out."""
IN_DARK = (
    "workflows",
    "workflow that asks",
    "failed",
    "running",
    "members",
    "suite",
    "editor",
    "waiting for the outside",
    "waiting for approval",
    "comparison",
    "open test",
    "running as a table",
    "running over time",
)
"""Pages that have every part between them; colours are those of the parts."""


@pytest.fixture(scope="module")
def addresses(galley: Galley) -> Iterator[dict[str, str]]:
    """Pages of every kind, with runs in each state."""
    gated = galley.start("Gated and failing", gate=str(galley.gate("appearance")))
    failed = galley.eventually(galley.start("Failing"), "Failed")
    again = galley.api.post(f"/api/workflowruns/{failed}/rerun", json={"from": "failed"})
    repeated = galley.eventually(again.json()["runId"], "Failed")
    succeeded = galley.eventually(galley.start("Larder"), "Succeeded")
    galley.eventually(gated, "Running")
    turned = galley.turned()
    outside, approval, cancelled = (galley.start("By people") for _ in range(3))
    galley.api.post(
        f"/api/workflowruns/{approval}/steps/{step_of(galley, approval, 0)}/complete",
        json={"success": True},
    )
    galley.abort(cancelled)
    pending = galley.start("Nobody's")
    lost = galley.eventually(galley.start("Failing"), "Failed")
    galley.lose_outcome(lost)
    tests = f"/runs/{turned}/steps/{step_of(galley, turned, 1)}/tests"
    tried = galley.api.get(f"/api/workflowruns{tests.removeprefix('/runs')}").json()["items"]
    release = galley.api.get("/api/ingredients/larder/releases").json()["items"][0]["id"]
    settings = "/projects/pond/settings"
    yield {
        "workflows": "/workflows",
        "workflow": f"/workflows/{galley.workflow('Failing')}",
        "workflow that asks": f"/workflows/{galley.workflow('Asking')}",
        "runs": "/runs",
        "nothing": "/nothing",
        "projects": "/projects",
        "project": f"{settings}",
        "members": f"{settings}/members",
        "suites": f"{settings}/testsuites",
        "suite": f"{settings}/testsuites/unit",
        "new suite": f"{settings}/new-testsuite",
        "environments of a project": f"{settings}/environments",
        "environment's form": f"{settings}/environments/nest",
        "ingredients of a project": f"{settings}/ingredients",
        "secrets": f"{settings}/secrets",
        "ingredients": "/ingredients",
        "ingredient": "/ingredients/larder",
        "release": f"/releases/{release}",
        "environments": "/environments",
        "environment": "/environments/pond/nest",
        "users": "/admin/users",
        "user": "/admin/users/admin",
        "new user": "/admin/new-user",
        "audit": "/admin/audit",
        "system": "/admin/system",
        "account": "/account",
        "new workflow": "/workflows/new",
        "editor": f"/workflows/{galley.workflow('Failing')}/edit",
        "running": f"/runs/{gated}",
        "failed": f"/runs/{failed}",
        "repeated": f"/runs/{repeated}",
        "succeeded": f"/runs/{succeeded}",
        "waiting for the outside": f"/runs/{outside}",
        "waiting for approval": f"/runs/{approval}",
        "waiting for a worker": f"/runs/{pending}",
        "outcome unknown": f"/runs/{lost}",
        "cancelled": f"/runs/{cancelled}",
        "again": f"/runs/{failed}/rerun",
        "board": f"/workflows/{galley.workflow('Gated and failing')}/latest",
        "running as a table": f"/runs/{gated}?view=table",
        "running over time": f"/runs/{gated}?view=timeline",
        "comparison": f"/runs/{turned}/compare",
        "nothing to compare with": f"/runs/{failed}/compare",
        "tests": tests,
        "open test": f"{tests}?open={tried[-1]['id']}",
        "no tests": f"/runs/{turned}/steps/{step_of(galley, turned, 0)}/tests",
    }
    for run_id in (gated, outside, approval, pending):
        galley.abort(run_id)


def step_of(galley: Galley, run_id: str, stage: int) -> str:
    """The id of the first step of that stage."""
    run = galley.api.get(f"/api/workflowruns/{run_id}").json()
    return str(run["stageRuns"][stage]["stepRuns"][0]["id"])


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_fit_for_everybody_on_every_screen(
    browser: Browser, galley: Galley, addresses: dict[str, str], scheme: str
) -> None:
    context = browser.new_context(base_url=galley.url, color_scheme=scheme)
    page = context.new_page()
    page.goto("/")
    wrong = faults(page, "sign-in", scheme)
    context.add_cookies(galley.cookies)
    for name in addresses if scheme == "light" else IN_DARK:
        page.goto(addresses[name])
        wrong += faults(page, name, scheme)
    context.close()
    assert wrong == []


def faults(page: Page, name: str, scheme: str) -> list[str]:
    page.set_viewport_size({"width": 1440, "height": 900})
    found = [
        f"{name}: {fault['id']}: {fault['nodes'][0]['html'][:200]}"
        for fault in Axe().run(page, options=OPTIONS | RULES[scheme]).response["violations"]
    ]
    page.set_viewport_size({"width": 360, "height": 740})
    width = page.evaluate("document.documentElement.scrollWidth")
    return found if width <= 360 else [*found, f"{name}: {width} px wide on 360"]
