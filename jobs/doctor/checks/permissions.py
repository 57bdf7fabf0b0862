"""The data folder: whose it is, and that nobody else can read what is in it."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.doctor.findings import Finding, fault, ok, unless
from jobs.doctor.scene import Scene

WRITTEN_TO = (".", "work", "logs", "redis")
"""Folders below the data folder in which files are made all the time."""


def data_folder(scene: Scene) -> list[Finding]:
    folder = scene.settings.data_dir
    if not folder.is_dir():
        return [
            fault(
                f"{folder} is not there: Galley was never started on it.",
                "Start it: galley up. If it did run before, set GALLEY_DATA_DIR to the folder it "
                "used.",
            )
        ]
    return [ownership(str(folder), _name(folder.stat().st_uid), _name(os.geteuid()))]


def ownership(folder: str, owner: str, me: str) -> Finding:
    if owner == me:
        return ok(f"{folder} belongs to this user ({me}).")
    return fault(
        f"{folder} belongs to {owner}, and this is {me}: Galley could not use files that {me} "
        "makes there.",
        f"sudo -u {owner} galley doctor; or, if {me} is to run Galley: chown -R {me} {folder}",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def permissions(scene: Scene) -> list[Finding]:
    return unless(_troubles(scene), "Nobody else can read what is in the data folder.")


def _troubles(scene: Scene) -> Iterator[Finding]:
    settings = scene.settings
    private = [(settings.data_dir, 0o700), (settings.data_dir / "secret_key", 0o600)]
    if settings.is_sqlite and _is_reachable_by_others(settings.sqlite_path):
        private.append((settings.sqlite_path, 0o600))
    for path, wanted in private:
        if path.exists() and path.stat().st_mode & 0o077:
            yield too_open(path, path.stat().st_mode, wanted)
    for name in WRITTEN_TO:
        folder = settings.data_dir / name
        if folder.exists():
            yield from _not_writable(folder)


def too_open(path: Path, mode: int, wanted: int) -> Finding:
    return fault(
        f"{path} is open to other users of this machine (mode {mode & 0o777:o}).",
        f"chmod {wanted:o} {path}",
    )


def _is_reachable_by_others(path: Path) -> bool:
    """Whether every folder on the way lets others pass."""
    return all(folder.stat().st_mode & 0o011 for folder in path.parents if folder.exists())


def _not_writable(folder: Path) -> Iterator[Finding]:
    """By making a file that has no name, so that nothing is left of it."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield fault(
            f"Nothing can be written to {folder.resolve()}: {error.strerror}.",
            f"Look at the disk, and at whose it is: ls -ld {folder.resolve()}",
        )
