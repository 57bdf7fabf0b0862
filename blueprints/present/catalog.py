"""Ingredients, releases, packages."""

from collections.abc import Iterable
from typing import Any

from domain.clock import rfc3339
from domain.models import Ingredient, Package, Release


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
