"""Queries of a step's tests for its page: filtered, counted, sorted, each with its history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import SQL, Case, fn

from domain.models import Run, StepRun, TestResult
from domain.models.run_facts import origin_of
from domain.pagination import Page
from domain.test_results.history import GOOD, WINDOW, History, Mark
from domain.test_results.results import FAILURES, shown_by

RESULTS = ("Fail", "Error", "Skip", GOOD)
"""In the order of the list: problems first."""

_WORST_FIRST = (*FAILURES, GOOD, "Skip")
_COLUMNS = [column for column in TestResult._meta.sorted_fields if column is not TestResult.message]
"""Without the message, which may have 16 KiB."""
_RANK = Case(TestResult.result, [(word, place) for place, word in enumerate(RESULTS)])
START_OF_NAME = SQL("substr(name, 1, 100)")
"""As it is indexed: a whole name may be too long for an index of PostgreSQL."""
START_LENGTH = 100


@dataclass(frozen=True)
class TestsPage:
    __test__ = False  # no test class

    rows: list[TestResult]
    """Without their messages."""
    counts: dict[str, int]
    """Result → number of tests that match the search."""
    total: int
    """Number of tests that match the search and the result."""


def find(step: StepRun, page: Page, *, result: str | None = None, search: str = "") -> TestsPage:
    """Return a page of the step's tests, problems first, then in the order of storing.

    search: part of the name or the suite, regardless of case (on SQLite only of A to Z).
    """
    condition = shown_by(step)
    if search:
        condition &= TestResult.name.contains(search) | TestResult.suite.contains(search)
    counted = TestResult.select(TestResult.result, fn.COUNT(TestResult.id)).where(condition)
    counts = dict(counted.group_by(TestResult.result).tuples())
    if result is not None:
        condition &= TestResult.result == result
    ordered = TestResult.select(*_COLUMNS).where(condition).order_by(_RANK, TestResult.id)
    total = sum(counts.values()) if result is None else counts.get(result, 0)
    return TestsPage(list(ordered.paginate(page.number, page.size)), counts, total)


def get(step: StepRun, test_id: str) -> TestResult | None:
    """Return one of the step's tests with its message, or None if it has no such test."""
    found: TestResult | None = TestResult.get_or_none((TestResult.id == test_id) & shown_by(step))
    return found


def histories(run: Run, step: StepRun, tests: Iterable[TestResult]) -> dict[str, History]:
    """Return test id → history over the last runs, up to the one in which the step really ran.

    Two queries for any number of tests. Runs that reused the step have no mark; of tests that
    share a name the worst result counts.
    """
    tests = list(tests)
    steps = _steps_of_last_runs(run, step)
    oldest = steps[0] if steps else None
    goes_on = oldest is not None and oldest.run.number > 1
    marks: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    """Suite and name → step → rank of the result (the worst is 0), and the test's id."""
    for step_id, suite, name, test_id, result in _results(steps, tests):
        of_steps = marks.setdefault((suite, name), {})
        ranked = (_WORST_FIRST.index(result), test_id)
        of_steps[step_id] = min(ranked, of_steps.get(step_id, ranked))
    found: dict[str, History] = {}
    for test in tests:
        of_steps = marks.get((test.suite, test.name), {})
        ran = [row for row in steps if row.id in of_steps]
        found[test.id] = History(
            [_mark(row, *of_steps[row.id]) for row in ran],
            goes_on=goes_on and ran[:1] == [oldest],
        )
    return found


def _mark(step: StepRun, rank: int, test_id: str) -> Mark:
    return Mark(step.run_id, step.run.number, step.id, test_id, _WORST_FIRST[rank])


def _steps_of_last_runs(run: Run, step: StepRun) -> list[StepRun]:
    """Return the steps of that name that ran in the last runs (not reused), the oldest first."""
    newest = origin_of(step).run.number if step.kept_from else run.number
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
    """Yield step, suite, name, id and result of the tests with these names in last attempts."""
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
        & START_OF_NAME.in_(list(starts))  # uses the index
        & TestResult.name.in_([test.name for test in tests])
    )
    for step_id, attempt, *test in rows.tuples():
        if attempt == attempts[step_id]:
            yield step_id, *test
