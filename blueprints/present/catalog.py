"""Ingredients, releases, packages."""

from collections.abc import Iterable
from typing import Any

from blueprints.present import projects
from domain.clock import rfc3339
from domain.models import Environment, Ingredient, Package, Release, Run
from domain.releases.deployments import DeploymentDetails, EnvironmentState, Location


def ingredient(row: Ingredient, latest: Release | None) -> dict[str, Any]:
    """`latest` is its newest release."""
    return {
        "id": row.id,
        "projectId": row.project_id,
        "name": row.name,
        "description": row.description,
        "createdAt": rfc3339(row.created_at),
        "createdBy": row.created_by,
        "latestRelease": latest
        and {
            "id": latest.id,
            "version": latest.version,
            "createdAt": rfc3339(latest.created_at),
        },
    }


def release(row: Release, packages: Iterable[Package]) -> dict[str, Any]:
    return {
        "id": row.id,
        "ingredientId": row.ingredient_id,
        "version": row.version,
        "createdAt": rfc3339(row.created_at),
        "createdBy": row.created_by,
        "runId": row.run_id,
        "stepRunId": row.step_run_id,
        "packages": [package(item) for item in packages],
    }


def package(row: Package) -> dict[str, Any]:
    return {"path": row.path, "size": row.size, "sha256": row.sha256}


# ---- for pages, which name what the API gives by id ------------------------------------------


def made(
    row: Release, packages: int, run: Run | None, places: Iterable[Location] = ()
) -> dict[str, Any]:
    """A release in a list. packages: how many it has; run: that made it, None if it is gone."""
    return {
        **release(row, ()),
        "packageCount": packages,
        "run": run_named(run),
        "places": [
            {
                "name": place.environment.name,
                "projectId": place.environment.project_id,
                "isCertain": place.is_certain,
            }
            for place in places
        ],
    }


def told(item: DeploymentDetails) -> dict[str, Any]:
    """A deployment with its release and its run."""
    return {
        **projects.deployment(item.row),
        "release": item.release
        and {
            "id": item.release.id,
            "ingredientId": item.release.ingredient_id,
            "version": item.release.version,
        },
        "run": run_named(item.run),
        "isUnknown": item.is_unknown,
    }


def place(row: Environment, state: EnvironmentState) -> dict[str, Any]:
    """An environment and how it stands."""
    return {
        "name": row.name,
        "projectId": row.project_id,
        "driver": row.driver,
        "description": row.description,
        "requiresApproval": row.requires_approval,
        "there": state.current and told(state.current),
        "lost": state.lost and told(state.lost),
        "underWay": state.in_progress and told(state.in_progress),
    }


def run_named(row: Run | None) -> dict[str, Any] | None:
    return row and {"id": row.id, "number": row.number, "workflowName": row.workflow.name}
