"""All runs as the database has them at one moment."""

from collections import namedtuple
from typing import Any

from peewee import fn

from domain.models import Attempt, Deployment, Run, RunEvent, StageRun, StepRun, Workflow
from domain.models.statements import Statement, from_json
from domain.statuses import FINISHED


class _Table:
    """The rows of a table by id, as named tuples of what is shown of them and what is not."""

    def __init__(self, model: Any, shown: str, hidden: str = "") -> None:
        self._shown = len(shown.split())
        names = f"{shown} {hidden}".split()
        self._row = namedtuple(model.__name__, names)
        columns = [getattr(model, name) for name in names]
        self._all = Statement(lambda: model.select(*columns).order_by(model.id))

    def read(self) -> dict[str, Any]:
        rows = map(self._row._make, self._all.rows())
        return {row.id: row for row in rows}

    def shown(self, row: Any) -> tuple[Any, ...]:
        return tuple(row[: self._shown])


_RUNS = _Table(
    Run,
    "id number status admitted cancelled_by message created_at started_at completed_at workflow_id",
    "version",
)
_STAGES = _Table(
    StageRun,
    "id run_id position name run_if status opened_at started_at completed_at approval decision"
    " decided_by comment",
)
_STEPS = _Table(
    StepRun,
    "id run_id stage_id position name type status message exit_code attempt started_at completed_at"
    " release_id deployment_id outside_effect kept_from ready_at cancel_requested queue is_outside"
    " timeout_seconds",
    "worker lease_until lock_key bell rung_at",
)
_ATTEMPTS = _Table(
    Attempt, "id step_id number status worker started_at completed_at exit_code message"
)
_DEPLOYMENTS = _Table(
    Deployment, "id run_id step_run_id environment_id status message completed_at"
)
_EVENTS = Statement(
    lambda: RunEvent.select(RunEvent.run, fn.COUNT(RunEvent.id)).group_by(RunEvent.run)
)
_LIMITS = Statement(lambda: Workflow.select(Workflow.id, Workflow.concurrency))


class View:
    """Every run with all its parts at one moment."""

    def __init__(self) -> None:
        self.limits: dict[str, int | None] = dict(_LIMITS.rows())
        self.runs = _RUNS.read()
        self.stages = {
            stage_id: stage._replace(approval=from_json(stage.approval))
            for stage_id, stage in _STAGES.read().items()
        }
        self.steps = _STEPS.read()
        self.attempts = _ATTEMPTS.read()
        self.deployments = _DEPLOYMENTS.read()
        self.events = dict(_EVENTS.rows())

    def attempts_of(self, step_id: str) -> list[Any]:
        mine = [attempt for attempt in self.attempts.values() if attempt.step_id == step_id]
        return sorted(mine, key=lambda attempt: attempt.number)

    def stages_of(self, run_id: str) -> list[Any]:
        mine = [stage for stage in self.stages.values() if stage.run_id == run_id]
        return sorted(mine, key=lambda stage: stage.position)

    def steps_of(self, stage_id: str) -> list[Any]:
        return [step for step in self.steps.values() if step.stage_id == stage_id]

    def shown(self, run_id: str) -> list[Any]:
        """All that pages and scripts are shown of a run: it changes only with a new version."""
        parts: list[Any] = [_RUNS.shown(self.runs[run_id]), self.events.get(run_id, 0)]
        parts += [_STAGES.shown(stage) for stage in self.stages.values() if stage.run_id == run_id]
        for step in self.steps.values():
            if step.run_id == run_id:
                parts += [_STEPS.shown(step), *map(_ATTEMPTS.shown, self.attempts_of(step.id))]
        parts += [row for row in self.deployments.values() if row.run_id == run_id]
        return parts

    def in_progress(self, workflow_id: str) -> set[str]:
        return {
            run.id
            for run in self.runs.values()
            if run.workflow_id == workflow_id and run.admitted and run.status not in FINISHED
        }
