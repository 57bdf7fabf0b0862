"""`?wait=` on a run: what ends the wait, what it costs the others."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from werkzeug.test import TestResponse

from blueprints.shared.long_poll import PLACES
from domain.clock import now
from domain.models import Member, Run, StageRun, StepRun, WorkerInfo, db, write
from domain.models.run_facts import touch
from jobs.setup.up import WEB_THREADS
from tests.support.wait import eventually
from tests.support.world import World


@pytest.fixture
def step(app, project) -> StepRun:
    """Of a run that waits for a worker."""
    row = World(app, project).run(ready_at=1)
    StageRun.update(opened_at=1).where(StageRun.id == row.stage_id).execute()
    return row


@pytest.fixture
def ask(app, people, step) -> Callable[..., TestResponse]:
    """Read the run as a member of the project, anew each time."""

    def ask(tag: str | None = None, wait: int | None = 20) -> TestResponse:
        headers = people.user.headers("read") | ({"If-None-Match": tag} if tag else {})
        query = {"wait": wait} if wait else {}
        path = f"/api/workflowruns/{step.run_id}"
        return app.test_client().get(path, headers=headers, query_string=query)

    return ask


@pytest.fixture
def waiting(app, ask) -> Callable:
    """Have somebody wait: `with waiting() as answers:` goes on when they do.

    Their answer is in the list afterwards.
    """

    @contextmanager
    def waiting(tag: str | None = None) -> Iterator[list[TestResponse]]:
        tag = tag or ask(wait=None).headers["ETag"]
        before = app.extensions["galley_waiters"].waiting
        answers: list[TestResponse] = []

        def wait() -> None:
            answers.append(ask(tag))
            db.close()

        thread = threading.Thread(target=wait)
        thread.start()
        eventually(lambda: app.extensions["galley_waiters"].waiting > before, 5, "one who waits")
        yield answers
        thread.join(10)
        assert answers, "the wait did not end"

    return waiting


def test_without_a_tag_nobody_waits(ask):
    begun = time.monotonic()
    assert ask(wait=60).status_code == 200
    assert time.monotonic() - begun < 10


def test_a_run_that_does_not_change_is_answered_when_the_time_is_over(ask):
    tag = ask(wait=None).headers["ETag"]
    begun = time.monotonic()
    answer = ask(tag, wait=1)
    assert time.monotonic() - begun >= 1
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)
    assert "Retry-After" not in answer.headers


def test_a_change_is_answered_with_what_the_run_is_then(ask, waiting, step):
    with waiting() as answers, write():
        Run.update(message="It has begun.").where(Run.id == step.run_id).execute()
        touch(step.run_id)
    assert (answers[0].status_code, answers[0].json["message"]) == (200, "It has begun.")
    assert ask(answers[0].headers["ETag"], wait=None).status_code == 304


def test_a_tag_of_before_is_answered_at_once(ask, step):
    tag = ask(wait=None).headers["ETag"]
    with write():
        touch(step.run_id)
    assert ask(tag, wait=60).status_code == 200


def test_a_tag_that_a_proxy_made_weak_counts(ask):
    tag = ask(wait=None).headers["ETag"]
    assert ask(f"W/{tag}", wait=1).status_code == 304


def test_a_reason_that_goes_away_without_a_change_of_the_run_ends_the_wait(ask, waiting):
    assert "no_worker" in codes(ask(wait=None))
    with waiting() as answers:
        WorkerInfo.create(name="w", host="h", pid=1, pid_started=1, queue="default")
    assert answers[0].status_code == 200
    assert "no_worker" not in codes(answers[0])


def test_the_tag_of_a_run_whose_reasons_stay_does_not_change_with_the_clock(ask, step, monkeypatch):
    Run.update(admitted=False).where(Run.id == step.run_id).execute()
    first = ask(wait=None)
    assert first.json["waiting"]
    for module in ("domain.runs.pending_facts", "blueprints.shared.run_control"):
        monkeypatch.setattr(f"{module}.now", lambda: now() + 3_600_000)
    assert ask(wait=None).headers["ETag"] == first.headers["ETag"]


def test_beyond_half_of_the_threads_nobody_waits_and_is_told_when_to_come_again(app, ask, waiting):
    assert 2 * PLACES <= WEB_THREADS
    tag = ask(wait=None).headers["ETag"]
    app.extensions["galley_waiters"].waiting = PLACES - 1
    with waiting(tag):
        begun = time.monotonic()
        answer = ask(tag, wait=60)
        assert time.monotonic() - begun < 10
        assert (answer.status_code, answer.headers["Retry-After"]) == (304, "2")
        app.extensions["galley_waiters"].end()
    app.extensions["galley_waiters"].waiting -= PLACES - 1
    assert app.extensions["galley_waiters"].waiting == 0


def test_a_server_that_stops_lets_nobody_wait(app, waiting):
    with waiting() as answers:
        app.extensions["galley_waiters"].end()
    assert answers[0].status_code == 304


def test_who_loses_the_right_while_waiting_is_told_nothing(waiting, people, step):
    with waiting() as answers, write():
        Member.delete().where(Member.user == people.user.user).execute()
        touch(step.run_id)
    assert answers[0].status_code == 404


def test_a_run_that_is_removed_while_somebody_waits_is_gone(waiting, step):
    with waiting() as answers, write():
        Run.delete().where(Run.id == step.run_id).execute()
    assert answers[0].status_code == 404


@pytest.mark.parametrize("wait", ["0", "61", "-1", "soon", "1.5"])
def test_a_wait_out_of_range_is_refused(ask, wait):
    answer = ask(wait=wait)
    assert answer.status_code == 422
    assert answer.json["error"]["details"][0]["field"] == "/wait"


def codes(answer: TestResponse) -> set[str]:
    return {reason["code"] for reason in answer.json["waiting"]}
