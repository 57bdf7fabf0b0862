"""Log files that are added to a run."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.accounts.access import console
from domain.errors import Conflict, Invalid, NotFound
from domain.logs import uploads
from domain.logs.uploads import GIVEN_UP_SECONDS, MAX_FILES, Inbox, inbox
from domain.models import AuditEvent, Run, UploadedLog, write
from domain.settings import Settings
from tests.support.pipelines import a_project, a_workflow, build, start

BOB = console("bob")


@pytest.fixture(autouse=True)
def project(database):
    return a_project()


@pytest.fixture
def run() -> Run:
    return start(a_workflow([build("wheel")]))


def upload(settings: Settings, run: Run, **files: bytes) -> list[UploadedLog]:
    with inbox(settings.data_dir, run) as box:
        for name, content in files.items():
            box.add("/file", name, [content])
        return box.store(BOB)


def in_the_logs(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "logs").rglob("*") if path.is_file()]


def test_a_file_is_kept_byte_by_byte_with_who_brought_it(settings, run):
    with inbox(settings.data_dir, run) as box:
        box.add("/file", "unit tests.log", [b"ok\n", b"", b"\xff\x00"])
        (row,) = box.store(BOB)
    assert uploads.path_of(settings.data_dir, row).read_bytes() == b"ok\n\xff\x00"
    row = uploads.get(run, "unit tests.log")
    assert (row.size, row.uploaded_by) == (5, "bob")
    assert row.sha256 == hashlib.sha256(b"ok\n\xff\x00").hexdigest()
    assert in_the_logs(settings) == [uploads.path_of(settings.data_dir, row)]


def test_whoever_watches_the_run_is_told_and_the_record_says_what_came(settings, run):
    upload(settings, run, a=b"1", b=b"22")
    assert Run.get_by_id(run.id).version == run.version + 1
    event = AuditEvent.get(AuditEvent.action == "upload")
    assert (event.actor, event.object_id, event.project_id) == ("bob", run.id, "pond")
    assert [(log["name"], log["size"]) for log in event.detail["logs"]] == [("a", 1), ("b", 2)]


def test_what_is_not_kept_leaves_nothing(settings, run):
    def breaks_off() -> Iterator[bytes]:
        yield b"half a"
        raise ConnectionResetError

    with inbox(settings.data_dir, run) as box:
        box.add("/file", "whole", [b"whole"])
        with pytest.raises(ConnectionResetError):
            box.add("/file", "half", breaks_off())
    assert (in_the_logs(settings), uploads.of_run(run)) == ([], [])


def faults_of(box: Inbox) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        box.store(BOB)
    return [(error.field, error.code) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "required"),
        ("..", "invalid_format"),
        (".", "invalid_format"),
        ("../../etc/passwd", "invalid_format"),
        ("/etc/passwd", "invalid_format"),
        ("C:\\logs\\x.log", "invalid_format"),
        ("two\nlines", "invalid_text"),
        ("nul\0", "invalid_text"),
        ("gol.\u202etxt", "invalid_text"),
        ("half\ud800", "invalid_text"),
        (" padded ", "invalid_text"),
        ("ü" * 101, "too_long"),
    ],
)
def test_a_name_is_one_line_and_no_path(settings, run, name, code):
    with inbox(settings.data_dir, run) as box:
        box.add("/file", name, [b"x"])
        assert faults_of(box) == [("/file", code)]
    assert uploads.of_run(run) == []


@pytest.mark.parametrize("name", ["ü" * 100, "a b.log", "…log", ".log", "🚀"])
def test_any_other_name_will_do(settings, run, name):
    upload(settings, run, **{name: b"x"})
    assert uploads.get(run, name).size == 1


def test_every_error_is_said_and_nothing_is_kept(settings, run):
    with inbox(settings.data_dir, run) as box:
        box.add("/a", "good", [b"x"])
        box.add("/b", "a/b", [b"x"])
        box.add("/c", "", [b"x"])
        assert faults_of(box) == [("/b", "invalid_format"), ("/c", "required")]
    assert (in_the_logs(settings), uploads.of_run(run)) == ([], [])


def test_an_upload_of_nothing_is_a_error(settings, run):
    with inbox(settings.data_dir, run) as box:
        assert faults_of(box) == [("", "required")]


def test_a_taken_name_refuses_all_and_says_what_is_there(settings, run):
    upload(settings, run, log=b"first")
    with pytest.raises(Conflict) as refused:
        upload(settings, run, new=b"new", log=b"second")
    assert refused.value.code == "duplicate_name"
    (detail,) = refused.value.details
    assert (detail["name"], detail["size"]) == ("log", 5)
    assert detail["sha256"] == hashlib.sha256(b"first").hexdigest()
    (row,) = uploads.of_run(run)
    assert in_the_logs(settings) == [uploads.path_of(settings.data_dir, row)]
    assert uploads.path_of(settings.data_dir, row).read_bytes() == b"first"


def test_a_name_is_taken_by_an_earlier_file_of_the_same_upload_too(settings, run):
    with inbox(settings.data_dir, run) as box:
        for content in (b"first", b"second"):
            box.add("/file", "log", [content])
        with pytest.raises(Conflict) as refused:
            box.store(BOB)
    assert refused.value.message.startswith("This form already has a log 'log'.")
    assert (in_the_logs(settings), uploads.of_run(run)) == ([], [])


def test_two_runs_may_have_logs_of_one_name(settings, run):
    other = start(run.workflow)
    upload(settings, run, log=b"one")
    upload(settings, other, log=b"other")
    assert uploads.get(run, "log").size == 3
    with pytest.raises(NotFound):
        uploads.get(run, "another")


def test_a_run_keeps_no_more_than_it_can_list(settings, run):
    first = {str(number): b"" for number in range(MAX_FILES - 1)}
    upload(settings, run, **first)
    with pytest.raises(Conflict) as refused:
        upload(settings, run, one=b"", two=b"")
    assert [detail["code"] for detail in refused.value.details] == ["too_many"]
    upload(settings, run, one=b"")
    assert len(uploads.of_run(run)) == MAX_FILES


def test_a_form_without_end_is_refused_before_its_end(settings, run):
    with inbox(settings.data_dir, run) as box:
        for number in range(MAX_FILES):
            box.add("/file", f"{number}" if number % 2 else "", [])
        with pytest.raises(Invalid):
            box.add("/file", "another", [])


def test_a_run_that_is_removed_meanwhile_gets_nothing(settings, run):
    with inbox(settings.data_dir, run) as box:
        box.add("/file", "log", [b"x"])
        with write():
            Run.delete().where(Run.id == run.id).execute()
        with pytest.raises(NotFound):
            box.store(BOB)
    assert in_the_logs(settings) == []


def test_the_rows_go_with_their_run(settings, run):
    upload(settings, run, log=b"x")
    with write():
        Run.delete().where(Run.id == run.id).execute()
    assert UploadedLog.select().count() == 0


def test_only_what_stopped_a_day_ago_is_cleared_away(settings, run):
    upload(settings, run, log=b"x")
    with inbox(settings.data_dir, run) as box:
        box.add("/file", "arriving", [b"x"])
        folder = settings.data_dir / "logs" / ".incoming"
        left = folder / "left"
        left.mkdir()
        (left / "0").touch()
        old = time.time() - GIVEN_UP_SECONDS - 1
        for path in (left / "0", left):
            os.utime(path, (old, old))
        uploads.remove_unfinished(settings.data_dir)
        assert not left.exists()
        assert len(box.store(BOB)) == 1
    assert len(uploads.of_run(run)) == 2
    assert list(folder.iterdir()) == []
