"""Shared parts of pages: queries, redirects, and cheap responses for unchanged content."""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Response, redirect, request

from blueprints.requests.base import CursorQuery, PageQuery, Schema, check, query_parameters
from blueprints.shared.context import galley_version
from domain.pagination import COUNTED_TO

S = TypeVar("S", bound=Schema)


def read_query(schema: type[S]) -> S:
    """Read the query as `schema`. Raises Invalid.

    Empty fields of forms count as absent. Unlike the API, a page ignores unknown parameters:
    links from other sites may carry their own.
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
    """Return those parameters of the query as a query string; "" for none."""
    given = request.args.items(multi=True)
    return urlencode([(name, value) for name, value in given if name in names and value])


def listing(
    items: Sequence[Any], total: int, query: PageQuery, *, is_unbounded: bool = False
) -> dict[str, Any]:
    """Return a page of a list as the macro `pager` expects it.

    is_unbounded: `pagination.count` counted the total, so it may be a minimum.
    """
    return {
        "items": items,
        "totalCount": total,
        "isAtLeast": is_unbounded and total >= COUNTED_TO,
        "page": query.page,
        "pageSize": query.page_size,
    }


def unbounded(
    items: Sequence[Any], total: int, query: CursorQuery, cursor: str | None
) -> dict[str, Any]:
    """Return a page of an unbounded list for the macro `cursor_pager`. cursor: of the next page."""
    return {
        **listing(items, total, query, is_unbounded=True),
        "nextCursor": cursor,
        "isFirst": query.cursor is None,
    }


def back_to(otherwise: str) -> str:
    """Return the page of ours that sent the request; `otherwise` if it is unknown.

    The header comes from the browser. It can only name another site if that site sent the form,
    and then the CSRF check refused the request.
    """
    came_from = urlsplit(request.referrer or "")
    is_ours = came_from.netloc == request.host and came_from.path.startswith("/")
    query = f"?{came_from.query}" if came_from.query else ""
    return safe_next(f"{came_from.path}{query}", otherwise) if is_ours else otherwise


def safe_next(wanted: str | None, otherwise: str) -> str:
    """Return an address on this site; never one of another site."""
    # Browsers read a backslash as a slash, and skip control characters: both can leave the site.
    if wanted is None or not re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", wanted):
        return otherwise
    return wanted


def is_partial() -> bool:
    """Return whether htmx asks for a fragment rather than the whole page."""
    return request.headers.get("HX-Request-Type") == "partial"


def lead_to(address: str) -> Response:
    """Redirect the whole page, with htmx too."""
    if is_partial():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)  # type: ignore[return-value]


def tag(*parts: object) -> str:
    """Return the ETag of a fragment; `parts` are everything that its content depends on."""
    return hashlib.sha256(repr((galley_version(), *parts)).encode()).hexdigest()[:24]


def unless_known(etag: str, render: Callable[[], str]) -> Response:
    """Return the fragment, or 304 if the browser has this version."""
    is_known = request.if_none_match.contains_weak(etag)
    response = Response(status=304) if is_known else Response(render())
    response.set_etag(etag)
    return response
