"""External completion of a Build step: by a call, or by the one-time address of the step.

The address needs no token. It is derived from the secret key, so nothing has to be stored. It works
for one step only, and stops working when that step has ended.
"""

from domain import engine
from domain.accounts.access import SUPER_USER, Actor
from domain.errors import Conflict, FieldError, Invalid, NotFound, state
from domain.models import Release, Run, StepRun, StepSpec, is_id
from domain.secret_key import Keys
from domain.statuses import FAILED, FINISHED, SUCCEEDED

RELEASES_SHOWN = 20


def secret_of(step: StepRun, keys: Keys) -> str:
    """Return the last part of the address: the step, and a code that only the server can derive."""
    return f"{step.id}.{keys.capability('completion', step.id, str(step.attempt))}"


def by_secret(secret: str, keys: Keys) -> StepRun:
    """Return the step of the address. Raises NotFound, whatever is wrong with the address."""
    step_id, _, _ = secret.partition(".")
    step = StepRun.get_or_none(StepRun.id == step_id) if is_id(step_id) else None
    if step is None or not keys.is_same(secret, secret_of(step, keys)):
        raise NotFound("There is no such completion address.")
    return step


def actor_for(step: StepRun, address: str) -> Actor:
    """Return the actor of a one-time address. address: the client's."""
    project = Run.select(Run.project_id).where(Run.id == step.run_id).scalar()
    return Actor("", "one-time address", roles={project: SUPER_USER}, address=address)


def ingredient_of(step: StepRun) -> str:
    """Return the ingredient of which the step releases a version."""
    return str(StepSpec.get_by_id(step.id).spec["ingredientId"])


def releases_for(step: StepRun) -> list[Release]:
    """Return the newest releases of its ingredient, one of which the step may have made."""
    mine = Release.select().where(Release.ingredient == ingredient_of(step))
    return list(mine.order_by(Release.id.desc()).limit(RELEASES_SHOWN))


def complete(
    step: StepRun, *, success: bool, release_id: str | None, message: str, actor: Actor
) -> None:
    """End a Build step that has no script. Reporting the same result again changes nothing.

    Raises Invalid: the release cannot be the step's. Raises Conflict: `already_finished` after
    another result, `conflict` if the step does not wait for completion.
    """
    if not step.is_outside:
        raise _not_waiting("Only a Build step without a script can be completed externally.", step)
    if release_id is not None:
        _check_release(step, success, release_id)
    status = SUCCEEDED if success else FAILED
    if engine.complete_external(
        step, status=status, message=message, release_id=release_id, by=actor
    ):
        return
    present = StepRun.get_by_id(step.id)
    if present.status not in FINISHED:
        raise _not_waiting("The step cannot be completed yet: its stage has not begun.", present)
    if (present.status, present.release_id) != (status, release_id):
        raise _already_finished(present)


def _check_release(step: StepRun, success: bool, release_id: str) -> None:
    """Raise Invalid unless the step succeeded and the release is one of its ingredient."""
    ingredient = StepSpec.get_by_id(step.id).spec["ingredientId"]
    release = Release.get_or_none(Release.id == release_id)
    if not success:
        error = FieldError("/releaseId", "not_allowed", "A step that failed cannot have a release.")
    elif release is None or release.ingredient_id != ingredient:
        message = f"There is no release {release_id!r} of {ingredient}."
        error = FieldError("/releaseId", "unknown_release", message)
    else:
        return
    raise Invalid([error])


def _not_waiting(message: str, step: StepRun) -> Conflict:
    here = f"{step.name}, a {step.type} step, is {step.status}."
    details = [state("not_waiting", here, stepType=step.type, status=step.status)]
    return Conflict(message, details=details)


def _already_finished(step: StepRun) -> Conflict:
    details = [FieldError("/status", "already_finished", step.status)]
    made = ""
    if step.release_id is not None:
        details.append(FieldError("/releaseId", "already_finished", step.release_id))
        made = f" with the release {step.release_id}"
    return Conflict(
        f"The step is {step.status} already{made}.", code="already_finished", details=details
    )
