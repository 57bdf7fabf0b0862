"""/styleguide: every page component in every state, in development only."""

from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from blueprints.shared.forms import Form
from blueprints.shared.guards import public
from domain.clock import now
from domain.errors import FieldError, NotFound
from domain.statuses import FINISHED, LIVE

bp = Blueprint("styleguide", __name__, url_prefix="/styleguide")

TYPED = Form(
    {"name": "Larder pipeline", "kind": "script", "keep": "none"},
    [
        FieldError("/keep", "invalid_type", "keep must be a whole number."),
        FieldError("", "conflict", "The project was changed by ada in the meantime."),
    ],
)


@bp.get("")
@public
def show() -> ResponseReturnValue:
    if not current_app.debug:
        raise NotFound("There is nothing at this address.")
    at = now()
    durations = (41_000, 39_500, 44_000, 0, 61_000, 40_200, 12_000, 38_900)
    words = ("Succeeded", "Succeeded", "Failed", "Cancelled") * 2
    runs = [
        {
            "id": f"{number:024x}",
            "number": number,
            "workflowName": "Larder",
            "projectId": "sample",
            "status": word,
            "triggeredBy": "ada",
            "triggerSource": "nightly",
            "createdAt": at - number * 3_600_000,
            "startedAt": at - number * 3_600_000,
            "completedAt": at - number * 3_500_000,
            "durationMs": duration,
        }
        for number, (word, duration) in enumerate(zip(words, durations, strict=True), 1)
    ]
    reason: dict[str, Any] = {
        "code": "no_worker",
        "message": "No worker listens to the queue gpu.",
        "since": at - 90_000,
        "until": None,
        "who": [],
    }
    return render_template(
        "system/styleguide.html",
        statuses=(*LIVE, *FINISHED),
        runs=runs,
        waiting=[reason],
        listing={"items": runs, "totalCount": 1234, "page": 2, "pageSize": 8},
        form=Form(),
        typed=TYPED,
        at=at - 125_000,
    )
