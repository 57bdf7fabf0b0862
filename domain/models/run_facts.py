"""Small queries about runs and steps that many rooms share."""

from collections.abc import Iterable

from domain.models.runs import Run, StepRun
from domain.models.statements import Statement, given
from domain.models.workflows import Workflow
from domain.statuses import FINISHED

_TOUCH = Statement(lambda: Run.update(version=Run.version + 1).where(Run.id == given("run_id")))


def touch(run_id: str) -> None:
    """Raise the run's version, so that pages and clients see the change."""
    _TOUCH.change(run_id=run_id)


def runs_by_id(run_ids: Iterable[str]) -> dict[str, Run]:
    """Return run id → run, with its number and its workflow's name; deleted runs are missing."""
    columns = (Run.id, Run.number, Workflow.id, Workflow.name)
    rows = Run.select(*columns).join(Workflow).where(Run.id.in_(list(set(run_ids))))
    return {row.id: row for row in rows}


def origin_of(step: StepRun) -> StepRun:
    """Return the step that really ran: the one that a rerun reused here, or the step itself."""
    if step.kept_from is None:
        return step
    return StepRun.get_or_none(StepRun.id == step.kept_from) or step


def attempt_is_over(step: StepRun, number: int) -> bool:
    """Return whether an attempt will print nothing more, perhaps because it will never start."""
    return number < step.attempt or step.status in FINISHED
