"""What happened outside, as somebody tells it: lost deployments, builds made elsewhere."""

import pytest

from domain import engine
from domain.accounts.access import console
from domain.engine import Claim, Ending, deployments
from domain.errors import Conflict, Invalid
from domain.models import (
    AuditEvent,
    Deployment,
    Environment,
    Release,
    Run,
    RunEvent,
    StepRun,
    new_id,
    write,
)
from domain.releases import deployments as release_deployments
from domain.releases.artifacts import Artifact
from domain.runs import external_completion, lost_deployments
from domain.statuses import CANCELLED, FAILED, PENDING, SKIPPED, SUCCEEDED
from tests.support.bell import announced
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

BOB = console("bob")


@pytest.fixture(autouse=True)
def nest(database, tmp_path) -> Environment:
    return an_environment(a_project(), path=str(tmp_path))


@pytest.fixture
def workflow():
    return a_workflow([deploy("d")], [build("b")])


def deploying(workflow, version: str = "1") -> Claim:
    """A run's Deploy whose worker has noted that it is about to touch the outside."""
    held = claimed(workflow)
    release = Release.create(ingredient="duck", version=version, created_by="ann")
    artifact = Artifact(release.id, "duck", version, "duck.zip", 1, "ab" * 32)
    with engine.owned(held):
        deployments.begin(held, Environment.get().id, artifact, "ann")
    return held


def claimed(workflow) -> Claim:
    _, (ready,) = start_and_ready(workflow)
    return engine.claim(ready.step_id, 1, worker="w1", host="here", lease_ms=60_000)


def lose(held: Claim) -> None:
    engine.end_leases_of("w1")
    engine.expire(held.step_id, held.token, "The worker w1 was lost.", 0)


def shut_down(held: Claim) -> None:
    engine.give_back(held, "The worker was shut down.", 0)


def step_of(held: Claim) -> StepRun:
    return StepRun.get_by_id(held.step_id)


# ---- lost deployments ------------------------------------------------------------------------


@pytest.mark.parametrize("end", [lose, shut_down])
@pytest.mark.parametrize("is_to_stop", [False, True])
def test_nobody_knows_what_became_of_a_deployment_whose_worker_is_lost(workflow, end, is_to_stop):
    held = deploying(workflow)
    if is_to_stop:
        engine.abort_step(step_of(held), by=console("bob"))
    end(held)
    step = step_of(held)
    assert (step.status, step.outside_effect, step.attempt) == (FAILED, "unknown", 1)
    assert step.message.startswith("Outcome unknown: The worker w")
    assert (Deployment.get().status, Deployment.get().message) == (FAILED, step.message)


@pytest.mark.parametrize("end", [lose, shut_down])
def test_of_a_deploy_that_had_not_begun_to_deploy_everything_is_known(workflow, end):
    held = claimed(workflow)
    end(held)
    step = step_of(held)
    assert (step.status, step.outside_effect) == (FAILED, None)
    assert step.message.endswith(" Nothing was deployed yet.")
    assert statuses(Run.get()) == {"d": FAILED, "b": SKIPPED}


def test_a_deploy_that_was_stopped_before_it_deployed_anything_is_cancelled(workflow):
    held = claimed(workflow)
    engine.abort_step(step_of(held), by=console("bob"))
    lose(held)
    assert (step_of(held).status, step_of(held).outside_effect) == (CANCELLED, None)


@pytest.mark.parametrize(
    ("happened", "effect", "status", "said"),
    [
        (True, "happened", SUCCEEDED, "said that it happened: I looked"),
        (False, "did_not", FAILED, "said that it did not happen: I looked"),
    ],
)
def test_what_a_person_answers_is_kept_and_told(workflow, happened, effect, status, said):
    held = deploying(workflow)
    lose(held)
    before = Run.get().version
    lost_deployments.answer(step_of(held), happened=happened, comment="I looked", actor=BOB)
    step, deployment, event = step_of(held), Deployment.get(), RunEvent.get()
    assert (step.outside_effect, step.status) == (effect, FAILED)
    assert (deployment.status, deployment.message) == (status, f"The worker was lost; bob {said}")
    assert (event.actor, event.message, event.step_run_id) == ("bob", said, step.id)
    audited = AuditEvent.get(AuditEvent.action == "answer")
    assert (audited.actor, audited.object_id) == ("bob", step.id)
    assert audited.detail == {"outsideEffect": effect, "comment": "I looked"}
    assert Run.get().version > before
    there = release_deployments.deployed_now([Environment.get()])
    assert bool(there) is happened
    assert (release_deployments.last_good(Environment.get().id) is not None) is happened


def test_the_same_answer_again_changes_nothing_and_the_other_one_is_refused(workflow):
    held = deploying(workflow)
    lose(held)
    lost_deployments.answer(step_of(held), happened=True, comment="", actor=BOB)
    version = Run.get().version
    lost_deployments.answer(step_of(held), happened=True, comment="again", actor=ACTOR)
    with pytest.raises(Conflict, match="recorded already: the deployment happened") as refused:
        lost_deployments.answer(step_of(held), happened=False, comment="", actor=ACTOR)
    assert refused.value.code == "already_answered"
    assert (step_of(held).outside_effect, Deployment.get().status) == ("happened", SUCCEEDED)
    assert (Run.get().version, RunEvent.select().count()) == (version, 1)


def test_nobody_is_asked_about_what_is_known(workflow):
    held = deploying(workflow)
    engine.finish(held, Ending(FAILED, "exit code 1."))
    with pytest.raises(Conflict, match="whose worker was lost") as refused:
        lost_deployments.answer(step_of(held), happened=True, comment="", actor=BOB)
    assert refused.value.code == "not_waiting"
    assert Deployment.get().status == FAILED


def test_a_late_answer_does_not_make_an_old_deployment_the_newest(workflow):
    nest = Environment.get()
    lost = deploying(workflow, "1")
    lose(lost)
    assert release_deployments.lost_in([nest])[nest.id].release.version == "1"
    newer = deploying(workflow, "2")
    assert newer is not None, "an unknown outcome keeps nobody from deploying again"
    engine.finish(newer, Ending(SUCCEEDED))
    assert release_deployments.lost_in([nest]) == {}, "what was there does not matter any more"
    lost_deployments.answer(step_of(lost), happened=True, comment="", actor=BOB)
    assert release_deployments.deployed_now([nest])[nest.id].release.version == "2"
    assert release_deployments.last_good(nest.id) == "duck@2:duck.zip"


def test_an_environment_tells_of_the_newest_outcome_that_nobody_knows(workflow):
    nest = Environment.get()
    engine.finish(deploying(workflow, "1"), Ending(SUCCEEDED))
    lost = [deploying(workflow, "2")]
    lose(lost[0])
    lost.append(deploying(workflow, "3"))
    lose(lost[1])
    for held, version in zip(reversed(lost), ["3", "2"], strict=True):
        assert release_deployments.lost_in([nest])[nest.id].release.version == version
        lost_deployments.answer(step_of(held), happened=False, comment="", actor=BOB)
    assert release_deployments.lost_in([nest]) == {}
    assert release_deployments.deployed_now([nest])[nest.id].release.version == "1"


# ---- builds made elsewhere -------------------------------------------------------------------


@pytest.fixture
def waiting() -> StepRun:
    """A Build step that somebody outside completes."""
    return step_named(start(a_workflow([build("o", script=None)], [build("b")])), "o")


def release(version: str, ingredient: str = "duck") -> str:
    return Release.create(ingredient=ingredient, version=version, created_by="ann").id


def complete(step: StepRun, success: bool = True, release_id: str | None = None):
    return announced(
        lambda: external_completion.complete(
            step, success=success, release_id=release_id, message="made", actor=ACTOR
        )
    )


def test_the_same_result_twice_counts_once(waiting):
    made = release("1")
    (following,) = complete(waiting, release_id=made)
    version = Run.get().version
    assert following.step_id == step_named(Run.get(), "b").id
    assert complete(waiting, release_id=made) == []
    assert Run.get().version == version


@pytest.mark.parametrize(("success", "has_release"), [(False, False), (True, False), (True, True)])
def test_another_result_is_refused_and_the_first_is_named(waiting, success, has_release):
    made = release("1")
    complete(waiting, release_id=made)
    other = release("2") if has_release else None
    with pytest.raises(Conflict, match=f"Succeeded already with the release {made}") as refused:
        complete(waiting, success=success, release_id=other)
    assert refused.value.code == "already_finished"
    assert [d["message"] for d in refused.value.details] == [SUCCEEDED, made]
    assert StepRun.get_by_id(waiting.id).release_id == made


def test_a_release_must_be_one_of_the_steps_ingredient(waiting):
    for success, release_id in ((True, new_id()), (False, release("1"))):
        with pytest.raises(Invalid):
            complete(waiting, success=success, release_id=release_id)
    assert StepRun.get_by_id(waiting.id).status == PENDING


def test_only_what_waits_for_the_outside_is_completed(workflow):
    run = start(a_workflow([build("a")], [build("o", script=None)], name="Later"))
    for name, why in (("a", "Only a Build step without a script"), ("o", "has not begun")):
        with pytest.raises(Conflict, match=why):
            complete(step_named(run, name))
    with write():
        StepRun.update(status=CANCELLED).execute()
    with pytest.raises(Conflict, match="Cancelled already"):
        complete(step_named(run, "o"))
