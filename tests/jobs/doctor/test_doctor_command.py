"""The command `galley doctor` on a real Galley, as a person and a script see it."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from bench.stack import GALLEY, Stack, running
from tests.support.wait import eventually

ROOT = Path(__file__).parents[3]

AS_ROOT = ["workers"] if os.geteuid() == 0 else []
"""Where the tests run as root, so do the workers, which is a warning."""


def doctor(stack: Stack, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*GALLEY, "doctor", *options],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def all_there(stack: Stack) -> bool:
    told = httpx.get(f"{stack.url}/readyz").json()
    return told["workers"] == told["reconciler"] == "ok"


def checks(text: str, state: str = r"[a-z]+") -> list[str]:
    """The names of the checks with that state, in the order of their lines."""
    return re.findall(rf"^[✓!✗–] {state} +(\S+(?: \S+)*)  ", text, re.MULTILINE)


@pytest.mark.galley
def test_it_tells_how_an_installation_does_while_it_runs_and_after(tmp_path):
    with running(tmp_path / "data", workers=1) as (stack, _):
        eventually(lambda: all_there(stack), 10, "the worker and the reconciler")
        healthy = doctor(stack)
        (stack.data_dir / "secret_key").chmod(0o644)
        broken = doctor(stack, "--json")
    (stack.data_dir / "secret_key").chmod(0o600)
    stopped = doctor(stack)

    assert (healthy.returncode, healthy.stderr) == (0, "")
    assert checks(healthy.stdout, "warning") == AS_ROOT
    assert checks(healthy.stdout, "fault") == checks(healthy.stdout, "skipped") == []
    assert "\x1b" not in healthy.stdout

    told = json.loads(broken.stdout)
    assert (broken.returncode, told["ok"]) == (1, False)
    (fault,) = [finding for finding in told["findings"] if finding["state"] == "fault"]
    assert fault["wayOut"] == f"chmod 600 {stack.data_dir}/secret_key"

    assert stopped.returncode == 0
    not_there = ["redis", "clock", "web", "workers", "reconciler", "runs"]
    assert checks(stopped.stdout, "skipped") == not_there
    assert checks(stopped.stdout, "(warning|fault)") == []

    manual = (ROOT / "docs/operating.md").read_text()
    assert set(checks(manual)) == set(checks(healthy.stdout))
    assert "galley doctor" in (ROOT / "README.md").read_text()
