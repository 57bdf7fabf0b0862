"""Queries of runs and their parts."""

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
from domain.runs import pending_facts, pending_reasons

Row = TypeVar("Row", bound=Base)


def get(run_id: str) -> Run:
    """Return a run. Raises NotFound."""
    run = Run.get_or_none(Run.id == run_id)
    if run is None:
        raise NotFound("There is no such run.")
    return run


_VERSION = Statement(lambda: Run.select(Run.version).where(Run.id == given("run_id")))


def version_of(run_id: str) -> int | None:
    """Return the run's version, which every visible change raises; None if it was deleted."""
    version: int | None = _VERSION.value(run_id=run_id)
    return version


def neighbours(run: Run) -> tuple[Run | None, Run | None]:
    """Return the previous and the next run of the workflow, with their numbers."""
    siblings = Run.select(Run.id, Run.number).where(Run.workflow == run.workflow_id)
    before = siblings.where(Run.number < run.number).order_by(Run.number.desc()).first()
    after = siblings.where(Run.number > run.number).order_by(Run.number).first()
    return before, after


def newest_of(workflow: Workflow) -> Run | None:
    """Return the newest run of a workflow."""
    mine = Run.select().where(Run.workflow == workflow.id)
    newest: Run | None = mine.order_by(Run.number.desc()).first()
    return newest


def get_step(run: Run, step_run_id: str) -> StepRun:
    """Return a step of the run. Raises NotFound."""
    step = StepRun.get_or_none((StepRun.id == step_run_id) & (StepRun.run == run.id))
    if step is None:
        raise NotFound("This run has no such step.")
    return step


def get_stage(run: Run, stage_run_id: str) -> StageRun:
    """Return a stage of the run. Raises NotFound."""
    stage = StageRun.get_or_none((StageRun.id == stage_run_id) & (StageRun.run == run.id))
    if stage is None:
        raise NotFound("This run has no such stage.")
    return stage


def steps_named(step_run_ids: Iterable[str]) -> dict[str, StepRun]:
    """Return id → step, with its name and its run's id; deleted steps are missing."""
    columns = (StepRun.id, StepRun.name, StepRun.run)
    rows = StepRun.select(*columns).where(StepRun.id.in_(list(set(step_run_ids))))
    return {row.id: row for row in rows}


@dataclass(frozen=True)
class RunQueries:
    """Two queries of the same runs, as the best query for counting may be slow to sort."""

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
) -> RunQueries:
    """Return queries of the runs that match all filters. Times are epoch milliseconds.

    projects: only of these; None for all.
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
        return RunQueries(ordered, query)
    ids = list(projects)
    matching = query.where(Run.project_id.in_(ids))
    if len(ids) > 1 and is_sqlite() and count(matching) >= COUNTED_TO:
        # SQLite keeps no statistics here and would sort all these runs. As they are many, hiding
        # the column makes it read the newest runs of all projects until enough of them match.
        return RunQueries(ordered.where(fn.COALESCE(Run.project_id, "").in_(ids)), matching)
    return RunQueries(ordered.where(Run.project_id.in_(ids)), matching)


def stages_of(runs: Sequence[Run]) -> dict[str, list[StageRun]]:
    """Return run id → stages in order, with their names and statuses, in one query."""
    columns = (StageRun.run, StageRun.name, StageRun.status)
    rows = StageRun.select(*columns).where(StageRun.run.in_([run.id for run in runs]))
    return _by("run_id", rows.order_by(StageRun.run, StageRun.position))


def with_workflows(runs: Sequence[Run]) -> Sequence[Run]:
    """Add the names of the workflows in one query: a join would slow down counting."""
    ids = {run.workflow_id for run in runs}
    rows = Workflow.select(Workflow.id, Workflow.name).where(Workflow.id.in_(ids))
    known = {row.id: row for row in rows}
    for run in runs:
        run.workflow = known[run.workflow_id]
    return runs


@dataclass(frozen=True)
class Details:
    """A run with everything that its page and its JSON show."""

    run: Run
    stages: list[StageRun]
    steps: list[StepRun]
    attempts: list[Attempt]
    releases: list[Release]
    """Built by its steps or, in a rerun, reused."""
    packages: dict[str, list[Package]]
    """Release id → packages."""
    events: list[RunEvent]
    uploads: list[UploadedLog]
    reasons: pending_reasons.Reasons

    @cached_property
    def attempts_of(self) -> dict[str, list[Attempt]]:
        """Return step id → attempts, in order."""
        return _by("step_id", self.attempts)

    @cached_property
    def steps_of(self) -> dict[str, list[StepRun]]:
        """Return stage id → steps, in order."""
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
    """Read the whole run. `run` was read before, so its version is never newer than the content.

    silence_ms: see `pending_facts.silence`; 0 reports a lost worker only when its lease ends.
    """
    stages = list(StageRun.select().where(StageRun.run == run.id).order_by(StageRun.position))
    order = {stage.id: stage.position for stage in stages}
    steps = _STEPS.rows(run_id=run.id)
    steps.sort(key=lambda step: (order[step.stage_id], step.position))
    attempts = _ATTEMPTS.rows(run_id=run.id)
    attempts.sort(key=lambda attempt: (attempt.step_id, attempt.number))
    facts = pending_facts.gather(run, steps, redis_answers=redis_answers, silence_ms=silence_ms)
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
        reasons=pending_reasons.explain(run, stages, steps, facts),
    )
