"""The earlier run of a rerun: its rows, read only if they are as they were signed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from peewee import fn

from domain.errors import Conflict, state
from domain.models import Deployment, Run, StageRun, StepRun, StepSpec
from domain.runs.step_specs import RunPart, Seal, part_of
from domain.secret_key import Keys


@dataclass(frozen=True)
class Earlier:
    parameters: Mapping[str, object]
    stages: Mapping[str, StageRun]
    """By id."""
    steps: Mapping[str, StepRun]
    """By name, which is unique in a run."""
    specs: Mapping[str, Mapping[str, object]]
    """By the id of the step."""
    places: Mapping[str, str]
    """The environment of each deployment of its steps."""
    newest: Mapping[str, str]
    """The newest other deployment to each of these environments."""


def read_earlier(run: Run, keys: Keys) -> Earlier:
    """Read the run. Raises Conflict `run_altered` if it is not as it was signed.

    The new run signs what it takes over, at least the parameters. Without this check, a row that
    no worker would accept after a change would get a new signature.
    """
    stages = {stage.id: stage for stage in StageRun.select().where(StageRun.run == run.id)}
    steps = list(StepRun.select().where(StepRun.run == run.id).order_by(StepRun.id))
    of_run = StepSpec.select().join(StepRun).where(StepRun.run == run.id)
    specs = {row.step_id: row for row in of_run}
    seal = Seal(keys, RunPart(run.id, run.project_id, run.number, run.triggered_by, run.parameters))
    _refuse_altered(
        steps,
        [s for s in steps if not _fits(seal, s, stages.get(s.stage_id), specs.get(s.id))],
    )
    places, newest = _deployments(steps)
    return Earlier(
        parameters=run.parameters,
        stages=stages,
        steps={step.name: step for step in steps},
        specs={step_id: row.spec for step_id, row in specs.items()},
        places=places,
        newest=newest,
    )


def _fits(seal: Seal, step: StepRun, stage: StageRun | None, row: StepSpec | None) -> bool:
    """Return whether the step is as it was signed, which needs its stage and its spec."""
    if stage is None or row is None:
        return False
    return seal.fits(part_of(step.__data__, stage.name, row.spec), row.signature)


def _refuse_altered(steps: Sequence[StepRun], altered: Sequence[StepRun]) -> None:
    """Refuse altered steps, and a run without steps, which has no signature. Raises Conflict."""
    if steps and not altered:
        return
    raise Conflict(
        "The stored plan of this run does not match its signature, so none of it can be reused. "
        "It was changed in the database after the run began, or signed with another secret key, "
        "or signed before an upgrade. Start a new run.",
        code="run_altered",
        details=[
            state("run_altered", f"{step.name} is not as it was signed.", stepRunId=step.id)
            for step in altered
        ]
        or [state("run_altered", "It has no steps any more.")],
    )


def _deployments(steps: Iterable[StepRun]) -> tuple[dict[str, str], dict[str, str]]:
    """Return `places` and `newest` of `Earlier`."""
    ids = [step.deployment_id for step in steps if step.deployment_id is not None]
    if not ids:
        return {}, {}
    mine = Deployment.select(Deployment.id, Deployment.environment).where(Deployment.id.in_(ids))
    places = dict(mine.tuples())
    others = (
        Deployment.select(Deployment.environment, fn.MAX(Deployment.id))
        .where(Deployment.environment.in_(list(places.values())) & Deployment.id.not_in(ids))
        .group_by(Deployment.environment)
    )
    return places, dict(others.tuples())
