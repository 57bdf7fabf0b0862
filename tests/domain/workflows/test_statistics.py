"""The numbers about a workflow."""

from typing import Any

import pytest

from domain import models
from domain.accounts.access import Actor
from domain.clock import elapsed, now
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.models import (
    Ingredient,
    Project,
    Release,
    Run,
    StageRun,
    StepRun,
    Workflow,
    new_id,
    write,
)
from domain.workflows import statistics, workflows
from domain.workflows.statistics import metadata, percentile, rate, spread, step_statistics

ANN = Actor("0" * 24, "ann", roles={"shop": "SuperUser"})


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 95, 7),
        ([1, 2], 50, 1),
        ([1, 2, 3], 50, 2),
        (list(range(1, 11)), 90, 9),
        (list(range(1, 11)), 95, 10),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 101)), 100, 100),
    ],
)
def test_a_percentile_is_a_value_that_occurred(
    values: list[int], percent: int, expected: int | None
) -> None:
    assert percentile(values, percent) == expected


def test_a_spread_needs_no_order() -> None:
    assert spread([30, 10, 20, 41]) == {
        "min": 10,
        "median": 20,
        "p90": 41,
        "p95": 41,
        "max": 41,
        "mean": 25,
    }


def test_of_nothing_all_is_unknown_and_never_0() -> None:
    assert set(spread([]).values()) == {None}
    assert rate(0, 0) is None
    assert elapsed(5, None) is None
    assert elapsed(None, 5) is None


def test_a_rate_is_a_part_of_the_whole() -> None:
    assert rate(1, 2) == 0.3333
    assert rate(0, 2) == 0.0


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    assert elapsed(10, 4) == 0


def test_steps_are_counted_by_name_in_the_order_of_the_definition() -> None:
    steps = [{"name": "compile", "type": "Build"}, {"name": "idle", "type": "Test"}]
    definition = {"stages": [{"name": "build", "steps": steps}]}
    ended = [
        ("compile", "Succeeded", 0, 30),
        ("compile", "Failed", 0, 10),
        ("compile", "Succeeded", 0, 20),
        ("compile", "Failed", None, 5),
        ("renamed since", "Failed", 0, 1),
    ]
    assert step_statistics(definition, ended) == [
        {
            "stage": "build",
            "name": "compile",
            "type": "Build",
            "runs": 4,
            "failureRate": 0.5,
            "durationMs": 20,
        },
        {
            "stage": "build",
            "name": "idle",
            "type": "Test",
            "runs": 0,
            "failureRate": None,
            "durationMs": None,
        },
    ]


# ---- with the database -----------------------------------------------------------------------


@pytest.fixture
def workflow(database: models.Base) -> Workflow:
    with write():
        Project.create(id="shop", name="Shop", created_by="root")
        Ingredient.create(id="core", project="shop", name="Core", created_by="root")
    return make_workflow("Release")


def make_workflow(name: str) -> Workflow:
    steps = [{"name": "compile", "type": "Build", "configuration": {"ingredientId": "core"}}]
    stages = [{"name": "build", "order": 1, "steps": steps}]
    new = parse({"name": name, "projectId": "shop", "stages": stages}, NewWorkflow)
    return workflows.create(new, actor=ANN).workflow


def add_run(workflow: Workflow, status: str, *, age_days: int = 0, **times: int) -> Run:
    """A run that waited `queued` ms and took `took` ms; of what has ended also its one step."""
    created = now() - age_days * statistics.DAY_MS
    started = created + times["queued"] if "queued" in times else None
    completed = started + times["took"] if started is not None and "took" in times else None
    with write():
        number = Run.select().where(Run.workflow == workflow.id).count() + 1
        run = Run.create(
            workflow=workflow.id,
            project_id="shop",
            number=number,
            revision=1,
            status=status,
            trigger_source="test",
            triggered_by="ann",
            created_at=created,
            started_at=started,
            completed_at=completed,
        )
        stage = StageRun.create(run=run, position=0, order=1, name="build", run_if="success")
        StepRun.create(
            run=run,
            stage=stage,
            position=0,
            name="compile",
            type="Build",
            queue="default",
            timeout_seconds=1,
            status=status,
            started_at=started,
            completed_at=completed,
        )
    return run


def add_release(run_id: str, version: str) -> None:
    with write():
        Release.create(ingredient="core", version=version, created_by="ann", run_id=run_id)


def ids(briefs: list[dict[str, Any]]) -> list[str]:
    return [brief["id"] for brief in briefs]


def test_a_workflow_that_never_ran_has_no_rates(workflow: Workflow) -> None:
    found = metadata(workflow)
    nothing = dict.fromkeys(("min", "median", "p90", "p95", "max", "mean"))
    assert list(found) == [
        *("workflowId", "name", "projectId", "revision", "isEnabled"),
        *("createdAt", "createdBy", "updatedAt", "updatedBy"),
        *("stageCount", "stepCount", "stepCountByType"),
        *("runs", "successRate", "durationMs", "queueMs"),
        *("lastRun", "lastSuccess", "lastFailure", "failingStreak"),
        *("releaseCount", "recentRuns", "steps"),
    ]
    assert found["stepCountByType"] == {"Build": 1, "Test": 0, "Deploy": 0}
    assert found["runs"] == {
        **{"total": 0, "Pending": 0, "Running": 0},
        **{"Succeeded": 0, "Failed": 0, "Cancelled": 0},
    }
    assert (found["successRate"], found["durationMs"]) == (None, nothing)
    assert found["queueMs"] == {"median": None, "p95": None}
    assert (found["lastRun"], found["lastSuccess"], found["lastFailure"]) == (None, None, None)
    assert (found["failingStreak"], found["releaseCount"], found["recentRuns"]) == (0, 0, [])
    assert found["steps"][0]["failureRate"] is None


def test_cancelled_runs_are_counted_but_in_no_rate_and_no_duration(workflow: Workflow) -> None:
    good = add_run(workflow, "Succeeded", queued=10, took=100)
    bad = add_run(workflow, "Failed", queued=30, took=300)
    add_run(workflow, "Cancelled", queued=1000, took=9000)
    add_run(workflow, "Cancelled")
    running = add_run(workflow, "Running", queued=5)
    found = metadata(workflow)
    assert found["runs"] == {
        **{"total": 5, "Pending": 0, "Running": 1},
        **{"Succeeded": 1, "Failed": 1, "Cancelled": 2},
    }
    assert found["successRate"] == 0.5
    assert (found["durationMs"]["min"], found["durationMs"]["max"]) == (100, 300)
    assert found["queueMs"] == {"median": 10, "p95": 30}
    assert found["lastRun"]["id"] == running.id
    assert found["lastSuccess"]["id"] == good.id
    assert found["lastFailure"]["id"] == bad.id
    assert found["lastFailure"]["durationMs"] == 300
    assert (found["steps"][0]["runs"], found["steps"][0]["failureRate"]) == (2, 0.5)


def test_a_streak_counts_failures_since_the_last_success(workflow: Workflow) -> None:
    for status in ("Failed", "Succeeded", "Failed", "Cancelled", "Failed"):
        add_run(workflow, status, queued=0, took=1)
    assert metadata(workflow)["failingStreak"] == 2
    add_run(workflow, "Succeeded", queued=0, took=1)
    assert metadata(workflow)["failingStreak"] == 0


def test_without_any_success_every_failure_is_in_the_streak(workflow: Workflow) -> None:
    add_run(workflow, "Failed", queued=0, took=1)
    add_run(workflow, "Failed", queued=0, took=1)
    assert metadata(workflow)["failingStreak"] == 2


def test_days_narrow_everything_that_comes_from_runs(workflow: Workflow) -> None:
    old = add_run(workflow, "Failed", age_days=5, queued=0, took=900)
    new = add_run(workflow, "Succeeded", queued=0, took=100)
    for number, run in enumerate((old, new, new)):
        add_release(run.id, str(number))
    assert metadata(workflow)["releaseCount"] == 3
    assert metadata(workflow)["steps"][0]["runs"] == 2
    found = metadata(workflow, days=3)
    assert (found["runs"]["total"], found["successRate"]) == (1, 1.0)
    assert (found["durationMs"]["max"], found["lastFailure"]) == (100, None)
    assert (found["releaseCount"], found["steps"][0]["runs"]) == (2, 1)
    assert ids(found["recentRuns"]) == [new.id]


def test_other_workflows_do_not_count(workflow: Workflow) -> None:
    other = make_workflow("Other")
    run = add_run(other, "Failed", queued=0, took=1)
    add_release(run.id, "1")
    add_release(new_id(), "2")
    found = metadata(workflow)
    assert (found["runs"]["total"], found["releaseCount"], found["steps"][0]["runs"]) == (0, 0, 0)


def test_the_last_30_runs_are_shown_newest_first(workflow: Workflow) -> None:
    made = [add_run(workflow, "Succeeded", queued=0, took=n) for n in range(32)]
    recent = metadata(workflow)["recentRuns"]
    assert ids(recent) == [run.id for run in reversed(made)][:30]
    assert recent[0]["durationMs"] == 31
