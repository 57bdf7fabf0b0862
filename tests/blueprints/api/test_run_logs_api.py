"""The logs of a run over the API: read, downloaded all together, brought from elsewhere."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from domain.logs import uploads
from domain.logs.files import log_path
from domain.models import AuditEvent, Run, StepRun, UploadedLog, write
from tests.support.world import World

MIB = 1024 * 1024


@pytest.fixture
def world(app, project) -> World:
    return World(app, project)


@pytest.fixture
def step(world) -> StepRun:
    """Of a run that failed with its second attempt."""
    return world.ended_run(attempt=2)


@pytest.fixture
def get(client, people):
    headers = people.user.headers()

    def get(path: str, **more: str) -> TestResponse:
        return client.get(f"/api/workflowruns/{path}", headers={**headers, **more}, buffered=True)

    return get


@pytest.fixture
def send(client, people):
    """Sends files (name, content) to a run."""
    headers = people.superuser.headers()

    def send(run_id: str, *files: tuple[str, bytes], **fields: Any) -> TestResponse:
        form = {"file": [(io.BytesIO(content), name) for name, content in files], **fields}
        return client.post(f"/api/workflowruns/{run_id}/logs", data=form, headers=headers)

    return send


def written(app, step: StepRun, content: bytes, attempt: int = 1) -> Path:
    path = log_path(app.config["GALLEY"].data_dir, step.run_id, step.id, attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def large_form(content: bytes) -> dict[str, Any]:
    """The arguments of a request with one file, without the temporary file of the test client."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="log"\r\n\r\n'
    body = head + content + b"\r\n--x--\r\n"
    return {
        "input_stream": io.BytesIO(body),
        "content_length": len(body),
        "content_type": "multipart/form-data; boundary=x",
    }


def on_disk(app) -> set[str]:
    folder = app.config["GALLEY"].data_dir / "logs"
    return {path.name for path in folder.rglob("*") if path.is_file()}


# ---- of one step -----------------------------------------------------------------------------


def test_a_log_is_that_of_the_last_attempt_or_of_the_one_asked_for(app, get, step):
    written(app, step, b"first\n", attempt=1)
    written(app, step, b"second\n", attempt=2)
    path = f"{step.run_id}/steps/{step.id}/logs"
    answer = get(path)
    assert (answer.data, answer.content_type) == (b"second\n", "text/plain; charset=utf-8")
    assert answer.headers["X-Log-Complete"] == "true"
    assert get(f"{path}?attempt=1").data == b"first\n"
    assert get(f"{path}?attempt=1", Range="bytes=1-3").data == b"irs"
    tail = get(f"{path}?attempt=1&offset=4")
    assert (tail.data, tail.headers["X-Log-Offset"]) == (b"t\n", "6")


def test_an_attempt_that_there_is_not_is_404_so_that_nobody_follows_it_for_ever(get, step):
    answer = get(f"{step.run_id}/steps/{step.id}/logs?attempt=99&offset=0")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_a_log_that_is_still_written_is_not_complete(app, get, world):
    step = world.run(status="Running")
    written(app, step, b"so far\nand")
    path = f"{step.run_id}/steps/{step.id}/logs"
    assert get(path).headers["X-Log-Complete"] == "false"
    answer = get(f"{path}?offset=0")
    assert (answer.data, answer.headers["X-Log-Complete"]) == (b"so far\n", "false")


def test_the_log_of_a_kept_step_is_that_of_the_step_that_really_ran(app, get, world, step):
    written(app, step, b"it was like this\n", attempt=2)
    kept = world.ended_run(kept_from=step.id)
    answer = get(f"{kept.run_id}/steps/{kept.id}/logs?offset=0")
    assert (answer.data, answer.headers["X-Log-Complete"]) == (b"it was like this\n", "true")
    assert get(f"{kept.run_id}/steps/{kept.id}/logs?attempt=2").status_code == 200
    assert get(f"{kept.run_id}/steps/{kept.id}/logs?attempt=3").status_code == 404


# ---- all together ----------------------------------------------------------------------------


def unzipped(answer: TestResponse) -> dict[str, bytes]:
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    assert archive.testzip() is None
    return {name: archive.read(name) for name in archive.namelist()}


def test_all_logs_of_a_run_are_one_zip(app, get, send, world, step):
    written(app, step, b"kept\n", attempt=2)
    run = world.ended_run(attempt=3)
    written(app, run, b"first\n", attempt=1)
    written(app, run, b"third\n", attempt=3)
    StepRun.insert(
        run=run.run_id,
        stage=run.stage_id,
        position=1,
        name="a/b",
        type="Build",
        queue="default",
        timeout_seconds=60,
        status="Succeeded",
        kept_from=step.id,
    ).execute()
    assert send(run.run_id, ("unit.log", b"ok\n")).status_code == 201
    answer = get(f"{run.run_id}/logs")
    assert answer.headers["Content-Disposition"] == "attachment; filename=run-1-logs.zip"
    assert unzipped(answer) == {
        "01-one/01-build.attempt-1.log": b"first\n",
        "01-one/01-build.attempt-3.log": b"third\n",
        "01-one/02-a_b.run-1.attempt-2.log": b"kept\n",
        "uploads/unit.log": b"ok\n",
    }


def test_a_run_without_logs_gives_an_empty_zip(get, step):
    assert unzipped(get(f"{step.run_id}/logs")) == {}


# ---- from elsewhere --------------------------------------------------------------------------


def test_files_are_added_to_a_run_shown_with_it_and_read_again(app, get, send, people, step):
    before = get(step.run_id)
    answer = send(step.run_id, ("unit tests.log", b"ok\n"), ("größe.txt", b""))
    assert answer.status_code == 201, answer.json
    assert answer.headers["Location"] == f"/api/workflowruns/{step.run_id}/logs"
    first, second = answer.json["uploads"]
    assert {name: first[name] for name in ("name", "size", "sha256", "uploadedBy")} == {
        "name": "unit tests.log",
        "size": 3,
        "sha256": hashlib.sha256(b"ok\n").hexdigest(),
        "uploadedBy": "superuser",
    }
    after = get(step.run_id)
    assert after.json["uploads"] == [first, second]
    assert (before.json["uploads"], before.headers["ETag"] != after.headers["ETag"]) == ([], True)
    read = get(f"{step.run_id}/logs/unit tests.log")
    assert (read.data, read.content_type) == (b"ok\n", "text/plain; charset=utf-8")
    assert get(f"{step.run_id}/logs/größe.txt").data == b""
    assert get(f"{step.run_id}/logs/other").status_code == 404
    (event,) = AuditEvent.select().where(AuditEvent.action == "upload")
    assert (event.actor, event.object_kind, event.object_id) == ("superuser", "run", step.run_id)


def test_an_uploaded_log_is_read_in_part_and_not_again_when_it_is_known(get, send, step):
    send(step.run_id, ("log", b"0123456789"))
    path = f"{step.run_id}/logs/log"
    part = get(path, Range="bytes=2-4")
    assert (part.status_code, part.data) == (206, b"234")
    assert get(path, Range="bytes=20-").status_code == 416
    whole = get(path, Range="lines=1-2")
    assert (whole.status_code, len(whole.data)) == (200, len(get(path).data))
    whole = get(path)
    assert get(path, **{"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_a_log_of_another_run_is_not_found(get, send, world, step):
    send(step.run_id, ("log", b"x"))
    assert get(f"{world.run().run_id}/logs/log").status_code == 404


def test_a_file_that_is_lost_is_told_from_one_that_never_was(app, get, send, step):
    send(step.run_id, ("log", b"x"))
    uploads.path_of(app.config["GALLEY"].data_dir, UploadedLog.get()).unlink()
    answer = get(f"{step.run_id}/logs/log")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "storage_error")
    assert unzipped(get(f"{step.run_id}/logs")) == {}


def test_a_file_may_be_far_larger_than_any_other_body(client, get, people, step):
    content = b"0123456789abcde\n" * (3 * MIB // 16)
    path = f"/api/workflowruns/{step.run_id}/logs"
    answer = client.post(path, **large_form(content), headers=people.superuser.headers())
    assert answer.status_code == 201
    assert get(f"{step.run_id}/logs/log").data == content


def test_a_signed_in_browser_may_send_as_much_with_its_csrf_token(people, step):
    browser = people.superuser.browser()
    path = f"/api/workflowruns/{step.run_id}/logs"
    assert browser.post(path, **large_form(b"x" * 2 * MIB)).status_code == 201
    del browser.environ_base["HTTP_X_CSRFTOKEN"]
    form = {"file": (io.BytesIO(b"x"), "other")}
    answer = browser.post(path, data=form)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "csrf_failed")


@pytest.mark.parametrize("length_is_known", [True, False])
def test_a_body_that_is_too_large_is_refused_by_the_name_of_its_limit(
    app, client, people, step, length_is_known
):
    """Whether it says so at its beginning, or is found to be so."""
    app.config["GALLEY"] = replace(app.config["GALLEY"], upload_bytes=MIB)
    room = MIB - large_form(b"")["content_length"]

    def send(size: int) -> TestResponse:
        form = large_form(b"x" * size)
        if not length_is_known:
            form = {**form, "content_length": None}
            form["environ_overrides"] = {"wsgi.input_terminated": True}
        return client.post(
            f"/api/workflowruns/{step.run_id}/logs", **form, headers=people.superuser.headers()
        )

    answer = send(room + 1)
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "body_too_large")
    assert "1,048,576 bytes" in answer.json["error"]["message"]
    assert "GALLEY_UPLOAD_BYTES" in answer.json["error"]["message"]
    assert on_disk(app) == set()
    assert send(room).status_code == 201


def test_who_may_not_upload_is_refused_before_anything_is_read(app, client, people, step):
    class NeverRead(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

        readinto = read  # type: ignore[assignment]

    answer = client.post(
        f"/api/workflowruns/{step.run_id}/logs",
        input_stream=NeverRead(),
        content_length=10 * MIB,
        content_type="multipart/form-data; boundary=x",
        headers=people.user.headers(),
    )
    assert answer.status_code == 403
    assert not (app.config["GALLEY"].data_dir / "logs").exists()


def faults_of(answer: TestResponse) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.json
    return [(fault["field"], fault["code"]) for fault in answer.json["error"]["details"]]


def test_every_fault_of_a_form_is_named_and_nothing_of_it_kept(app, send, step):
    answer = send(
        step.run_id,
        ("good.log", b"x"),
        ("../bad.log", b"x"),
        ("bad\tname.log", b"y"),
        comment="no file",
    )
    assert faults_of(answer) == [
        ("/comment", "unknown_field"),
        ("/file", "invalid_format"),
        ("/file", "invalid_text"),
    ]
    assert (on_disk(app), UploadedLog.select().count()) == (set(), 0)


def test_a_form_without_a_file_is_a_fault(send, step):
    assert faults_of(send(step.run_id, file=(io.BytesIO(), "", "text/plain"))) == [
        ("/file", "required")
    ]


def test_a_name_that_is_taken_is_a_conflict_that_says_what_is_there(send, step):
    send(step.run_id, ("log", b"first"))
    answer = send(step.run_id, ("new", b"x"), ("log", b"second"))
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "duplicate_name")
    (detail,) = answer.json["error"]["details"]
    assert (detail["field"], detail["sha256"]) == ("/file", hashlib.sha256(b"first").hexdigest())
    assert [row.name for row in UploadedLog.select()] == ["log"]


def test_logs_are_added_to_a_run_that_has_not_ended_too(send, world):
    assert send(world.run().run_id, ("log", b"x")).status_code == 201


def test_a_run_that_there_is_not_takes_none(send):
    assert send("0" * 24, ("log", b"x")).status_code == 404


BROKEN = {
    "no end": b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhalf a fi',
    "no beginning": b"just text",
    "nothing": b"",
    "a part that says nothing of itself": b"--x\r\n\r\ntext\r\n--x--\r\n",
    "a head that is no text": b"--x\r\nContent-Disposition: \xff\r\n\r\ntext\r\n--x--\r\n",
    "a head without end": b"--x\r\n" + b"A: b\r\n" * MIB,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_form_is_refused_as_such(app, client, people, step, body):
    answer = client.post(
        f"/api/workflowruns/{step.run_id}/logs",
        input_stream=io.BytesIO(body),
        content_length=len(body),
        content_type="multipart/form-data; boundary=x",
        headers=people.superuser.headers(),
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed_form")
    assert on_disk(app) == set()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=ü", 400),
    ],
)
def test_only_a_form_with_a_boundary_holds_files(client, people, step, kind, status):
    answer = client.post(
        f"/api/workflowruns/{step.run_id}/logs",
        data=b"{}",
        content_type=kind,
        headers=people.superuser.headers(),
    )
    assert answer.status_code == status


def test_the_folder_of_a_removed_run_takes_its_uploads_along(app, send, step):
    send(step.run_id, ("log", b"x"))
    path = uploads.path_of(app.config["GALLEY"].data_dir, UploadedLog.get())
    assert app.config["GALLEY"].data_dir / "logs" / step.run_id in path.parents
    with write():
        Run.delete().where(Run.id == step.run_id).execute()
    assert UploadedLog.select().count() == 0


def test_the_document_describes_the_upload_and_the_headers_of_a_log(client):
    paths = client.get("/api/openapi.json").json["paths"]
    form = paths["/api/workflowruns/{runId}/logs"]["post"]["requestBody"]
    assert form["required"]
    assert list(form["content"]) == ["multipart/form-data"]
    log = paths["/api/workflowruns/{runId}/steps/{stepRunId}/logs"]["get"]["responses"]
    for status in ("200", "206"):
        assert {"X-Log-Offset", "X-Log-Complete"} <= set(log[status]["headers"])
