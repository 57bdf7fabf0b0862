"""The engine's transitions on real databases, step by step, as workers would make them."""

import threading

import pytest

from domain import engine
from domain.accounts.access import console
from domain.clock import now
from domain.engine import AbortRequest, Claim, Ending, LeaseLost, Ready, StepFailed, deployments
from domain.models import Attempt, Release, Run, RunEvent, StageRun, StepRun, Workflow, db, write
from domain.releases.artifacts import Artifact
from domain.runs import queries as run_queries
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED
from tests.support.bell import announced, heard
from tests.support.pipelines import (
    ACTOR,
    a_project,
    a_workflow,
    an_environment,
    build,
    deploy,
    start,
    start_and_ready,
    statuses,
    step_named,
)

LEASE_MS = 60_000


@pytest.fixture(autouse=True)
def project(database):
    return a_project()


def claim(step: StepRun | Ready, attempt: int = 1, worker: str = "w1") -> Claim | None:
    step_id = step.step_id if isinstance(step, Ready) else step.id
    return engine.claim(step_id, attempt, worker=worker, host="here", lease_ms=LEASE_MS)


def succeed(held: Claim) -> list[Ready]:
    return announced(lambda: engine.finish(held, Ending(SUCCEEDED, exit_code=0)))


def lose(held: Claim) -> list[Ready]:
    engine.end_leases_of("w1")
    return announced(lambda: engine.expire(held.step_id, held.token, "The worker w1 was lost.", 7))


def test_the_steps_of_the_first_stage_are_ready_at_once():
    run, ready = start_and_ready(a_workflow([build("a"), build("b")], [build("c")]))
    assert {r.step_id for r in ready} == {step_named(run, "a").id, step_named(run, "b").id}
    assert statuses(run) == {"a": PENDING, "b": PENDING, "c": PENDING}
    assert Run.get_by_id(run.id).status == PENDING


def test_a_claimed_step_makes_its_stage_and_run_running():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    assert claim(ready)
    assert statuses(run) == {"a": RUNNING}
    assert StageRun.get(StageRun.run == run.id).status == RUNNING
    assert Run.get_by_id(run.id).status == RUNNING


def test_only_one_of_two_deliveries_gets_the_step():
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    assert claim(ready)
    assert claim(ready) is None


def test_a_delivery_for_another_attempt_gets_nothing():
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    assert claim(ready, attempt=2) is None


def test_a_step_of_a_run_that_is_over_is_not_taken_again_whatever_its_row_says():
    """Nor does it stand in the way of those that are ready."""
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    succeed(claim(ready))
    with write():
        StepRun.update(status=PENDING, attempt=2).where(StepRun.run == run.id).execute()
    assert claim(ready, attempt=2) is None
    assert engine.oldest_ready("default") is None
    assert engine.oldest_ready("default", new_runs=False) is None
    _, (other,) = start_and_ready(a_workflow([build("a")], name="Other"))
    assert engine.oldest_ready("default") == (other.step_id, 1)
    assert statuses(run) == {"a": PENDING}


def test_a_step_of_a_later_stage_cannot_be_taken_early():
    run = start(a_workflow([build("a")], [build("b")]))
    assert claim(step_named(run, "b")) is None


def test_finishing_the_last_step_of_a_stage_readies_the_next():
    run, ready = start_and_ready(a_workflow([build("a"), build("b")], [build("c")]))
    held = [claim(r) for r in ready]
    assert succeed(held[0]) == []
    (third,) = succeed(held[1])
    assert third.step_id == step_named(run, "c").id
    succeed(claim(third))
    assert Run.get_by_id(run.id).status == SUCCEEDED


def test_a_failure_lets_its_neighbours_finish_and_skips_the_rest():
    run, ready = start_and_ready(a_workflow([build("a"), build("b")], [build("c")]))
    first, second = (claim(r) for r in ready)
    engine.finish(first, Ending(FAILED, "The script ended with exit code 3.", exit_code=3))
    assert Run.get_by_id(run.id).status == RUNNING
    succeed(second)
    assert statuses(run) == {"a": FAILED, "b": SUCCEEDED, "c": SKIPPED}
    ended = Run.get_by_id(run.id)
    assert ended.status == FAILED
    assert ended.message == "1 of 3 steps failed: a."


def test_a_step_is_finished_once():
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = claim(ready)
    succeed(held)
    with pytest.raises(LeaseLost):
        engine.finish(held, Ending(FAILED))


def test_every_visible_change_raises_the_version():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    seen = [Run.get_by_id(run.id).version]
    held = claim(ready)
    seen.append(Run.get_by_id(run.id).version)
    succeed(held)
    seen.append(Run.get_by_id(run.id).version)
    assert seen == sorted(set(seen))


def test_the_beginning_of_a_deployment_raises_the_version(project):
    environment = an_environment(project)
    run, (ready,) = start_and_ready(a_workflow([deploy("d")]))
    held = claim(ready)
    before = Run.get_by_id(run.id).version
    release = Release.create(ingredient="duck", version="1", created_by="ann")
    artifact = Artifact(release.id, "duck", "1", "duck.zip", 1, "ab" * 32)
    with engine.owned(held):
        deployments.begin(held, environment.id, artifact, "ann")
    assert Run.get_by_id(run.id).version > before


def test_what_a_step_made_is_recorded_with_its_end_or_not_at_all():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = claim(ready)

    def record():
        release = Release.create(ingredient="duck", version="1", created_by="ann", run_id=run.id)
        return {"release_id": release.id}

    engine.finish(held, Ending(SUCCEEDED, record=record))
    assert step_named(run, "a").release_id == Release.get(Release.version == "1").id


def test_a_result_that_cannot_be_recorded_fails_the_step_and_leaves_nothing():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))

    def record():
        Release.create(ingredient="duck", version="1", created_by="ann", run_id=run.id)
        raise StepFailed("The version 1 is taken.")

    engine.finish(claim(ready), Ending(SUCCEEDED, record=record))
    assert step_named(run, "a").message == "The version 1 is taken."
    assert statuses(run) == {"a": FAILED}
    assert Release.select().count() == 0


def test_a_failed_script_is_tried_again_while_it_has_retries():
    run, (ready,) = start_and_ready(a_workflow([build("a", retries=1)]))
    held = claim(ready)
    (again,) = announced(lambda: engine.finish(held, Ending(FAILED, "exit code 1.")))
    assert again.attempt == 2
    assert statuses(run) == {"a": PENDING}
    engine.finish(claim(again, attempt=2), Ending(FAILED, "exit code 1."))
    assert statuses(run) == {"a": FAILED}
    assert [a.status for a in Attempt.select().order_by(Attempt.number)] == [FAILED, FAILED]


# ---- lost workers ----


def test_the_step_of_a_lost_worker_starts_again():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = claim(ready)
    (again,) = lose(held)
    assert again == Ready(held.step_id, 2, 0, "default")
    assert statuses(run) == {"a": PENDING}
    attempt = Attempt.get(Attempt.number == 1)
    assert (attempt.status, attempt.message, attempt.log_size) == (
        FAILED,
        "The worker w1 was lost.",
        7,
    )


def test_the_lost_worker_cannot_finish_its_step_any_more():
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = claim(ready)
    lose(held)
    with pytest.raises(LeaseLost):
        succeed(held)
    with pytest.raises(LeaseLost), engine.owned(held):
        pass
    assert engine.beat(held, lease_ms=LEASE_MS, log_size=0) == "lost"


def test_a_worker_that_beats_in_time_keeps_its_step():
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = engine.claim(ready.step_id, 1, worker="w1", host="here", lease_ms=-1)
    assert engine.beat(held, lease_ms=LEASE_MS, log_size=5) == "ok"
    assert engine.end_lease(held.step_id, held.token) is False
    engine.expire(held.step_id, held.token, "lost", 0)
    assert StepRun.get_by_id(held.step_id).log_size == 5


def test_a_lease_that_was_ended_is_neither_renewed_nor_finished():
    _, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = engine.claim(ready.step_id, 1, worker="w1", host="here", lease_ms=-1)
    assert engine.end_lease(held.step_id, held.token)
    assert engine.beat(held, lease_ms=LEASE_MS, log_size=5) == "lost"
    with pytest.raises(LeaseLost):
        succeed(held)


def test_a_step_that_keeps_losing_its_worker_fails_in_the_end():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    for number in range(1, 11):
        held = claim(ready, attempt=number)
        assert statuses(run) == {"a": RUNNING}
        lose(held)
    assert statuses(run) == {"a": FAILED}
    assert "Given up after 10 attempts" in step_named(run, "a").message


def test_a_lost_deploy_is_never_repeated(project, tmp_path):
    an_environment(project, path=str(tmp_path))
    run, (ready,) = start_and_ready(a_workflow([deploy("d")]))
    assert lose(claim(ready)) == []
    assert statuses(run) == {"d": FAILED}


def test_a_step_given_back_at_shutdown_is_ready_for_another_worker():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = claim(ready)
    (again,) = announced(lambda: engine.give_back(held, "The worker was shut down.", 3))
    assert claim(again, attempt=2, worker="w2")
    assert statuses(run) == {"a": RUNNING}


# ---- people act ----


def test_cancelling_a_run_ends_what_waits_and_asks_what_runs():
    run, ready = start_and_ready(a_workflow([build("a"), build("b")], [build("c")]))
    held = claim(ready[0])
    poked = announced(lambda: engine.abort_run(run.id, by=ACTOR))
    assert poked == [AbortRequest(held.step_id, "w1")]
    assert engine.beat(held, lease_ms=LEASE_MS, log_size=0) == "abort"
    engine.finish(held, Ending(CANCELLED, "Aborted by ann."))
    assert statuses(run) == {"a": CANCELLED, "b": CANCELLED, "c": SKIPPED}
    ended = Run.get_by_id(run.id)
    assert (ended.status, ended.message) == (CANCELLED, "Aborted by ann.")


def test_cancelling_twice_is_as_good_as_once():
    run = start(a_workflow([build("a")]))
    engine.abort_run(run.id, by=ACTOR)
    version = Run.get_by_id(run.id).version
    assert announced(lambda: engine.abort_run(run.id, by=console("bob"))) == []
    assert Run.get_by_id(run.id).version == version


def test_a_cancelled_step_whose_worker_is_lost_is_cancelled_not_repeated():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    held = claim(ready)
    engine.abort_run(run.id, by=ACTOR)
    assert lose(held) == []
    assert statuses(run) == {"a": CANCELLED}


def test_cancelling_one_step_skips_the_stages_after_it():
    run, ready = start_and_ready(a_workflow([build("a"), build("b")], [build("c")]))
    engine.abort_step(step_named(run, "a"), by=ACTOR)
    succeed(claim(ready[1]))
    assert statuses(run) == {"a": CANCELLED, "b": SUCCEEDED, "c": SKIPPED}
    assert Run.get_by_id(run.id).status == CANCELLED


def test_asking_to_stop_a_finished_step_changes_nothing():
    run, (ready,) = start_and_ready(a_workflow([build("a")]))
    succeed(claim(ready))
    before = Run.get_by_id(run.id)
    assert announced(lambda: engine.abort_step(step_named(run, "a"), by=ACTOR)) == []
    assert Run.get_by_id(run.id).version == before.version
    assert RunEvent.select().count() == 0


def test_a_build_without_a_script_waits_for_the_outside():
    run, ready = start_and_ready(a_workflow([build("a", script=None)], [build("b")]))
    assert ready == []
    step = step_named(run, "a")
    assert claim(step) is None

    def complete(status: str) -> bool:
        return engine.complete_external(step, status=status, message="", release_id=None, by=ACTOR)

    with heard() as following:
        assert complete(SUCCEEDED)
    assert following[0].step_id == step_named(run, "b").id
    assert not complete(FAILED)


def test_nobody_completes_a_step_in_time_and_it_fails():
    run = start(a_workflow([build("a", script=None, timeoutSeconds=1)]))
    step = step_named(run, "a")
    engine.expire_external(step.id)
    assert statuses(run) == {"a": PENDING}
    with write():
        StepRun.update(ready_at=now() - 1_001).where(StepRun.id == step.id).execute()
    engine.expire_external(step.id)
    assert statuses(run) == {"a": FAILED}


def test_a_stage_waits_for_its_approval():
    stage = {"steps": [build("a")], "approval": {"required": True, "roles": ["SuperUser"]}}
    run, ready = start_and_ready(a_workflow(stage))
    assert ready == []
    waiting = StageRun.get(StageRun.run == run.id)
    assert engine.decide_stage(waiting, decision="approved", by=ACTOR, comment="go")
    assert not engine.decide_stage(waiting, decision="rejected", by=console("bob"), comment="no")
    decided = StageRun.get_by_id(waiting.id)
    assert (decided.decision, decided.decided_by, decided.comment) == ("approved", "ann", "go")


def test_an_approval_is_not_waited_for_once_all_that_it_is_for_was_stopped():
    stage = {"steps": [build("a"), build("b")], "approval": {"required": True}}
    run = start(a_workflow(stage, [build("c")]))
    engine.abort_step(step_named(run, "a"), by=ACTOR)
    assert Run.get_by_id(run.id).status == PENDING
    engine.abort_step(step_named(run, "b"), by=ACTOR)
    assert statuses(run) == {"a": CANCELLED, "b": CANCELLED, "c": SKIPPED}
    assert Run.get_by_id(run.id).status == CANCELLED


# ---- limits ----


def test_runs_above_the_concurrency_limit_wait_and_start_in_order():
    workflow = a_workflow([build("a")], concurrency=1)
    _, (ready,) = start_and_ready(workflow)
    second, none = start_and_ready(workflow)
    third, none_either = start_and_ready(workflow)
    assert (none, none_either) == ([], [])
    (next_one,) = succeed(claim(ready))
    assert next_one.step_id == step_named(second, "a").id
    assert announced(lambda: engine.admit(workflow.id)) == []
    engine.abort_run(second.id, by=ACTOR)
    assert claim(step_named(third, "a"))


def test_taking_the_limit_away_lets_everybody_in():
    workflow = a_workflow([build("a")], concurrency=1)
    runs_ = [start(workflow) for _ in range(3)]
    with write():
        Workflow.update(concurrency=None).where(Workflow.id == workflow.id).execute()
    assert len(announced(lambda: engine.admit(workflow.id))) == 2
    assert all(Run.get_by_id(run.id).admitted for run in runs_)


def test_a_new_run_does_not_overtake_those_that_wait():
    workflow = a_workflow([build("a")], concurrency=1)
    start(workflow), start(workflow)
    with write():
        Workflow.update(concurrency=5).where(Workflow.id == workflow.id).execute()
    assert not start(workflow).admitted


def test_a_stage_whose_steps_were_all_stopped_before_it_began_is_passed():
    run, (ready,) = start_and_ready(a_workflow([build("a")], [build("b")], [build("c")]))
    engine.abort_step(step_named(run, "b"), by=ACTOR)
    succeed(claim(ready))
    assert statuses(run) == {"a": SUCCEEDED, "b": CANCELLED, "c": SKIPPED}
    assert Run.get_by_id(run.id).status == CANCELLED


def test_advancing_a_run_that_waits_changes_nothing():
    run = start(a_workflow([build("a")]))
    version = Run.get_by_id(run.id).version
    assert announced(lambda: engine.advance(run.id)) == []
    assert Run.get_by_id(run.id).version == version


def test_one_environment_takes_one_deployment_at_a_time(project, tmp_path):
    an_environment(project, path=str(tmp_path))
    workflow = a_workflow([deploy("d")])
    _, (first,) = start_and_ready(workflow)
    _, (second,) = start_and_ready(workflow)
    held = claim(first)
    assert claim(second) is None
    assert succeed(held) == [second]
    assert claim(second)


def test_two_steps_that_finish_together_advance_the_run_exactly_once(settings):
    """On PostgreSQL, without the lock on the run, each would see the other as still running."""
    workflow = a_workflow([build("a"), build("b")], [build("c")])
    for _ in range(10):
        _, ready = start_and_ready(workflow)
        held = [claim(r) for r in ready]
        barrier = threading.Barrier(2)

        def finish(mine: Claim, barrier=barrier):
            with db.obj.connection_context():
                barrier.wait()
                engine.finish(mine, Ending(SUCCEEDED, exit_code=0))

        threads = [threading.Thread(target=finish, args=(mine,)) for mine in held]
        with heard() as following:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(following) == 1


def test_a_run_that_is_held_back_says_that_it_can_be_approved_meanwhile():
    from blueprints.responses import runs as answers

    def gate(name: str) -> dict[str, object]:
        return {"steps": [build(name)], "approval": {"required": True, "roles": ["Admin"]}}

    workflow = a_workflow(gate("a"), gate("b"), concurrency=1)
    _, run = start(workflow), start(workflow)

    def codes() -> list[list[str]]:
        shown = answers.run(run_queries.details(Run.get_by_id(run.id)))
        assert shown.waiting == shown.stage_runs[0].waiting
        return [[reason.code for reason in stage.waiting] for stage in shown.stage_runs]

    assert codes() == [["approval", "concurrency_limit"], ["concurrency_limit"]]
    first = StageRun.get(StageRun.run == run.id, StageRun.position == 0)
    with heard() as ready:
        assert engine.decide_stage(first, decision="approved", by=ACTOR, comment="")
    assert ready == []
    assert codes() == [["concurrency_limit"], ["concurrency_limit"]]


def test_every_pending_thing_says_why(project, tmp_path):
    an_environment(project, path=str(tmp_path))
    approval = {"steps": [deploy("d")], "approval": {"required": True, "roles": ["Admin"]}}
    workflow = a_workflow([build("a"), build("o", script=None)], approval, concurrency=1)
    from blueprints.responses import runs as answers

    for run in (start(workflow), start(workflow)):
        shown = answers.run(run_queries.details(Run.get_by_id(run.id), redis_answers=False))
        assert shown.waiting
        for stage in shown.stage_runs:
            assert stage.waiting
            assert all(step.waiting for step in stage.step_runs)
