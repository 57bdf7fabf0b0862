"""Which checks there are, and how they are run: one after the other, each within its time."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from domain.models import connect_to_look, db
from jobs.doctor.checks import (
    clock,
    database,
    leftovers,
    parts,
    permissions,
    redis,
    runs,
    secret_key,
    storage,
)
from jobs.doctor.findings import Finding, State, fault, ok, skipped
from jobs.doctor.scene import Scene, look_around, read_settings

Answer = TypeVar("Answer")

SECONDS = 5.0
"""For each check."""
PATIENCE_SECONDS = 2
"""For a lock or a connection, so that a check can still say what it waited for."""


@dataclass(frozen=True)
class Check:
    """name: what is looked at. needs: names of settings that must be right, and of checks that
    must have found no fault, or this one is skipped. if_silent: the way out when it takes too long.
    """

    name: str
    look: Callable[[Scene], list[Finding]]
    needs: tuple[str, ...] = ()
    if_silent: str = "Look at the machine: a disk or a server that hangs. Then try again."


TABLES = ("database", "migrations")

CHECKS = (
    Check("data folder", permissions.data_folder),
    Check("permissions", permissions.permissions, ("data folder",)),
    Check("secret key", secret_key.secret_key, ("GALLEY_SECRET_KEY", "data folder")),
    Check("database", database.database, ("DATABASE_URL",)),
    Check("database file", database.database_file, ("database",)),
    Check("migrations", database.migrations, ("database",)),
    Check(
        "writing",
        database.writing,
        ("data folder", *TABLES),
        "Some process holds the database's lock: look for one that is stopped (state T in ps).",
    ),
    Check("secrets", secret_key.secrets, ("secret key", *TABLES)),
    Check("snapshots", secret_key.snapshots, ("secret key", *TABLES)),
    Check("redis", redis.redis, ("REDIS_URL", "data folder")),
    Check("clock", clock.clock_of_database, ("database",)),
    Check("clock", clock.clock_of_redis, ("redis",)),
    Check("web", parts.web, ("GALLEY_HOST", "GALLEY_PORT", "data folder")),
    Check("workers", parts.workers, TABLES),
    Check("reconciler", parts.reconciler, TABLES),
    Check("runs", runs.runs, TABLES),
    Check(
        "storage",
        storage.storage,
        ("GALLEY_STORAGE_URL", "data folder"),
        "Look at the disk or server that GALLEY_STORAGE_URL names, and at the way to it.",
    ),
    Check("disk", storage.disk, ("GALLEY_DISK_WARN_BYTES", "GALLEY_DISK_STOP_BYTES")),
    Check("workspaces", leftovers.workspaces, TABLES),
    Check("processes", leftovers.processes, TABLES),
    Check("logs", leftovers.logs, TABLES),
)


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check the installation that these settings describe; findings come as they are made."""
    try:
        scene, wrong = _within_time(lambda: _begin(environ), "beginning")
    except TimeoutError:
        yield replace(_silent("Look at the disk of GALLEY_DATA_DIR."), check="data folder")
        return
    yield from _of_settings(environ, wrong)
    to_mend = {name: name for name in wrong}
    """What is not in order, and what has to be mended first for that."""
    for check in CHECKS:
        first = list(dict.fromkeys(to_mend[need] for need in check.needs if need in to_mend))
        if first:
            to_mend[check.name] = first[0]
            yield _named(check, skipped(f"First mend: {', '.join(first)}."))
            continue
        for finding in _run(check, scene):
            if finding.state is State.FAULT:
                to_mend[check.name] = check.name
            yield _named(check, finding)


def _begin(environ: Mapping[str, str]) -> tuple[Scene, dict[str, str]]:
    """The scene, and what is wrong with which settings; binds the database."""
    settings, wrong = read_settings(environ)
    connect_to_look(settings, patience_seconds=PATIENCE_SECONDS)
    return look_around(settings), wrong


def _within_time(work: Callable[[], Answer], name: str) -> Answer:
    """What the work returns or raises; TimeoutError if it takes too long."""
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:
            answer.set_exception(error)

    # A thread that nobody waits for in the end: what hangs in the kernel cannot be ended.
    threading.Thread(target=run, name=name, daemon=True).start()
    return answer.result(SECONDS)


def _named(check: Check, finding: Finding) -> Finding:
    return replace(finding, check=check.name)


def _of_settings(environ: Mapping[str, str], wrong: Mapping[str, str]) -> Iterator[Finding]:
    for name, sentence in wrong.items():
        way_out = f"Correct {name} where Galley is started, or unset it for the default."
        yield replace(fault(sentence, way_out), check="settings")
    given = [name for name in environ if _is_setting(name) and name not in wrong]
    if not wrong:
        these = f"Set here: {', '.join(sorted(given))}." if given else "None is set here."
        yield replace(ok(f"{these} All others have their defaults."), check="settings")


def _is_setting(name: str) -> bool:
    return name.startswith("GALLEY_") or name in ("DATABASE_URL", "REDIS_URL")


def _run(check: Check, scene: Scene) -> list[Finding]:
    try:
        return _within_time(lambda: _guarded(check, scene), check.name)
    except TimeoutError:
        return [_silent(check.if_silent)]


def _silent(way_out: str) -> Finding:
    return fault(f"No answer within {SECONDS:.0f} s.", way_out)


def _guarded(check: Check, scene: Scene) -> list[Finding]:
    try:
        if "database" not in check.needs:
            return check.look(scene)
        with db.connection_context():  # a connection belongs to its thread
            return check.look(scene)
    except PermissionError as error:
        found = f"This user may not look at it: {scene.told(error)}"
        return [fault(found, "Run galley doctor as the user that Galley runs as.")]
    except Exception as error:
        found = f"It could not be looked at: {type(error).__name__}: {scene.told(error)}"
        return [fault(found, "Mend that, and try again.")]
