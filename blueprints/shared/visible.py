"""Find the rows that the caller may read."""

from typing import Any

from blueprints.requests.runs import RunQuery
from blueprints.requests.workflows import WorkflowQuery
from blueprints.shared.guards import current_actor, load_project
from domain.runs import queries as run_queries
from domain.workflows import queries as workflow_queries


def find_workflows(query: WorkflowQuery, *, last_status: str | None = None) -> Any:
    """Return the matching workflows that the caller may read."""
    actor = current_actor()
    projects = None if actor.is_system_admin else list(actor.roles)
    if query.project_id is not None:
        projects = [load_project(query.project_id).id]
    return workflow_queries.find(
        projects=projects,
        search=query.search,
        is_enabled=query.is_enabled,
        last_status=last_status,
        sort=query.sort,
    )


def find_runs(query: RunQuery) -> run_queries.RunQueries:
    """Return the matching runs that the caller may read, newest first."""
    actor = current_actor()
    if query.project_id is not None:
        load_project(query.project_id)
    projects = None if actor.is_system_admin else list(actor.roles)
    return run_queries.find(
        projects=[query.project_id] if query.project_id else projects,
        workflow_id=query.workflow_id,
        statuses=query.status,
        trigger_source=query.trigger_source,
        started_after=query.started_after,
        started_before=query.started_before,
    )
