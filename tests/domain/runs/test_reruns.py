"""Running a finished run again: what is kept of it, and what has to run."""

import hashlib
import io
from functools import partial
from typing import Any

import pytest

from domain import engine
from domain.accounts.access import console
from domain.accounts.idempotency import Answer, Keyed, idempotent
from domain.definitions.schema import ChangedWorkflow
from domain.definitions.validate import parse
from domain.engine import Claim, Ending, Ready
from domain.engine.deployments import begin
from domain.errors import Conflict, Invalid
from domain.models import (
    AuditEvent,
    Deployment,
    Environment,
    Ingredient,
    Package,
    Release,
    Run,
    StageRun,
    StepRun,
    StepSpec,
    TestSuite,
    User,
    Workflow,
    write,
)
from domain.projects import projects
from domain.releases.artifacts import Artifact
from domain.releases.releases import NewPackage, record_release, releases_of_run, resolve_references
from domain.releases.storage import Storage, open_storage
from domain.runs import lost_deployments, reruns
from domain.runs import queries as run_queries
from domain.runs.reruns import StorageUnavailable
from domain.settings import SettingError
from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED
from domain.workflows import statistics
from domain.workflows.workflows import update
from jobs.worker.step_plan import load
from tests.conftest import KINDS
from tests.support import pipelines
from tests.support.bell import heard
from tests.support.keys import KEYS
from tests.support.pipelines import (
    ACTOR,
    a_project,
    a_suite,
    a_workflow,
    an_environment,
    build,
    deploy,
    start_and_ready,
    statuses,
    step_named,
)

on_one_database = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)

COUNTS = {"total": 2, "passed": 2, "failed": 0, "skipped": 0, "errors": 0}


@pytest.fixture(autouse=True)
def project(database, tmp_path):
    project = a_project()
    a_suite(project, "true")
    an_environment(project, path=str(tmp_path / "nest"))
    return project


@pytest.fixture
def storage(settings) -> Storage:
    return open_storage(settings)


def unit(name: str) -> dict[str, Any]:
    return pipelines.test(name, "unit")


# ---- a run, made by hand ---------------------------------------------------------------------


class Worker:
    """Ends steps as a worker would, without running anything."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.ready: list[Ready] = []

    def start(self, workflow: Workflow, **parameters: Any) -> Run:
        run, self.ready = start_and_ready(workflow, **parameters)
        return run

    def claim(self, run: Run, name: str) -> Claim:
        step = step_named(run, name)
        held = engine.claim(step.id, step.attempt, worker="w1", host="here", lease_ms=60_000)
        assert held is not None, f"{name} is not due"
        return held

    def succeed(self, run: Run, *names: str) -> None:
        """A Build releases the next version of the duck, a Test has two tests."""
        for name in names:
            held, kind = self.claim(run, name), step_named(run, name).type
            if kind == "Deploy":
                self._begin_to_deploy(held)
            record = partial(self._record, held, kind)
            engine.finish(held, Ending(SUCCEEDED, record=record))

    def fail(self, run: Run, name: str) -> None:
        held = self.claim(run, name)
        if step_named(run, name).type == "Deploy":
            self._begin_to_deploy(held)
        engine.finish(held, Ending(FAILED, "exit code 1."))

    def lose_deployment(self, run: Run, name: str) -> StepRun:
        held = self.claim(run, name)
        self._begin_to_deploy(held)
        engine.give_back(held, "The worker was shut down.", 0)
        return step_named(run, name)

    def _begin_to_deploy(self, held: Claim) -> None:
        release = releases_of_run(held.run_id)[0]
        artifact = Artifact(release.id, "duck", release.version, "duck.txt", 1, "ab" * 32)
        with engine.owned(held):
            environment_id = StepSpec.get_by_id(held.step_id).spec["environmentId"]
            begin(held, environment_id, artifact, "ann")

    def _record(self, held: Claim, kind: str) -> dict[str, Any]:
        if kind != "Build":
            return {"test_counts": COUNTS} if kind == "Test" else {}
        stored = self._storage.put(io.BytesIO(held.step_id.encode()))
        made = record_release(
            ingredient_id="duck",
            version=None,
            packages=[NewPackage("duck.txt", stored.size, stored.sha256)],
            run_id=held.run_id,
            step_run_id=held.step_id,
            created_by="ann",
        )
        return {"release_id": made}


@pytest.fixture
def worker(storage) -> Worker:
    return Worker(storage)


@pytest.fixture
def again(storage, worker):
    """Run again: from what failed and as before, unless told otherwise."""

    def again(old: Run, whence="failed", definition="same", **more: Any) -> Run:
        with heard() as worker.ready:
            return reruns.rerun(
                Run.get_by_id(old.id),
                whence=whence,
                definition=definition,
                actor=console("bob"),
                keys=KEYS,
                **{"storage": lambda: storage, **more},
            )

    return again


def change(workflow: Workflow, *stages: Any, **more: Any) -> None:
    body = {
        "name": "Release",
        "stages": [
            {"name": f"stage {n}", "order": n, "steps": list(steps)}
            if isinstance(steps, list)
            else {"name": f"stage {n}", "order": n, **steps}
            for n, steps in enumerate(stages, 1)
        ],
        **more,
    }
    fresh = Workflow.get_by_id(workflow.id)
    update(fresh, parse(body, ChangedWorkflow, project_id="pond"), actor=ACTOR)


def kept(run: Run) -> dict[str, str | None]:
    """Step name → the step that it was kept from."""
    steps = StepRun.select().where(StepRun.run == run.id, StepRun.kept_from.is_null(False))
    return {step.name: step.kept_from for step in steps}


# ---- from the start --------------------------------------------------------------------------


def test_from_the_start_everything_runs_again_with_the_same_parameters(worker, again):
    old = worker.start(a_workflow([build("a")], [build("b")]), version="1.0")
    worker.succeed(old, "a", "b")
    run = again(old, whence="start")
    assert statuses(run) == {"a": PENDING, "b": PENDING}
    assert (run.number, run.rerun_of, run.parameters) == (2, old.id, {"version": "1.0"})
    assert (run.trigger_source, run.triggered_by) == ("rerun", "bob")
    assert [ready.step_id for ready in worker.ready] == [step_named(run, "a").id]
    audited = AuditEvent.get(AuditEvent.action == "rerun")
    assert (audited.object_id, audited.detail) == (run.id, {"rerunOf": old.id})
    assert all(load(step.id).is_as_signed(KEYS) for step in run.steps)


def test_the_definition_is_the_one_of_then_or_the_one_of_now(worker, again):
    workflow = a_workflow([build("a", "make")])
    old = worker.start(workflow)
    worker.fail(old, "a")
    change(workflow, [build("z", "ninja")])
    then, now_ = again(old, "start", "same"), again(old, "start", "current")
    assert (then.revision, set(statuses(then))) == (1, {"a"})
    assert (now_.revision, set(statuses(now_))) == (2, {"z"})


def test_the_parameters_are_checked_against_the_definition_that_is_used(worker, again):
    workflow = a_workflow([build("a")])
    old = worker.start(workflow, colour="blue")
    worker.fail(old, "a")
    change(workflow, [build("a")], parameters=[{"name": "size", "type": "number"}])
    with pytest.raises(Conflict, match=r"'colour' is not a parameter .* new run with") as refused:
        again(old, definition="current")
    assert refused.value.code == "parameters_do_not_fit"
    assert [(d["field"], d["code"]) for d in refused.value.details] == [
        ("/definition", "unknown_parameter")
    ]
    assert again(old).parameters == {"colour": "blue"}


@on_one_database
def test_what_the_definition_names_and_is_gone_is_told_as_at_a_start(worker, again):
    old = worker.start(a_workflow([build("a")]))
    worker.fail(old, "a")
    with write():
        Ingredient.delete().execute()
    with pytest.raises(Invalid, match="refers to something that does not exist"):
        again(old)


@on_one_database
@pytest.mark.parametrize("whence", ["start", "failed"])
def test_a_run_that_goes_on_is_not_run_again(worker, again, whence):
    run = worker.start(a_workflow([build("a")]))
    with pytest.raises(Conflict, match="still Pending") as refused:
        again(run, whence)
    assert refused.value.code == "run_in_progress"


@on_one_database
@pytest.mark.parametrize(
    ("columns", "code"),
    [({"deleted_at": 1}, "workflow_deleted"), ({"is_enabled": False}, "workflow_disabled")],
)
def test_nothing_runs_of_a_workflow_that_is_gone_or_off(worker, again, columns, code):
    old = worker.start(a_workflow([build("a")]))
    worker.fail(old, "a")
    with write():
        Workflow.update(columns).execute()
    with pytest.raises(Conflict) as refused:
        again(old)
    assert refused.value.code == code
    assert Run.select().count() == 1


def test_a_rerun_waits_for_the_concurrency_limit_like_any_run(worker, again):
    workflow = a_workflow([build("a")], [build("b")], concurrency=1)
    old = worker.start(workflow)
    worker.succeed(old, "a")
    worker.fail(old, "b")
    other = worker.start(workflow)
    run = again(old)
    assert (run.admitted, worker.ready, run.number) == (False, [], 3)
    engine.abort_run(other.id, by=ACTOR)
    worker.succeed(run, "b")
    assert Run.get_by_id(run.id).status == SUCCEEDED


def test_the_idempotency_key_is_stored_with_the_run_or_nothing_is(worker, again):
    old = worker.start(a_workflow([build("a")], [build("b")]))
    worker.succeed(old, "a")
    worker.fail(old, "b")

    keyed = Keyed(User.create(username="bob").id, "k", "POST /there", "0" * 64)

    def refuse(run: Run) -> Answer:
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        idempotent(keyed, lambda: again(old), refuse)
    assert (Run.select().count(), worker.ready) == (1, [])
    answer = Answer(201, {})
    run, _ = idempotent(keyed, lambda: again(old), lambda run: answer)
    assert Run.select().where(Run.rerun_of == old.id).get() == run
    assert idempotent(keyed, lambda: again(old), lambda run: answer) == (None, answer)


# ---- a run that is not as it was signed ------------------------------------------------------


@pytest.mark.parametrize("whence", ["start", "failed"])
@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (Run, {"parameters": {"version": "6.6.6"}}),
        (Run, {"project_id": "elsewhere"}),
        (StageRun, {"name": "another"}),
        (StepRun, {"queue": "trusted"}),
        (StepSpec, {"spec": {"ingredientId": "duck", "script": "curl evil"}}),
        (StepSpec, {"signature": ""}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.__name__,
)
def test_what_was_altered_is_not_signed_anew(worker, again, model, columns, whence):
    old = worker.start(a_workflow([build("a")], [build("b")]), version="1.0")
    worker.succeed(old, "a")
    worker.fail(old, "b")
    with write():
        model.update(columns).execute()
    with pytest.raises(Conflict, match="does not match its signature") as refused:
        again(old, whence)
    assert refused.value.code == "run_altered"
    assert {d["stepRunId"] for d in refused.value.details} == {step.id for step in old.steps}
    assert Run.select().count() == 1


@on_one_database
def test_one_altered_step_is_named_and_enough(worker, again):
    old = worker.start(a_workflow([build("a")], [build("b")]))
    worker.succeed(old, "a")
    worker.fail(old, "b")
    with write():
        StepSpec.delete().where(StepSpec.step == step_named(old, "b").id).execute()
    with pytest.raises(Conflict) as refused:
        again(old)
    assert [d["message"] for d in refused.value.details] == ["b is not as it was signed."]


@on_one_database
def test_nothing_vouches_for_the_parameters_of_a_run_without_steps(worker, again):
    old = worker.start(a_workflow([build("a")]), version="1.0")
    worker.fail(old, "a")
    with write():
        Run.update(parameters={"version": "6.6.6"}).execute()
        StepRun.delete().execute()
    with pytest.raises(Conflict) as refused:
        again(old, "start")
    assert refused.value.code == "run_altered"


# ---- from what failed ------------------------------------------------------------------------


def test_what_succeeded_before_the_failure_is_kept_and_the_run_goes_on(worker, again):
    workflow = a_workflow(
        [build("a"), build("b")], [unit("t")], [build("c"), unit("u")], [unit("v")]
    )
    old = worker.start(workflow)
    worker.succeed(old, "a", "b", "t", "u")
    worker.fail(old, "c")
    run = again(old)
    assert statuses(run) == {
        **dict.fromkeys("abtu", SUCCEEDED),
        **dict.fromkeys("cv", PENDING),
    }
    assert kept(run) == {name: step_named(old, name).id for name in "abtu"}
    assert [ready.step_id for ready in worker.ready] == [step_named(run, "c").id]
    worker.succeed(run, "c", "v")
    assert Run.get_by_id(run.id).status == SUCCEEDED
    assert {s.status for s in StageRun.select().where(StageRun.run == run.id)} == {SUCCEEDED}


def test_a_kept_step_shows_what_it_made_but_no_attempt_and_no_duration(worker, again):
    old = worker.start(a_workflow([build("a")], [unit("t")], [build("c")]))
    worker.succeed(old, "a", "t")
    worker.fail(old, "c")
    run = again(old)
    a, t = step_named(run, "a"), step_named(run, "t")
    assert a.release_id == step_named(old, "a").release_id is not None
    assert (t.test_counts, t.message) == (COUNTS, "Reused from run #1.")
    assert (a.started_at, a.worker, list(a.attempts)) == (None, None, [])
    assert a.completed_at is not None
    details = run_queries.details(Run.get_by_id(run.id))
    assert [release.id for release in details.releases] == [a.release_id]


def test_releases_that_were_kept_are_the_runs_own(worker, again):
    old = worker.start(a_workflow([build("a"), build("b")], [unit("t")]))
    worker.succeed(old, "a", "b")
    worker.fail(old, "t")
    run = again(old)
    built = [release.id for release in releases_of_run(run.id)]
    assert built == [step_named(old, name).release_id for name in "ab"]
    for references in ([], ["duck@run"]):
        found = resolve_references(references, run.id, "pond")
        assert [release.id for release in found] == built


def test_a_step_that_was_kept_before_is_kept_again_from_where_it_really_ran(worker, again):
    old = worker.start(a_workflow([build("a")], [unit("t")]))
    worker.succeed(old, "a")
    worker.fail(old, "t")
    second = again(old)
    worker.fail(second, "t")
    third = again(second)
    assert third.rerun_of == second.id
    assert kept(third) == {"a": step_named(old, "a").id}
    assert step_named(third, "a").message == "Reused from run #1."


@on_one_database
def test_nothing_of_a_success_is_run_again_from_its_failure(worker, again):
    old = worker.start(a_workflow([build("a")]))
    worker.succeed(old, "a")
    with pytest.raises(Conflict) as refused:
        again(old)
    assert refused.value.code == "nothing_failed"


def test_what_was_stopped_runs_again_and_what_was_done_by_then_is_kept(worker, again):
    old = worker.start(a_workflow([build("a")], [build("b")], [build("c")]))
    worker.succeed(old, "a")
    engine.abort_run(old.id, by=ACTOR)
    run = again(old)
    assert (Run.get_by_id(old.id).status, set(kept(run))) == (CANCELLED, {"a"})


@on_one_database
def test_a_stage_for_failures_is_skipped_again_and_one_for_always_runs_again(worker, again):
    def stage(run_if: str, name: str) -> dict[str, Any]:
        return {"steps": [build(name)], "runIf": run_if}

    workflow = a_workflow(
        [build("a")], stage("failure", "mend"), [build("b")], [build("c")], stage("always", "tidy")
    )
    old = worker.start(workflow)
    worker.succeed(old, "a", "b")
    worker.fail(old, "c")
    worker.succeed(old, "tidy")
    run = again(old)
    assert statuses(run) == {
        **dict.fromkeys("ab", SUCCEEDED),
        "mend": SKIPPED,
        **dict.fromkeys(["c", "tidy"], PENDING),
    }
    worker.succeed(run, "c", "tidy")
    assert Run.get_by_id(run.id).status == SUCCEEDED


@on_one_database
def test_a_cleaning_up_after_the_failure_is_never_kept(worker, again):
    mend = {"steps": [build("mend")], "runIf": "failure"}
    old = worker.start(a_workflow([build("a")], mend))
    worker.fail(old, "a")
    worker.succeed(old, "mend")
    assert kept(again(old)) == {}


# ---- what is not the same any more -----------------------------------------------------------


@on_one_database
@pytest.mark.parametrize(
    ("first", "is_kept"),
    [
        (build("a", "make"), True),
        (build("a", "make", timeoutSeconds=5, retries=2, queue="arm"), True),
        (build("a", "make install"), False),
        (build("other", "make"), False),
        (unit("a"), False),
    ],
)
def test_only_what_would_do_the_same_again_is_kept(worker, again, first, is_kept):
    workflow = a_workflow([build("a", "make")], [build("b")], [build("c")])
    old = worker.start(workflow)
    worker.succeed(old, "a", "b")
    worker.fail(old, "c")
    change(workflow, [first], [build("b")], [build("c")])
    assert set(kept(again(old, definition="current"))) == ({"a", "b"} if is_kept else set())


@on_one_database
def test_a_new_step_beside_the_kept_ones_runs_before_what_follows(worker, again):
    workflow = a_workflow([build("a")], [build("b")], [build("c")])
    old = worker.start(workflow)
    worker.succeed(old, "a", "b")
    worker.fail(old, "c")
    change(workflow, [build("a"), build("new")], [build("b")], [build("c")])
    run = again(old, definition="current")
    assert set(kept(run)) == {"a"}
    worker.succeed(run, "new", "b", "c")
    assert Run.get_by_id(run.id).status == SUCCEEDED


@on_one_database
def test_a_suite_or_an_environment_that_was_changed_runs_again(worker, again):
    old = worker.start(a_workflow([build("a")], [unit("t")], [deploy("d")], [unit("u")]))
    worker.succeed(old, "a", "t", "d")
    worker.fail(old, "u")
    with write():
        Environment.update(settings={"path": "/elsewhere", "keep": 5}).execute()
    assert set(kept(again(old))) == {"a", "t"}
    with write():
        TestSuite.update(script="pytest").execute()
    run = again(old)
    assert set(kept(run)) == {"a"}
    assert StepSpec.get_by_id(step_named(run, "t").id).spec["script"] == "pytest"


def test_with_other_parameters_nothing_is_kept(worker, again):
    """A default that was declared since is one that the old scripts have not seen."""
    workflow = a_workflow(gate(build("a")), [build("b")])
    old = worker.start(workflow, size=1)
    approve(old, 0)
    worker.succeed(old, "a")
    worker.fail(old, "b")
    stages = gate(build("a")), [build("b")]
    change(workflow, *stages, parameters=[{"name": "size", "type": "number", "default": 5}])
    assert set(kept(again(old, definition="current"))) == {"a"}
    colour = {"name": "colour", "default": "blue"}
    change(workflow, *stages, parameters=[{"name": "size", "type": "number"}, colour])
    run = again(old, definition="current")
    assert run.parameters == {"size": 1, "colour": "blue"}
    assert (kept(run), decisions(run)[0]) == ({}, (None, None, ""))
    assert set(kept(again(old, definition="same"))) == {"a"}


# ---- approvals -------------------------------------------------------------------------------


def gate(*steps: dict[str, Any], role: str = "SuperUser") -> dict[str, Any]:
    return {"steps": list(steps), "approval": {"required": True, "roles": [role]}}


def approve(run: Run, position: int) -> None:
    stage = StageRun.get(StageRun.run == run.id, StageRun.position == position)
    engine.decide_stage(stage, decision="approved", by=ACTOR, comment="go")


def decisions(run: Run) -> list[tuple[str | None, str | None, str]]:
    stages = StageRun.select().where(StageRun.run == run.id).order_by(StageRun.position)
    return [(stage.decision, stage.decided_by, stage.comment) for stage in stages]


def test_the_approval_of_what_is_kept_holds_and_every_other_is_asked_anew(worker, again):
    old = worker.start(a_workflow(gate(build("a")), gate(build("b"), build("c"))))
    approve(old, 0)
    worker.succeed(old, "a")
    approve(old, 1)
    worker.succeed(old, "b")
    worker.fail(old, "c")
    run = again(old)
    assert decisions(run) == [("approved", "ann", "go"), (None, None, "")]
    assert (set(kept(run)), worker.ready) == ({"a", "b"}, [])
    approve(run, 1)
    worker.succeed(run, "c")
    assert Run.get_by_id(run.id).status == SUCCEEDED


@on_one_database
@pytest.mark.parametrize(
    "first", [gate(build("a"), role="Admin"), gate(build("a"), build("x"))], ids=["whom", "what"]
)
def test_an_approval_of_something_else_is_worth_nothing(worker, again, first):
    """Of other people, or of a stage that has lost a step since."""
    workflow = a_workflow(first, [build("c")])
    old = worker.start(workflow)
    approve(old, 0)
    worker.succeed(old, *[step["name"] for step in first["steps"]])
    worker.fail(old, "c")
    change(workflow, gate(build("a")), [build("c")])
    run = again(old, definition="current")
    assert (set(kept(run)), worker.ready) == ({"a"}, [])
    approve(run, 0)
    worker.succeed(run, "c")
    assert Run.get_by_id(run.id).status == SUCCEEDED


# ---- deployments that were followed by others ------------------------------------------------


def deployed_by_another(worker: Worker, target: str = "nest", end: str = "succeed") -> None:
    run = worker.start(a_workflow([build("x")], [deploy("y", target)], name=target))
    worker.succeed(run, "x")
    getattr(worker, end)(run, "y")


def test_a_deployment_that_is_still_there_is_kept(project, worker, again):
    an_environment(project, "barn", path="/barn")
    old = worker.start(a_workflow([build("a")], [deploy("d")], [unit("t")]))
    deployed_by_another(worker)  # before
    worker.succeed(old, "a", "d")
    worker.fail(old, "t")
    deployed_by_another(worker, "barn")  # elsewhere
    run = again(old)
    assert set(kept(run)) == {"a", "d"}
    worker.fail(run, "t")
    assert set(kept(again(run))) == {"a", "d"}, "a second time as well"


@pytest.mark.parametrize("end", ["succeed", "fail", "lose_deployment"])
def test_a_deployment_that_another_may_have_overwritten_runs_again(worker, again, end):
    old = worker.start(
        a_workflow([build("a")], [deploy("d"), build("b")], [unit("t")], [unit("u")])
    )
    worker.succeed(old, "a", "d", "b", "t")
    worker.fail(old, "u")
    deployed_by_another(worker, end=end)
    run = again(old)
    assert statuses(run) == {**dict.fromkeys("ab", SUCCEEDED), **dict.fromkeys("dtu", PENDING)}
    worker.succeed(run, "d", "t", "u")
    assert Run.get_by_id(run.id).status == SUCCEEDED


@on_one_database
def test_a_deployment_that_began_to_be_overwritten_just_now_runs_again(worker, again):
    old = worker.start(a_workflow([build("a")], [deploy("d")], [unit("t")]))
    worker.succeed(old, "a", "d")
    worker.fail(old, "t")
    other = worker.start(a_workflow([build("x")], [deploy("y")], name="Other"))
    worker.succeed(other, "x")
    worker._begin_to_deploy(worker.claim(other, "y"))
    assert set(kept(again(old))) == {"a"}


@on_one_database
def test_what_one_run_deployed_twice_to_one_place_is_kept_together(worker, again):
    old = worker.start(a_workflow([build("a")], [deploy("d")], [deploy("e")], [unit("t")]))
    worker.succeed(old, "a", "d", "e")
    worker.fail(old, "t")
    assert set(kept(again(old))) == {"a", "d", "e"}


@on_one_database
@pytest.mark.parametrize("between", [True, False], ids=["between them", "after both"])
def test_of_two_deployments_to_one_place_both_run_again_once_another_came(worker, again, between):
    old = worker.start(a_workflow([build("a")], [deploy("d")], [deploy("e")], [unit("t")]))
    worker.succeed(old, "a", "d")
    if between:
        deployed_by_another(worker)
    worker.succeed(old, "e")
    if not between:
        deployed_by_another(worker)
    worker.fail(old, "t")
    assert set(kept(again(old))) == {"a"}


@on_one_database
def test_a_deployment_is_no_more_there_when_the_run_itself_has_overwritten_it(worker, again):
    """The later one is not kept, for it came after the failure."""
    tidy = {"steps": [deploy("e")], "runIf": "always"}
    old = worker.start(a_workflow([build("a")], [deploy("d")], [unit("t")], tidy))
    worker.succeed(old, "a", "d")
    worker.fail(old, "t")
    worker.succeed(old, "e")
    assert set(kept(again(old))) == {"a"}


@on_one_database
def test_what_falls_with_another_deployment_may_be_one_that_was_overwritten(project, worker, again):
    """The barn got another, so `f` has to run again, and `d` is no longer what it builds upon."""
    an_environment(project, "barn", path="/barn")
    old = worker.start(
        a_workflow([build("a")], [deploy("d")], [deploy("e", "barn")], [deploy("f")], [unit("t")])
    )
    worker.succeed(old, "a", "d", "e", "f")
    worker.fail(old, "t")
    assert set(kept(again(old))) == {"a", "d", "e", "f"}
    deployed_by_another(worker, "barn")
    assert set(kept(again(old))) == {"a"}


@on_one_database
def test_a_deployment_without_its_record_is_not_known_to_be_there(worker, again):
    old = worker.start(a_workflow([build("a")], [deploy("d")], [unit("t")]))
    worker.succeed(old, "a", "d")
    worker.fail(old, "t")
    with write():
        Deployment.delete().execute()
    assert set(kept(again(old))) == {"a"}


# ---- deployments whose worker was lost -------------------------------------------------------


@pytest.fixture
def lost(worker) -> StepRun:
    """The Deploy of a run [a] → [d] → [t], of which nobody knows the outcome."""
    run = worker.start(a_workflow([build("a")], [deploy("d")], [unit("t")]))
    worker.succeed(run, "a")
    return worker.lose_deployment(run, "d")


def test_nothing_goes_on_after_an_outcome_that_nobody_knows(lost, again):
    with pytest.raises(Conflict, match=r"First record the outcome of .*: d") as refused:
        again(lost.run)
    assert refused.value.code == "outcome_unknown"
    assert refused.value.details[0]["stepRunId"] == lost.id
    assert Run.select().count() == 1


@on_one_database
def test_who_runs_everything_again_has_decided(lost, again):
    assert kept(again(lost.run, whence="start")) == {}


def test_a_deployment_that_happened_is_kept_and_not_repeated(lost, worker, again):
    lost_deployments.answer(lost, happened=True, comment="", actor=ACTOR)
    run = again(lost.run)
    assert statuses(run) == {"a": SUCCEEDED, "d": SUCCEEDED, "t": PENDING}
    deployed = step_named(run, "d")
    assert (deployed.deployment_id, deployed.kept_from) == (lost.deployment_id, lost.id)
    assert deployed.outside_effect is None
    worker.succeed(run, "t")
    assert Run.get_by_id(run.id).status == SUCCEEDED


@on_one_database
def test_a_deployment_that_did_not_happen_runs_again(lost, again):
    lost_deployments.answer(lost, happened=False, comment="", actor=ACTOR)
    assert statuses(again(lost.run)) == {"a": SUCCEEDED, "d": PENDING, "t": PENDING}


def test_a_run_of_which_everything_is_kept_is_over_at_once(worker, again):
    old = worker.start(a_workflow([build("a")], [deploy("d")]))
    worker.succeed(old, "a")
    lost = worker.lose_deployment(old, "d")
    lost_deployments.answer(lost, happened=True, comment="", actor=ACTOR)
    run = Run.get_by_id(again(old).id)
    assert (run.status, run.started_at, worker.ready) == (SUCCEEDED, None, [])


# ---- releases that are not there any more ----------------------------------------------------


@on_one_database
def test_a_damaged_or_missing_package_is_named_and_nothing_starts(worker, again, storage):
    old = worker.start(a_workflow([build("a"), build("b"), build("c")], [unit("t")]))
    worker.succeed(old, "a", "b", "c")
    worker.fail(old, "t")
    paths = [storage._path(r.packages[0].sha256) for r in releases_of_run(old.id)]
    paths[0].chmod(0o644)
    paths[0].write_bytes(b"other bytes")
    paths[2].unlink()
    with pytest.raises(Conflict, match=r"duck@1:duck\.txt: The stored file is damaged") as refused:
        again(old)
    assert refused.value.code == "release_damaged"
    assert [d["message"].split(":")[:2] for d in refused.value.details] == [
        ["duck@1", "duck.txt"],
        ["duck@3", "duck.txt"],
    ]
    assert Run.select().count() == 1
    assert statuses(again(old, whence="start"))["a"] == PENDING


@on_one_database
def test_a_release_that_was_deleted_cannot_be_kept(worker, again):
    old = worker.start(a_workflow([build("a")], [unit("t")]))
    worker.succeed(old, "a")
    worker.fail(old, "t")
    with write():
        Release.delete().execute()
    with pytest.raises(Conflict, match="The release that a made does not exist any more"):
        again(old)


@on_one_database
def test_a_release_that_is_not_kept_is_not_looked_at(worker, again, storage):
    workflow = a_workflow([build("a"), build("b")])
    old = worker.start(workflow)
    worker.succeed(old, "a")
    worker.fail(old, "b")
    (release,) = releases_of_run(old.id)
    storage._path(release.packages[0].sha256).unlink()
    change(workflow, [build("a", "make"), build("b")])
    assert kept(again(old, definition="current")) == {}


@on_one_database
def test_a_release_of_another_project_is_not_kept(worker, again):
    old = worker.start(a_workflow([build("a")], [unit("t")]))
    worker.succeed(old, "a")
    worker.fail(old, "t")
    other = projects.create_project(ACTOR, "lake", "Lake")
    with write():
        swan = Ingredient.create(id="swan", project=other, name="Swan", created_by="ann")
        Release.update(ingredient=swan.id).execute()
    with pytest.raises(Conflict, match="The release that a made does not exist any more"):
        again(old)


@on_one_database
def test_the_storage_is_opened_only_for_what_is_kept(worker, again):
    def refuse() -> Storage:
        raise AssertionError("it was opened")

    old = worker.start(a_workflow([unit("t")], [build("a"), build("b")]))
    worker.succeed(old, "t", "a")
    worker.fail(old, "b")
    again(old, "start", storage=refuse)
    with pytest.raises(AssertionError, match="it was opened"):
        again(old, storage=refuse)
    with write():
        Package.delete().execute()
    assert set(kept(again(old, storage=refuse))) == {"t", "a"}


@on_one_database
def test_a_storage_that_cannot_be_opened_or_read_is_told(worker, again, storage, monkeypatch):
    old = worker.start(a_workflow([build("a")], [build("b")]))
    worker.succeed(old, "a")
    worker.fail(old, "b")

    def unusable() -> Storage:
        raise SettingError("GALLEY_STORAGE_URL cannot be used: no such protocol")

    def unreadable(sha256: str) -> None:
        raise TimeoutError("the bucket does not answer")

    for opened, why in ((unusable, "no such protocol"), (lambda: storage, "the bucket does not")):
        with pytest.raises(StorageUnavailable, match=why) as refused:
            again(old, storage=opened)
        assert (refused.value.status, refused.value.code) == (503, "storage_unavailable")
        monkeypatch.setattr(storage, "verify", unreadable)
    assert Run.select().count() == 1


@on_one_database
def test_the_same_file_is_read_once(worker, again, storage, monkeypatch):
    old = worker.start(a_workflow([build("a"), build("b")], [build("c")]))
    worker.succeed(old, "a", "b")
    worker.fail(old, "c")
    same = storage.put(io.BytesIO(b"same")).sha256
    with write():
        Package.update(sha256=same).execute()
    read: list[str] = []
    monkeypatch.setattr(storage, "verify", read.append)
    again(old)
    assert read == [hashlib.sha256(b"same").hexdigest()]


# ---- what is told of it ----------------------------------------------------------------------


def test_statistics_count_only_what_ran(worker, again):
    workflow = a_workflow([build("a")], [build("b")])
    old = worker.start(workflow)
    worker.succeed(old, "a")
    worker.fail(old, "b")
    worker.succeed(again(old), "b")
    steps = statistics.metadata(Workflow.get_by_id(workflow.id))["steps"]
    assert [(step["name"], step["runs"], step["failureRate"]) for step in steps] == [
        ("a", 1, 0.0),
        ("b", 2, 0.5),
    ]


def test_a_rerun_that_waits_says_why(worker, again):
    from blueprints.responses import runs as answers

    old = worker.start(a_workflow([build("a")], gate(build("b"))))
    worker.succeed(old, "a")
    approve(old, 1)
    worker.fail(old, "b")
    run = again(old)
    shown = answers.run(run_queries.details(Run.get_by_id(run.id)))
    assert shown.status == PENDING
    assert [reason.code for reason in shown.waiting] == ["approval"]
    approve(run, 1)
    shown = answers.run(run_queries.details(Run.get_by_id(run.id)))
    assert [reason.code for reason in shown.waiting] == ["no_worker"]
    worker.claim(run, "b")
    assert Run.get_by_id(run.id).status == RUNNING
