"""What the pages share: reading their queries, and answers that cost little when nothing is new."""

import hashlib
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from flask import Response, request

from blueprints import release
from blueprints.schemas import Schema, check, query_parameters

S = TypeVar("S", bound=Schema)


def read_query(schema: type[S]) -> S:
    """The query as `schema`. Raises Invalid.

    Forms send empty fields: they count as absent. What the schema does not know does not matter to
    a page, other than to the API: links from elsewhere come with parameters of their own.
    """
    many = query_parameters(schema)
    given = {
        name: [value for value in values if value]
        for name, values in request.args.lists()
        if name in many
    }
    return check(
        schema,
        {name: values if many[name] else values[-1] for name, values in given.items() if values},
        strict=False,
    )


def filters(*names: str) -> str:
    """Those parameters of the query as a query again, to go on with; "" for none."""
    given = request.args.items(multi=True)
    return urlencode([(name, value) for name, value in given if name in names and value])


def is_partial() -> bool:
    """Whether htmx wants a piece of the page; else it wants the page, or is not there."""
    return request.headers.get("HX-Request-Type") == "partial"


def tag(*parts: object) -> str:
    """The version of a piece of a page; `parts` are all that its look depends on."""
    return hashlib.sha256(repr((release(), *parts)).encode()).hexdigest()[:24]


def unless_known(etag: str, render: Callable[[], str]) -> Response:
    """The piece of that version, or 304 if the browser shows it already."""
    is_known = request.if_none_match.contains_weak(etag)
    response = Response(status=304) if is_known else Response(render())
    response.set_etag(etag)
    return response
