"""Releases, deployments and environments for pages, with the names of what they belong to."""

from collections.abc import Iterable
from typing import Any

from blueprints.responses.catalog import Release
from blueprints.responses.projects import Deployment
from domain import models
from domain.releases.deployments import DeploymentDetails, EnvironmentState, Location


def release(
    row: models.Release, packages: int, run: models.Run | None, places: Iterable[Location] = ()
) -> dict[str, Any]:
    """Return a release for a list.

    packages: how many it has. run: the one that created it, None if it was deleted.
    """
    return {
        **Release.of(row, packages=[]).model_dump(),
        "packageCount": packages,
        "run": _run(run),
        "places": [
            {
                "name": place.environment.name,
                "projectId": place.environment.project_id,
                "isCertain": place.is_certain,
            }
            for place in places
        ],
    }


def deployment(item: DeploymentDetails) -> dict[str, Any]:
    """Return a deployment with its release and its run."""
    return {
        **Deployment.of(item.row).model_dump(),
        "release": item.release
        and {
            "id": item.release.id,
            "ingredientId": item.release.ingredient_id,
            "version": item.release.version,
        },
        "run": _run(item.run),
        "isUnknown": item.is_unknown,
    }


def environment(row: models.Environment, state: EnvironmentState) -> dict[str, Any]:
    """Return an environment with its deployments."""
    return {
        "name": row.name,
        "projectId": row.project_id,
        "driver": row.driver,
        "description": row.description,
        "requiresApproval": row.requires_approval,
        "there": state.current and deployment(state.current),
        "lost": state.lost and deployment(state.lost),
        "underWay": state.in_progress and deployment(state.in_progress),
    }


def _run(row: models.Run | None) -> dict[str, Any] | None:
    return row and {"id": row.id, "number": row.number, "workflowName": row.workflow.name}
