"""/api/ingredients."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints.api.operations import SIGNED_IN, operation
from blueprints.api.replies import created, listing, read_json
from blueprints.requests.base import CursorQuery, IngredientQuery
from blueprints.requests.projects import IngredientChange, NewIngredient
from blueprints.responses import catalog as answers
from blueprints.responses.base import Listed, Unbounded
from blueprints.shared.guards import current_actor, load_ingredient, load_project
from domain.accounts.access import SUPER_USER
from domain.releases import ingredients

bp = Blueprint("api_ingredients", __name__, url_prefix="/api/ingredients")


@bp.get("")
@operation(
    "List ingredients",
    needs=SIGNED_IN,
    answers={200: Listed[answers.Ingredient]},
    query=IngredientQuery,
)
def list_ingredients(query: IngredientQuery) -> ResponseReturnValue:
    if query.project_id is not None:
        load_project(query.project_id)
    rows, total = ingredients.list_ingredients(current_actor(), query.as_page(), query.project_id)
    return listing(answers.ingredients(rows), total, query)


@bp.post("")
@operation(
    "Create an ingredient",
    needs=SUPER_USER,
    body=NewIngredient,
    answers={201: answers.Ingredient},
    errors=(409,),
)
def create_ingredient() -> ResponseReturnValue:
    body = read_json(NewIngredient)
    project = load_project(body.project_id, SUPER_USER)
    row = ingredients.create_ingredient(
        current_actor(), project, body.id, body.name, body.description
    )
    return created(answers.ingredients([row])[0], f"/api/ingredients/{row.id}")


@bp.get("/<ingredient_id>")
@operation("Read an ingredient", answers={200: answers.Ingredient})
def get_ingredient(ingredient_id: str) -> ResponseReturnValue:
    row = load_ingredient(ingredient_id)
    return jsonify(answers.ingredients([row])[0])


@bp.put("/<ingredient_id>")
@operation(
    "Change an ingredient",
    needs=SUPER_USER,
    body=IngredientChange,
    answers={200: answers.Ingredient},
)
def change_ingredient(ingredient_id: str) -> ResponseReturnValue:
    ingredient = load_ingredient(ingredient_id, SUPER_USER)
    body = read_json(IngredientChange)
    row = ingredients.change_ingredient(current_actor(), ingredient, body.name, body.description)
    return jsonify(answers.ingredients([row])[0])


@bp.get("/<ingredient_id>/releases")
@operation(
    "List the releases of an ingredient, newest first",
    answers={200: Unbounded[answers.Release]},
    query=CursorQuery,
)
def list_releases(ingredient_id: str, query: CursorQuery) -> ResponseReturnValue:
    ingredient = load_ingredient(ingredient_id)
    rows, total, cursor = ingredients.list_releases(ingredient, query.as_page(), query.cursor)
    packages = ingredients.packages_of(rows)
    items = [answers.Release.of(row, packages=packages[row.id]) for row in rows]
    return listing(items, total, query, nextCursor=cursor)
