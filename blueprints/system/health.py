"""For load balancers and people in a hurry: is it alive, and can it work?"""

import peewee
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints.shared.context import doorbell, settings
from blueprints.shared.guards import public
from domain import disk
from domain.clock import now
from domain.models import db
from domain.system.heartbeats import has_reconciler, listeners

bp = Blueprint("health", __name__)

NOBODY_KNOWS = {"workers": "unknown", "reconciler": "unknown"}


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """This process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """503 without the database. Without the rest runs are still stored, and start when it is back.

    Each part is ok, unreachable, missing (none was heard of lately) or unknown; the disk of this
    host is ok, low or full.
    """
    ready = _database_answers()
    parts = {
        "database": "ok" if ready else "unreachable",
        "redis": "ok" if doorbell().is_reachable() else "unreachable",
        **(_who_is_there() if ready else NOBODY_KNOWS),
        "disk": disk.look(settings()).state,
    }
    return jsonify(status="ok" if ready else "unavailable", **parts), 200 if ready else 503


def _database_answers() -> bool:
    try:
        db.execute_sql("SELECT 1")
    except (peewee.OperationalError, peewee.InterfaceError):
        return False
    return True


def _who_is_there() -> dict[str, str]:
    at = now()
    try:
        there = {"workers": bool(listeners(at)), "reconciler": has_reconciler(at)}
    except peewee.PeeweeException:  # it went away just now, or was not migrated
        return NOBODY_KNOWS
    return {part: "ok" if is_there else "missing" for part, is_there in there.items()}
