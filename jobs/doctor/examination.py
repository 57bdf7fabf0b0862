"""List of all checks, and the examination that runs each within a time limit."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from domain.models import connect_to_look, db
from domain.system.checks import Finding, State, fault, ok, skipped
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
from jobs.doctor.scene import Scene, look_around, read_settings

Answer = TypeVar("Answer")

SECONDS = 5.0
"""The time limit of each check."""
PATIENCE_SECONDS = 2
"""The wait for a lock or a connection, short enough for the check to report it."""


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[Scene], list[Finding]]
    needs: tuple[str, ...] = ()
    """Settings and checks; after a fault in one of these, this check is skipped."""
    if_silent: str = "Check this machine for a hanging disk or server, then try again."
    """The remedy if it takes too long."""


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
        "A process holds the lock of the database: look for a stopped one (state T in ps).",
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
        "Check the disk or server that GALLEY_STORAGE_URL names, and the connection to it.",
    ),
    Check("disk", storage.disk, ("GALLEY_DISK_WARN_BYTES", "GALLEY_DISK_STOP_BYTES")),
    Check("workspaces", leftovers.workspaces, TABLES),
    Check("processes", leftovers.processes, TABLES),
    Check("logs", leftovers.logs, TABLES),
)


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check the installation that these settings describe; yield each finding at once."""
    try:
        scene, wrong = _within_time(lambda: _begin(environ), "beginning")
    except TimeoutError:
        yield replace(_silent("Check the disk of GALLEY_DATA_DIR."), name="data folder")
        return
    yield from _of_settings(environ, wrong)
    blockers = {name: name for name in wrong}
    """Setting or check with a problem → the one to fix first."""
    for check in CHECKS:
        first = list(dict.fromkeys(blockers[need] for need in check.needs if need in blockers))
        if first:
            blockers[check.name] = first[0]
            yield replace(skipped(f"Fix this first: {', '.join(first)}."), name=check.name)
            continue
        for finding in _run(check, scene):
            if finding.state is State.FAULT:
                blockers[check.name] = check.name
            yield replace(finding, name=check.name)


def _begin(environ: Mapping[str, str]) -> tuple[Scene, dict[str, str]]:
    """Bind the database; return the scene, and the errors of the settings."""
    settings, wrong = read_settings(environ)
    connect_to_look(settings, patience_seconds=PATIENCE_SECONDS)
    return look_around(settings), wrong


def _within_time(work: Callable[[], Answer], name: str) -> Answer:
    """Run the work in a thread. Raises TimeoutError if it takes too long."""
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:
            answer.set_exception(error)

    # Nothing waits for the thread: one that hangs in the kernel cannot be ended.
    threading.Thread(target=run, name=name, daemon=True).start()
    return answer.result(SECONDS)


def _of_settings(environ: Mapping[str, str], wrong: Mapping[str, str]) -> Iterator[Finding]:
    for name, sentence in wrong.items():
        remedy = f"Correct {name} where Galley is started, or unset it to use the default."
        yield fault(sentence, remedy, name="settings")
    given = [name for name in environ if _is_setting(name) and name not in wrong]
    if not wrong:
        these = ", ".join(sorted(given)) or "none"
        yield ok(f"Set here: {these}. All others have their defaults.", name="settings")


def _is_setting(name: str) -> bool:
    return name.startswith("GALLEY_") or name in ("DATABASE_URL", "REDIS_URL")


def _run(check: Check, scene: Scene) -> list[Finding]:
    try:
        return _within_time(lambda: _guarded(check, scene), check.name)
    except TimeoutError:
        return [_silent(check.if_silent)]


def _silent(remedy: str) -> Finding:
    return fault(f"No answer within {SECONDS:.0f} s.", remedy)


def _guarded(check: Check, scene: Scene) -> list[Finding]:
    try:
        if "database" not in check.needs:
            return check.look(scene)
        with db.connection_context():  # a connection belongs to its thread
            return check.look(scene)
    except PermissionError as error:
        found = f"This user may not check it: {scene.reason(error)}"
        return [fault(found, "Run galley doctor as the user that runs Galley.")]
    except Exception as error:
        found = f"The check failed: {type(error).__name__}: {scene.reason(error)}"
        return [fault(found, "Fix that, and try again.")]
