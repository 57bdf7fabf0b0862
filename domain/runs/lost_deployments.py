"""Deployments whose worker was lost: record what a person says became of them."""

from collections.abc import Iterable

from domain.accounts import audit
from domain.accounts.access import Actor
from domain.errors import Conflict, FieldError, state
from domain.models import Deployment, RunEvent, StepRun, write
from domain.models.run_facts import touch
from domain.statuses import DID_NOT, FAILED, HAPPENED, SUCCEEDED, UNKNOWN


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
            details=[FieldError("/outsideEffect", "already_answered", known)],
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
