"""What happened outside, as somebody tells it: a Build made elsewhere, a Deploy that was lost."""

from collections.abc import Iterable

from domain import engine
from domain.accounts import audit
from domain.accounts.access import Actor
from domain.engine import Ready
from domain.engine.advance import touch
from domain.engine.deployments import DID_NOT, HAPPENED, UNKNOWN
from domain.errors import Conflict, Fault, Invalid, state
from domain.models import Deployment, Release, RunEvent, StepRun, StepSpec, write
from domain.statuses import FAILED, FINISHED, SUCCEEDED

# ---- a Build that is completed from outside --------------------------------------------------


def complete(
    step: StepRun, *, success: bool, release_id: str | None, message: str, actor: Actor
) -> list[Ready]:
    """End a Build step that has no script. The same result again changes nothing.

    Returns the steps that became ready. Raises Invalid for a release that cannot be the step's,
    Conflict `already_finished` after another result, `conflict` when the step does not wait.
    """
    if not step.is_outside:
        raise _not_waiting("Only a Build step without a script is completed from outside.", step)
    if release_id is not None:
        _check_release(step, success, release_id)
    status = SUCCEEDED if success else FAILED
    ready = engine.complete_outside(
        step, status=status, message=message, release_id=release_id, by=actor
    )
    if ready is not None:
        return ready
    present = StepRun.get_by_id(step.id)
    if present.status not in FINISHED:
        raise _not_waiting("The step does not wait for it yet: its stage has not begun.", present)
    if (present.status, present.release_id) != (status, release_id):
        raise _already_finished(present)
    return []


def _check_release(step: StepRun, success: bool, release_id: str) -> None:
    """Raises Invalid unless the step succeeded and the release is one of its ingredient."""
    ingredient = StepSpec.get_by_id(step.id).spec["ingredientId"]
    release = Release.get_or_none(Release.id == release_id)
    if not success:
        fault = Fault("/releaseId", "not_allowed", "A step that failed has made no release.")
    elif release is None or release.ingredient_id != ingredient:
        message = f"There is no release {release_id!r} of {ingredient}."
        fault = Fault("/releaseId", "unknown_release", message)
    else:
        return
    raise Invalid([fault])


def _not_waiting(message: str, step: StepRun) -> Conflict:
    here = f"{step.name}, a {step.type} step, is {step.status}."
    details = [state("not_waiting", here, stepType=step.type, status=step.status)]
    return Conflict(message, details=details)


def _already_finished(step: StepRun) -> Conflict:
    details = [Fault("/status", "already_finished", step.status)]
    made = ""
    if step.release_id is not None:
        details.append(Fault("/releaseId", "already_finished", step.release_id))
        made = f" with the release {step.release_id}"
    return Conflict(
        f"The step is {step.status} already{made}.", code="already_finished", details=details
    )


# ---- a Deploy whose worker was lost ----------------------------------------------------------


def require_answers(steps: Iterable[StepRun]) -> None:
    """Raises Conflict `outcome_unknown`, which names each step that nobody has answered for."""
    unknown = [step for step in steps if step.outside_effect == UNKNOWN]
    if unknown:
        raise Conflict(
            "First say what became of the deployment whose worker was lost: "
            f"{', '.join(step.name for step in unknown)}.",
            code="outcome_unknown",
            details=[
                state(
                    "outcome_unknown",
                    f"Nobody knows yet whether {step.name} happened.",
                    stepRunId=step.id,
                )
                for step in unknown
            ],
        )


def answer(step: StepRun, *, happened: bool, comment: str, actor: Actor) -> None:
    """Say whether a deployment happened whose worker was lost before it could tell.

    One that happened counts as deployed from then on; its step stays Failed, for that attempt is
    over. The same answer again changes nothing. Raises Conflict: `already_answered` after the
    other answer, `not_waiting` where nothing is unknown.
    """
    effect = HAPPENED if happened else DID_NOT
    with write(step.run_id):
        is_first = (
            StepRun.update(outside_effect=effect)
            .where((StepRun.id == step.id) & (StepRun.outside_effect == UNKNOWN))
            .execute()
        )
        if is_first:
            _record_answer(step, effect, comment, actor)
            return
        known = StepRun.select(StepRun.outside_effect).where(StepRun.id == step.id).scalar()
    if known is None:
        raise Conflict(
            "What became of this step is known; only a Deploy whose worker was lost needs to be"
            " told of.",
            code="not_waiting",
            details=[state("not_waiting", f"{step.name} is {step.status}.", status=step.status)],
        )
    if known != effect:
        raise Conflict(
            f"It has been answered already: the deployment {_SAID[known]}.",
            code="already_answered",
            details=[Fault("/outsideEffect", "already_answered", known)],
        )


_SAID = {HAPPENED: "happened", DID_NOT: "did not happen"}


def _record_answer(step: StepRun, effect: str, comment: str, actor: Actor) -> None:
    said = f"said that it {_SAID[effect]}" + (f": {comment}" if comment else ".")
    Deployment.update(
        status=SUCCEEDED if effect == HAPPENED else FAILED,
        message=f"The worker was lost; {actor.username} {said}",
    ).where(Deployment.id == step.deployment_id).execute()
    RunEvent.create(run=step.run_id, step_run_id=step.id, actor=actor.username, message=said)
    audit.record(
        actor,
        "answer",
        "step",
        step.id,
        project_id=step.run.project_id,
        detail={"outsideEffect": effect, "comment": comment},
    )
    touch(step.run_id)
