"""The commands of docs/api.md, word for word, against a Galley that was started for them."""

import re
import subprocess
from pathlib import Path

import pytest

from bench.stack import Stack

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs/api.md").read_text()


def commands(url: str) -> str:
    """All shell blocks of the guide, in order, as one script for the server at `url`."""
    script = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))
    return script.replace("http://127.0.0.1:8000", url)


@pytest.mark.galley
def test_the_guides_commands_do_what_it_says(shared_stack: Stack, tmp_path: Path) -> None:
    if not (ROOT / ".venv/bin/activate").exists():
        pytest.skip("the guide's commands use the .venv that `make` makes")
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", commands(shared_stack.url)],
        cwd=ROOT,
        env=shared_stack.environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["2", "stale_revision"]
    assert "Succeeded" in lines
    assert any(line.endswith("package: OK") for line in lines)
    assert {"/name", "/stages"} <= set(re.findall(r'"field":"([^"]*)"', done.stdout))
