"""Lost deployments: a person records the outcome of a deployment whose worker was lost."""

from collections.abc import Iterable

from domain.accounts import audit
from domain.accounts.access import Actor
from domain.errors import Conflict, FieldError, conflict, state
from domain.models import Deployment, RunEvent, StepRun, write
from domain.models.run_facts import touch
from domain.statuses import DID_NOT, FAILED, HAPPENED, SUCCEEDED, UNKNOWN


def require_answers(steps: Iterable[StepRun]) -> None:
    """Raise Conflict `outcome_unknown`, naming each step whose outcome is unknown, if any."""
    unknown = [step for step in steps if step.outside_effect == UNKNOWN]
    if unknown:
        raise Conflict(
            "First record the outcome of the deployment whose worker was lost: "
            f"{', '.join(step.name for step in unknown)}.",
            code="outcome_unknown",
            details=[
                state(
                    "outcome_unknown",
                    f"It is not known whether {step.name} happened.",
                    stepRunId=step.id,
                )
                for step in unknown
            ],
        )


def answer(step: StepRun, *, happened: bool, comment: str, actor: Actor) -> None:
    """Record whether a deployment happened whose worker was lost before it could report.

    A deployment that happened counts from then on, while its step stays Failed. Recording the same
    outcome again changes nothing. Raises Conflict: `already_answered` after the other outcome,
    `not_waiting` if the outcome is not unknown.
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
        raise conflict(
            "not_waiting",
            "An outcome is recorded only for a Deploy whose worker was lost.",
            f"{step.name} is {step.status}.",
            status=step.status,
        )
    if known != effect:
        raise Conflict(
            f"The outcome was recorded already: the deployment {_SAID[known]}.",
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
