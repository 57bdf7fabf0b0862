"""The log panel of the run page: windows of lines, updates, and search."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue
from pydantic import Field, StringConstraints

from blueprints.requests.base import Schema
from blueprints.requests.runs import MAX_OFFSET
from blueprints.runs import ansi
from blueprints.shared import pages
from blueprints.shared.context import settings
from blueprints.shared.guards import load_run
from domain.errors import NotFound
from domain.logs import error_lines, run_logs, windows
from domain.logs import search as log_search
from domain.logs.files import log_path, times_path
from domain.logs.run_logs import AttemptLog
from domain.logs.timestamps import Times
from domain.logs.windows import Window
from domain.models import Run, StepRun
from domain.runs import queries as run_queries

bp = Blueprint("log_pages", __name__, url_prefix="/runs")

ERROR_ABOVE = 5
"""Lines before the error at which a log is opened."""

LineNumber = Annotated[int | None, Field(ge=0, le=MAX_OFFSET)]
LineRange = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(-[0-9]{1,12})?$")]
Wanted = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\r\n]*$")]


class LogPlace(Schema):
    """The requested window of a log; by default the most relevant one."""

    whole: ClassVar[str] = "the query"
    line: LineRange | None = None
    """A line that is looked for, or the lines from one to another."""
    before: LineNumber = None
    after: LineNumber = None
    q: Wanted | None = None
    """A text that is looked for."""
    start: int = Field(1, alias="from", ge=1, le=MAX_OFFSET)
    """The line from which it is looked for."""
    times: bool = False
    """True to show times without JavaScript."""


class LogView(LogPlace):
    attempt: int | None = Field(None, ge=1, le=1000)
    offset: int | None = Field(None, ge=0, le=MAX_OFFSET)
    """Return lines from this byte on: the start of the last line, if that was incomplete."""
    shown: int | None = Field(None, ge=0, le=MAX_OFFSET)
    """Size of the log at the last request."""
    errors: LineNumber = None
    """The next line behind this one that looks like an error."""


# ---- on the page of the run ------------------------------------------------------------------


def opening(step: StepRun, attempt: int) -> dict[str, Any]:
    """Return the initial state of the log panel; see templates/runs/_log_panel.html.

    attempt: 0 before the first.
    """
    place = pages.read_query(LogPlace)
    if attempt == 0:
        return _shown(Window([], 0, 0, 0), None, place)
    log = run_logs.of_step(settings().data_dir, step, attempt)
    error = _error(log)
    window, target = _window(log, place, error)
    return {
        **_shown(window, log, place, target),
        "error": error,
        "atEnd": target is None and place.after is None,
        "times": place.times,
        "query": place.q or "",
        "start": place.start,
        "hits": _hits(log, place) if place.q else None,
    }


def _error(log: AttemptLog) -> error_lines.ErrorSearch | None:
    """Return the error line of a failed attempt; None while it runs, or if no line matches."""
    if not (log.is_over and log.has_failed):
        return None
    found = error_lines.first_error(log.path)
    return found if found.number else None


def _window(
    log: AttemptLog, place: LogPlace, error: error_lines.ErrorSearch | None = None
) -> tuple[Window, int | None]:
    """Return a window of lines, and the line that it was chosen to show."""
    if place.line:
        number = _range(place.line)[0]
        return windows.around(log.path, number), number
    if place.before is not None:
        return windows.before(log.path, place.before), None
    if place.after is not None:
        return windows.after(log.path, place.after), None
    if error and error.number:
        # Without a script its beginning is what is seen.
        return windows.around(log.path, error.number, above=ERROR_ABOVE), error.number
    return windows.end(log.path), None


def _range(line: str) -> tuple[int, int]:
    """Return the first and last marked line."""
    first, _, last = line.partition("-")
    low, high = sorted((int(first), int(last or first)))
    return low, high


def _shown(
    window: Window, log: AttemptLog | None, place: LogPlace, target: int | None = None
) -> dict[str, Any]:
    first_marked, last_marked = _range(place.line) if place.line else (0, 0)
    times = Times(times_path(log.path)) if log and log.started_at else None
    marks_errors = log is not None and log.has_failed
    painter = ansi.Painter(window.before.decode("utf-8", "replace"))
    lines = []
    for line in window.lines:
        text = line.text
        at = times.at(line.offset) if times else None
        lines.append(
            {
                "number": line.number,
                "html": painter.html(text),
                "isMarked": first_marked <= line.number <= last_marked,
                "isError": marks_errors and error_lines.looks_like_error(ansi.plain(text)),
                "cut": line.size if line.is_cut else 0,
                "time": _since(at, log.started_at) if at and log and log.started_at else "",
                "exact": _exact(at) if at else "",
            }
        )
    return {
        "lines": lines,
        "first": window.first,
        "last": window.last,
        "total": window.total,
        "size": window.size,
        "resume": window.resume,
        "complete": log is not None and log.is_over,
        "target": min(target, window.last) if target else None,
        "hasTimes": bool(times),
    }


def _since(at: int, started_at: int) -> str:
    """Format the time since the start of the attempt as `0:07.3`."""
    tenths = max(0, at - started_at) // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _exact(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at % 1000:03d} UTC"


def size_now(run: Run, shown: str) -> int | None:
    """Return the size of a log in bytes; None before it exists. shown: STEP.ATTEMPT."""
    step_id, _, attempt = shown.partition(".")
    if not attempt.isdecimal():
        return None
    try:
        return log_path(settings().data_dir, run.id, step_id, int(attempt)).stat().st_size
    except (NotFound, OSError, ValueError):
        return None


# ---- pieces of it ----------------------------------------------------------------------------


@bp.get("/<run_id>/steps/<step_run_id>/log")
def log(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Return a window of the log, or its new lines; 204 while there are none."""
    step = run_queries.get_step(load_run(run_id), step_run_id)
    view = pages.read_query(LogView)
    found = run_logs.of_step(settings().data_dir, step, view.attempt)
    ending = None
    if view.offset is not None:
        window, target = windows.since(found.path, view.offset), None
        if window.size == (view.shown or 0) and not found.is_over:
            return Response(status=204)
        ending = _error(found)
    elif view.errors is not None:
        error = error_lines.next_error(found.path, view.errors)
        if error.number is None:
            headers = {"X-Log-Next": str(error.next_line)} if error.next_line else {}
            return Response(status=204, headers=headers)
        window, target = windows.around(found.path, error.number), error.number
    else:
        window, target = _window(found, view)
    context = _context(step, found, view, window, target)
    context["log"]["error"] = ending
    return render_template("runs/_log_lines.html", **context)


@bp.get("/<run_id>/steps/<step_run_id>/log/search")
def search(run_id: str, step_run_id: str) -> ResponseReturnValue:
    """Return the lines that contain the text `q`, starting at line `from`."""
    step = run_queries.get_step(load_run(run_id), step_run_id)
    view = pages.read_query(LogView)
    found = run_logs.of_step(settings().data_dir, step, view.attempt)
    return render_template(
        "runs/_log_hits.html",
        run={"id": step.run_id},
        step={"id": step.id},
        attempt=found.attempt,
        log={
            "query": view.q or "",
            "start": view.start,
            "hits": _hits(found, view),
            "times": False,
        },
    )


def _context(
    step: StepRun, found: AttemptLog, view: LogView, window: Window, target: int | None
) -> dict[str, Any]:
    return {
        "run": {"id": step.run_id},
        "step": {"id": step.id},
        "attempt": found.attempt,
        "log": {**_shown(window, found, view, target), "times": view.times},
    }


def _hits(log: AttemptLog, place: LogPlace) -> log_search.Hits:
    if not place.q:
        return log_search.Hits([], None, 0)
    return log_search.search(log.path, place.q, place.start)
