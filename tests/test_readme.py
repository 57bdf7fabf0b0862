"""The README's commands, word for word, against a Galley that was started for them."""

import re
import subprocess
from pathlib import Path

import pytest

from bench.stack import Stack

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def commands(folder: Path) -> str:
    """All shell blocks of the README, in order, as one script; its files go into the folder."""
    script = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    return script.replace("/tmp/", f"{folder}/")


@pytest.mark.galley
def test_the_readmes_commands_do_what_it_says(shared_stack: Stack, tmp_path: Path) -> None:
    if not (ROOT / ".venv/bin/activate").exists():
        pytest.skip("the README's commands use the .venv that `make` makes")
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", commands(tmp_path)],
        cwd=ROOT,
        env={**shared_stack.environment, "GALLEY_URL": shared_stack.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "Succeeded" in lines
    assert "Failed" not in lines
    assert "Greeting | Hello, run 2" in lines
    assert any(line.startswith("run #2 Succeeded") for line in lines)
    faults = re.findall(r'"field":"([^"]*)"', lines[-1])
    assert set(faults) >= {"/name", "/stages/0/name", "/stages/0/order", "/stages/0/steps"}
    deployed = shared_stack.data_dir / "deployed" / "galley" / "current"
    assert deployed.is_symlink()
