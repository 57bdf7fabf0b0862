"""The tests of a step for its page: filtered, counted, in order, each with its last runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import SQL, Case, fn

from domain.models import Run, StepRun, TestResult
from domain.models.run_facts import really_ran
from domain.pagination import Page
from domain.test_results.history import GOOD, WINDOW, History, Mark
from domain.test_results.results import FAILURES, shown_by

RESULTS = ("Fail", "Error", "Skip", GOOD)
"""In the order of the list: what needs a look comes first."""

_WORST_FIRST = (*FAILURES, GOOD, "Skip")
_COLUMNS = [column for column in TestResult._meta.sorted_fields if column is not TestResult.message]
"""Of a list; a message may have 16 KiB."""
_RANK = Case(TestResult.result, [(word, place) for place, word in enumerate(RESULTS)])
START_OF_NAME = SQL("substr(name, 1, 100)")
"""As it is indexed: the whole of a name may be longer than PostgreSQL's indexes take."""
START_LENGTH = 100


@dataclass(frozen=True)
class Found:
    rows: list[TestResult]
    """Without their messages."""
    counts: dict[str, int]
    """Result → how many tests fit the text."""
    total: int
    """How many fit the result as well."""


def find(step: StepRun, page: Page, *, result: str | None = None, search: str = "") -> Found:
    """A page of the tests that a step shows, those that failed first, else as they were stored.

    search: part of the name or the suite, regardless of case (on SQLite: of A to Z).
    """
    mine = shown_by(really_ran(step))
    if search:
        mine &= TestResult.name.contains(search) | TestResult.suite.contains(search)
    counted = TestResult.select(TestResult.result, fn.COUNT(TestResult.id)).where(mine)
    counts = dict(counted.group_by(TestResult.result).tuples())
    if result is not None:
        mine &= TestResult.result == result
    ordered = TestResult.select(*_COLUMNS).where(mine).order_by(_RANK, TestResult.id)
    total = sum(counts.values()) if result is None else counts.get(result, 0)
    return Found(list(ordered.paginate(page.number, page.size)), counts, total)


def get(step: StepRun, test_id: str) -> TestResult | None:
    """One test that the step shows, with its message; None if it shows no such."""
    found: TestResult | None = TestResult.get_or_none(
        (TestResult.id == test_id) & shown_by(really_ran(step))
    )
    return found


def histories(run: Run, step: StepRun, tests: Iterable[TestResult]) -> dict[str, History]:
    """Test id → what became of it in the last runs, up to the one in which it really ran.

    Two queries for any number of tests. A step that a rerun kept did not run, so its run has no
    mark; of tests that share a name the worst result counts.
    """
    tests = list(tests)
    steps = _steps_of_last_runs(run, step)
    oldest = steps[0] if steps else None
    goes_on = oldest is not None and oldest.run.number > 1
    marks: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    """Suite and name → step → how bad it was, and its id."""
    for step_id, suite, name, test_id, result in _results(steps, tests):
        known = marks.setdefault((suite, name), {})
        worse = (_WORST_FIRST.index(result), test_id)
        known[step_id] = min(worse, known.get(step_id, worse))
    found: dict[str, History] = {}
    for test in tests:
        of_test = marks.get((test.suite, test.name), {})
        there = [row for row in steps if row.id in of_test]
        found[test.id] = History(
            [_mark(row, *of_test[row.id]) for row in there],
            goes_on=goes_on and there[:1] == [oldest],
        )
    return found


def _mark(step: StepRun, badness: int, test_id: str) -> Mark:
    return Mark(step.run_id, step.run.number, step.id, test_id, _WORST_FIRST[badness])


def _steps_of_last_runs(run: Run, step: StepRun) -> list[StepRun]:
    """The steps of that name in the last runs, where they ran themselves; the oldest first."""
    newest = really_ran(step).run.number if step.kept_from else run.number
    rows = (
        StepRun.select(StepRun.id, StepRun.attempt, StepRun.run, Run.id, Run.number)
        .join(Run)
        .where(
            (Run.workflow == run.workflow_id)
            & (Run.number <= newest)
            & (Run.number > newest - WINDOW)
            & (StepRun.name == step.name)
            & StepRun.kept_from.is_null()
        )
        .order_by(Run.number)
    )
    return list(rows)


def _results(
    steps: Sequence[StepRun], tests: Sequence[TestResult]
) -> Iterable[tuple[str, str, str, str, str]]:
    """Step, suite, name, id and result of the tests of these names in the steps' last attempts."""
    attempts = {row.id: row.attempt for row in steps}
    if not attempts or not tests:
        return
    starts = {test.name[:START_LENGTH] for test in tests}
    columns: tuple[Any, ...] = (
        TestResult.step,
        TestResult.attempt,
        TestResult.suite,
        TestResult.name,
        TestResult.id,
        TestResult.result,
    )
    rows = TestResult.select(*columns).where(
        TestResult.step.in_(list(attempts))
        & START_OF_NAME.in_(list(starts))  # which an index has
        & TestResult.name.in_([test.name for test in tests])
    )
    for step_id, attempt, *found in rows.tuples():
        if attempt == attempts[step_id]:
            yield step_id, *found
