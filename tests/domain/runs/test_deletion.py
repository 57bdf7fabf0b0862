"""Removing runs and releases: what goes, what stays, and who is in the way."""

import io
import threading
from collections.abc import Callable

import pytest

from domain import engine
from domain.accounts.access import console
from domain.engine import Claim, Ending, deployments
from domain.errors import Conflict, NotFound
from domain.logs.files import log_path
from domain.models import (
    Attempt,
    AuditEvent,
    Deployment,
    DiscardedFile,
    Environment,
    Ingredient,
    Package,
    Release,
    Run,
    RunEvent,
    StageRun,
    StepRun,
    StepSpec,
    TestResult,
    Workflow,
    db,
    new_id,
    write,
)
from domain.projects import projects
from domain.releases import deletion as release_deletion
from domain.releases import deployments as release_deployments
from domain.releases.artifacts import Artifact
from domain.releases.releases import NewPackage, record_release
from domain.releases.storage import Storage, open_storage
from domain.runs import deletion, lost_deployments, reruns
from domain.statuses import FAILED, SUCCEEDED
from domain.test_results import results, reviews
from tests.support import pipelines
from tests.support.keys import KEYS
from tests.support.pipelines import (
    ACTOR,
    a_project,
    a_suite,
    a_workflow,
    an_environment,
    build,
    deploy,
    start,
    step_named,
)

BOB = console("bob")


@pytest.fixture(autouse=True)
def project(database, tmp_path):
    project = a_project()
    a_suite(project, "true")
    an_environment(project, path=str(tmp_path / "nest"))
    return project


def claim(run: Run, name: str) -> Claim:
    step = step_named(run, name)
    held = engine.claim(step.id, step.attempt, worker="w1", host="here", lease_ms=60_000)
    assert held is not None, f"{name} is not due"
    return held


def end(run: Run, name: str, status: str = SUCCEEDED, **columns: object) -> StepRun:
    """Play the worker of a step; `columns` are what its record gives."""
    engine.finish(claim(run, name), Ending(status, record=lambda: columns))
    return step_named(run, name)


def a_release(version: str | None = None, sha256: str = "ab" * 32) -> Release:
    with write():
        made = record_release(
            ingredient_id="duck",
            version=version,
            packages=[NewPackage("duck.txt", 4, sha256)],
            run_id=new_id(),
            step_run_id=new_id(),
            created_by="ann",
        )
    return Release.get_by_id(made)


def build_release(run: Run, name: str, sha256: str = "cd" * 32) -> Release:
    """Play a Build: its release comes with the end of the step."""

    def record() -> dict[str, object]:
        packages = [NewPackage("duck.txt", 4, sha256)]
        held_by = {"run_id": run.id, "step_run_id": step_named(run, name).id, "created_by": "ann"}
        made = record_release(ingredient_id="duck", version=None, packages=packages, **held_by)
        return {"release_id": made}

    engine.finish(claim(run, name), Ending(SUCCEEDED, record=record))
    return Release.get_by_id(step_named(run, name).release_id)


def begin_to_deploy(run: Run, name: str, release: Release) -> Claim:
    held = claim(run, name)
    artifact = Artifact(release.id, "duck", release.version, "duck.txt", 4, "ab" * 32)
    with engine.owned(held):
        deployments.begin(
            held, StepSpec.get_by_id(held.step_id).spec["environmentId"], artifact, "x"
        )
    return held


def remove(settings, run: Run) -> None:
    deletion.delete_run(Run.get_by_id(run.id), actor=BOB, data_dir=settings.data_dir)


def remove_release(release: Release) -> None:
    release_deletion.delete_release(Release.get_by_id(release.id), actor=BOB)


def refusal(call, *arguments: object) -> tuple[str, list[dict[str, object]]]:
    with pytest.raises(Conflict) as error:
        call(*arguments)
    assert error.value.details, "a conflict tells the state that is in the way"
    return error.value.code, error.value.details


# ---- runs ------------------------------------------------------------------------------------


def test_a_run_goes_with_all_that_is_only_its_own(settings):
    workflow = a_workflow([build("b")], [pipelines.test("t", "unit")], [deploy("d")])
    run = start(workflow)
    release = build_release(run, "b")
    held = claim(run, "t")
    with write():
        TestResult.create(step=held.step_id, attempt=1, name="flies", result="Pass")
    engine.finish(held, Ending(SUCCEEDED))
    engine.finish(begin_to_deploy(run, "d", release), Ending(SUCCEEDED))
    path = log_path(settings.data_dir, run.id, held.step_id, 1)
    path.parent.mkdir(parents=True)
    path.write_text("quack\n")
    other = start(workflow)
    engine.abort_run(other.id, by=ACTOR)

    remove(settings, run)

    assert [row.id for row in Run.select()] == [other.id]
    for model in (StageRun, StepRun):
        assert {row.run_id for row in model.select()} == {other.id}
    for model in (Attempt, TestResult):
        assert not model.select().exists()
    assert StepSpec.select().count() == StepRun.select().count()
    assert {row.run_id for row in RunEvent.select()} == {other.id}
    assert not path.parent.exists()
    assert Release.get_by_id(release.id).run_id == run.id
    assert Package.select().count() == 1
    assert Deployment.get().release_id == release.id


def test_who_removed_a_run_is_on_record(settings):
    run = start(a_workflow([build("b")]))
    end(run, "b")
    remove(settings, run)
    event = AuditEvent.get(AuditEvent.object_id == run.id, AuditEvent.action == "delete")
    assert (event.actor, event.object_kind, event.project_id) == ("bob", "run", "pond")
    assert event.detail == {"workflow": "Release", "number": 1, "status": "Succeeded"}


def test_a_run_in_progress_stays(settings):
    run = start(a_workflow([build("b")]))
    code, details = refusal(remove, settings, run)
    assert (code, details[0]["message"]) == ("run_in_progress", "Pending")
    assert Run.get_by_id(run.id)


def test_the_workflow_names_the_newest_run_that_is_left_and_gives_no_number_twice(settings):
    workflow = a_workflow([build("b")])
    first, second, third = (start(workflow) for _ in range(3))
    for run in (first, second, third):
        end(run, "b")
    remove(settings, second)
    assert Workflow.get().last_run_id == third.id
    remove(settings, third)
    row = Workflow.get()
    assert (row.last_run_id, row.last_run_at) == (first.id, Run.get_by_id(first.id).created_at)
    remove(settings, first)
    row = Workflow.get()
    assert (row.last_run_id, row.last_run_at) == (None, None)
    assert start(workflow).number == 4


def a_lost_deployment() -> tuple[Run, StepRun]:
    run = start(a_workflow([build("b")], [deploy("d")]))
    held = begin_to_deploy(run, "d", build_release(run, "b"))
    engine.give_back(held, "The worker was shut down.", 0)
    return run, step_named(run, "d")


def test_a_run_stays_until_somebody_says_what_became_of_its_lost_deployment(settings):
    run, step = a_lost_deployment()
    code, details = refusal(remove, settings, run)
    assert (code, details[0]["stepRunId"]) == ("outcome_unknown", step.id)
    lost_deployments.answer(step, happened=True, comment="", actor=ACTOR)
    remove(settings, run)
    assert Deployment.get().status == SUCCEEDED
    environment = Environment.get()
    assert release_deployments.deployed_now([environment])[environment.id].run_id == run.id


def a_rerun() -> tuple[Run, Run]:
    """A run that failed, and its rerun, which keeps the Build."""
    old = start(a_workflow([build("b")], [build("c")]))
    end(old, "b")
    end(old, "c", FAILED)
    return old, rerun(old)


def rerun(old: Run, storage: Callable[[], Storage] | None = None, whence: str = "failed") -> Run:
    return reruns.rerun(
        Run.get_by_id(old.id),
        whence=whence,
        definition="same",
        actor=ACTOR,
        keys=KEYS,
        storage=storage or (lambda: pytest.fail("nothing was released")),
    )


def test_a_run_stays_while_reruns_show_its_steps_as_their_own(settings):
    old, new = a_rerun()
    end(new, "c", FAILED)
    newest = rerun(new)
    end(newest, "c")
    code, details = refusal(remove, settings, old)
    assert code == "kept_by_reruns"
    assert [detail["runId"] for detail in details] == [new.id, newest.id]
    for run in (new, newest, old):
        remove(settings, run)
    assert not Run.select().exists()


def test_a_rerun_that_keeps_nothing_outlives_the_run_that_it_repeats(settings):
    old, new = a_rerun()
    rerun(old, whence="start")
    for run in Run.select():
        engine.abort_run(run.id, by=ACTOR)
    remove(settings, new)
    remove(settings, old)
    assert Run.get().rerun_of == old.id


def test_a_rerun_that_meets_the_removal_keeps_nothing_that_is_gone(settings):
    """The run is removed after the rerun has read it, and before it stores what it keeps."""
    storage = open_storage(settings)
    stored = storage.put(io.BytesIO(b"duck"))
    old = start(a_workflow([build("b")], [build("c")]))
    build_release(old, "b", stored.sha256)
    end(old, "c", FAILED)

    def opened() -> Storage:
        remove(settings, old)
        return storage

    with pytest.raises(NotFound):
        rerun(old, opened)
    assert not Run.select().exists()


def test_of_two_who_remove_a_run_at_once_one_does_it(settings):
    run = start(a_workflow([build("b")]))
    end(run, "b")
    barrier, outcomes = threading.Barrier(2), []

    def race() -> None:
        with db.obj.connection_context():
            row = Run.get_by_id(run.id)
            barrier.wait(10)
            try:
                deletion.delete_run(row, actor=BOB, data_dir=settings.data_dir)
                outcomes.append("removed")
            except NotFound:
                outcomes.append("gone")

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["gone", "removed"]
    assert AuditEvent.select().where(AuditEvent.action == "delete").count() == 1


# ---- reviews ---------------------------------------------------------------------------------


def test_a_review_of_a_kept_test_is_one_for_all_runs_that_show_it():
    suite = pipelines.test("t", "unit")
    old = start(a_workflow([suite], [build("c")]))
    held = claim(old, "t")
    with write():
        results.add(
            held.step_id, 1, suite="", name="flies", result="Fail", duration_ms=None, message=""
        )
    engine.finish(held, Ending(SUCCEEDED))
    end(old, "c", FAILED)
    new = rerun(old)
    end(new, "c", FAILED)
    newest = rerun(new)
    bystander = start(Workflow.get())
    before = {run.id: run.version for run in Run.select()}

    (shown,) = results.find(step_named(new, "t"))
    reviews.review(step_named(new, "t"), shown.id, status="Waived", comment="old", actor=BOB)

    for run in (old, new, newest):
        (test,) = results.find(step_named(run, "t"))
        assert (test.review_status, test.reviewed_by, test.comment) == ("Waived", "bob", "old")
    risen = {run.id for run in Run.select() if run.version > before[run.id]}
    assert risen == {old.id, new.id, newest.id} - {bystander.id}


# ---- releases --------------------------------------------------------------------------------


def test_a_release_goes_with_its_packages_and_its_files_are_discarded():
    release, other = a_release("1.0"), a_release("2.0", "ef" * 32)
    release_deletion.delete_release(release, actor=BOB)
    assert [row.id for row in Release.select()] == [other.id]
    assert [row.release_id for row in Package.select()] == [other.id]
    assert [row.sha256 for row in DiscardedFile.select()] == ["ab" * 32]
    event = AuditEvent.get(AuditEvent.object_id == release.id)
    assert (event.actor, event.action, event.object_kind) == ("bob", "delete", "release")
    assert event.detail == {"ingredientId": "duck", "version": "1.0"}
    with pytest.raises(NotFound):
        release_deletion.delete_release(release, actor=BOB)


@pytest.mark.parametrize("chosen", [None, "1", "7"])
def test_the_number_of_a_removed_release_is_never_given_again(chosen):
    removed = a_release(chosen)
    release_deletion.delete_release(removed, actor=BOB)
    numbers = {a_release().version for _ in range(8)}
    assert removed.version not in numbers
    assert len(numbers) == 8


@pytest.mark.parametrize("version", ["1.0", "007", "9" * 30, "0"])
def test_a_version_that_numbering_never_makes_leaves_the_numbers_alone(version):
    release_deletion.delete_release(a_release(version), actor=BOB)
    assert a_release().version == "1"


def test_what_is_deployed_somewhere_stays_until_something_else_is_there():
    run = start(a_workflow([build("b")], [deploy("d")]))
    release = build_release(run, "b")
    engine.finish(begin_to_deploy(run, "d", release), Ending(SUCCEEDED))
    code, (detail,) = refusal(remove_release, release)
    assert (code, detail["code"], detail["environment"]) == ("release_in_use", "deployed", "nest")
    assert detail["runId"] == run.id

    newer = start(Workflow.get())
    engine.finish(begin_to_deploy(newer, "d", build_release(newer, "b")), Ending(SUCCEEDED))
    remove_release(release)
    was = Deployment.get(Deployment.run_id == run.id)
    assert (was.release_id, was.artifact) == (None, "duck.txt")
    assert was.message == f"It was duck@{release.version}, which is deleted."


def test_what_may_be_deployed_for_all_anybody_knows_stays():
    _, step = a_lost_deployment()
    code, (detail,) = refusal(remove_release, Release.get())
    assert (code, detail["code"]) == ("release_in_use", "outcome_unknown")
    lost_deployments.answer(step, happened=False, comment="", actor=ACTOR)
    remove_release(Release.get())


def test_what_is_being_deployed_stays():
    run = start(a_workflow([build("b")], [deploy("d")]))
    release = build_release(run, "b")
    held = begin_to_deploy(run, "d", release)
    _, details = refusal(remove_release, release)
    assert {detail["code"] for detail in details} == {"run_in_progress"}
    engine.finish(held, Ending(FAILED))
    remove_release(release)


def test_what_a_run_in_progress_has_built_stays_until_it_has_ended():
    run = start(a_workflow([build("b")], [build("c")]))
    release = build_release(run, "b")
    code, (detail,) = refusal(remove_release, release)
    assert (code, detail["runId"]) == ("release_in_use", run.id)
    assert detail["stepRunId"] == step_named(run, "b").id
    end(run, "c")
    remove_release(release)


def naming(reference: str) -> dict[str, object]:
    """A Test step."""
    step = pipelines.test("t", "unit")
    step["configuration"]["releaseIds"] = [reference]
    return step


def picking(reference: str) -> dict[str, object]:
    """A Deploy step."""
    return deploy("t", artifact=f"{reference}:duck.txt")


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (naming, "{id}"),
        *((kind, text) for kind in (naming, picking) for text in ("duck@1.0", "duck@latest")),
    ],
)
def test_a_release_that_a_step_yet_to_run_names_stays_until_the_run_has_ended(kind, reference):
    release = a_release("1.0")
    run = start(a_workflow([build("b")], [kind(reference.format(id=release.id))]))
    _, (detail,) = refusal(remove_release, release)
    assert (detail["runId"], detail["stepRunId"]) == (run.id, step_named(run, "t").id)
    end(run, "b", FAILED)
    remove_release(release)


@pytest.mark.parametrize("kind", [naming, picking])
@pytest.mark.parametrize("reference", ["duck@2.0", "duck@run", "goose@1.0"])
def test_a_step_that_names_something_else_is_not_in_the_way(project, kind, reference):
    Ingredient.create(id="goose", project=project, name="Goose", created_by="ann")
    release = a_release("1.0")
    start(a_workflow([build("b")], [kind(reference)]))
    remove_release(release)


def test_latest_means_the_newest_only():
    older, _ = a_release("1.0"), a_release("2.0")
    start(a_workflow([naming("duck@latest")]))
    remove_release(older)


def test_a_run_of_another_project_is_not_in_the_way():
    release = a_release("1.0")
    a_suite(projects.create_project(ACTOR, "lake", "Lake"), "true")
    start(a_workflow([naming(release.id)], project="lake"))
    remove_release(release)


def test_removals_and_builds_of_one_ingredient_do_not_block_each_other():
    releases = [a_release() for _ in range(5)]
    failed = []

    def remove_all() -> None:
        with db.obj.connection_context():
            for release in releases:
                try:
                    release_deletion.delete_release(release, actor=BOB)
                except Exception as error:
                    failed.append(error)

    def release_more() -> None:
        with db.obj.connection_context():
            for _ in range(5):
                try:
                    a_release()
                except Exception as error:
                    failed.append(error)

    threads = [threading.Thread(target=job) for job in (remove_all, release_more)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert sorted(int(row.version) for row in Release.select()) == [6, 7, 8, 9, 10]


def test_a_kept_release_that_was_removed_since_is_not_used_again(settings):
    old = start(a_workflow([build("b")], [build("c")]))
    storage = open_storage(settings)
    release = build_release(old, "b", storage.put(io.BytesIO(b"duck")).sha256)
    end(old, "c", FAILED)
    remove_release(release)
    code, details = refusal(rerun, old, lambda: storage)
    assert code == "release_damaged"
    assert details[0]["message"] == "The release that b made does not exist any more."
