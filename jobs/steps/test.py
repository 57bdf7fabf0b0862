"""Test: a suite's script tries releases, and its reports become the tests of the step."""

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

MAX_KEPT = 50_000
"""Rows for one step; each thousand costs about 40 ms of the finishing transaction."""

_NAMED = 5


def run(context: StepContext) -> Outcome:
    """Lay out the releases, run the script, read the reports. Any bad test fails the step."""
    folders = prepare_folders(context)
    releases = until_answered(lambda: _releases(context))
    lay_out(context, releases, folders.releases)
    environment = build_environment(context, folders)
    result = context.run_script(context.spec["script"], environment, folders.workspace)
    outcome = outcome_of(result)
    if result.stopped or result.problem:
        return outcome
    reports = read_reports(folders.reports, context.log.mask)
    if reports.faults or any(case.result in results.FAILURES for case in reports.cases):
        outcome.status = FAILED
    remarks = [outcome.message, *reports.faults[:_NAMED], summary(reports.cases)]
    # Masked here, as it may become the message of a test as well.
    outcome.message = context.log.mask(" ".join(filter(None, remarks)))
    cases = reports.cases or [_suite_as_test(context, outcome)]
    outcome.record = lambda: _record(context, cases)
    return outcome


def _releases(context: StepContext) -> Sequence[Release]:
    return resolve_references(context.spec["releaseIds"], context.claim.run_id, context.project_id)


def lay_out(context: StepContext, releases: Sequence[Release], folder: Path) -> None:
    """Copy the packages to `<ingredient>/<version>/…`, checked against their SHA-256; read-only."""
    storage = open_storage(context.settings)
    for artifact in until_answered(lambda: artifacts_of(releases)):
        target = folder / artifact.ingredient_id / artifact.version / artifact.path
        if not Path(os.path.normpath(target)).is_relative_to(folder):  # rows are not signed
            raise StepFailed(f"{artifact} names a place outside the folder of its release.")
        storage.copy_to(artifact.sha256, target)
        target.chmod(0o444)
    for release in releases:
        context.log.note(f"Testing {release.ingredient_id} {release.version}.")
    for inner in [folder, *folder.rglob("*")]:
        if inner.is_dir():
            inner.chmod(0o555)


def summary(cases: Sequence[Case]) -> str:
    """`2 of 41 tests failed: a, b.` or `38 of 41 tests passed, 3 skipped.`; '' for none."""
    counts = _counts(cases)
    total = f"{len(cases):,} test{'' if len(cases) == 1 else 's'}"
    if bad := [case.name[:200] for case in cases if case.result in results.FAILURES]:
        more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        return f"{len(bad):,} of {total} failed: {', '.join(bad[:_NAMED])}{more}."
    if counts["skipped"]:
        return f"{counts['passed']:,} of {total} passed, {counts['skipped']:,} skipped."
    return f"{total} passed." if cases else ""


def _suite_as_test(context: StepContext, outcome: Outcome) -> Case:
    """Without a report the script as a whole is the one test."""
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
    """All are counted; where there are too many to keep, those that did not pass are kept first."""
    kept = cases
    if len(cases) > MAX_KEPT:
        kept = sorted(cases, key=lambda case: case.result == PASS)[:MAX_KEPT]
    for case in kept:
        results.add(context.claim.step_id, context.claim.attempt, **vars(case))
    return {"test_counts": _counts(cases)}
