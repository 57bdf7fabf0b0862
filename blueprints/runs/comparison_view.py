"""Prepare a comparison of two runs for its page."""

from collections.abc import Sequence
from typing import Any

from blueprints.shared.diff_view import difference
from domain.comparison.compare import Comparison, StepLog
from domain.comparison.rules import (
    ChangedTest,
    Member,
    ReleaseFacts,
    ReleasePair,
    StepFacts,
    StepPair,
    notable_pairs,
)
from domain.models import Run

TESTS_SHOWN = 50
FILES_SHOWN = 20


def comparison(found: Comparison) -> dict[str, Any]:
    told = notable_pairs(found.steps)
    tests = found.tests
    return {
        "parameters": [_member(item) for item in found.parameters],
        "definition": [difference(item) for item in found.definition],
        "surroundings": [difference(item) for item in found.surroundings],
        "releases": [_release_pair(pair) for pair in found.releases if not pair.is_same],
        "sameReleases": [_release_pair(pair) for pair in found.releases if pair.is_same],
        "broken": [_step_pair(pair) for pair in found.steps if pair.broke],
        "steps": [_step_pair(pair) for pair in told],
        "otherSteps": [_step_pair(pair) for pair in found.steps if pair not in told],
        "tests": {
            "failing": _tests(tests.failing),
            "passing": _tests(tests.passing),
            "new": _tests(tests.new),
            "gone": _tests(tests.gone),
            "areAll": found.are_all_tests,
        },
        "stepIds": {pair.after.name: pair.after.id for pair in found.steps if pair.after},
        "logs": {log.step.any.name: _log(log) for log in found.logs},
        "revisions": found.revisions,
        "between": [run_brief(run) for run in found.between],
        "betweenCount": found.between_count,
    }


def run_brief(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "status": run.status,
        "revision": run.revision,
        "triggeredBy": run.triggered_by,
        "triggerSource": run.trigger_source,
        "startedAt": run.started_at or run.created_at,
    }


def _member(item: Member) -> dict[str, Any]:
    return {"kind": item.kind, "name": item.name, "before": item.before, "after": item.after}


def _release_pair(pair: ReleasePair) -> dict[str, Any]:
    files = pair.files
    return {
        "ingredientId": pair.any.ingredient,
        "step": pair.any.step,
        "before": pair.before and _release(pair.before),
        "after": pair.after and _release(pair.after),
        "files": [_member(item) for item in files[:FILES_SHOWN]],
        "fileCount": len(files),
        "sameFiles": pair.same_files,
    }


def _release(release: ReleaseFacts) -> dict[str, Any]:
    return {
        "id": release.id,
        "ingredientId": release.ingredient,
        "version": release.version,
        "fileCount": len(release.files),
    }


def _step_pair(pair: StepPair) -> dict[str, Any]:
    return {
        "name": pair.any.name,
        "stage": pair.any.stage,
        "type": pair.any.type,
        "before": pair.before and _step(pair.before),
        "after": pair.after and _step(pair.after),
        "movedMs": pair.moved_ms if pair.has_moved else None,
    }


def _step(step: StepFacts) -> dict[str, Any]:
    return {
        "id": step.id,
        "status": step.status,
        "durationMs": step.duration_ms,
        "isKept": step.is_reused,
        "message": step.message,
    }


def _tests(tests: Sequence[ChangedTest]) -> dict[str, Any]:
    shown = [
        {
            "step": test.step,
            "suite": test.suite,
            "name": test.name,
            "before": test.before,
            "after": test.after,
        }
        for test in tests[:TESTS_SHOWN]
    ]
    return {"items": shown, "totalCount": len(tests)}


def _log(log: StepLog) -> dict[str, Any]:
    return {
        "line": log.found and log.found.number,
        "lines": log.found.lines if log.found else [],
        "isWhole": log.is_whole,
        "isThere": log.has_both,
        "error": log.error
        and {
            "number": log.error.number,
            "text": log.error.text,
            "is_first": log.error.is_first,
        },
    }
