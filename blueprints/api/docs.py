"""/api/openapi.json and /api/docs: the API described from what checks it, for anybody to read."""

from typing import Any

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from blueprints.api.document import document
from blueprints.guards import public

bp = Blueprint("api_docs", __name__, url_prefix="/api")


def the_document() -> dict[str, Any]:
    """Made once: routes do not change while the application runs."""
    if "galley_document" not in current_app.extensions:
        current_app.extensions["galley_document"] = document(current_app)
    found: dict[str, Any] = current_app.extensions["galley_document"]
    return found


@bp.get("/openapi.json")
@public
def openapi() -> ResponseReturnValue:
    response = jsonify(the_document())
    response.add_etag()
    return response.make_conditional(request)
