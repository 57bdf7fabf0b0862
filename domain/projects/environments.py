"""The environments of a project."""

from collections.abc import Mapping
from typing import Any

from domain.accounts import audit
from domain.accounts.access import Actor
from domain.definitions.references import environment_lock
from domain.errors import Conflict, state
from domain.models import Environment, Project, Run, StepRun, write
from domain.pagination import Page
from domain.projects.named_rows import get_named, list_named, put_named
from domain.statuses import LIVE

MAX_NAMED = 10
"""Runs named in a conflict at most."""


def put_environment(
    actor: Actor, project: Project, name: str, values: Mapping[str, Any]
) -> tuple[Environment, bool]:
    """Create or replace an environment; True if it is new. `values` are columns of Environment."""
    return put_named(actor, Environment, "environment", project, name, values)


def get_environment(project: Project, name: str) -> Environment:
    return get_named(Environment, "environment", project, name)


def list_environments(project: Project, page: Page) -> tuple[list[Environment], int]:
    return list_named(Environment, project, page)


def delete_environment(actor: Actor, project: Project, name: str) -> None:
    """Delete an environment and its deployments.

    Raises Conflict `environment_busy` while a run in progress deploys to it, or will.
    """
    environment = get_environment(project, name)
    with write():
        _refuse_while_deployed_to(environment)
        Environment.delete().where(Environment.id == environment.id).execute()
        audit.record(actor, "delete", "environment", name, project_id=project.id)


def _refuse_while_deployed_to(environment: Environment) -> None:
    """Look at the steps' lock keys, which are set when a run starts."""
    deploys_here = StepRun.lock_key == environment_lock(environment.id)
    query = (
        Run.select(Run.id, Run.number)
        .join(StepRun)
        .where(deploys_here & StepRun.status.in_(LIVE) & Run.completed_at.is_null())
    )
    numbers = {run.id: run.number for run in query.limit(MAX_NAMED)}
    if numbers:
        raise Conflict(
            f"Runs in progress deploy to {environment.name!r}. Wait for them or abort them first.",
            code="environment_busy",
            details=[
                state("run_in_progress", f"Run {number} deploys here.", runId=run_id)
                for run_id, number in numbers.items()
            ],
        )
