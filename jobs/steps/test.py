"""Test: a suite's script tests releases, and its reports become the step's test results."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.engine import StepFailed
from domain.models import Release
from domain.releases.releases import artifacts_of, resolve_references
from domain.releases.storage import open_storage
from domain.statuses import FAILED, SUCCEEDED
from domain.test_results import results
from jobs.shared.db_retry import until_answered
from jobs.steps.context import Outcome, StepContext, outcome_of
from jobs.steps.environment import build_environment, prepare_folders
from jobs.steps.junit import ERROR, FAIL, PASS, SKIP, Case, read_reports

MAX_STORED = 50_000
"""Rows per step. A thousand take about 40 ms of the finishing transaction."""

_NAMED = 5


def run(context: StepContext) -> Outcome:
    """Copy the releases, run the script and read the reports. Any failed test fails the step."""
    folders = prepare_folders(context)
    releases = until_answered(lambda: _releases(context))
    copy_packages(context, releases, folders.releases)
    environment = build_environment(context, folders)
    result = context.run_script(context.spec["script"], environment, folders.workspace)
    outcome = outcome_of(result)
    if result.stopped or result.problem:
        return outcome
    reports = read_reports(folders.reports, context.log.mask)
    if reports.errors or any(case.result in results.FAILURES for case in reports.cases):
        outcome.status = FAILED
    remarks = [outcome.message, *reports.errors[:_NAMED], summary(reports.cases)]
    # Masked here, because it may also become the message of a test.
    outcome.message = context.log.mask(" ".join(filter(None, remarks)))
    cases = reports.cases or [_suite_as_test(context, outcome)]
    outcome.record = lambda: _record(context, cases)
    return outcome


def _releases(context: StepContext) -> Sequence[Release]:
    return resolve_references(context.spec["releaseIds"], context.claim.run_id, context.project_id)


def copy_packages(context: StepContext, releases: Sequence[Release], folder: Path) -> None:
    """Copy the packages to `<ingredient>/<version>/…` read-only, and check their SHA-256."""
    storage = open_storage(context.settings)
    for artifact in until_answered(lambda: artifacts_of(releases)):
        target = folder / artifact.ingredient_id / artifact.version / artifact.path
        if not Path(os.path.normpath(target)).is_relative_to(folder):  # rows are not signed
            raise StepFailed(f"{artifact} has a path outside the folder of its release.")
        storage.copy_to(artifact.sha256, target)
        target.chmod(0o444)
    for release in releases:
        context.log.note(f"Testing {release.ingredient_id} {release.version}.")
    for inner in [folder, *folder.rglob("*")]:
        if inner.is_dir():
            inner.chmod(0o555)


def summary(cases: Sequence[Case]) -> str:
    """Return `2 of 41 tests failed: a, b.` or `38 of 41 tests passed, 3 skipped.`; '' for none."""
    counts = _counts(cases)
    total = f"{len(cases):,} test{'' if len(cases) == 1 else 's'}"
    if bad := [case.name[:200] for case in cases if case.result in results.FAILURES]:
        more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        return f"{len(bad):,} of {total} failed: {', '.join(bad[:_NAMED])}{more}."
    if counts["skipped"]:
        return f"{counts['passed']:,} of {total} passed, {counts['skipped']:,} skipped."
    return f"{total} passed." if cases else ""


def _suite_as_test(context: StepContext, outcome: Outcome) -> Case:
    """Return the script as a single test, for a step without reports."""
    name = context.spec["suite"]
    result = PASS if outcome.status == SUCCEEDED else FAIL
    return Case(name, name, result, None, outcome.message)


def _counts(cases: Sequence[Case]) -> dict[str, int]:
    of = Counter(case.result for case in cases)
    return {
        "total": len(cases),
        "passed": of[PASS],
        "failed": of[FAIL],
        "skipped": of[SKIP],
        "errors": of[ERROR],
    }


def _record(context: StepContext, cases: Sequence[Case]) -> dict[str, Any]:
    """Count all tests, and store up to MAX_STORED, of which those that did not pass come first."""
    stored = cases
    if len(cases) > MAX_STORED:
        stored = sorted(cases, key=lambda case: case.result == PASS)[:MAX_STORED]
    for case in stored:
        results.add(context.claim.step_id, context.claim.attempt, **vars(case))
    return {"test_counts": _counts(cases)}
