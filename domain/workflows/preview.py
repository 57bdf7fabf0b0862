"""Preview an unsaved definition: its errors, and what each step would use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.definitions.normalize import normalize
from domain.definitions.references import artifact_path
from domain.definitions.schema import ChangedWorkflow, NewWorkflow
from domain.definitions.validate import parse
from domain.errors import FieldError, Invalid
from domain.models import Environment, Workflow
from domain.workflows.queries import missing_references
from domain.workflows.statistics import step_medians
from domain.workflows.workflows import definitions, name_errors


@dataclass(frozen=True)
class PlannedStep:
    """The things that a step would use; None or empty where its type uses none."""

    stage: str
    name: str
    type: str
    ingredient_id: str | None = None
    """The ingredient that it would release."""
    test_suite: str | None = None
    releases: Sequence[str] = ()
    """References of the releases whose files it would use."""
    target: str | None = None
    driver: str | None = None
    """The driver of the target; None also if the environment does not exist (yet)."""
    artifact_path: str | None = None
    duration_ms: int | None = None
    """The median of its earlier durations."""


@dataclass(frozen=True)
class Examined:
    errors: list[FieldError]
    """Reasons to refuse a save."""
    warnings: list[FieldError] = field(default_factory=list)
    """Reasons to refuse a run now."""
    steps: list[PlannedStep] = field(default_factory=list)
    """In the order of execution; empty if the errors prevent a plan."""


def examine(body: Mapping[str, Any], workflow: Workflow | None = None) -> Examined:
    """Check the body and plan its steps, as a new workflow or as a change of this one."""
    try:
        new = _parsed(body, workflow)
    except Invalid as invalid:
        return Examined(invalid.errors)
    project_id = workflow.project_id if workflow else new.project_id
    errors = name_errors(project_id, new.name, but=workflow)
    try:
        plain = normalize(new, definitions(workflow, workflow.revision) if workflow else ())
    except Invalid as invalid:
        return Examined([*errors, *invalid.errors])
    before = workflow or _namesake(project_id, new.name)
    medians = step_medians(before, plain) if before else {}
    steps = list(plan(plain, _drivers(project_id), medians))
    return Examined(errors, missing_references(project_id, plain), steps)


def _parsed(body: Mapping[str, Any], workflow: Workflow | None) -> Any:
    if workflow is None:
        return parse(body, NewWorkflow)
    return parse(body, ChangedWorkflow, project_id=workflow.project_id)


def _namesake(project_id: str, name: str) -> Workflow | None:
    return Workflow.get_or_none(
        (Workflow.project == project_id)
        & (Workflow.name_key == name.casefold())
        & Workflow.deleted_at.is_null()
    )


def _drivers(project_id: str) -> dict[str, str]:
    columns = (Environment.name, Environment.driver)
    return dict(Environment.select(*columns).where(Environment.project == project_id).tuples())


def plan(
    definition: Mapping[str, Any],
    drivers: Mapping[str, str],
    medians: Mapping[str, int | None],
) -> Iterator[PlannedStep]:
    """Yield the steps of a normalized definition, in order.

    drivers: environment → driver. medians: step → usual duration.
    """
    built: list[str] = []
    for stage in definition["stages"]:
        for step in stage["steps"]:
            yield PlannedStep(
                stage=stage["name"],
                name=step["name"],
                type=step["type"],
                duration_ms=medians.get(step["name"]),
                **_touched(step["type"], step["configuration"], built, drivers),
            )
        # The steps of one stage run in parallel: none can rely on what another builds.
        built += [
            reference
            for step in stage["steps"]
            if step["type"] == "Build"
            and (reference := f"{step['configuration']['ingredientId']}@run") not in built
        ]


def _touched(
    kind: str, configuration: Mapping[str, Any], built: Sequence[str], drivers: Mapping[str, str]
) -> dict[str, Any]:
    if kind == "Build":
        return {"ingredient_id": configuration["ingredientId"]}
    if kind == "Test":
        return {
            "test_suite": configuration["testSuite"],
            "releases": list(configuration["releaseIds"] or built),
        }
    picked = artifact_path(configuration["artifactPath"])
    named = picked is not None and picked.ingredient is not None
    return {
        "releases": [f"{picked.ingredient}@{picked.version}"] if picked and named else list(built),
        "target": configuration["target"],
        "driver": drivers.get(configuration["target"]),
        "artifact_path": configuration["artifactPath"],
    }
