"""The pages of runs: the picture that is polled, the log that grows, stopping."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from blueprints.shared import run_control
from domain import engine
from domain.accounts import idempotency
from domain.accounts.idempotency import first_answer
from domain.engine import Ending
from domain.logs.files import log_path
from domain.models import (
    Package,
    Release,
    Run,
    StageRun,
    StepRun,
    TestResult,
    Workflow,
    new_id,
    write,
)
from domain.settings import Settings
from domain.statuses import FAILED, SUCCEEDED
from tests.support.forms import form_id_in
from tests.support.people import People
from tests.support.pipelines import a_workflow, build, claimed, start, step_named


@pytest.fixture
def run(project: object) -> Run:
    """Two stages; nothing has been taken by a worker."""
    return start(a_workflow([build("wheel", retries=1), build("docs")], [build("sign")]))


@pytest.fixture
def step(run: Run) -> StepRun:
    return step_named(run, "wheel")


def written(settings: Settings, step: StepRun, content: bytes, attempt: int = 1) -> Path:
    path = log_path(settings.data_dir, step.run_id, step.id, attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ---- the history -----------------------------------------------------------------------------


def test_the_history_can_be_narrowed_and_an_empty_status_means_any(
    visitor: FlaskClient, run: Run
) -> None:
    assert f'id="run-{run.id}"' in visitor.get("/runs?status=&projectId=pond").text
    assert f'id="run-{run.id}"' in visitor.get("/runs?status=Pending").text
    assert "No runs found" in visitor.get("/runs?status=Failed").text
    assert "Runs of Release" in visitor.get(f"/runs?workflowId={run.workflow_id}").text
    assert visitor.get("/runs?projectId=elsewhere").status_code == 404
    assert visitor.get("/runs?status=Broken").status_code == 422


def test_how_many_runs_fit_is_told_when_somebody_asked_and_by_no_poll(
    visitor: FlaskClient, run: Run
) -> None:
    told = '<p class="hidden" role="status" id="run-count">{}</p>'
    assert told.format("1 run") in visitor.get("/runs").text
    assert told.format("No runs found") in visitor.get("/runs?status=Failed").text
    assert "run-count" not in visitor.get("/runs/list").text


def test_of_many_stages_those_around_the_first_that_did_not_succeed_are_shown(
    visitor: FlaskClient, project: object
) -> None:
    run = start(a_workflow(*([build(f"part {n}")] for n in range(50))))

    def marks(status: str, position: int) -> tuple[list[str], list[str]]:
        of_run = StageRun.run == run.id
        StageRun.update(status=SUCCEEDED).where(of_run).execute()
        StageRun.update(status="Skipped").where(of_run & (StageRun.position > position)).execute()
        StageRun.update(status=status).where(of_run & (StageRun.position == position)).execute()
        cell = visitor.get("/runs").text.partition('"stage-marks">')[2].partition("</span>")[0]
        left_out = re.findall(r"<small>\+(\d+)</small>", cell)
        return left_out, re.findall(r'<use class="is-(\w+)"', cell)

    around = ["Succeeded"] * 6 + ["Failed"] + ["Skipped"] * 5
    assert marks(FAILED, 30) == (["24", "14"], around)
    assert marks(FAILED, 2) == (["38"], ["Succeeded"] * 2 + ["Failed"] + ["Skipped"] * 9)
    assert marks(FAILED, 49) == (["38"], ["Succeeded"] * 11 + ["Failed"])
    assert marks(SUCCEEDED, 49) == (["38"], ["Succeeded"] * 12)


def test_strangers_see_nothing_of_it(people: People, run: Run, step: StepRun) -> None:
    visitor = people.stranger.browser()
    assert run.id not in visitor.get("/runs").text
    for path in ("", "/status", f"/steps/{step.id}/log"):
        assert visitor.get(f"/runs/{run.id}{path}").status_code == 404
    assert visitor.get(f"/runs?workflowId={run.workflow_id}").status_code == 404
    assert visitor.post(f"/runs/{run.id}/abort").status_code == 404


def test_an_unchanged_history_is_not_sent_again(
    visitor: FlaskClient, run: Run, step: StepRun
) -> None:
    known = {"If-None-Match": visitor.get("/runs/list").headers["ETag"]}
    assert visitor.get("/runs/list", headers=known).status_code == 304
    claimed(step)
    assert visitor.get("/runs/list", headers=known).status_code == 200


# ---- the polled picture ----------------------------------------------------------------------


def test_an_unchanged_run_is_not_sent_again_until_something_happens(
    visitor: FlaskClient, run: Run, step: StepRun
) -> None:
    held = claimed(step)
    claimed(step_named(run, "docs"))
    first = visitor.get(f"/runs/{run.id}/status?shown={step.id}.1")
    assert f"data-etag='{first.headers['ETag']}'" in first.text
    known = {"If-None-Match": first.headers["ETag"]}
    second = visitor.get(f"/runs/{run.id}/status?shown={step.id}.1", headers=known)
    assert (second.status_code, second.data) == (304, b"")
    engine.finish(held, Ending(SUCCEEDED))
    third = visitor.get(f"/runs/{run.id}/status?shown={step.id}.1", headers=known)
    assert third.status_code == 200
    assert "1 of 3 steps done, now: " in third.text


def test_what_was_sent_to_one_role_is_not_taken_for_what_another_sees(
    people: People, run: Run
) -> None:
    tags = {
        person.browser().get(f"/runs/{run.id}/status").headers["ETag"]
        for person in (people.user, people.superuser)
    }
    assert len(tags) == 2


def test_why_a_step_waits_is_looked_at_again_although_nothing_happens_to_the_run(
    visitor: FlaskClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_control, "now", lambda: 1_000_000)
    first = visitor.get(f"/runs/{run.id}/status")
    assert "No worker listens to the queue default." in first.text
    known = {"If-None-Match": first.headers["ETag"]}
    assert visitor.get(f"/runs/{run.id}/status", headers=known).status_code == 304
    monkeypatch.setattr(run_control, "now", lambda: 1_000_000 + run_control.LOOK_AGAIN_MS)
    assert visitor.get(f"/runs/{run.id}/status", headers=known).status_code == 200


def test_polling_ends_with_the_run(visitor: FlaskClient, run: Run) -> None:
    assert f'hx-get="/runs/{run.id}/status' in visitor.get(f"/runs/{run.id}").text
    visitor.post(f"/runs/{run.id}/abort")
    ended = visitor.get(f"/runs/{run.id}").text
    assert "hx-trigger" not in ended[ended.index('id="run"') :]


def test_the_log_comes_along_only_when_another_one_is_due(
    visitor: FlaskClient, run: Run, step: StepRun
) -> None:
    before = visitor.get(f"/runs/{run.id}/status?shown={step.id}.0").text
    assert 'id="log-panel"' not in before
    claimed(step)
    started = visitor.get(f"/runs/{run.id}/status?shown={step.id}.0").text
    assert '<hx-partial hx-target="#log-panel"' in started
    assert f'data-log="/runs/{run.id}/steps/{step.id}/log?attempt=1"' in started


def test_the_reader_chooses_the_step_and_the_attempt(
    visitor: FlaskClient, settings: Settings, run: Run, step: StepRun
) -> None:
    engine.finish(claimed(step), Ending(FAILED, "It fell over.", 1))
    claimed(step, attempt=2)
    written(settings, step, b"the first try\n", attempt=1)
    written(settings, step, b"the second try\n", attempt=2)
    docs = step_named(run, "docs")
    assert f'shown={docs.id}.0"' in visitor.get(f"/runs/{run.id}?step={docs.id}").text
    chosen = visitor.get(f"/runs/{run.id}?step={step.id}&attempt=1").text
    assert "the first try" in chosen
    assert "the second try" not in chosen
    assert "Attempt 1: It fell over." in chosen
    assert "the second try" in visitor.get(f"/runs/{run.id}?step={step.id}").text


@pytest.mark.parametrize("query", ["step=nope", "step={id}&attempt=9", "attempt=x"])
def test_a_choice_that_does_not_exist_is_refused(
    visitor: FlaskClient, run: Run, step: StepRun, query: str
) -> None:
    response = visitor.get(f"/runs/{run.id}?{query.format(id=step.id)}")
    assert response.status_code == (422 if query == "attempt=x" else 404)


def test_the_page_shows_what_was_released_and_which_tests_failed(
    visitor: FlaskClient, run: Run, step: StepRun
) -> None:
    held = claimed(step)

    def record() -> dict:
        release = Release.create(
            ingredient="duck", version="1.4", created_by="ann", run_id=run.id, step_run_id=step.id
        )
        Package.create(release=release, path="a b/<x>.whl", size=34_120, sha256="ab" * 32)
        for name, result in (("flies", "Pass"), ("<quacks>", "Fail"), ("swims", "Error")):
            TestResult.create(step=step.id, attempt=1, name=name, result=result, message="oh")
        counts = {"total": 3, "passed": 1, "failed": 1, "skipped": 0, "errors": 1}
        return {"release_id": release.id, "test_counts": counts}

    StepRun.update(retries=0).where(StepRun.id == step.id).execute()
    engine.finish(held, Ending(FAILED, "2 of 3 tests failed.", 1, record=record))
    page = visitor.get(f"/runs/{run.id}").text
    release = Release.get()
    assert f'href="/api/releases/{release.id}/packages/a%20b/%3Cx%3E.whl"' in page
    assert "a b/&lt;x&gt;.whl" in page
    assert "34 kB" in page
    assert "&lt;quacks&gt;" in page
    assert "swims" in page
    assert "flies" not in page


# ---- stopping --------------------------------------------------------------------------------


def test_a_run_is_stopped_once_and_stopping_it_again_is_no_error(
    visitor: FlaskClient, people: People, run: Run
) -> None:
    for _ in range(2):
        response = visitor.post(f"/runs/{run.id}/abort")
        assert (response.status_code, response.location) == (303, f"/runs/{run.id}")
    ended = Run.get_by_id(run.id)
    assert (ended.status, ended.cancelled_by) == ("Cancelled", people.superuser.username)


def test_who_may_not_stop_it_reads_who_may(people: People, run: Run) -> None:
    visitor = people.user.browser()
    assert "Only a SuperUser of pond can abort" in visitor.get(f"/runs/{run.id}").text
    response = visitor.post(f"/runs/{run.id}/abort")
    assert response.status_code == 403
    assert "This needs the role SuperUser; yours is" in response.text
    assert Run.get_by_id(run.id).cancelled_by is None


def test_the_runs_of_a_deleted_workflow_can_still_be_read(visitor: FlaskClient, run: Run) -> None:
    with write():
        Workflow.update(deleted_at=1).execute()
    assert visitor.get(f"/runs/{run.id}").status_code == 200
    assert "Release" in visitor.get("/runs").text


def test_a_stage_that_waits_for_a_person_can_be_approved_where_it_is_shown(
    visitor: FlaskClient, people: People
) -> None:
    gate = {"steps": [build("ship")], "approval": {"required": True, "roles": ["SuperUser"]}}
    run = start(a_workflow(gate))
    stage = StageRun.get(StageRun.run == run.id)
    address = f"/runs/{run.id}/stages/{stage.id}/approve"
    assert f'action="{address}"' in visitor.get(f"/runs/{run.id}").text
    assert address not in people.user.browser().get(f"/runs/{run.id}").text
    assert visitor.post(address, data={"comment": "It <works>."}).status_code == 303
    assert StageRun.get_by_id(stage.id).decision == "approved"
    page = visitor.get(f"/runs/{run.id}").text
    assert address not in page
    assert "approved by superuser" in page
    assert "“It &lt;works&gt;.”" in page
    assert visitor.post(address).status_code == 409


# ---- running again ---------------------------------------------------------------------------


def test_a_failed_run_is_run_again_from_its_page_and_says_what_was_kept(
    visitor: FlaskClient, failed: Run
) -> None:
    address = f"/runs/{failed.id}/rerun"
    assert f'href="{address}"' in visitor.get(f"/runs/{failed.id}").text
    assert f'action="{address}"' in visitor.get(address).text
    answer = visitor.post(address, data={"from": "failed", "definition": "same"})
    assert answer.status_code == 303
    again = Run.get(Run.rerun_of == failed.id)
    assert answer.location == f"/runs/{again.id}"
    page = visitor.get(answer.location).text
    assert f'href="/runs/{failed.id}"' in page
    assert "Not started yet: 1 step to do" in page
    kept = visitor.get(f"{answer.location}?step={step_named(again, 'wheel').id}").text
    assert "Reused from run #1." in kept
    assert visitor.get(f"/runs/{again.id}/status").status_code == 200


def test_a_kept_step_shows_the_log_of_the_step_that_really_ran(
    visitor: FlaskClient, settings: Settings, failed: Run
) -> None:
    written(settings, step_named(failed, "wheel"), b"It was like this.\n")
    visitor.post(f"/runs/{failed.id}/rerun", data={"from": "failed", "definition": "same"})
    again = Run.get(Run.rerun_of == failed.id)
    kept = step_named(again, "wheel")
    page = visitor.get(f"/runs/{again.id}?step={kept.id}").text
    assert "It was like this." in page
    assert "End of log, 18 B" in page
    piece = visitor.get(f"/runs/{again.id}/steps/{kept.id}/log?attempt=1&line=1").text
    assert "like this." in piece
    assert visitor.get(f"/runs/{again.id}?step={kept.id}&attempt=1").status_code == 200
    assert visitor.get(f"/runs/{again.id}?step={kept.id}&attempt=2").status_code == 404
    with write():
        Run.delete().where(Run.id == failed.id).execute()
    page = visitor.get(f"/runs/{again.id}?step={kept.id}").text
    assert "its log was deleted with the earlier run" in page


def test_a_double_click_runs_it_again_once(visitor: FlaskClient, failed: Run) -> None:
    address = f"/runs/{failed.id}/rerun"
    form = {"from": "failed", "definition": "same", "formId": form_id_in(visitor.get(address).text)}
    first, second = (visitor.post(address, data=form) for _ in range(2))
    assert (second.status_code, second.location) == (303, first.location)
    assert Run.select().count() == 2
    other = visitor.post(address, data={**form, "from": "start"})
    assert (other.status_code, Run.select().count()) == (303, 3)
    assert form_id_in(visitor.get(address).text) != form["formId"]
    assert visitor.post(address, data={**form, "formId": "x"}).status_code == 422


def test_a_click_while_the_first_is_being_answered_leads_to_the_same_run(
    visitor: FlaskClient, failed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/runs/{failed.id}/rerun"
    form = {"from": "failed", "definition": "same", "formId": new_id()}
    first = visitor.post(address, data=form)
    looks = iter([lambda keyed: None, first_answer])
    monkeypatch.setattr(idempotency, "first_answer", lambda keyed: next(looks)(keyed))
    second = visitor.post(address, data=form)
    assert (second.status_code, second.location) == (303, first.location)
    assert Run.select().count() == 2


def test_who_may_not_run_it_again_is_not_offered_it(people: People, failed: Run) -> None:
    visitor = people.user.browser()
    assert "Rerun<" not in visitor.get(f"/runs/{failed.id}").text
    assert visitor.post(f"/runs/{failed.id}/rerun").status_code == 403


def test_a_run_that_goes_on_is_not_offered_again(visitor: FlaskClient, run: Run) -> None:
    assert "Rerun<" not in visitor.get(f"/runs/{run.id}").text
    refused = visitor.post(f"/runs/{run.id}/rerun")
    assert refused.status_code == 409
    assert "still Pending" in refused.text


# ---- a deployment whose worker was lost ------------------------------------------------------


@pytest.fixture
def lost(failed: Run) -> str:
    """The address of a step of which nobody knows whether it deployed."""
    step = step_named(failed, "sign")
    with write():
        StepRun.update(outside_effect="unknown").where(StepRun.id == step.id).execute()
    return f"/runs/{failed.id}?step={step.id}"


def test_a_person_says_on_the_page_what_became_of_a_lost_deployment(
    visitor: FlaskClient, failed: Run, lost: str
) -> None:
    page = visitor.get(lost).text
    address = f"/runs/{failed.id}/steps/{step_named(failed, 'sign').id}/outcome"
    assert page.count(f'action="{address}"') == 1
    assert "It did not happen" in page
    answer = visitor.post(address, data={"happened": "false"})
    assert (answer.status_code, answer.location) == (303, f"{lost}#step")
    page = visitor.get(lost).text
    assert "superuser said that it did not happen." in page
    assert address not in page
    assert visitor.post(address, data={"happened": "true"}).status_code == 409
    assert visitor.post(address, data={}).status_code == 422


def test_who_may_not_answer_reads_who_may(people: People, lost: str) -> None:
    page = people.user.browser().get(lost).text
    assert "Only a SuperUser of pond can record the result" in page
    assert "It happened" not in page
