"""Health checks for load balancers and monitors."""

import peewee
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints.shared.context import doorbell, settings
from blueprints.shared.guards import public
from domain import disk
from domain.clock import now
from domain.models import db
from domain.system import checks, heartbeats
from domain.system.checks import Finding

bp = Blueprint("health", __name__)

UNKNOWN = {"workers": "unknown", "reconciler": "unknown"}
WORDS = {"unreachable", "missing", "low", "full"}
"""The states besides `ok` and `unknown` that /readyz promises."""


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Answer, to show that this process is alive."""
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Report the state of each part: 503 without the database, 200 otherwise.

    Without the other parts, runs are still stored; they start when these parts are back.
    """
    ready = _database_answers()
    room = disk.look(settings())
    parts = {
        "database": "ok" if ready else "unreachable",
        "redis": _word(checks.redis(settings(), answers=doorbell().is_reachable())),
        **(_heartbeats() if ready else UNKNOWN),
        "disk": _word(checks.disk(room, disk.marks(settings(), room.folder))),
    }
    return jsonify(status="ok" if ready else "unavailable", **parts), 200 if ready else 503


def _word(finding: Finding) -> str:
    return finding.word if finding.word in WORDS else "ok"


def _database_answers() -> bool:
    try:
        db.execute_sql("SELECT 1")
    except (peewee.OperationalError, peewee.InterfaceError):
        return False
    return True


def _heartbeats() -> dict[str, str]:
    at = now()
    try:
        return {
            "workers": _word(checks.workers(heartbeats.workers(), at)[0]),
            "reconciler": _word(checks.reconciler(heartbeats.reconcilers(), at)),
        }
    except peewee.PeeweeException:  # it has just gone away, or is not migrated
        return UNKNOWN
