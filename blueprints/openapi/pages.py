"""/api/openapi.json and /api/docs: the description of the API, without signing in."""

from typing import Any

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from blueprints.api.operations import ETAG, HTML, IF_NONE_MATCH, PUBLIC, operation
from blueprints.openapi.document import document
from blueprints.openapi.parts import FAILURES
from blueprints.openapi.reference import nouns, usual_errors
from blueprints.responses.openapi import Document
from blueprints.shared.guards import public

bp = Blueprint("api_docs", __name__, url_prefix="/api")


def the_document() -> dict[str, Any]:
    """Return the document, built once: routes do not change while the application runs."""
    if "galley_document" not in current_app.extensions:
        current_app.extensions["galley_document"] = document(current_app)
    found: dict[str, Any] = current_app.extensions["galley_document"]
    return found


@bp.get("/openapi.json")
@public
@operation(
    "Read this description",
    needs=PUBLIC,
    answers={200: Document, 304: None},
    errors=(412,),
    headers=(IF_NONE_MATCH,),
    gives=(ETAG,),
)
def openapi() -> ResponseReturnValue:
    response = jsonify(the_document())
    response.add_etag()
    return response.make_conditional(request)


@bp.get("/docs")
@public
@operation("Read this description as a page", needs=PUBLIC, answers={200: HTML})
def docs() -> ResponseReturnValue:
    described = the_document()
    return render_template(
        "openapi/api.html",
        **_pieces(),
        base_url=request.url_root.rstrip("/"),
        version=described["info"]["version"],
        statuses={str(status): meaning for status, meaning in FAILURES.items()},
        usual=usual_errors(described),
        errors=described["x-errors"],
        faults=described["x-faults"],
        reasons=described["x-reasons"],
    )


def _pieces() -> dict[str, Markup]:
    """Return the slow parts of the page, rendered once: they are the same for everyone."""
    if "galley_reference" not in current_app.extensions:
        described = the_document()
        known = {"nouns": nouns(described), "usual": usual_errors(described)}
        current_app.extensions["galley_reference"] = {
            name: Markup(render_template(f"openapi/_{name}.html", **known))  # noqa: S704
            for name in ("contents", "calls")
        }
    found: dict[str, Markup] = current_app.extensions["galley_reference"]
    return found
