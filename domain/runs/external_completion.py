"""The one-time address by which something outside completes a step, without a token of a person.

Whoever knows it may say once how the step ended. It is made from the secret key, so nothing has to
be stored; it is good for one step only, and for nothing once that has ended.
"""

from domain.accounts.access import SUPER_USER, Actor
from domain.errors import NotFound
from domain.models import Release, Run, StepRun, StepSpec, is_id
from domain.secret_key import Keys

RELEASES_SHOWN = 20


def secret_of(step: StepRun, keys: Keys) -> str:
    """The last part of the address: the step and what only the server can have made of it."""
    return f"{step.id}.{keys.capability('completion', step.id, str(step.attempt))}"


def by_secret(secret: str, keys: Keys) -> StepRun:
    """The step that the address is for. Raises NotFound, whatever is wrong with it."""
    step_id, _, _ = secret.partition(".")
    step = StepRun.get_or_none(StepRun.id == step_id) if is_id(step_id) else None
    if step is None or not keys.is_same(secret, secret_of(step, keys)):
        raise NotFound("There is no such address for a completion.")
    return step


def actor_for(step: StepRun, address: str) -> Actor:
    """In whose name the address acts. address: where the request came from."""
    project = Run.select(Run.project_id).where(Run.id == step.run_id).scalar()
    return Actor("", "one-time address", roles={project: SUPER_USER}, address=address)


def ingredient_of(step: StepRun) -> str:
    """Of what the step is to have made a release."""
    return str(StepSpec.get_by_id(step.id).spec["ingredientId"])


def releases_for(step: StepRun) -> list[Release]:
    """What it may be completed with: the newest releases of its ingredient."""
    mine = Release.select().where(Release.ingredient == ingredient_of(step))
    return list(mine.order_by(Release.id.desc()).limit(RELEASES_SHOWN))
