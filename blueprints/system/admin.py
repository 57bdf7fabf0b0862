"""Read-only pages for System_Admins: the audit and the system status."""

from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.requests.base import CursorQuery, check
from blueprints.requests.dates import Day, begin_of, end_of
from blueprints.shared import pages
from blueprints.shared.context import doorbell, settings
from blueprints.shared.forms import Form
from blueprints.shared.guards import current_actor
from blueprints.system import audit_sentences, status_view
from domain.accounts import audit
from domain.accounts.access import require_system_admin
from domain.errors import Invalid
from domain.models import AuditEvent
from domain.models.run_facts import runs_by_id
from domain.runs import queries as run_queries
from domain.system import status as system_status
from domain.validation.fields import Line

bp = Blueprint("admin", __name__, url_prefix="/admin")

SYSTEM_PACE = "5s"


@bp.before_request
def only_system_admins() -> None:
    require_system_admin(current_actor(), changes=False)


@bp.get("")
def home() -> ResponseReturnValue:
    return redirect("/admin/system")


class AuditSearch(CursorQuery):
    """The filters of the API, with UTC days instead of times; `until` is the last day."""

    project_id: Line | None = None
    actor: Line | None = None
    action: Line | None = None
    kind: Line | None = None
    object_id: Line | None = None
    since: Day = None
    until: Day = None

    def filters(self) -> audit.Filters:
        return audit.Filters(
            object_id=self.object_id,
            actor=self.actor,
            action=self.action,
            project_id=self.project_id,
            object_kind=self.kind,
            since=begin_of(self.since),
            until=end_of(self.until),
        )


FILTERS = ("actor", "action", "kind", "objectId", "projectId", "since", "until")


@bp.get("/audit")
def audit_page() -> ResponseReturnValue:
    """Show the events that match the filters, or the filters with their errors."""
    values = {name: request.args.get(name, "") for name in FILTERS}
    try:
        query = pages.read_query(AuditSearch)
    except Invalid as error:
        nothing = pages.unbounded([], 0, check(CursorQuery, {}), None)
        return _audit(Form(values, error.errors), nothing), error.status
    rows, total, cursor = audit.find(query.filters(), query.as_page(), query.cursor)
    return _audit(Form(values), pages.unbounded(_sentences(rows), total, query, cursor))


def _audit(form: Form, events: dict[str, Any]) -> str:
    return render_template(
        "system/audit.html",
        part="audit",
        form=form,
        events=events,
        query=pages.filters(*FILTERS, "pageSize"),
        is_filtered=any(form.values.values()),
        actions=[(word, word.replace("_", " ")) for word in audit_sentences.ACTIONS],
        kinds=list(audit_sentences.KINDS.items()),
    )


def _sentences(rows: list[AuditEvent]) -> list[dict[str, Any]]:
    steps = run_queries.steps_named(audit_sentences.steps_to_name(rows))
    runs = runs_by_id(audit_sentences.runs_to_name(rows, steps))
    named = audit_sentences.Named(runs, steps)
    return [audit_sentences.sentence(row, named) for row in rows]


@bp.get("/system")
def system_page() -> ResponseReturnValue:
    return render_template("system/system.html", part="system", **_system())


@bp.get("/system/state")
def system_state() -> ResponseReturnValue:
    """Serve the polled part of the page."""
    found = _system()
    return pages.unless_known(
        found["etag"], lambda: render_template("system/_system.html", **found)
    )


def _system() -> dict[str, Any]:
    status = system_status.look(settings(), redis_answers=doorbell().is_reachable())
    shown = status_view.view(status, settings())
    return {"system": shown, "etag": pages.tag(shown), "pace": SYSTEM_PACE}
