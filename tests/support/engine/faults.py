"""What must be true of all runs whatever has happened.

`faults` looks at one moment, `faults_between` at two that follow each other. Neither knows the
model: what they forbid is forbidden even where model and engine are wrong together.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from domain.clock import now
from domain.runs import pending_reasons
from domain.runs.pending_facts import Facts
from domain.statuses import FAILED, FINISHED, PENDING, RUNNING, SUCCEEDED
from tests.support.engine.things import MOVES
from tests.support.engine.view import View

# ---- at one moment ---------------------------------------------------------------------------


def faults(view: View) -> Iterator[str]:
    """Whatever must never be seen, as sentences."""
    for step in view.steps.values():
        yield from _faults_of_step(step, view.attempts_of(step.id))
    yield from _faults_of_ends(view)
    yield from _faults_of_environments(view)
    for run in view.runs.values():
        yield from _faults_of_run(view, run)


def _faults_of_ends(view: View) -> Iterator[str]:
    """What is over says when, and what has failed says why."""
    stages, runs = view.stages.values(), view.runs.values()
    for row in [*runs, *stages, *view.steps.values()]:
        if (row.completed_at is not None) != (row.status in FINISHED):
            yield f"is {row.status} and ended at {row.completed_at}: {row}"
    for row in [*runs, *view.steps.values()]:
        if row.status == FAILED and not row.message:
            yield f"has failed and does not say why: {row}"


def _faults_of_step(step: Any, attempts: list[Any]) -> Iterator[str]:
    statuses = [attempt.status for attempt in attempts]
    if [attempt.number for attempt in attempts] != list(range(1, len(attempts) + 1)):
        yield f"{step.name}: the attempts are not numbered 1, 2, 3 …"
    if RUNNING in statuses[:-1] or (statuses[-1:] == [RUNNING]) != (step.status == RUNNING):
        yield f"{step.name} is {step.status}, its attempts are {statuses}"
    if SUCCEEDED in statuses[:-1] or (SUCCEEDED in statuses and step.status != SUCCEEDED):
        yield f"{step.name} went on after an attempt that succeeded: {statuses}"
    if step.type == "Deploy" and step.attempt > 1:
        yield f"{step.name} was deployed again"
    if step.is_outside and attempts:
        yield f"{step.name} belongs to the outside, but a worker took it"
    if step.outside_effect is not None and not step.message.startswith("Outcome unknown: "):
        yield f"{step.name} does not say that its outcome is unknown: {step.message}"


def _faults_of_environments(view: View) -> Iterator[str]:
    running = [step for step in view.steps.values() if step.status == RUNNING and step.lock_key]
    for lock, count in Counter(step.lock_key for step in running).items():
        if count > 1:
            yield f"{count} deployments run at once in {lock}"
    under_way = [row for row in view.deployments.values() if row.status == RUNNING]
    if len({row.environment_id for row in under_way}) < len(under_way):
        yield "two deployments are under way in one environment"
    for row in under_way:
        if view.steps[row.step_run_id].status != RUNNING:
            yield "a deployment is under way without its step"


def _faults_of_run(view: View, run: Any) -> Iterator[str]:
    stages = view.stages_of(run.id)
    steps = {stage.id: view.steps_of(stage.id) for stage in stages}
    if run.status in FINISHED:
        unfinished = [stage.name for stage in stages if stage.status not in FINISHED] + [
            step.name for own in steps.values() for step in own if step.status not in FINISHED
        ]
        if unfinished or run.completed_at is None:
            yield f"#{run.number} is {run.status}, but not over: {unfinished}"
        return
    for stage, later in itertools.pairwise(stages):
        if later.opened_at is not None and stage.status not in FINISHED:
            yield f"{later.name} began before {stage.name} was over"
    yield from _silent(run, stages, steps)


def _silent(run: Any, stages: list[Any], steps: dict[str, list[Any]]) -> Iterator[str]:
    """What is Pending without a reason."""
    everything = [step for stage in stages for step in steps[stage.id]]
    reasons = pending_reasons.explain(run, stages, everything, Facts(at=now()))
    if run.status == PENDING and not reasons.run:
        yield f"#{run.number} is Pending and does not say why"
    for part, why in ((stages, reasons.stages), (everything, reasons.steps)):
        for item in part:
            if item.status == PENDING and not why[item.id]:
                yield f"{item.name} is Pending and does not say why"


# ---- between two moments ---------------------------------------------------------------------


def faults_between(before: View, after: View) -> Iterator[str]:
    """Whatever must never become of what was there, as sentences."""
    yield from _illegal_moves("run", before.runs, after.runs)
    yield from _illegal_moves("stage", before.stages, after.stages)
    yield from _illegal_moves("step", before.steps, after.steps)
    yield from _illegal_moves("attempt", before.attempts, after.attempts)
    for run_id in before.runs:
        yield from _faults_of_version(run_id, before, after)
    yield from _overcrowded(before, after)


def _illegal_moves(kind: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for row_id, old in before.items():
        new = after[row_id]
        what = "outside step" if kind == "step" and old.is_outside else kind
        if new.status != old.status and (old.status, new.status) not in MOVES[what]:
            yield f"a {what} went from {old.status} to {new.status}: {new}"
        if old.status in FINISHED and _for_good(old) != _for_good(new):
            yield f"a {what} was over and has changed: {old} to {new}"
        if kind in ("run", "stage") and old.started_at not in (None, new.started_at):
            yield f"a {kind} has begun twice: {old} to {new}"
        if kind == "step" and _changed_attempt(old, new):
            yield f"the attempts do not follow each other: {old} to {new}"
    new_rows = [after[row_id] for row_id in after.keys() - before.keys()]
    if kind == "attempt" and any(row.status != RUNNING for row in new_rows):
        yield "an attempt did not begin as Running"


def _for_good(row: Any) -> dict[str, Any]:
    """What stays once it is over: all but the answer about a lost deployment, and the version."""
    return row._asdict() | {"outside_effect": None, "version": None}


def _changed_attempt(old: Any, new: Any) -> bool:
    """Each attempt follows the one before it, when that has ended."""
    is_next = (old.status, new.status) == (RUNNING, PENDING)
    return bool(new.attempt != old.attempt + is_next)


def _faults_of_version(run_id: str, before: View, after: View) -> Iterator[str]:
    old, new = before.runs[run_id], after.runs[run_id]
    if new.version < old.version:
        yield f"the version of #{new.number} fell from {old.version} to {new.version}"
    if new.version == old.version and before.shown(run_id) != after.shown(run_id):
        yield f"#{new.number} has changed, but its version is still {new.version}"


def _overcrowded(before: View, after: View) -> Iterator[str]:
    """A limit that was lowered stops nobody, but nobody is let in above it."""
    for workflow_id, limit in after.limits.items():
        inside = after.in_progress(workflow_id)
        let_in = inside - before.in_progress(workflow_id)
        if limit is not None and let_in and len(inside) > limit:
            yield f"{len(inside)} runs are in progress, but the limit is {limit}"
