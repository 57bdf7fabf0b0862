"""The pages where a project's ingredients are made and named; /ingredients shows their releases."""

from typing import Any

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from blueprints.present import catalog as present
from blueprints.projects.settings import PREFIX, settings_page
from blueprints.requests.base import PageQuery
from blueprints.requests.projects import IngredientChange, NewIngredient
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, load_ingredient, load_project
from domain.accounts.access import SUPER_USER, missing
from domain.models import Ingredient, Project
from domain.releases import ingredients

bp = Blueprint("project_ingredients", __name__, url_prefix=PREFIX)


@bp.get("/ingredients")
def list_page(project_id: str) -> ResponseReturnValue:
    project, query = load_project(project_id), pages.read_query(PageQuery)
    rows, total = ingredients.list_ingredients(current_actor(), query.as_page(), project.id)
    listed = pages.listing(_shown(rows), total, query)
    return settings_page("ingredients", project, "ingredients", ingredients=listed)


@bp.get("/new-ingredient")
def new(project_id: str) -> ResponseReturnValue:
    return _page(load_project(project_id, SUPER_USER), None, Form())


@bp.post("/ingredients")
def create(project_id: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)

    def save() -> ResponseReturnValue:
        body = read_form(NewIngredient, projectId=project.id)
        row = ingredients.create_ingredient(
            current_actor(), project, body.id, body.name, body.description
        )
        flash(f"The ingredient {row.name} is there. A Build step can make releases of it.", "good")
        return redirect(f"/projects/{project.id}/settings/ingredients", 303)

    return saved(save, lambda form: _page(project, None, form))


@bp.get("/ingredients/<ingredient_id>")
def show(project_id: str, ingredient_id: str) -> ResponseReturnValue:
    project = load_project(project_id)
    return _page(project, _load(project, ingredient_id), Form())


@bp.post("/ingredients/<ingredient_id>")
def change(project_id: str, ingredient_id: str) -> ResponseReturnValue:
    project = load_project(project_id, SUPER_USER)
    ingredient = _load(project, ingredient_id)

    def save() -> ResponseReturnValue:
        body = read_form(IngredientChange)
        ingredients.change_ingredient(current_actor(), ingredient, body.name, body.description)
        flash("Saved.", "good")
        return redirect(f"/projects/{project.id}/settings/ingredients", 303)

    return saved(save, lambda form: _page(project, ingredient, form))


def _load(project: Project, ingredient_id: str) -> Ingredient:
    """An ingredient of this very project. Raises NotFound."""
    ingredient = load_ingredient(ingredient_id)
    if ingredient.project_id != project.id:
        raise missing("ingredient", ingredient_id)
    return ingredient


def _shown(rows: list[Ingredient]) -> list[dict[str, Any]]:
    latest = ingredients.latest_releases(rows)
    return [present.ingredient(row, latest.get(row.id)) for row in rows]


def _page(project: Project, ingredient: Ingredient | None, form: Form) -> str:
    """ingredient: None for a new one."""
    shown = _shown([ingredient])[0] if ingredient else None
    return settings_page("ingredient", project, "ingredients", ingredient=shown, form=form)
