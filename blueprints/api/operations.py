"""Declare once what an API route takes and returns; the declaration checks and documents it.

`operation` wraps the view. The query is read before the view runs; the body by `read_json` inside
it, after the view has checked access.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import current_app, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from blueprints.api.bodies import refuse_body
from blueprints.requests.base import Schema, check, query_parameters
from domain.accounts.access import USER
from domain.errors import BadRequest, FieldError

View = Callable[..., ResponseReturnValue]
Content = type | str | None

SIGNED_IN = "signed in"
"""Enough for calls that are not about one project."""
PUBLIC = "public"
"""Not even that is needed."""

IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"
ETAG = "ETag"
BYTES = "application/octet-stream"
HTML = "text/html"
TEXT = "text/plain"
ZIP = "application/zip"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Operation:
    """Declaration of an API call.

    needs: a role in the project, System_Admin, SIGNED_IN or PUBLIC.
    answers: status → the schema of a JSON response, another media type, or None for no body.
    body_may_be_wrong: accept any object, because its errors are the result of the call.
    upload: the view reads the files of a form with `multipart.parts`.
    errors: statuses that do not follow from the rest, such as 409.
    headers: request headers beyond those that every call takes.
    gives: response headers beyond those that follow from the rest.
    who: who may call it, in words, where `needs` is not enough.
    address: JSON schemas of address variables of an unusual kind.
    changes: whether it changes data, so that a token needs the scope write; None: unless it is a
    GET.
    """

    summary: str
    needs: str = USER
    answers: Mapping[int, Content] = field(default_factory=lambda: {204: None})
    body: type[BaseModel] | None = None
    body_is_optional: bool = False
    body_may_be_wrong: bool = False
    upload: bool = False
    query: type[Schema] | None = None
    errors: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    who: str = ""
    address: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    changes: bool | None = None


def operation(summary: str, **of_route: Any) -> Callable[[View], View]:
    """Declare what the view takes and returns; see Operation. A query arrives as keyword `query`.

    The docstring of the view becomes the description.
    """
    declared = Operation(summary, **of_route)

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(**arguments: Any) -> ResponseReturnValue:
            if declared.query is not None:
                arguments["query"] = _read_query(declared.query)
            return view(**arguments)

        checked.operation = declared  # type: ignore[attr-defined]
        return checked

    return decorate


def operation_of(endpoint: str | None) -> Operation | None:
    """Return the declaration of the view of an endpoint; None for a page."""
    return getattr(current_app.view_functions.get(endpoint or ""), "operation", None)


def refuse_what_is_not_taken() -> None:
    """Refuse API input that the view does not read: it would be a silent mistake."""
    found = operation_of(request.endpoint)
    if found is None:
        return
    _refuse_unknown_query(found)
    if found.body is None and not found.upload:
        refuse_body()


def _refuse_unknown_query(found: Operation) -> None:
    known = query_parameters(found.query) if found.query else {}
    unknown = [name for name in request.args if name not in known]
    if unknown:
        raise BadRequest(
            f"Unknown query parameter {', '.join(map(repr, unknown))}.",
            code="unknown_query_parameter",
            details=[
                FieldError(f"/{name}", "unknown_field", f"Unknown parameter {name!r}.")
                for name in unknown
            ],
        )


def _read_query(schema: type[Schema]) -> Schema:
    given: dict[str, Any] = {}
    for name, many in query_parameters(schema).items():
        values = request.args.getlist(name)
        if len(values) > 1 and not many:
            raise BadRequest(f"{name!r} appears more than once.", code="invalid_query")
        if values:
            given[name] = values if many else values[0]
    return check(schema, given, strict=False)
