"""Compare two runs of one workflow by `domain.comparison.rules`, and select the runs to compare."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.comparison.log_difference import FirstDifference, first_difference, readable
from domain.comparison.rules import (
    Member,
    ReleasePair,
    StepPair,
    TestChanges,
    changed_members,
    compare_tests,
    pair_releases,
    pair_steps,
    surroundings,
)
from domain.comparison.sides import Side
from domain.definitions.diff import Difference, differences
from domain.errors import FieldError, Invalid
from domain.logs import error_lines, run_logs, windows
from domain.logs.files import read_log
from domain.models import Run, WorkflowRevision
from domain.statuses import SUCCEEDED
from domain.workflows import queries as workflow_queries

LOG_BYTES = 1024 * 1024
"""The part of each log that is compared, from its beginning: half a second at worst."""
LOGS = 3
"""The number of steps whose logs are compared."""
BEFORE, AFTER = 20, 5
"""The number of earlier and later runs offered for comparison."""


@dataclass(frozen=True)
class ErrorLine:
    """A line of a log that looks like an error."""

    number: int
    text: str
    is_first: bool
    """False if an earlier part of the log was skipped."""


@dataclass(frozen=True)
class StepLog:
    """The two logs of a step that succeeded before and failed after."""

    step: StepPair
    found: FirstDifference | None
    is_whole: bool
    """Both logs were read to their end."""
    has_both: bool
    """Neither log is empty."""
    error: ErrorLine | None = None
    """The apparent error after: logs may differ long before it, where nothing is wrong."""


@dataclass(frozen=True)
class Comparison:
    before: Run
    after: Run
    parameters: list[Member]
    definition: list[Difference]
    surroundings: list[Difference]
    releases: list[ReleasePair]
    steps: list[StepPair]
    tests: TestChanges
    are_all_tests: bool
    """False if there are too many tests to compare all of them."""
    logs: list[StepLog]
    """The logs of the first steps that broke."""
    revisions: list[WorkflowRevision]
    """Saved after the earlier run's revision, up to the later run's; the newest first."""
    between: list[Run]
    """The newest runs between both, the newest first."""
    between_count: int


def last_good(run: Run) -> Run | None:
    """Return the last successful run of the workflow before this one."""
    found: Run | None = (
        _of_workflow(run)
        .where((Run.status == SUCCEEDED) & (Run.number < run.number))
        .order_by(Run.number.desc())
        .first()
    )
    return found


def choices(run: Run, *others: Run | None) -> list[Run]:
    """Return the workflow's runs around this one, without it but with `others`, newest first."""
    later = _of_workflow(run).where(Run.number > run.number).order_by(Run.number).limit(AFTER)
    earlier = _of_workflow(run).where(Run.number < run.number).order_by(Run.number.desc())
    found = {row.id: row for row in [*later, *earlier.limit(BEFORE), *filter(None, others)]}
    return sorted(found.values(), key=lambda row: -row.number)


def require_comparable(run: Run, other: Run) -> None:
    """Check that these are two runs of one workflow. Raises Invalid."""
    if other.workflow_id != run.workflow_id:
        message = "This run belongs to another workflow. Choose a run of the same workflow."
    elif other.id == run.id:
        message = "A run cannot be compared with itself. Choose another run."
    else:
        return
    raise Invalid([FieldError("/with", "not_allowed", message)], message)


def _of_workflow(run: Run) -> Any:
    return Run.select().where(Run.workflow == run.workflow_id)


def compare(data_dir: Path, before: Run, after: Run) -> Comparison:
    """Compare two runs of one workflow (see `require_comparable`)."""
    definition = _definition(before, after)
    old, new = Side(before, _renamed(definition)), Side(after, {})
    steps = pair_steps(old.steps, new.steps)
    old_tests, new_tests = list(old.tests()), list(new.tests())
    cut = old.cut | new.cut
    between = _between(before, after)
    return Comparison(
        before=before,
        after=after,
        parameters=changed_members(before.parameters or {}, after.parameters or {}),
        definition=definition,
        surroundings=surroundings(old.specs.values(), new.specs.values()),
        releases=pair_releases(old.releases(), new.releases()),
        steps=steps,
        tests=compare_tests(old_tests, new_tests, cut),
        are_all_tests=not cut,
        logs=list(_logs(data_dir, [pair for pair in steps if pair.broke][:LOGS], old, new)),
        revisions=_revisions(before, after),
        between=list(between.order_by(Run.number.desc()).limit(BEFORE)),
        between_count=between.count(),
    )


def _definition(before: Run, after: Run) -> list[Difference]:
    if before.revision == after.revision:
        return []
    numbers = (before.revision, after.revision)
    one, other = (workflow_queries.get_revision(after.workflow, number) for number in numbers)
    return differences(one.definition, other.definition)


def _renamed(definition: Sequence[Difference]) -> dict[str, str]:
    return {
        item.before: item.after
        for item in definition
        if item.kind == "changed" and item.field == "name" and "steps" in item.path
    }


def _revisions(before: Run, after: Run) -> list[WorkflowRevision]:
    first, last = sorted((before.revision, after.revision))
    number = WorkflowRevision.number
    saved = workflow_queries.find_revisions(after.workflow)
    return list(saved.where((number > first) & (number <= last)).limit(BEFORE))


def _between(before: Run, after: Run) -> Any:
    first, last = sorted((before.number, after.number))
    return _of_workflow(after).where((Run.number > first) & (Run.number < last))


def _logs(data_dir: Path, broken: Sequence[StepPair], old: Side, new: Side) -> Iterator[StepLog]:
    for pair in broken:
        texts, are_whole = [], True
        for side in (old, new):
            log = run_logs.of_step(data_dir, side.rows[pair.any.name])
            data, _ = read_log(log.path, 0, LOG_BYTES, complete=log.is_over)
            are_whole &= len(data) < LOG_BYTES
            texts.append(data.decode("utf-8", "replace"))
        found = first_difference(*texts) if all(texts) else None
        yield StepLog(pair, found, are_whole, all(texts), _error(log.path))


def _error(path: Path) -> ErrorLine | None:
    found = error_lines.first_error(path)
    if found.number is None:
        return None
    window = windows.after(path, found.number - 1, limit=1)
    text = readable(window.lines[0].text) if window.lines else ""
    return ErrorLine(found.number, text, found.is_first)
