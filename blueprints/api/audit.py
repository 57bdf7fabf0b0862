"""/api/audit: who changed what, when, and from which address."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from blueprints.api.operations import operation
from blueprints.api.replies import listing
from blueprints.requests.audit import AuditQuery
from blueprints.responses.audit import AuditEvent
from blueprints.responses.base import Unbounded
from blueprints.shared.guards import current_actor, load_project
from domain.accounts import audit
from domain.accounts.access import ADMIN, SYSTEM_ADMIN, require_system_admin

bp = Blueprint("api_audit", __name__, url_prefix="/api/audit")


@bp.get("")
@operation(
    "Search the audit log, newest first",
    needs=SYSTEM_ADMIN,
    who="System_Admins; with `projectId` the Admins of that project",
    answers={200: Unbounded[AuditEvent]},
    query=AuditQuery,
)
def search_audit(query: AuditQuery) -> ResponseReturnValue:
    """Every change creates an event, and so does each sign-in, including failed ones."""
    if query.project_id is None:
        require_system_admin(current_actor(), changes=False)
    else:
        load_project(query.project_id, ADMIN, changes=False)
    filters = audit.Filters(
        object_id=query.object_id,
        actor=query.actor,
        action=query.action,
        project_id=query.project_id,
        object_kind=query.kind,
        since=query.since,
        until=query.until,
    )
    rows, total, cursor = audit.find(filters, query.as_page(), query.cursor)
    return listing([AuditEvent.of(row) for row in rows], total, query, nextCursor=cursor)
