"""`galley backup` of a running Galley, and its restore."""

import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from bench.stack import GALLEY, Stack, running
from domain.logs.files import log_path, times_path
from jobs.backup import BackupError, back_up
from tests.conftest import KINDS, settings_for
from tests.support.wait import eventually

SECRET = "correct horse battery"


def run_backup(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*GALLEY, "backup", *arguments],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=True,
    )


def unpack(file: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")


def use_it(api) -> str:
    """Run the sample workflow, and return the address of the run."""
    (larder,) = api.get("/api/workflows", params={"search": "Larder"}).json()["items"]
    started = api.post(f"/api/workflows/{larder['id']}/runs").json()["runId"]
    path = f"/api/workflowruns/{started}"
    eventually(lambda: api.get(path).json()["status"] == "Succeeded", 30, "the sample to succeed")
    return path


def begin_a_step_that_waits(api, gate: Path) -> str:
    """Start a run that prints `begun` and waits for the gate, and return its address."""
    script = f'echo begun; while [ ! -e {gate} ]; do sleep 0.02; done; : > "$GALLEY_OUTPUT/a"'
    step = {
        "name": "build",
        "type": "Build",
        "configuration": {"ingredientId": "larder", "buildScript": script},
    }
    stage = {"name": "Work", "order": 1, "steps": [step]}
    body = {"name": "Gated", "projectId": "sample", "stages": [stage]}
    workflow = api.post("/api/workflows", json=body).json()
    run_id = api.post(f"/api/workflows/{workflow['id']}/runs").json()["runId"]
    path = f"/api/workflowruns/{run_id}"
    eventually(lambda: "begun" in first_log(api, path), 20, "the step to begin")
    return path


def first_log(api, path: str) -> str:
    step = api.get(path).json()["stageRuns"][0]["stepRuns"][0]
    return str(api.get(f"{path}/steps/{step['id']}/logs", params={"attempt": 1}).text)


@pytest.fixture(params=KINDS)
def old_and_new(request, tmp_path) -> Iterator[tuple[Stack, dict[str, str]]]:
    """A Galley at work, and the settings of an empty database to restore it into."""
    if request.param == "sqlite":
        yield request.getfixturevalue("shared_stack"), {}
        return
    server = request.getfixturevalue("postgres_server")
    names = [f"galley_backup_{os.urandom(4).hex()}" for _ in range(2)]
    old, new = ({"DATABASE_URL": server.create(name)} for name in names)
    with running(tmp_path / "old", workers=1, GALLEY_LEASE_SECONDS="5", **old) as (stack, _):
        yield stack, new
    for name in names:
        server.drop(name)


@pytest.mark.galley
@pytest.mark.slow
def test_a_galley_that_is_restored_has_all_it_had_and_goes_on(old_and_new, tmp_path):
    old, new = old_and_new
    gate = tmp_path / "gate"
    file = tmp_path / "galley.tar.gz"
    with old.client() as api:
        done = use_it(api)
        api.put("/api/projects/sample/secrets/KEY", json={"value": SECRET}).raise_for_status()
        half_done = begin_a_step_that_waits(api, gate)
        known = {path: api.get(path).json() for path in (done, half_done)}
        log = first_log(api, done)
        told = run_backup(old, str(file), "--with-secret-key")
        without_key = run_backup(old, str(tmp_path / "without"))
        headers = api.headers
        api.post(f"{half_done}/abort").raise_for_status()  # of no concern to what was copied
    assert told.stdout.startswith(f"Wrote {file}: ")
    assert told.stderr == ""
    key = old.data_dir / "secret_key"
    assert without_key.stderr.startswith(f"Not included: the secret key ({key}). Keep a copy")
    assert file.stat().st_mode & 0o777 == 0o600

    unpack(file, tmp_path / "new")
    if new:
        dump = tmp_path / "new" / "database.dump"
        command = ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={new['DATABASE_URL']}"]
        subprocess.run([*command, str(dump)], check=True)
    with (
        running(tmp_path / "new", workers=1, **new) as (stack, _),
        httpx.Client(base_url=stack.url, headers=headers, timeout=60) as api,
    ):  # the token of before is good
        assert api.get(done).json() == known[done]
        assert first_log(api, done) == log
        for release in known[done]["releases"]:
            for package in release["packages"]:
                path = f"/api/releases/{release['id']}/packages/{package['path']}"
                assert len(api.get(path).content) == package["size"]
        gate.touch()
        eventually(lambda: api.get(half_done).json()["status"] == "Succeeded", 30, "it to go on")
        assert api.get(half_done).json()["stageRuns"][0]["stepRuns"][0]["attempt"] == 2
        use_it(api)  # signed with the same key, and the secret can be read


def test_the_secret_key_is_left_out_unless_it_is_asked_for(settings, tmp_path):
    here = settings_for(tmp_path / "own")
    here = replace(here, database_url=settings.database_url, given_secret_key=None)
    here.secret_key()
    for with_secret_key in (False, True):
        file = tmp_path / "galley.tar.gz"  # the second replaces the first
        back_up(here, file, with_secret_key=with_secret_key)
        with tarfile.open(file) as archive:
            assert ("secret_key" in archive.getnames()) is with_secret_key
            if with_secret_key:
                member = archive.getmember("secret_key")
                assert member.mode == 0o600
                assert archive.extractfile(member).read().decode() == here.secret_key()
    assert [path.name for path in tmp_path.glob("*galley*")] == ["galley.tar.gz"]


def test_the_copy_is_of_one_moment_however_much_is_written_meanwhile(tmp_path, sqlite_template):
    settings = settings_for(tmp_path / "data")
    settings.data_dir.mkdir()
    shutil.copy(sqlite_template, settings.sqlite_path)
    writer = sqlite3.connect(settings.sqlite_path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO project VALUES ('half', 'Half', '', 1, 'test')")
    back_up(settings, tmp_path / "file", with_secret_key=False)
    writer.execute("COMMIT")
    writer.close()
    unpack(tmp_path / "file", tmp_path / "new")
    with sqlite3.connect(tmp_path / "new" / "galley.db") as copy:
        assert copy.execute("SELECT count(*) FROM project").fetchone() == (0,)
    copy.close()


def test_packages_stored_elsewhere_are_reported_as_not_included(settings, tmp_path):
    remote = replace(settings, storage_url="memory://galley")
    assert back_up(remote, tmp_path / "file", with_secret_key=False).packages is None


def test_a_package_that_the_storage_does_not_have_is_counted(settings, database, tmp_path):
    from domain.models import Ingredient, Package, Project, Release

    project = Project.create(id="pond", name="Pond", created_by="test")
    duck = Ingredient.create(id="duck", project=project, name="duck", created_by="test")
    release = Release.create(ingredient=duck, version="1", created_by="test")
    Package.create(release=release, path="a", size=1, sha256="0" * 64)
    done = back_up(settings, tmp_path / "file", with_secret_key=False)
    assert (done.packages, done.missing) == (0, 1)


@pytest.mark.parametrize("target", ["nowhere/file", "data"])
def test_a_failed_backup_leaves_nothing(settings, tmp_path, target):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BackupError, match="cannot be written"):
        back_up(settings, tmp_path / target, with_secret_key=False)
    assert sorted(tmp_path.rglob("*")) == before


def test_times_of_logs_come_along_and_are_no_logs_of_their_own(settings, tmp_path):
    here = replace(settings_for(tmp_path / "own"), database_url=settings.database_url)
    log = log_path(here.data_dir, "a" * 24, "b" * 24, 1)
    log.parent.mkdir(parents=True)
    for path in (log, times_path(log)):
        path.write_bytes(b"12345678")
    file = tmp_path / "galley.tar.gz"
    assert back_up(here, file, with_secret_key=False).logs == 1
    with tarfile.open(file) as archive:
        assert f"logs/{log.parent.name}/{times_path(log).name}" in archive.getnames()


def test_a_folder_without_a_galley_is_not_backed_up(tmp_path):
    with pytest.raises(BackupError, match="There is no database at"):
        back_up(settings_for(tmp_path / "data"), tmp_path / "file", with_secret_key=False)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_damaged_is_not_backed_up(tmp_path):
    settings = settings_for(tmp_path / "data")
    settings.data_dir.mkdir()
    settings.sqlite_path.write_bytes(b"no database" * 1000)
    with pytest.raises(BackupError, match="cannot be copied"):
        back_up(settings, tmp_path / "file", with_secret_key=False)
    assert not (tmp_path / "file").exists()


def test_without_pg_dump_the_message_says_how_to_get_it(postgres_url, tmp_path, monkeypatch):
    settings = replace(settings_for(tmp_path / "data"), database_url=postgres_url)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="pg_dump is not installed here"):
        back_up(settings, tmp_path / "file", with_secret_key=False)


def test_a_password_of_the_database_is_no_argument_of_a_process(
    postgres_server, tmp_path, monkeypatch
):
    """All users of the machine can see the arguments of a process."""
    name = f"galley_backup_{os.urandom(4).hex()}"
    plain = postgres_server.create(name)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE TABLE package (sha256 text)")
    url = plain.replace("galley@", "galley:hush@", 1)
    programs = tmp_path / "programs"
    programs.mkdir()
    recorder = programs / "pg_dump"
    recorder.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/said; echo "$PGPASSWORD" >> {tmp_path}/said; exit 1\n'
    )
    recorder.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    settings = replace(settings_for(tmp_path / "data"), database_url=url)
    with pytest.raises(BackupError, match="pg_dump failed"):
        back_up(settings, tmp_path / "file", with_secret_key=False)
    arguments, password = (tmp_path / "said").read_text().splitlines()
    assert "hush" not in arguments
    assert password == "hush"
    postgres_server.drop(name)
