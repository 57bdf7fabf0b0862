"""What Galley promises whatever dies: looked for in the database, the storage and the processes."""

import hashlib
from collections import Counter
from collections.abc import Iterator

from domain.logs.files import log_path
from domain.models import Attempt, Deployment, Package, Release, Run, StageRun, StepRun
from domain.releases.storage import open_storage
from domain.settings import Settings
from domain.statuses import FINISHED, RUNNING, SKIPPED, SUCCEEDED
from tests.support.processes import that_know
from tests.support.wait import eventually


def hold(settings: Settings) -> None:
    """Fail unless all of them hold; the last workspaces may still be on their way out."""
    eventually(lambda: not broken(settings), 5, lambda: "; ".join(broken(settings)))


def broken(settings: Settings) -> list[str]:
    """A sentence for each promise that does not hold, once every run is meant to have ended."""
    return [
        *_unfinished(),
        *_attempts(),
        *_releases(settings),
        *_deployments(),
        *_logs(settings),
        *_leftovers(settings),
    ]


def _unfinished() -> Iterator[str]:
    """No run is stuck."""
    for kind, model in (("run", Run), ("stage", StageRun), ("step", StepRun)):
        for row in list(model.select().where(model.completed_at.is_null())):
            yield f"{kind} {row.id} has not ended: {row.status}"
        for row in list(model.select().where(model.status.not_in(FINISHED))):
            yield f"{kind} {row.id} has ended as {row.status}"


def _attempts() -> Iterator[str]:
    """Nothing succeeds twice, and what has succeeded did so in its last attempt."""
    of: dict[str, list[Attempt]] = {}
    for attempt in list(Attempt.select().order_by(Attempt.number)):
        of.setdefault(attempt.step_id, []).append(attempt)
    for step in list(StepRun.select()):
        attempts = of.get(step.id, [])
        numbers = [attempt.number for attempt in attempts]
        name = f"step {step.name} ({step.id})"
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{name} has the attempts {numbers}"
        if attempts and attempts[-1].status != step.status and step.attempt == len(attempts):
            yield f"{name} is {step.status}, its last attempt {attempts[-1].status}"
        if any(attempt.status == RUNNING for attempt in attempts):
            yield f"{name} has an attempt that still runs"
        if sum(attempt.status == SUCCEEDED for attempt in attempts) > 1:
            yield f"{name} has succeeded twice"
        if step.status == SKIPPED and attempts:
            yield f"{name} is Skipped but was tried"
        if step.type == "Deploy" and len(attempts) > 1:
            yield f"{name} is a Deploy and was tried {len(attempts)} times"
        for attempt in attempts:
            if attempt.status != SUCCEEDED and not attempt.message:
                yield f"{name}: attempt {attempt.number} does not say why it ended"


def _releases(settings: Settings) -> Iterator[str]:
    """A Build step that has succeeded has one release, whole; any other has none."""
    made = Counter(row.step_run_id for row in list(Release.select(Release.step_run_id)))
    builds = StepRun.select().where((StepRun.type == "Build") & ~StepRun.is_outside)
    for step in list(builds):
        should = 1 if step.status == SUCCEEDED and step.kept_from is None else 0
        if made[step.id] != should:
            yield f"step {step.name} ({step.id}, {step.status}) made {made[step.id]} releases"
    storage = open_storage(settings)
    for sha256 in {row.sha256 for row in list(Package.select(Package.sha256))}:
        with storage.open(sha256) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                yield f"the package {sha256} is damaged"


def _deployments() -> Iterator[str]:
    """No deployment is open, and none belongs to a step that ended otherwise."""
    steps = {step.id: step for step in list(StepRun.select().where(StepRun.type == "Deploy"))}
    for row in list(Deployment.select()):
        step = steps.get(row.step_run_id)
        if row.completed_at is None or row.status not in FINISHED:
            yield f"deployment {row.id} is {row.status}"
        if step and step.outside_effect is None and step.status != row.status:
            yield f"deployment {row.id} is {row.status}, its step {step.status}"
    for step_id, count in Counter(row.step_run_id for row in list(Deployment.select())).items():
        if count > 1:
            yield f"step {step_id} deployed {count} times"


def _logs(settings: Settings) -> Iterator[str]:
    """Each attempt that has ended has its log, as long as its row says."""
    for attempt in list(Attempt.select(Attempt, StepRun).join(StepRun)):
        step = attempt.step
        path = log_path(settings.data_dir, step.run_id, step.id, attempt.number)
        size = path.stat().st_size if path.exists() else 0
        if size < attempt.log_size:
            yield f"the log of {step.name}, attempt {attempt.number}, lost its end"


def _leftovers(settings: Settings) -> Iterator[str]:
    """No process of a step lives on, and no folder that it worked in."""
    work = settings.data_dir / "work"
    for pid, command in that_know(f"{work}/").items():
        yield f"process {pid} lives: {command}"
    for folder in work.glob("*"):
        yield f"the workspace {folder.name} was left"
