"""What the pages share: reading their queries, and answers that cost little when nothing is new."""

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


def listing(
    items: Sequence[Any], total: int, query: PageQuery, *, is_unbounded: bool = False
) -> dict[str, Any]:
    """A page of a list as the macro `pager` wants it.

    is_unbounded: the total was counted by `paging.count`, so there may be more.
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
    """A page of a list without bound as the macro `cursor_pager` wants it. cursor: of the next."""
    return {
        **listing(items, total, query, is_unbounded=True),
        "nextCursor": cursor,
        "isFirst": query.cursor is None,
    }


def back_to(otherwise: str) -> str:
    """The page of ours that the request came from; `otherwise` if it does not say.

    The header is the browser's; another site's page can only be in it if that sent the form, and
    then the request was refused.
    """
    came_from = urlsplit(request.referrer or "")
    is_ours = came_from.netloc == request.host and came_from.path.startswith("/")
    query = f"?{came_from.query}" if came_from.query else ""
    return safe_next(f"{came_from.path}{query}", otherwise) if is_ours else otherwise


def safe_next(wanted: str | None, otherwise: str) -> str:
    """A place on this site to go to next; never somebody else's."""
    # Browsers read a backslash as a slash, and skip control characters: both can leave the site.
    if wanted is None or not re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", wanted):
        return otherwise
    return wanted


def is_partial() -> bool:
    """Whether htmx wants a piece of the page; else it wants the page, or is not there."""
    return request.headers.get("HX-Request-Type") == "partial"


def lead_to(address: str) -> Response:
    """The whole page goes there, also for htmx."""
    if is_partial():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)  # type: ignore[return-value]


def tag(*parts: object) -> str:
    """The version of a piece of a page; `parts` are all that its look depends on."""
    return hashlib.sha256(repr((galley_version(), *parts)).encode()).hexdigest()[:24]


def unless_known(etag: str, render: Callable[[], str]) -> Response:
    """The piece of that version, or 304 if the browser shows it already."""
    is_known = request.if_none_match.contains_weak(etag)
    response = Response(status=304) if is_known else Response(render())
    response.set_etag(etag)
    return response
