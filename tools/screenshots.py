"""`make screenshots`: take screenshots of the pages, light and dark, wide and narrow.

Starts a Galley with sample data and writes the README's screenshots to docs/ with Chromium. With
--all, writes every page in all variants to screenshots/.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

from bench.stack import PASSWORD, data_folder, running
from client import FINISHED

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu"]
WIDE, NARROW = (1440, 900), (360, 740)
README = ("workflows", "run", "system")
"""The pages that the README shows, in light and dark."""

BUILD = """\
echo "Resolving 84 packages"
echo "Building FILE"
mkdir -p "$GALLEY_OUTPUT/dist"
head -c 180000 /dev/zero > "$GALLEY_OUTPUT/dist/FILE"
sha256sum "$GALLEY_OUTPUT/dist/FILE"
"""
HELP = "sleep 0.8\n" + BUILD.replace("FILE", "help.zip")
SYMBOLS = """\
n=0
while [ $n -lt $((GALLEY_RUN_NUMBER > 3 ? 900 : 10)) ]; do
  n=$((n + 1)); echo "symbols of object $n"; sleep 0.1
done
echo > "$GALLEY_OUTPUT/symbols"
"""
UNIT = """\
cat > "$GALLEY_REPORTS/unit.xml" <<'END'
<testsuite name="unit">
  <testcase name="cart::adds_a_line" time="0.012"/>
  <testcase name="cart::removes_a_line" time="0.009"/>
  <testcase name="prices::rounds_half_even" time="0.031"/>
  <testcase name="prices::knows_vat" time="0.018"/>
</testsuite>
END
echo "4 passed"
"""
HEALTHY = """\
cat > "$GALLEY_REPORTS/smoke.xml" <<'END'
<testsuite name="smoke">
  <testcase name="home_page_answers" time="0.2"/>
  <testcase name="checkout_answers" time="0.3"/>
  <testcase name="old_addresses_lead_on" time="0.1"/>
  <testcase name="sends_mail"><skipped message="no mail host here"/></testcase>
</testsuite>
END
echo "GET /          200"
echo "GET /checkout  200"
echo "4 answers in $((GALLEY_RUN_NUMBER * 7)) ms"
"""
SMOKE = """\
cat > "$GALLEY_REPORTS/smoke.xml" <<'END'
<testsuite name="smoke">
  <testcase name="home_page_answers" time="0.2"/>
  <testcase name="sends_mail"><skipped message="no mail host here"/></testcase>
  <testcase name="feed_is_valid" time="0.05"/>
  <testcase name="checkout_answers" time="0.4"><failure message="502 Bad Gateway after 3 tries">
GET /checkout → 502 Bad Gateway
the upstream 10.2.0.14:8080 refused the connection</failure></testcase>
</testsuite>
END
echo "GET /          200"
echo "GET /checkout  502"
echo "error: checkout does not answer" >&2
exit 1
"""


@dataclass(frozen=True)
class Scene:
    url: str
    cookies: list[dict[str, str]]
    pages: dict[str, str]
    """Name → address."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every page, into screenshots/")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="only these, into screenshots/")
    arguments = parser.parse_args()
    everything = arguments.all or bool(arguments.pages)
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if path is None:
        print("Chromium was not found. Install its package, or set CHROMIUM.", file=sys.stderr)
        return 1
    folder = ROOT / ("screenshots" if everything else "docs")
    folder.mkdir(exist_ok=True)
    with data_folder() as data, running(data, workers=3) as (stack, _), stack.client() as api:
        scene = Scene(stack.url, _signed_in(stack.url), _furnish(api, data.parent))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            names = arguments.pages or (scene.pages if everything else README)
            for name, scheme, size in _views(names, everything):
                file = folder / _file_name(name, scheme, size, everything)
                _take(browser, scene, scene.pages[name], scheme, size, file, whole=everything)
                print(file.relative_to(ROOT))
            browser.close()
    return 0


def _views(names: Iterable[str], everything: bool) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for name in names:
        for scheme in ("light", "dark"):
            for size in (WIDE, NARROW) if everything else (WIDE,):
                yield name, scheme, size


def _file_name(name: str, scheme: str, size: tuple[int, int], everything: bool) -> str:
    return f"{name}-{scheme}-{size[0]}.png" if everything else f"{name}-{scheme}.png"


def _take(
    browser: Browser,
    scene: Scene,
    address: str,
    scheme: Any,
    size: tuple[int, int],
    file: Path,
    *,
    whole: bool,
) -> None:
    viewport: Any = {"width": size[0], "height": size[1]}
    context = browser.new_context(
        base_url=scene.url, viewport=viewport, color_scheme=scheme, reduced_motion="reduce"
    )
    context.add_cookies(scene.cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.screenshot(path=file, full_page=whole)
    context.close()


# ---- sample data -----------------------------------------------------------------------------


def _signed_in(url: str) -> list[dict[str, str]]:
    with httpx.Client(base_url=url) as http:
        page = http.get("/login").text
        csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"username": "admin", "password": PASSWORD, "csrf_token": csrf}
        _ok(http.post("/login", data=form), 303)
        return [{"name": name, "value": value, "url": url} for name, value in http.cookies.items()]


def _furnish(api: httpx.Client, folder: Path) -> dict[str, str]:
    """Create a shop with runs. Returns the addresses of the pages by name."""
    _project(api, folder)
    release = _workflow(
        api,
        "Release storefront",
        _stage("Build", _build("wheel"), _build("handbook", "handbook", "handbook.tar.gz")),
        _stage("Test", _test("unit tests", "unit"), _test("types", "unit")),
        _stage("Staging", _deploy("to staging", "staging")),
        {**_stage("Production", _deploy("to production", "production")), "approval": True},
        description="What customers see: built, tested and brought to production.",
    )
    nightly = _workflow(
        api,
        "Nightly checks",
        _stage("Build", _build("snapshot")),
        _stage("Check", _test("unit", "unit"), _test("smoke", "smoke"), _test("load", "unit")),
        description="Everything that takes too long for a release.",
    )
    docs = _workflow(api, "Documentation", _stage("Build", _build("pages")), isEnabled=False)
    parameters = [
        {"name": "version", "type": "string", "required": True, "description": "Such as 1.8.0"},
        {"name": "channel", "type": "choice", "choices": ["stable", "beta"], "default": "stable"},
    ]
    hotfix = _workflow(
        api, "Hotfix", _stage("Build", _build("fix")), parameters=parameters, concurrency=1
    )
    for _ in range(2):
        _run(api, nightly)
    _put(api, "/api/projects/shop/testsuites/smoke", {"script": SMOKE})
    _rename_step(api, nightly, "load", "load test")
    broke_first, *_, failed = [_run(api, nightly) for _ in range(4)]
    _rename_step(api, nightly, "load test", "load")
    steps = _get(api, f"/api/workflowruns/{failed}")["stageRuns"][1]["stepRuns"]
    smoke = f"/runs/{failed}/steps/{steps[1]['id']}/tests"
    broken = _get(api, f"/api/workflowruns{smoke.removeprefix('/runs')}?pageSize=200")["items"]
    broken_id = next(test["id"] for test in broken if test["result"] == "Fail")
    comment = {"status": "Rejected", "comment": "The checkout of staging is down since Tuesday."}
    _put(api, f"/api/workflowruns{smoke.removeprefix('/runs')}/{broken_id}/review", comment)
    for _ in range(5):
        run = _run(api, release, until_approval=True)
        _approve(api, run)
    waiting = _run(api, release, until_approval=True)
    for version in ("1.7.3", "1.7.4"):
        _run(api, hotfix, version=version)
    signed = _workflow(
        api,
        "Signed installer",
        _stage("Build", _build("installer"), _build("help", script=HELP)),
        _stage("Sign", _build("signature", script=""), _build("symbols", script=SYMBOLS)),
        _stage("Publish", _deploy("to production", "production")),
    )
    live = _live(api, signed)
    release_id = _get(api, "/api/ingredients/storefront/releases")["items"][0]["id"]
    return {
        "workflows": "/workflows",
        "workflow": f"/workflows/{release}",
        "workflow-form": f"/workflows/{hotfix}",
        "workflow-off": f"/workflows/{docs}",
        "new-workflow": "/workflows/new",
        "editor": f"/workflows/{release}/edit",
        "history": f"/workflows/{release}/history",
        "revision": f"/workflows/{release}/history/1",
        "runs": "/runs",
        "run": f"/runs/{failed}",
        "run-waiting": f"/runs/{waiting}",
        "run-table": f"/runs/{failed}?view=table",
        "run-timeline": f"/runs/{failed}?view=timeline",
        "run-live": f"/runs/{live}?named=signature",
        "run-live-timeline": f"/runs/{live}?view=timeline",
        "rerun": f"/runs/{broke_first}/rerun",
        "board": f"/workflows/{signed}/latest",
        "comparison": f"/runs/{failed}/compare",
        "tests": smoke,
        "test": f"{smoke}?open={broken_id}",
        "projects": "/projects",
        "settings": "/projects/shop/settings",
        "members": "/projects/shop/settings/members",
        "suites": "/projects/shop/settings/testsuites",
        "suite": "/projects/shop/settings/testsuites/unit",
        "environment-settings": "/projects/shop/settings/environments",
        "environment-form": "/projects/shop/settings/environments/staging",
        "ingredient-settings": "/projects/shop/settings/ingredients",
        "secrets": "/projects/shop/settings/secrets",
        "ingredients": "/ingredients",
        "ingredient": "/ingredients/storefront",
        "release": f"/releases/{release_id}",
        "environments": "/environments",
        "users": "/admin/users",
        "audit": "/admin/audit",
        "system": "/admin/system",
        "account": "/account",
        "docs": "/api/docs",
        "nothing": "/nothing",
    }


def _project(api: httpx.Client, folder: Path) -> None:
    _post(api, "/api/projects", {"id": "shop", "name": "Web shop"})
    for ingredient, name in (("storefront", "Storefront"), ("handbook", "Handbook")):
        _post(api, "/api/ingredients", {"id": ingredient, "projectId": "shop", "name": name})
    for suite, script in (("unit", UNIT), ("smoke", HEALTHY)):
        _put(api, f"/api/projects/shop/testsuites/{suite}", {"script": script})
    for place in ("staging", "production"):
        settings = {"path": str(folder / place), "keep": 3}
        body = {"driver": "directory", "settings": settings}
        _put(api, f"/api/projects/shop/environments/{place}", body)
    _put(api, "/api/projects/shop/secrets/DEPLOY_KEY", {"value": "correct horse battery"})
    for username, name, role in (
        ("ada", "Ada Lovelace", "Admin"),
        ("grace", "Grace Hopper", "SuperUser"),
        ("linus", "Linus T.", "User"),
    ):
        _post(api, "/api/users", {"username": username, "displayName": name})
        _put(api, f"/api/projects/shop/members/{username}", {"role": role})


def _workflow(api: httpx.Client, name: str, *stages: dict[str, Any], **more: Any) -> str:
    ordered = [{**stage, "order": number} for number, stage in enumerate(stages, 1)]
    for stage in ordered:
        if stage.get("approval"):
            stage["approval"] = {"required": True, "roles": ["Admin"]}
    body = {"name": name, "projectId": "shop", "stages": ordered, **more}
    return str(_post(api, "/api/workflows", body)["id"])


def _rename_step(api: httpx.Client, workflow: str, name: str, other: str) -> None:
    """Save another revision."""
    present = _get(api, f"/api/workflows/{workflow}")
    for stage in present["stages"]:
        for step in stage["steps"]:
            step["name"] = other if step["name"] == name else step["name"]
    names = ("name", "description", "parameters", "concurrency", "stages")
    body = {name: present[name] for name in names if present[name] is not None}
    _put(api, f"/api/workflows/{workflow}", body)


def _stage(name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "steps": list(steps)}


def _build(
    name: str,
    ingredient: str = "storefront",
    file: str = "storefront.whl",
    script: str | None = None,
) -> dict[str, Any]:
    """Define a build step. script: "" for one with external completion."""
    script = BUILD.replace("FILE", file) if script is None else script
    configuration = {"ingredientId": ingredient, **({"buildScript": script} if script else {})}
    return {"name": name, "type": "Build", "configuration": configuration}


def _test(name: str, suite: str) -> dict[str, Any]:
    return {"name": name, "type": "Test", "configuration": {"testSuite": suite}}


def _deploy(name: str, place: str) -> dict[str, Any]:
    configuration = {"target": place, "artifactPath": "dist/*.whl"}
    return {"name": name, "type": "Deploy", "configuration": configuration}


def _run(
    api: httpx.Client, workflow: str, *, until_approval: bool = False, **parameters: str
) -> str:
    body = {"parameters": parameters, "triggerSource": "nightly"}
    run_id = str(_post(api, f"/api/workflows/{workflow}/runs", body)["runId"])

    def is_done(run: Any) -> bool:
        waits = any(reason["code"] == "approval" for reason in run["waiting"])
        return run["status"] in FINISHED or (until_approval and waits)

    _until(api, run_id, is_done)
    return run_id


def _live(api: httpx.Client, workflow: str) -> str:
    """Start a run with a running step and one that waits for its external completion.

    Three earlier runs provide the expected durations.
    """
    for _ in range(3):
        run_id, signature = _start_and_wait_for_signing(api, workflow)
        path = f"/api/workflowruns/{run_id}/steps/{signature}/complete"
        _post(api, path, {"success": True})
        _until(api, run_id, lambda run: run["status"] in FINISHED)
    return _start_and_wait_for_signing(api, workflow)[0]


def _start_and_wait_for_signing(api: httpx.Client, workflow: str) -> tuple[str, str]:
    """Start a run, and return its id and that of the waiting step."""
    run_id = str(_post(api, f"/api/workflows/{workflow}/runs", {})["runId"])

    def is_waiting(run: Any) -> bool:
        sign, symbols = run["stageRuns"][1]["stepRuns"]
        waits = any(reason["code"] == "outside_completion" for reason in sign["waiting"])
        return waits and symbols["status"] != "Pending"

    run = _until(api, run_id, is_waiting)
    return run_id, run["stageRuns"][1]["stepRuns"][0]["id"]


def _until(api: httpx.Client, run_id: str, is_done: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = _get(api, f"/api/workflowruns/{run_id}")
        if is_done(run):
            return run
        time.sleep(0.05)
    raise RuntimeError(f"the run {run_id} did not get that far")


def _approve(api: httpx.Client, run_id: str) -> None:
    stage = _get(api, f"/api/workflowruns/{run_id}")["stageRuns"][-1]["id"]
    comment = {"comment": "Looks good on staging."}
    _post(api, f"/api/workflowruns/{run_id}/stages/{stage}/approve", comment)


def _get(api: httpx.Client, path: str) -> Any:
    return _ok(api.get(path)).json()


def _post(api: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    return _ok(api.post(path, json=body)).json()


def _put(api: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    return _ok(api.put(path, json=body)).json()


def _ok(response: httpx.Response, status: int | None = None) -> httpx.Response:
    if response.is_success or response.status_code == status:
        return response
    raise RuntimeError(f"{response.request.url}: {response.status_code} {response.text}")


if __name__ == "__main__":
    sys.exit(main())
