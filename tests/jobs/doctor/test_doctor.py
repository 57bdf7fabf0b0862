"""`galley doctor` looks at real installations: each fault is really made, and found."""

import contextlib
import fcntl
import os
import re
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from domain import engine, models
from domain.clock import now
from domain.models import (
    Project,
    ReconcilerInfo,
    Run,
    Secret,
    StageRun,
    StepRun,
    WorkerInfo,
    new_id,
    write,
)
from domain.projects.secret_values import encrypted
from domain.settings import Settings
from jobs import doctor
from jobs.doctor import Finding, examination
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
from jobs.doctor.examination import Check
from jobs.doctor.scene import Scene, look_around
from jobs.queue import Doorbell
from jobs.scripts.process_tree import COOKIE
from jobs.setup import data_lock
from jobs.shared import host
from tests.support.keys import KEYS, SECRET_KEY
from tests.support.pipelines import a_project, a_workflow, build, start, start_and_ready, step_named
from tests.support.wait import eventually

HERE = {"host": host.identity(), "pid": os.getpid(), "pid_started": host.started(os.getpid())}
ELSEWHERE = {"host": "elsewhere", "pid": 1, "pid_started": 1}

only_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.fixture
def installed(settings: Settings, database) -> Settings:
    """An installation in good order of which no part runs."""
    settings.data_dir.chmod(0o700)
    (settings.data_dir / "work").mkdir()
    key = settings.data_dir / "secret_key"
    key.touch(mode=0o600)
    key.write_text(SECRET_KEY)
    return replace(settings, given_secret_key=None)


@pytest.fixture
def scene(installed: Settings, redis_url: str) -> Scene:
    """What the checks know of an installation whose parts share a Redis of their own."""
    return look_around(replace(installed, redis_url=redis_url))


def plays_galley(worker: Mapping = ELSEWHERE, reconciler: Mapping = HERE) -> None:
    """A worker and a reconciler say that they are there."""
    with write():
        WorkerInfo.create(name="w1", queue="default", **worker)
        ReconcilerInfo.create(name="r1", **reconciler)


def environment_of(scene: Scene) -> dict[str, str]:
    return {
        "GALLEY_DATA_DIR": str(scene.settings.data_dir),
        "DATABASE_URL": scene.settings.database_url,
        "REDIS_URL": scene.settings.redis_url or "",
    }


def examined(scene: Scene, **environment: str) -> list[Finding]:
    """All findings; the models of the test stay bound to its own connection."""
    bound = models.db.obj
    try:
        return list(doctor.examine({**environment_of(scene), **environment}))
    finally:
        models.db.initialize(bound)


def of(findings: list[Finding], check: str) -> Finding:
    """The only finding of that check."""
    (finding,) = [finding for finding in findings if finding.name == check]
    return finding


def trouble(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.state, f.name) for f in findings if f.state not in ("ok", "skipped")]


def the_only(findings: list[Finding]) -> tuple[str, str, str]:
    (finding,) = findings
    return finding.state, finding.message, finding.way_out


# ---- the whole


def test_a_healthy_installation_has_no_finding(scene):
    plays_galley()
    assert trouble(examined(scene)) == []


def test_one_that_does_not_run_has_none_either_and_it_is_said(scene):
    findings = examined(scene, REDIS_URL="")
    assert trouble(findings) == []
    for check in ("redis", "workers", "reconciler", "runs"):
        assert of(findings, check).state == "skipped"
        assert "Galley is not running" in of(findings, check).message


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Path → mode and content; without the database's own notes about who reads it."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(("-shm", "-wal", "-writer"))
    }


def test_it_leaves_everything_as_it_was(scene, doorbell):
    plays_galley()
    start(a_workflow([build("a")], project=a_project().id))
    scene.settings.data_dir.chmod(0o755)
    before = contents(scene.settings.data_dir), doorbell.connection.keys()
    rows = [list(table.select().tuples()) for table in models.ALL]
    examined(scene)
    assert (contents(scene.settings.data_dir), doorbell.connection.keys()) == before
    assert [list(table.select().tuples()) for table in models.ALL] == rows
    assert scene.settings.data_dir.stat().st_mode & 0o777 == 0o755


def test_where_galley_never_ran_nothing_is_made(tmp_path):
    bound = models.db.obj
    findings = list(doctor.examine({"GALLEY_DATA_DIR": str(tmp_path / "none")}))
    models.db.initialize(bound)
    assert trouble(findings) == [("fault", "data folder"), ("fault", "database")]
    assert "galley up" in of(findings, "data folder").way_out
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_is_one_fault_and_the_rest_is_looked_at(scene):
    findings = examined(scene, GALLEY_PORT="many", GALLEY_WORKERS="0")
    assert trouble(findings) == [("fault", "settings")] * 2
    told = [finding for finding in findings if finding.name == "settings"]
    assert [f.way_out.split()[1] for f in told] == ["GALLEY_PORT", "GALLEY_WORKERS"]
    assert of(findings, "web").message == "Fix this first: GALLEY_PORT."
    assert of(findings, "database").state == "ok"


@only_sqlite
@pytest.mark.parametrize(
    ("setting", "url", "check"),
    [
        ("DATABASE_URL", "postgresql://ann:quiet@hush@127.0.0.1:1/db", "database"),
        ("DATABASE_URL", "postgresql://ann:hush%zz@127.0.0.1:1/db", "database"),
        ("DATABASE_URL", "postgresql://ann:quiet[hush@127.0.0.1:1/db", "settings"),
        ("REDIS_URL", "redis://:quiet/hush@127.0.0.1:1", "redis"),
        ("REDIS_URL", "redis://127.0.0.1:1/0?quiet=hush", "redis"),
        ("REDIS_URL", "redis://:quiet]hush@127.0.0.1:1", "settings"),
        ("GALLEY_STORAGE_URL", "ftp://ann:quiet/hush@127.0.0.1:1/x", "storage"),
        ("GALLEY_STORAGE_URL", "carrier-pigeon://ann:quiet@hush@loft", "storage"),
        ("GALLEY_STORAGE_URL", "ftp://ann:quiet[hush@127.0.0.1:1/x", "settings"),
    ],
)
def test_no_part_of_a_password_is_told_however_the_url_is_written(scene, setting, url, check):
    findings = examined(scene, **{setting: url})
    assert ("fault", check) in trouble(findings)
    told = " ".join(f"{finding.message} {finding.way_out}" for finding in findings)
    assert re.findall("quiet|hush", told) == []


def test_what_hangs_on_a_bad_setting_is_told_as_not_looked_at(scene):
    findings = examined(scene, DATABASE_URL="oracle://x")
    assert trouble(findings) == [("fault", "settings")]
    for check in ("database", "migrations", "workers", "runs", "processes"):
        assert of(findings, check).message == "Fix this first: DATABASE_URL."
    assert of(findings, "storage").state == "ok"


def test_a_check_that_fails_or_hangs_never_hides_the_others(scene, monkeypatch):
    def fails(scene: Scene) -> list[Finding]:
        raise ValueError("of all things")

    over = threading.Event()
    checks = [
        Check("broken", fails),
        Check("hanging", lambda scene: over.wait(20) and [], if_silent="Pull it."),
        Check("below", storage.disk, ("hanging",)),
        Check("last", storage.disk),
    ]
    monkeypatch.setattr(examination, "CHECKS", checks)
    monkeypatch.setattr(examination, "SECONDS", 0.1)
    _, broken, hanging, below, last = examined(scene)
    over.set()
    assert (broken.state, "ValueError: of all things" in broken.message) == ("fault", True)
    assert (hanging.state, hanging.way_out) == ("fault", "Pull it.")
    assert below.message == "Fix this first: hanging."
    assert last.state == "ok"


# ---- the data folder and the key


@pytest.mark.parametrize(("name", "mode"), [(".", 0o700), ("secret_key", 0o600)])
def test_what_others_can_read_is_a_fault(scene, name, mode):
    path = scene.settings.data_dir / name
    path.chmod(mode | 0o044)
    state, _, way_out = the_only(permissions.permissions(scene))
    assert (state, way_out) == ("fault", f"chmod {mode:o} {path}")
    subprocess.run(way_out.split(), check=True)
    assert permissions.permissions(scene)[0].state == "ok"


@only_sqlite
def test_a_database_outside_of_the_private_folder_is_looked_at_by_itself(scene):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "galley.db"
        path.touch(mode=0o644)
        settings = replace(scene.settings, database_url=f"sqlite:///{path}")
        _, _, way_out = the_only(permissions.permissions(replace(scene, settings=settings)))
    assert way_out == f"chmod 600 {path}"


def test_a_folder_that_cannot_be_written_to_is_a_fault(scene):
    (scene.settings.data_dir / "logs").write_text("not a folder")
    state, found, _ = the_only(permissions.permissions(scene))
    assert state == "fault"
    assert str(scene.settings.data_dir / "logs") in found


def test_somebody_elses_data_folder_is_not_written_to(scene, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    findings = examined(scene)
    assert trouble(findings) == [("fault", "data folder")]
    for check in ("writing", "storage"):
        assert of(findings, check).message == "Fix this first: data folder."


def test_a_key_that_was_cut_off_is_a_fault(scene):
    (scene.settings.data_dir / "secret_key").write_text("short")
    assert secret_key.secret_key(scene)[0].state == "fault"


def test_a_missing_key_is_told_and_not_made(scene):
    path = scene.settings.data_dir / "secret_key"
    path.unlink()
    findings = examined(scene)
    assert trouble(findings) == [("warning", "secret key")]
    assert of(findings, "secrets").state == of(findings, "snapshots").state == "skipped"
    assert not path.exists()


def with_another_key(scene: Scene) -> Scene:
    return replace(scene, settings=replace(scene.settings, given_secret_key="another key" * 4))


def store_secret(project: Project, name: str, value: bytes) -> None:
    with write():
        Secret.create(project=project, name=name, value=value, updated_by="ann")


@pytest.mark.parametrize(
    "value",
    [
        encrypted(KEYS, "lake", "TOKEN", "hush"),
        encrypted(KEYS, "pond", "OTHER", "hush"),
        KEYS.encrypt("hush"),
        KEYS.encrypt("7"),
        KEYS.encrypt("[]"),
    ],
    ids=["of another project", "of another name", "bare", "a number", "nothing"],
)
def test_secrets_that_are_not_what_their_rows_say_are_named(scene, value):
    project = a_project()
    store_secret(project, "GOOD", encrypted(KEYS, project.id, "GOOD", "hush"))
    store_secret(project, "TOKEN", value)
    state, found, _ = the_only(secret_key.secrets(scene))
    assert (state, "pond/TOKEN" in found, "hush" in found) == ("fault", True, False)
    assert found.startswith("1 secret ")


def test_secrets_that_were_stored_under_another_key_are_named(scene):
    project = a_project()
    store_secret(project, "TOKEN", encrypted(KEYS, project.id, "TOKEN", "hush"))
    assert secret_key.secrets(scene)[0].state == "ok"
    state, found, way_out = the_only(secret_key.secrets(with_another_key(scene)))
    assert state == "fault"
    assert "pond/TOKEN" in found
    assert "GALLEY_SECRET_KEY" in way_out


def test_steps_that_were_signed_with_another_key_are_named(scene):
    a_project()
    run = start(a_workflow([build("a"), build("outside", script=None)]))
    assert secret_key.snapshots(scene)[0].state == "ok"
    state, found, _ = the_only(secret_key.snapshots(with_another_key(scene)))
    assert state == "fault"
    assert "1 step will be refused" in found
    assert f"a of run {run.id}" in found


# ---- the database


@pytest.fixture
def history(scene) -> Iterator[Callable[[str], None]]:
    """Changes the list of migrations that were applied; afterwards it is as it was.

    On PostgreSQL the tests share it.
    """
    rows = models.db.execute_sql("SELECT name, applied FROM schema_migration").fetchall()
    mark = "?" if models.is_sqlite() else "%s"

    def change(*statements: tuple) -> None:
        with write():
            for statement in statements:
                models.db.execute_sql(*statement)

    yield lambda statement: change((statement,))
    insert = f"INSERT INTO schema_migration (name, applied) VALUES ({mark}, {mark})"
    change(("DELETE FROM schema_migration",), *((insert, row) for row in rows))


def test_a_missing_migration_is_named_with_the_command(scene, history):
    history("DELETE FROM schema_migration WHERE name = '0002_nothing_is_lost'")
    findings = examined(scene)
    assert trouble(findings) == [("fault", "migrations")]
    assert "0002_nothing_is_lost" in of(findings, "migrations").message
    assert of(findings, "migrations").way_out == "galley migrate"
    assert of(findings, "runs").message == "Fix this first: migrations."


def test_a_database_that_is_newer_than_the_program_is_told(scene, history):
    history("INSERT INTO schema_migration (name, applied) VALUES ('9999_wonders', '2050-01-01')")
    state, found, way_out = the_only(database.migrations(scene))
    assert state == "fault"
    assert "9999_wonders" in found
    assert "newer" in way_out


def test_a_postgresql_that_does_not_answer_is_a_fault(scene):
    findings = examined(scene, DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert trouble(findings) == [("fault", "database")]
    assert "DATABASE_URL" in of(findings, "database").way_out


def test_a_transaction_is_tried_and_undone(scene):
    assert database.writing(scene)[0].state == "ok"
    assert ReconcilerInfo.select().count() == 0


@only_sqlite
def test_a_database_that_somebody_keeps_locked_is_a_fault(scene):
    models.db.execute_sql("PRAGMA busy_timeout = 50")
    with contextlib.closing(sqlite3.connect(scene.settings.sqlite_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        state, found, _ = the_only(database.writing(scene))
    assert state == "fault"
    assert "locked" in found


@only_sqlite
def test_a_stopped_process_that_holds_the_lock_of_writers_does_not_hold_the_doctor(
    scene, monkeypatch
):
    (writing,) = [check for check in examination.CHECKS if check.name == "writing"]
    monkeypatch.setattr(examination, "SECONDS", 0.2)
    lock = Path(f"{scene.settings.sqlite_path}-writer")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        state, _, way_out = the_only(examination._run(writing, scene))
    eventually(lambda: not any(thread.name == "writing" for thread in threading.enumerate()))
    assert state == "fault"
    assert "state T" in way_out


@only_sqlite
def test_a_damaged_file_is_found(scene):
    root = "SELECT rootpage FROM sqlite_master WHERE name = 'step_run'"
    page = models.db.execute_sql(root).fetchone()[0]
    models.db.close()
    with scene.settings.sqlite_path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    findings = examined(scene)
    damaged = of(findings, "database file")
    assert damaged.state == "fault"
    assert "restore a backup" in damaged.way_out


@only_sqlite
def test_what_is_no_database_at_all_is_found(scene):
    models.db.close()
    scene.settings.sqlite_path.write_bytes(b"This is a letter to my aunt. " * 200)
    findings = examined(scene)
    assert trouble(findings) == [("fault", "database")]
    assert "not a database" in of(findings, "database").message


@only_sqlite
def test_another_journal_mode_is_told_and_not_changed(scene):
    models.db.close()
    with contextlib.closing(sqlite3.connect(scene.settings.sqlite_path)) as plain:
        plain.execute("PRAGMA journal_mode = delete")
        first, second = [f for f in examined(scene) if f.name == "database file"]
        assert (first.state, second.state) == ("fault", "ok")
        assert "delete" in first.message
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@only_sqlite
def test_a_file_too_large_to_be_checked_quickly_is_no_fault(scene, monkeypatch):
    monkeypatch.setattr(database, "QUICK_CHECK_SECONDS", -1)
    with write():
        models.db.execute_sql("CREATE TABLE much (x)")
        models.db.execute_sql(
            "INSERT INTO much WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
            " SELECT i FROM n"
        )
    state, found, _ = the_only(database.database_file(scene))
    assert state == "skipped"
    assert "PRAGMA integrity_check" in found


# ---- Redis and the clocks


@only_sqlite
def test_a_redis_that_is_not_there_is_a_fault(scene, tmp_path):
    url = f"unix://{tmp_path}/nobody"
    absent = replace(scene, settings=replace(scene.settings, redis_url=url), redis_url=url)
    state, _, way_out = the_only(redis.redis(absent))
    assert state == "fault"
    assert "REDIS_URL" in way_out
    assert the_only(clock.clock_of_redis(absent))[0] == "skipped"


@only_sqlite
def test_a_private_redis_that_died_is_a_fault_only_while_galley_runs(installed):
    stopped = look_around(installed)
    assert redis.redis(stopped)[0].state == "skipped"
    lock = data_lock.lock_data_dir(installed.data_dir)
    try:
        running = look_around(installed)
        assert running.supervisor == str(os.getpid())
        state, _, way_out = the_only(redis.redis(running))
    finally:
        os.close(lock)
    assert state == "fault"
    assert "redis.log" in way_out


@pytest.fixture
def changed_redis(doorbell: Doorbell) -> Iterator[Callable[..., None]]:
    """Sets what Redis has in its configuration; afterwards it is as it was."""
    connection = doorbell.connection
    before = {}

    def change(**settings: str) -> None:
        for name, value in settings.items():
            key = name.replace("_", "-")
            before[key] = connection.config_get(key)[key]
            connection.config_set(key, value)

    yield change
    for key, value in before.items():
        connection.config_set(key, value)


@only_sqlite
def test_a_redis_that_throws_messages_out_is_a_warning(scene, changed_redis):
    assert redis.redis(scene)[0].state == "ok"
    changed_redis(maxmemory_policy="allkeys-lru")
    state, _, way_out = the_only(redis.redis(scene))
    assert (state, "noeviction" in way_out) == ("warning", True)


@only_sqlite
def test_a_redis_that_keeps_nothing_is_a_warning(scene, changed_redis):
    changed_redis(appendonly="no")
    state, _, way_out = the_only(redis.redis(scene))
    assert (state, "appendonly yes" in way_out) == ("warning", True)


@only_sqlite
def test_a_redis_that_takes_no_messages_is_a_fault(scene, changed_redis):
    changed_redis(min_replicas_to_write="1")
    state, found, _ = the_only(redis.redis(scene))
    assert state == "fault"
    assert "accepts no messages" in found


def test_the_clocks_of_the_servers_are_compared_with_this_hosts(scene):
    of_database = clock.clock_of_database(scene)
    assert [finding.state for finding in of_database] == ["ok"] * (not models.is_sqlite())
    assert "agree within" in clock.clock_of_redis(scene)[0].message


# ---- the parts


def test_a_worker_that_was_killed_is_told_when_nobody_takes_its_steps(scene):
    with subprocess.Popen(["sleep", "60"]) as process:
        pid = {"pid": process.pid, "pid_started": host.started(process.pid)}
        plays_galley(worker={**HERE, **pid}, reconciler=ELSEWHERE)
        assert not any("signing off" in f.message for f in parts.workers(scene))
        process.kill()
    found = {finding.state: finding for finding in parts.workers(scene)}
    assert "w1" in found["warning"].message
    assert "No workers online" in found["fault"].message


def test_a_worker_whose_process_is_gone_is_left_to_a_reconciler_of_this_host(scene):
    plays_galley(reconciler=ELSEWHERE)
    with write():
        WorkerInfo.create(name="gone", queue="default", **{**HERE, "pid_started": 1})
    state, found, _ = the_only(parts.workers(scene))
    assert (state, "gone" in found) == ("warning", True)
    with write():
        ReconcilerInfo.create(name="r2", **HERE)
    assert the_only(parts.workers(scene))[0] == "ok"


def test_workers_that_were_killed_with_galley_are_reported_when_it_does_not_run(scene):
    a_project()
    start(a_workflow([build("a"), build("b")]))
    with write():
        WorkerInfo.create(name="gone", queue="default", **{**HERE, "pid_started": 1})
    ended, waiting = parts.workers(scene)
    assert (ended.state, "galley up" in ended.way_out) == ("warning", True)
    assert (waiting.state, waiting.message[-17:]) == ("skipped", "Steps waiting: 2.")


def test_a_worker_that_runs_as_root_is_a_warning(scene, monkeypatch):
    plays_galley(worker=HERE)
    monkeypatch.setattr(parts, "_is_root", lambda row: True)
    state, found, _ = the_only(parts.workers(scene))
    assert (state, "run as root" in found) == ("warning", True)


def test_a_step_that_waits_in_a_queue_without_listeners_is_told(scene):
    plays_galley()
    a_project()
    start(a_workflow([build("a"), build("b", queue="arm"), build("c", script=None, queue="x")]))
    state, _, way_out = the_only(parts.workers(scene))
    assert state == "fault"
    assert "--queue arm" in way_out


@pytest.mark.parametrize("silent_ms", [0, 120_000])
def test_a_worker_without_anybody_who_repairs_is_a_fault(scene, silent_ms):
    with write():
        WorkerInfo.create(name="w1", queue="default", **ELSEWHERE)
        if silent_ms:
            ReconcilerInfo.create(name="r1", **HERE, seen_at=now() - silent_ms)
    state, _, way_out = the_only(parts.reconciler(scene))
    assert state == "fault"
    assert way_out


# ---- runs


def test_a_step_whose_lost_worker_nobody_replaces_is_stuck(scene):
    plays_galley()
    a_project()
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    common = {"worker": "w1", "host": "elsewhere"}
    engine.claim(ready.step_id, ready.attempt, lease_ms=-50_000, **common)
    assert runs.runs(scene)[0].state == "ok"
    with write():
        StepRun.update(lease_until=now() - 70_000).execute()
    state, found, way_out = the_only(runs.runs(scene))
    assert state == "fault"
    assert f"a of run {run.id} (#1)" in found
    assert "galley reconciler" in way_out


def test_a_ready_step_for_which_nobody_rings_is_stuck_unless_its_message_waits(scene, doorbell):
    plays_galley()
    a_project()
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    assert runs.runs(scene)[0].state == "ok"
    with write():
        StepRun.update(rung_at=now() - 70_000).execute()
    state, found, _ = the_only(runs.runs(scene))
    assert (state, f"a of run {run.id}" in found) == ("fault", True)
    doorbell.ring([ready])
    assert runs.runs(scene)[0].state == "ok"


def test_new_runs_that_get_a_message_in_turn_are_not_stuck_but_runs_that_have_begun_are(scene):
    plays_galley()
    a_project()
    _, (first, _) = start_and_ready(a_workflow([build("a"), build("b")]))
    with write():
        WorkerInfo.update(has_room=False).execute()
        WorkerInfo.create(name="w2", queue="default", **ELSEWHERE)
        StepRun.update(rung_at=now() - 70_000).execute()
    assert runs.runs(scene)[0].state == "ok"
    engine.claim(first.step_id, 1, worker="w1", host="elsewhere", lease_ms=60_000)
    state, found, _ = the_only(runs.runs(scene))
    assert (state, "1 ready step without a message" in found) == ("fault", True)


@pytest.fixture
def half_done(scene) -> Run:
    """Its first stage is over since two minutes, and its second was not opened."""
    plays_galley()
    a_project()
    run = start(a_workflow([build("a")], [build("b")]))
    long_ago = now() - 120_000
    with write():
        Run.update(created_at=long_ago).execute()
        StepRun.update(status="Succeeded", completed_at=long_ago).where(
            StepRun.name == "a"
        ).execute()
    return run


def test_a_run_that_nobody_moved_on_is_stuck(scene, half_done):
    state, found, _ = the_only(runs.runs(scene))
    assert (state, f"{half_done.id} (#1)" in found) == ("fault", True)
    engine.advance(half_done.id)
    assert runs.runs(scene)[0].state == "ok"


def test_a_run_that_waits_for_a_person_is_not_stuck(scene, half_done):
    approval = {"required": True, "roles": ["SuperUser"]}
    with write():
        StageRun.update(approval=approval).where(StageRun.position == 1).execute()
        StageRun.update(status="Succeeded", completed_at=now()).where(
            StageRun.position == 0
        ).execute()
    assert runs.runs(scene)[0].state == "ok"


def test_a_run_that_moved_just_now_is_not_stuck(scene, half_done):
    with write():
        StepRun.update(completed_at=now()).where(StepRun.name == "a").execute()
    assert runs.runs(scene)[0].state == "ok"


# ---- leftovers


def test_a_workspace_of_an_attempt_that_is_over_is_told_without_a_reconciler_here(scene):
    a_project()
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    work = scene.settings.data_dir / "work"
    for name in (f"{ready.step_id}.1", "not-ours"):
        (work / name).mkdir()
    state, found, _ = the_only(leftovers.workspaces(scene))
    assert (state, f"{ready.step_id}.1." in found) == ("warning", True)
    plays_galley(reconciler=HERE)
    assert leftovers.workspaces(scene)[0].state == "ok"


@contextlib.contextmanager
def sleeping(cookie: str) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(["sleep", "60"], env={COOKIE: cookie}) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_process_that_outlived_its_attempt_is_told_with_the_way_to_end_it(scene):
    a_project()
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    with sleeping(f"{ready.step_id}.1") as stray, sleeping(f"{new_id()}.1"):
        state, _, way_out = the_only(leftovers.processes(scene))
        assert (state, way_out) == ("warning", f"kill -9 {stray.pid}")
        subprocess.run(way_out.split(), check=True)
        stray.wait()
        assert leftovers.processes(scene)[0].state == "ok"


def test_a_process_of_an_attempt_that_runs_is_none_of_its_business(scene):
    a_project()
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    engine.claim(ready.step_id, 1, worker="w1", host="h", lease_ms=60_000)
    assert step_named(run, "a").status == "Running"
    with sleeping(f"{ready.step_id}.1"):
        assert leftovers.processes(scene)[0].state == "ok"


def test_logs_of_a_run_that_was_deleted_are_told_and_all_others_left_alone(scene):
    a_project()
    run = start(a_workflow([build("a")]))
    folder = scene.settings.data_dir / "logs"
    for name in (run.id, ".incoming"):
        (folder / name).mkdir(parents=True)
    assert leftovers.logs(scene)[0].state == "ok"
    left = [folder / new_id() for _ in range(2)]
    for path in left:
        path.mkdir()
    state, _, way_out = the_only(leftovers.logs(scene))
    assert (state, way_out.partition("rm -r ")[2].split()) == ("warning", sorted(map(str, left)))
    with write():
        Run.delete().execute()
    assert run.id in leftovers.logs(scene)[0].message


# ---- storage and disk


def with_storage(scene: Scene, url: str) -> Scene:
    return replace(scene, settings=replace(scene.settings, storage_url=url))


@only_sqlite
@pytest.mark.parametrize("url", ["", "memory://doctor/storage"])
def test_a_small_file_goes_into_the_storage_and_comes_back(scene, url):
    trial = with_storage(scene, url) if url else scene
    assert storage.storage(trial)[0].state == "ok"


@only_sqlite
@pytest.mark.parametrize("url", ["file:///proc/self/nowhere", "carrier-pigeon://loft"])
def test_a_storage_that_cannot_be_written_to_is_a_fault(scene, url):
    state, _, way_out = the_only(storage.storage(with_storage(scene, url)))
    assert state == "fault"
    assert way_out


@only_sqlite
@pytest.mark.parametrize(
    ("mark", "state"), [("disk_warn_bytes", "warning"), ("disk_stop_bytes", "fault")]
)
def test_room_below_a_mark_is_told(scene, mark, state):
    settings = replace(scene.settings, **{mark: 1 << 60})
    assert the_only(storage.disk(replace(scene, settings=settings)))[0] == state
