"""Finding runs and what belongs to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from peewee import fn

from domain.errors import NotFound
from domain.logs import uploads
from domain.models import (
    Attempt,
    Base,
    Lookup,
    Package,
    Release,
    Run,
    RunEvent,
    StageRun,
    Statement,
    StepRun,
    UploadedLog,
    Workflow,
    given,
    is_sqlite,
)
from domain.pagination import COUNTED_TO, count
from domain.releases.ingredients import packages_of
from domain.releases.releases import releases_of_run
from domain.runs import pending_reasons

Row = TypeVar("Row", bound=Base)


def get(run_id: str) -> Run:
    """Raises NotFound."""
    run = Run.get_or_none(Run.id == run_id)
    if run is None:
        raise NotFound("There is no such run.")
    return run


_VERSION = Statement(lambda: Run.select(Run.version).where(Run.id == given("run_id")))


def version_of(run_id: str) -> int | None:
    """How often something visible of the run has changed; None if it is gone."""
    version: int | None = _VERSION.value(run_id=run_id)
    return version


def neighbours(run: Run) -> tuple[Run | None, Run | None]:
    """The run of its workflow before it, and the one after it, as far as links need them."""
    siblings = Run.select(Run.id, Run.number).where(Run.workflow == run.workflow_id)
    before = siblings.where(Run.number < run.number).order_by(Run.number.desc()).first()
    after = siblings.where(Run.number > run.number).order_by(Run.number).first()
    return before, after


def newest_of(workflow: Workflow) -> Run | None:
    """The run of a workflow that was asked for last."""
    mine = Run.select().where(Run.workflow == workflow.id)
    newest: Run | None = mine.order_by(Run.number.desc()).first()
    return newest


def get_step(run: Run, step_run_id: str) -> StepRun:
    """Raises NotFound, also for a step of another run."""
    step = StepRun.get_or_none((StepRun.id == step_run_id) & (StepRun.run == run.id))
    if step is None:
        raise NotFound("This run has no such step.")
    return step


def get_stage(run: Run, stage_run_id: str) -> StageRun:
    """Raises NotFound, also for a stage of another run."""
    stage = StageRun.get_or_none((StageRun.id == stage_run_id) & (StageRun.run == run.id))
    if stage is None:
        raise NotFound("This run has no such stage.")
    return stage


def steps_named(step_run_ids: Iterable[str]) -> dict[str, StepRun]:
    """Step run id → the step with its name and its run's id, of those that are still there."""
    columns = (StepRun.id, StepRun.name, StepRun.run)
    rows = StepRun.select(*columns).where(StepRun.id.in_(list(set(step_run_ids))))
    return {row.id: row for row in rows}


@dataclass(frozen=True)
class Found:
    """Some runs, as two queries: what is good to count them by may be slow to sort."""

    newest_first: Any
    """See `with_workflows`."""
    all: Any


def find(
    *,
    projects: Iterable[str] | None = None,
    workflow_id: str | None = None,
    statuses: Iterable[str] = (),
    trigger_source: str | None = None,
    started_after: int | None = None,
    started_before: int | None = None,
) -> Found:
    """Runs that fit all of it. Times are epoch milliseconds of the start.

    projects: only of these; None for every project.
    """
    query = Run.select()
    if workflow_id is not None:
        query = query.where(Run.workflow == workflow_id)
    if statuses:
        query = query.where(Run.status.in_(list(statuses)))
    if trigger_source is not None:
        query = query.where(Run.trigger_source == trigger_source)
    if started_after is not None:
        query = query.where(Run.started_at >= started_after)
    if started_before is not None:
        query = query.where(Run.started_at < started_before)
    ordered = query.order_by(Run.id.desc())
    if projects is None:
        return Found(ordered, query)
    among = list(projects)
    of_them = query.where(Run.project_id.in_(among))
    if len(among) > 1 and is_sqlite() and count(of_them) >= COUNTED_TO:
        # SQLite keeps no statistics here and would sort all these runs. They are many, so the
        # newest of whichever project are read instead, until there are enough of these.
        return Found(ordered.where(fn.COALESCE(Run.project_id, "").in_(among)), of_them)
    return Found(ordered.where(Run.project_id.in_(among)), of_them)


def stages_of(runs: Sequence[Run]) -> dict[str, list[StageRun]]:
    """Run id → its stages in their order, with what a list shows of them; one query for all."""
    columns = (StageRun.run, StageRun.name, StageRun.status)
    of_them = StageRun.select(*columns).where(StageRun.run.in_([run.id for run in runs]))
    return _by("run_id", of_them.order_by(StageRun.run, StageRun.position))


def with_workflows(runs: Sequence[Run]) -> Sequence[Run]:
    """The same runs with what a list shows of their workflows, read in one query.

    Not by a join: it would be made for every run that is only counted.
    """
    of_them = Workflow.id.in_({run.workflow_id for run in runs})
    known = {row.id: row for row in Workflow.select(Workflow.id, Workflow.name).where(of_them)}
    for run in runs:
        run.workflow = known[run.workflow_id]
    return runs


@dataclass(frozen=True)
class Details:
    """A run with everything its page and its JSON show."""

    run: Run
    stages: list[StageRun]
    steps: list[StepRun]
    attempts: list[Attempt]
    releases: list[Release]
    """What its steps made or, in a rerun, keep."""
    packages: dict[str, list[Package]]
    """By the id of their release."""
    events: list[RunEvent]
    uploads: list[UploadedLog]
    reasons: pending_reasons.Reasons
    """Why it, its stages and steps do not run."""

    @cached_property
    def attempts_of(self) -> dict[str, list[Attempt]]:
        """By the id of their step, those of one in their order."""
        return _by("step_id", self.attempts)

    @cached_property
    def steps_of(self) -> dict[str, list[StepRun]]:
        """By the id of their stage, those of one in their order."""
        return _by("stage_id", self.steps)


def _by(column: str, rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(getattr(row, column), []).append(row)
    return found


_STEPS = Lookup(StepRun, lambda: StepRun.run == given("run_id"))
_ATTEMPTS = Lookup(
    Attempt,
    lambda: Attempt.step.in_(StepRun.select(StepRun.id).where(StepRun.run == given("run_id"))),
)


def details(run: Run, *, redis_answers: bool = True, silence_ms: int = 0) -> Details:
    """Read the whole run. Read `run` first: its version then never promises more than is shown.

    silence_ms: `waiting.silence` of the workers' leases; 0 tells of a lost worker when they end.
    """
    stages = list(StageRun.select().where(StageRun.run == run.id).order_by(StageRun.position))
    order = {stage.id: stage.position for stage in stages}
    steps = _STEPS.rows(run_id=run.id)
    steps.sort(key=lambda step: (order[step.stage_id], step.position))
    attempts = _ATTEMPTS.rows(run_id=run.id)
    attempts.sort(key=lambda attempt: (attempt.step_id, attempt.number))
    world = pending_reasons.look_around(
        run, steps, redis_answers=redis_answers, silence_ms=silence_ms
    )
    releases = releases_of_run(run.id)
    return Details(
        run=run,
        stages=stages,
        steps=steps,
        attempts=attempts,
        releases=releases,
        packages=packages_of(releases),
        events=list(RunEvent.select().where(RunEvent.run == run.id).order_by(RunEvent.id)),
        uploads=uploads.of_run(run),
        reasons=pending_reasons.explain(run, stages, steps, world),
    )
