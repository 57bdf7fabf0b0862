"""Filters and functions of the templates: wording, and addresses of static files.

Values have the shapes of the API, but moments are epoch milliseconds, as durations are.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from markupsafe import Markup

from blueprints.shared.run_summary import count, run_sentence, sentence_parts, steps_of, waits_for
from domain import clock
from domain.errors import FieldError
from domain.statuses import CANCELLED, FAILED, RUNNING, SKIPPED, SUCCEEDED
from domain.validation import messages

Json = Mapping[str, Any]

# The title of a tab has no colour, so a sign shows the status.
TAB_SIGNS = {
    "Pending": "○",
    "Running": "●",
    "Succeeded": "✓",
    "Failed": "✗",
    "Cancelled": "⊘",
    "Skipped": "–",
}
DOTTED = (RUNNING, SUCCEEDED, FAILED, CANCELLED)


def register(app: Flask) -> None:
    """Give the templates of `app` the filters and functions of this module."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        duration=duration_text,
        moment=moment_text,
        percent=percent_text,
        prose=prose,
        rfc3339=clock.rfc3339,
        size=size_text,
    )
    app.jinja_env.globals.update(
        TAB_SIGNS=TAB_SIGNS,
        asset=asset,
        count=count,
        elapsed_ms=elapsed_ms,
        errors_at=errors_at,
        favicon=favicon,
        now_ms=clock.now,
        pointer=pointer,
        run_sentence=run_sentence,
        sentence_parts=sentence_parts,
    )


def duration_text(ms: int | None) -> str:
    """Return `340 ms`, `4.2 s`, `38 s`, `3 m 05 s`, `1 h 02 m`, `2 d 03 h`; a dash for None.

    app.js writes the durations that tick in the same form.
    """
    if ms is None:
        return "–"
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 10_000:
        return f"{ms // 100 / 10} s"
    seconds = ms // 1_000
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24:02d} h"
    if hours:
        return f"{hours} h {minutes % 60:02d} m"
    if minutes:
        return f"{minutes} m {seconds % 60:02d} s"
    return f"{seconds} s"


def moment_text(ms: int) -> str:
    """Return a moment in words that suit every reader; app.js makes them relative and local."""
    moment = datetime.fromtimestamp(ms / 1_000, UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def elapsed_ms(since: int) -> int:
    """Return the milliseconds since a moment; 0 if it lies ahead."""
    return max(0, clock.now() - since)


def size_text(size: int) -> str:
    """Return a number of bytes in decimal units: `812 B`, `3.4 kB`, `120 MB`."""
    if size < 1_000:
        return f"{size} B"
    value, units = size / 1_000, ["TB", "GB", "MB", "kB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1_000
        units.pop()
    return f"{value:.1f} {units[-1]}" if value < 9.95 else f"{value:.0f} {units[-1]}"


def percent_text(rate: float | None) -> str:
    """Return a rate of 0 to 1 as `92 %`, rounded down so that 100 % means all; a dash for None."""
    return "–" if rate is None else f"{int(rate * 100 + 1e-9)} %"


def prose(text: str) -> Markup:
    """Render our own text with `code` in it as HTML."""
    code = Markup("<code>{}</code>")
    parts = [code.format(part) if n % 2 else part for n, part in enumerate(text.split("`"))]
    return Markup("").join(parts)


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) to the member that `parts` lead to."""
    return messages.pointer(parts)


def errors_at(errors: Iterable[FieldError], field: str) -> list[str]:
    """Return the words for the errors beside `field`, a JSON pointer."""
    return [error.beside() for error in errors if error.field == field]


def default_step(run: Json, *, may_act: bool = False) -> Json | None:
    """Return the step to show by default; None only for a run without steps.

    It is the first that failed, else the first that waits for the reader (may_act: one who may
    complete steps), else the first that runs, else the last that ended and was not skipped, else
    the first of all.
    """
    steps = steps_of(run)
    failed = (step for step in steps if step["status"] == FAILED)
    waiting = (step for step in steps if may_act and waits_for(step, "outside_completion"))
    running = (step for step in steps if step["status"] == RUNNING)
    if (first := next(chain(failed, waiting, running), None)) is not None:
        return first
    ended = [step for step in steps if step["completedAt"] and step["status"] != SKIPPED]
    if ended:
        return max(ended, key=lambda step: step["completedAt"])
    return steps[0] if steps else None


def asset(filename: str) -> str:
    """Return the address of a static file, with a hash of its content for endless caching.

    A missing file (before set-up has fetched it) gets an address without a hash.
    """
    address = _address.__wrapped__ if current_app.debug else _address
    return address(current_app.static_folder or "", current_app.static_url_path or "", filename)


def favicon(status: str | None) -> str:
    """Return the address of the tab's icon, which has a dot for a run that has started."""
    return asset(f"favicon-{status}.svg" if status in DOTTED else "favicon.svg")


@lru_cache
def _address(folder: str, root: str, filename: str) -> str:
    path = Path(folder, filename)
    version = f"?v={sha256(path.read_bytes()).hexdigest()[:10]}" if path.is_file() else ""
    return f"{root}/{filename}{version}"
