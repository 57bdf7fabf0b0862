"""The pages that create and rename a project's ingredients; /ingredients shows their releases."""

from blueprints.projects.settings import NamedPages
from blueprints.requests.projects import IngredientChange, NewIngredient
from blueprints.responses import catalog as answers
from blueprints.shared.forms import read_form
from blueprints.shared.guards import current_actor, load_ingredient
from domain.accounts.access import SUPER_USER, missing
from domain.models import Ingredient, Project
from domain.releases import ingredients as rules


def _get(project: Project, ingredient_id: str) -> Ingredient:
    """Return an ingredient of this project. Raises NotFound."""
    ingredient = load_ingredient(ingredient_id)
    if ingredient.project_id != project.id:
        raise missing("ingredient", ingredient_id)
    return ingredient


def _add(project: Project) -> str:
    body = read_form(NewIngredient, projectId=project.id)
    rules.create_ingredient(current_actor(), project, body.id, body.name, body.description)
    return f"Ingredient {body.name} created. Build steps can now create releases of it."


def _put(project: Project, ingredient_id: str) -> str:
    body = read_form(IngredientChange)
    ingredient = _get(project, ingredient_id)
    rules.change_ingredient(current_actor(), ingredient, body.name, body.description)
    return "Saved."


bp = NamedPages(
    part="ingredients",
    noun="ingredient",
    role=SUPER_USER,
    rows=lambda project, page: rules.list_ingredients(current_actor(), page, project.id),
    get=_get,
    answers=answers.ingredients,
    add=_add,
    put=_put,
).blueprint("project_ingredients")
