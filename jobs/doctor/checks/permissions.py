"""Checks of the data folder: its owner, and that other users cannot read it."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

from domain.system.checks import Finding, fault, ok, unless
from jobs.doctor.scene import Scene

WRITTEN_TO = (".", "work", "logs", "redis")
"""The folders below the data folder in which Galley creates files."""


def data_folder(scene: Scene) -> list[Finding]:
    folder = scene.settings.data_dir
    if not folder.is_dir():
        return [
            fault(
                f"{folder} does not exist: Galley never ran with it.",
                "Start it: galley up. If it ran before, set GALLEY_DATA_DIR to the folder it used.",
            )
        ]
    return [ownership(str(folder), _name(folder.stat().st_uid), _name(os.geteuid()))]


def ownership(folder: str, owner: str, me: str) -> Finding:
    if owner == me:
        return ok(f"{folder} belongs to this user ({me}).")
    return fault(
        f"{folder} belongs to {owner}, not to {me}: Galley could not use files that {me} creates "
        "there.",
        f"sudo -u {owner} galley doctor; or, if {me} runs Galley: chown -R {me} {folder}",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def permissions(scene: Scene) -> list[Finding]:
    return unless(_troubles(scene), "Other users cannot read the data folder.")


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
        f"{path} is readable by other users (mode {mode & 0o777:o}).",
        f"chmod {wanted:o} {path}",
    )


def _is_reachable_by_others(path: Path) -> bool:
    """Return whether other users may traverse every parent folder."""
    return all(folder.stat().st_mode & 0o011 for folder in path.parents if folder.exists())


def _not_writable(folder: Path) -> Iterator[Finding]:
    """Try to create an unnamed file, which leaves no trace."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        yield fault(
            f"Cannot write to {folder.resolve()}: {error.strerror}.",
            f"Check the disk and the owner: ls -ld {folder.resolve()}",
        )
