"""The calls of the API for the document: one for each method of each declared route."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from flask import Flask

from blueprints.api.operations import PUBLIC, Operation
from domain.accounts.access import SYSTEM_ADMIN

CHANGES = ("POST", "PUT", "DELETE")

ALWAYS = (400, 413, 415, 422, 503)
"""Statuses that any call may answer: a bad query or header, a body not taken, no database."""

_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


class Route(NamedTuple):
    method: str
    path: str
    """As OpenAPI writes it: `/api/projects/{projectId}`."""
    parameters: tuple[str, ...]
    """The variables of the path, as the view names them."""
    name: str
    description: str
    operation: Operation

    @property
    def is_change(self) -> bool:
        declared = self.operation.changes
        return self.method in CHANGES if declared is None else declared


def routes_of(app: Flask) -> Iterator[Route]:
    """Return every call of the API, in the order of the addresses."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        declared: Operation | None = getattr(view, "operation", None)
        if declared is None:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(
                method,
                documented_path(rule.rule),
                tuple(_VARIABLE.findall(rule.rule)),
                camel(view.__name__),
                " ".join((view.__doc__ or "").split()),
                declared,
            )


def documented_path(rule: str) -> str:
    """Return the address of a route as OpenAPI writes it: `/api/projects/{projectId}`."""
    return _VARIABLE.sub(lambda found: f"{{{camel(found[1])}}}", rule)


def failures_of(route: Route) -> list[int]:
    """Return the error statuses that a call may answer."""
    declared = route.operation
    found = {*ALWAYS, *declared.errors}
    if declared.needs != PUBLIC:
        found |= {401, 429}
    if route.parameters or declared.query is not None:
        found.add(404)  # a query may name a project
    if route.is_change or declared.needs == SYSTEM_ADMIN:
        found.add(403)
    if route.is_change:
        found |= {404, 507}
    return sorted(found)


def camel(name: str) -> str:
    """Convert `project_id` to `projectId`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
