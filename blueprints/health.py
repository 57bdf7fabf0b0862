"""For load balancers and people in a hurry: is it alive, and can it work?"""

import peewee
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints import doorbell
from blueprints.guards import public
from domain.models import db

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """This process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """503 without the database. Without Redis runs are still stored, and start when it is back."""
    parts = {
        "database": "ok" if _database_answers() else "unreachable",
        "redis": "ok" if doorbell().is_reachable() else "unreachable",
    }
    ready = parts["database"] == "ok"
    return jsonify(status="ok" if ready else "unavailable", **parts), 200 if ready else 503


def _database_answers() -> bool:
    try:
        db.execute_sql("SELECT 1")
    except (peewee.OperationalError, peewee.InterfaceError):
        return False
    return True
