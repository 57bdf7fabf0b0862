"""Named rows of a project: the common part of test suites and environments."""

from collections.abc import Mapping
from typing import Any

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.accounts.audit import put_row
from domain.clock import now
from domain.models import Project, write
from domain.pagination import Page, fetch


def put_named(
    actor: Actor,
    model: Any,
    kind: str,
    project: Project,
    name: str,
    values: Mapping[str, Any],
) -> tuple[Any, bool]:
    stamped = {**values, "updated_at": now(), "updated_by": actor.username}
    with write():
        row, before = put_row(model, {"project": project.id, "name": name}, stamped)
        detail = audit.put(before, values)
        audit.record(actor, "put", kind, name, project_id=project.id, detail=detail)
    return row, before is None


def get_named(model: Any, kind: str, project: Project, name: str) -> Any:
    row = model.get_or_none(model.project == project.id, model.name == name)
    if row is None:
        raise missing(kind, name)
    return row


def list_named(model: Any, project: Project, page: Page) -> tuple[list[Any], int]:
    return fetch(model.select().where(model.project == project.id).order_by(model.name), page)
