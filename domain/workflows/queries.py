"""Queries of workflows and revisions, and of references to things that do not exist."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from domain.definitions.references import ENVIRONMENT, INGREDIENT, TEST_SUITE, references
from domain.errors import FieldError, NotFound
from domain.models import Environment, Ingredient, Run, TestSuite, Workflow, WorkflowRevision

SORTS: Mapping[str, Any] = {
    "name": Workflow.name_key,
    "updatedAt": Workflow.updated_at,
    # Workflows without runs come last in -lastRunAt; databases differ in where they put null.
    "lastRunAt": fn.COALESCE(Workflow.last_run_at, 0),
}
NOUNS = {INGREDIENT: "ingredient", TEST_SUITE: "test suite", ENVIRONMENT: "environment"}


@dataclass(frozen=True)
class Detail:
    """A workflow with its current definition; warnings name references to missing things."""

    workflow: Workflow
    definition: dict[str, Any]
    warnings: list[FieldError]


def detail(workflow: Workflow) -> Detail:
    """Return the workflow with its current definition and warnings."""
    definition = get_revision(workflow, workflow.revision).definition
    return Detail(workflow, definition, missing_references(workflow.project_id, definition))


def get_revision(workflow: Workflow, number: int) -> WorkflowRevision:
    """Return a revision. Raises NotFound."""
    revision = None
    if number <= workflow.revision:  # a number beyond 32 bits is an error to PostgreSQL
        revision = WorkflowRevision.get_or_none(
            (WorkflowRevision.workflow == workflow.id) & (WorkflowRevision.number == number)
        )
    if revision is None:
        raise NotFound(f"This workflow has no revision {number}.")
    return revision


def find_revisions(workflow: Workflow) -> Any:
    """Return a query of the workflow's revisions, newest first, without their definitions."""
    columns = (
        WorkflowRevision.number,
        WorkflowRevision.comment,
        WorkflowRevision.created_at,
        WorkflowRevision.created_by,
    )
    return (
        WorkflowRevision.select(*columns)
        .where(WorkflowRevision.workflow == workflow.id)
        .order_by(WorkflowRevision.number.desc())
    )


def find(
    *,
    projects: Collection[str] | None = None,
    search: str = "",
    is_enabled: bool | None = None,
    last_status: str | None = None,
    sort: str = "name",
) -> Any:
    """Return a query of workflows in a stable order.

    projects: only these; None for all. search: part of the name, regardless of case.
    last_status: the status of their last run. sort: one of SORTS, with a leading minus to reverse.
    """
    key = SORTS[sort.removeprefix("-")]
    is_reverse = sort.startswith("-")
    query = (
        Workflow.select()
        .where(Workflow.deleted_at.is_null())
        .order_by(key.desc() if is_reverse else key.asc(), Workflow.id)
    )
    if projects is not None:
        query = query.where(Workflow.project.in_(list(projects)))
    if search:
        query = query.where(Workflow.name_key.contains(search.casefold()))
    if is_enabled is not None:
        query = query.where(Workflow.is_enabled == is_enabled)
    if last_status is not None:
        last = Run.select(Run.id).where(Run.id == Workflow.last_run_id, Run.status == last_status)
        query = query.where(fn.EXISTS(last))
    return query


def recent_runs(workflows: Collection[Workflow], count: int) -> dict[str, list[Run]]:
    """Return workflow id → newest runs, newest first, in one query.

    They are the last `count` runs started, without those deleted since.
    """
    found: dict[str, list[Run]] = {workflow.id: [] for workflow in workflows}
    newest = [
        (Run.workflow == workflow.id) & (Run.number > workflow.run_count - count)
        for workflow in workflows
        if workflow.run_count
    ]
    if newest:
        columns = (Run.id, Run.workflow, Run.number, Run.status, Run.started_at, Run.completed_at)
        rows = Run.select(*columns).where(reduce(or_, newest)).order_by(Run.number.desc())
        for run in rows:
            found[run.workflow_id].append(run)
    return found


def last_runs(workflows: Iterable[Workflow]) -> dict[str, Run]:
    """Return workflow id → newest run of the workflows that have one, in one query."""
    ids = [workflow.last_run_id for workflow in workflows if workflow.last_run_id]
    columns = (Run.id, Run.workflow, Run.number, Run.status, Run.completed_at)
    return {run.workflow_id: run for run in Run.select(*columns).where(Run.id.in_(ids))}


def missing_references(project_id: str, definition: Mapping[str, Any]) -> list[FieldError]:
    """Return an error for each ingredient, suite and environment that the project lacks."""
    found = list(references(definition))
    present: dict[str, set[str]] = {}
    for kind, column, project in (
        (INGREDIENT, Ingredient.id, Ingredient.project),
        (TEST_SUITE, TestSuite.name, TestSuite.project),
        (ENVIRONMENT, Environment.name, Environment.project),
    ):
        names = {reference.name for reference in found if reference.kind == kind}
        rows = column.model.select(column).where(project == project_id, column.in_(names)).tuples()
        present[kind] = {name for (name,) in rows} if names else set()
    return [
        FieldError(
            reference.field,
            f"unknown_{reference.kind}",
            f"The project {project_id} has no {NOUNS[reference.kind]} {reference.name!r}.",
        )
        for reference in found
        if reference.name not in present[reference.kind]
    ]
