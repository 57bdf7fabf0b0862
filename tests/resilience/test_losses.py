"""Messages, Redis, databases and reconcilers that are lost, doubled, slow or away for a while."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from domain.accounts import tokens, users
from domain.accounts.access import console
from domain.models import Attempt, Deployment, Run, StepRun, db
from domain.settings import Settings
from domain.statuses import FAILED, PENDING, RUNNING, SUCCEEDED
from jobs.queue import Doorbell
from tests.resilience.gates import PASS, ended, two_steps
from tests.resilience.own_redis import OwnRedis
from tests.support import invariants
from tests.support.pipelines import (
    a_project,
    a_workflow,
    an_environment,
    build,
    deploy,
    start,
    start_and_ready,
    step_named,
)
from tests.support.plant import Plant
from tests.support.processes import descendants
from tests.support.wait import eventually

BEFORE_BELL = "between commit and the bell"


# ---- messages and workers ----


def test_of_two_workers_with_the_same_message_one_runs_the_step(plant, doorbell, gate):
    run = two_steps(doorbell, gate.script)
    again = doorbell.queue("default")
    for number in range(3):
        again.enqueue_call(
            "jobs.worker.run_step.run_step",
            (step_named(run, "first").id, 1),
            job_id=f"again{number}",
        )
    plant.worker(), plant.worker()
    gate.is_reached()
    gate.open()
    assert ended(run).status == SUCCEEDED
    assert gate.reached() == 1
    invariants.hold(plant.settings)


def test_a_run_whose_web_server_died_before_it_rang_is_run(plant, doorbell):
    a_project()
    workflow = a_workflow([build("a", PASS)])
    users.create_user(console(), "ann", password=None, is_system_admin=True)
    web = plant.start(post_run, plant.settings, plant.redis_url, workflow.id, halt=BEFORE_BELL)
    web.halted()
    web.kill()
    (run,) = Run.select()
    assert run.status == PENDING
    plant.worker(), plant.reconciler()
    assert ended(run).status == SUCCEEDED
    invariants.hold(plant.settings)


def post_run(settings: Settings, redis_url: str, workflow_id: str) -> None:
    """What the web server does when somebody presses Run."""
    from app import create_app

    app = create_app(replace(settings, redis_url=redis_url))
    with db.obj.connection_context():
        _, token = tokens.create_token(console(), users.get_user("ann"), "x", scope="write")
    app.test_client().post(
        f"/api/workflows/{workflow_id}/runs", headers={"Authorization": f"Bearer {token}"}
    )


@pytest.mark.parametrize("point", ["before it takes a step back", BEFORE_BELL])
def test_a_reconciler_that_dies_in_a_repair_is_no_loss(plant, doorbell, gate, point):
    run = two_steps(doorbell, gate.script)
    worker = plant.worker()
    gate.is_reached()
    first = plant.reconciler(halt=point)
    worker.kill()
    first.halted()
    first.kill()
    gate.open()
    plant.worker(), plant.reconciler(), plant.reconciler()
    assert ended(run).status == SUCCEEDED
    assert [a.status for a in Attempt.select().order_by(Attempt.id)] == [
        FAILED,
        SUCCEEDED,
        SUCCEEDED,
    ]
    invariants.hold(plant.settings)


def test_a_lost_worker_does_not_use_up_the_retries_of_a_script(plant, doorbell, gate):
    a_project()
    script = f'[ "$GALLEY_ATTEMPT" = 2 ] && exit 7\n{gate.script}'
    run, ready = start_and_ready(a_workflow([build("a", script, retries=1)]))
    doorbell.ring(ready)
    worker = plant.worker()
    gate.is_reached()
    worker.kill()
    gate.open()
    plant.worker(), plant.reconciler()
    assert ended(run).status == SUCCEEDED
    messages = [a.message for a in Attempt.select().order_by(Attempt.number)]
    assert "was lost" in messages[0]
    assert "exit code 7" in messages[1]
    assert len(messages) == 3


def test_a_paused_worker_is_replaced_when_its_lease_is_over(plant, doorbell, gate):
    """What happens across hosts, where nobody sees the worker die."""
    plant.settings = replace(plant.settings, lease_seconds=1)
    run = two_steps(doorbell, gate.script)
    paused = plant.worker()
    plant.reconciler()
    gate.is_reached()
    paused.signal(signal.SIGSTOP)
    plant.worker()
    eventually(lambda: gate.reached() == 2, 1 + 5, "the second attempt")
    gate.open()
    assert ended(run).status == SUCCEEDED
    paused.go_on()
    paused.end()
    paused.ended()
    assert step_named(run, "first").attempt == 2
    invariants.hold(plant.settings)


def test_a_paused_worker_that_wakes_while_another_runs_its_step_changes_nothing(
    plant, doorbell, gate
):
    plant.settings = replace(plant.settings, lease_seconds=1)
    run = two_steps(doorbell, f"if [ $GALLEY_ATTEMPT = 1 ]; then {PASS}; exit; fi\n{gate.script}")
    paused = plant.worker(halt="before it finishes")
    paused.halted()
    plant.reconciler(), plant.worker()
    gate.is_reached()
    paused.end()
    paused.ended()
    step = step_named(run, "first")
    assert (step.status, step.attempt) == (RUNNING, 2)
    gate.open()
    assert ended(run).status == SUCCEEDED
    invariants.hold(plant.settings)


# ---- Redis ----


@pytest.fixture
def with_own_redis(plant: Plant, redis: OwnRedis) -> Doorbell:
    redis.start()
    plant.redis_url = redis.url
    return Doorbell(redis.url)


@pytest.mark.parametrize("forgets", [False, True], ids=["keeps", "loses"])
def test_redis_may_be_killed_and_come_back(plant, with_own_redis, redis, gate, forgets):
    run = two_steps(with_own_redis, gate.script)
    later = start(a_workflow([build("queued", PASS)], name="Later"))
    plant.worker(), plant.reconciler()
    gate.is_reached()
    redis.kill()
    gate.open()
    eventually(lambda: step_named(run, "first").status == SUCCEEDED, 15, "the step to end")
    if forgets:
        redis.forget()
    redis.start()
    assert ended(run).status == SUCCEEDED
    assert ended(later).status == SUCCEEDED
    assert {step.attempt for step in StepRun.select()} == {1}
    invariants.hold(plant.settings)


def test_redis_may_be_emptied_while_steps_run_and_wait(plant, doorbell, gate):
    run = two_steps(doorbell, gate.script)
    plant.worker(), plant.reconciler()
    gate.is_reached()
    others = [
        start_and_ready(a_workflow([build("b", PASS)], name=f"W{number}")) for number in range(3)
    ]
    for _, ready in others:
        doorbell.ring(ready)
    doorbell.connection.flushall()
    gate.open()
    for waiting in (run, *(other for other, _ in others)):
        assert ended(waiting).status == SUCCEEDED
    assert {step.attempt for step in StepRun.select()} == {1}
    invariants.hold(plant.settings)


# ---- databases ----


@contextlib.contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Keep everybody from writing."""
    with db.atomic():
        if not settings.is_sqlite:
            db.execute_sql("LOCK TABLE run, step_run, worker IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_database_that_is_locked_for_seconds_delays_and_loses_nothing(plant, doorbell, gate):
    run = two_steps(doorbell, gate.script)
    worker = plant.worker()
    plant.reconciler()
    gate.is_reached()
    with locked(plant.settings):
        gate.open()
        eventually(lambda: not descendants(worker.pid), 15, "the script to end")
        time.sleep(2)  # what is tested is that it lasts
    assert ended(run).status == SUCCEEDED
    assert [a.status for a in Attempt.select()] == [SUCCEEDED, SUCCEEDED]
    invariants.hold(plant.settings)


on_postgres = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


@on_postgres
def test_postgresql_may_be_restarted_under_running_steps(postgres_server, plant, doorbell, gate):
    run = two_steps(doorbell, gate.script)
    plant.worker(), plant.reconciler()
    gate.is_reached()
    db.close()
    postgres_server.restart()
    db.connect()
    gate.open()
    assert ended(run).status == SUCCEEDED
    assert [a.status for a in Attempt.select()] == [SUCCEEDED, SUCCEEDED]
    invariants.hold(plant.settings)


@on_postgres
@pytest.mark.parametrize(
    "point",
    [
        "after the claim",
        "while it notes a deployment",
        "before it switches",
        "after it has switched",
        "within the finishing transaction",
    ],
)
def test_postgresql_may_be_restarted_in_the_middle_of_a_deployment(
    postgres_server, plant, doorbell, tmp_path, point
):
    """Wherever the restart comes in, its transactions are repeated: one deployment, made once."""
    project = a_project()
    environment = an_environment(project, "folder", path=str(tmp_path / "target"))
    made = build("made", 'echo x > "$GALLEY_OUTPUT/x.txt"', queue="other")
    workflow = a_workflow([made], [deploy("put", "folder")])
    run, ready = start_and_ready(workflow)
    doorbell.ring(ready)
    worker = plant.worker(halt=point)
    plant.worker("other")
    worker.halted()
    db.close()
    postgres_server.restart()
    db.connect()
    worker.go_on()
    assert ended(run).status == SUCCEEDED
    assert step_named(run, "put").attempt == 1
    deployed = list(Deployment.select().where(Deployment.environment == environment))
    assert [one.status for one in deployed] == [SUCCEEDED]
    assert (tmp_path / "target" / "current" / "x.txt").read_text() == "x\n"
    invariants.hold(plant.settings)


@on_postgres
def test_a_worker_paused_within_a_transaction_does_not_hold_up_the_rest(plant, doorbell):
    """PostgreSQL ends its transaction; on SQLite nothing but its end can."""
    options = quote("-c idle_in_transaction_session_timeout=1000")
    url = f"{plant.settings.database_url}?options={options}"
    plant.settings = replace(plant.settings, database_url=url, lease_seconds=1)
    run = two_steps(doorbell)
    paused = plant.worker(halt="within the finishing transaction")
    paused.halted()
    plant.reconciler(), plant.worker()
    assert ended(run).status == SUCCEEDED
    paused.go_on()
    paused.end()
    paused.ended()
    assert step_named(run, "first").attempt == 2
    invariants.hold(plant.settings)
