"""Pages of ingredients, releases, and environments."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from pydantic import Field

from blueprints.catalog import presenters
from blueprints.requests.base import CursorQuery, PageQuery
from blueprints.responses import catalog as answers
from blueprints.shared import pages
from blueprints.shared.guards import current_actor, load_ingredient, load_project, load_release
from domain.accounts.access import SUPER_USER
from domain.models import Deployment, Release
from domain.models.run_facts import runs_by_id
from domain.pagination import Page
from domain.projects import environments
from domain.releases import deployments as deployed
from domain.releases import ingredients
from domain.runs import queries as run_queries
from domain.validation.fields import Line

bp = Blueprint("catalog", __name__)


class PlaceQuery(PageQuery):
    project_id: Line | None = Field(None, description="Only of this project.")


class IngredientSearch(PlaceQuery):
    search: Line = Field("", description="Only ids or names that contain this text.")


def _rights(project_id: str | None) -> dict[str, Any]:
    """Return the project, and whether the user may create things in it."""
    actor = current_actor()
    return {
        "projectId": project_id,
        "may_define": project_id is not None and actor.may(SUPER_USER, project_id),
        "role": actor.role_in(project_id) if project_id is not None else None,
    }


@bp.get("/ingredients")
def list_ingredients() -> ResponseReturnValue:
    query = pages.read_query(IngredientSearch)
    if query.project_id is not None:
        load_project(query.project_id)
    rows, total = ingredients.list_ingredients(
        current_actor(), query.as_page(), query.project_id, query.search
    )
    items = [ingredient.model_dump() for ingredient in answers.ingredients(rows)]
    return render_template(
        "catalog/ingredients.html",
        ingredients=pages.listing(items, total, query),
        search=query.search,
        query=pages.filters("search", "projectId", "pageSize"),
        **_rights(query.project_id),
    )


@bp.get("/ingredients/<ingredient_id>")
def ingredient(ingredient_id: str) -> ResponseReturnValue:
    row = load_ingredient(ingredient_id)
    query = pages.read_query(CursorQuery)
    releases, total, cursor = ingredients.list_releases(row, query.as_page(), query.cursor)
    return render_template(
        "catalog/ingredient.html",
        ingredient=answers.Ingredient.of(row, latest_release=None).model_dump(),
        releases=pages.unbounded(_made(releases), total, query, cursor),
        query=pages.filters("pageSize"),
        **_rights(row.project_id),
    )


def _made(releases: list[Release]) -> list[dict[str, Any]]:
    counts = ingredients.package_counts(releases)
    runs = runs_by_id(row.run_id for row in releases if row.run_id)
    places = deployed.locations_of(releases)
    return [
        presenters.release(row, counts.get(row.id, 0), runs.get(row.run_id), places[row.id])
        for row in releases
    ]


@bp.get("/releases/<release_id>")
def release(release_id: str) -> ResponseReturnValue:
    """Show a release: its packages by page, its deployments by cursor."""
    row = load_release(release_id)
    query = pages.read_query(CursorQuery)
    packages, package_count = ingredients.list_packages(row, query.as_page())
    rows, total, cursor = deployed.deployments_of(row, Page(1, query.page_size), query.cursor)
    run = runs_by_id([row.run_id] if row.run_id else [])
    step = run_queries.steps_named([row.step_run_id] if row.step_run_id else [])
    return render_template(
        "catalog/release.html",
        release={
            **presenters.release(row, package_count, run.get(row.run_id)),
            "projectId": row.ingredient.project_id,
            "ingredientName": row.ingredient.name,
            "stepName": step[row.step_run_id].name if row.step_run_id in step else None,
        },
        packages=pages.listing(packages, package_count, query),
        deployments=pages.unbounded(_where(rows), total, query, cursor),
        package_query=pages.filters("pageSize", "cursor"),
        deployment_query=pages.filters("pageSize", "page"),
    )


def _where(rows: list[Deployment]) -> list[dict[str, Any]]:
    """Return deployments of a release with their environments and whether each is current."""
    places = list({row.environment_id: row.environment for row in rows}.values())
    there, lost = deployed.deployed_now(places), deployed.lost_in(places)

    def here(row: Deployment) -> str | None:
        if there.get(row.environment_id) != row:
            return None
        return "perhaps" if row.environment_id in lost else "now"

    return [
        {
            **presenters.deployment(item),
            "environment": item.row.environment.name,
            "projectId": item.row.environment.project_id,
            "here": here(item.row),
        }
        for item in deployed.details_of(rows)
    ]


@bp.get("/environments")
def list_environments() -> ResponseReturnValue:
    query = pages.read_query(PlaceQuery)
    if query.project_id is not None:
        load_project(query.project_id)
    rows, total = deployed.list_environments(current_actor(), query.as_page(), query.project_id)
    standing = deployed.states_of(rows)
    items = [presenters.environment(row, standing[row.id]) for row in rows]
    return render_template(
        "catalog/environments.html",
        environments=pages.listing(items, total, query),
        query=pages.filters("projectId", "pageSize"),
        **_rights(query.project_id),
    )


@bp.get("/environments/<project_id>/<name>")
def environment(project_id: str, name: str) -> ResponseReturnValue:
    project = load_project(project_id)
    row = environments.get_environment(project, name)
    query = pages.read_query(CursorQuery)
    deployments, total, cursor = deployed.list_deployments(row, query.as_page(), query.cursor)
    history = [presenters.deployment(item) for item in deployed.details_of(deployments)]
    return render_template(
        "catalog/environment.html",
        environment=presenters.environment(row, deployed.states_of([row])[row.id]),
        deployments=pages.unbounded(history, total, query, cursor),
        query=pages.filters("pageSize"),
        **_rights(project.id),
    )
