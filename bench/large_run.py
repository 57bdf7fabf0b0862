"""The server time for the page of a run of fifty stages with twenty steps each, in each view.

Measured inside one process, as the other pages are. The run is looked at before it begins, in its
middle and at its end; twenty runs before it say how long its steps usually take.
"""

import gc
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flask.testing import FlaskClient

from app import create_app
from bench import made_runs
from bench.pages import PASSWORD, milliseconds, settings_of, visiting
from bench.rows import Row
from domain.accounts import users
from domain.migrations import migrate
from domain.models import Run, db

STAGES, STEPS = 50, 20
EARLIER = 20
VIEWS = ("picture", "table", "timeline")
LIMIT_MS = 100
TIMES = 15


def rows() -> Iterator[Row]:
    """Measure each view: the page, and its polled part after a change."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        settings = settings_of(Path(folder))
        app = create_app(settings)
        migrate(settings)
        keys = app.extensions["galley_keys"]
        with db.obj.connection_context():
            users.create_user(made_runs.ACTOR, "bench", password=PASSWORD, is_system_admin=True)
            workflow = made_runs.a_workflow("large", STAGES, STEPS)
            for _ in range(EARLIER):
                made_runs.advance(made_runs.started(workflow, keys), STAGES)
            run = made_runs.started(workflow, keys)
        gc.collect()
        gc.freeze()  # as `cli.web_application` does
        with visiting(app) as visitor:
            yield from _measure(visitor, run)
        db.obj.close_all()


def _measure(visitor: FlaskClient, run: Run) -> Iterator[Row]:
    page, part = {}, {}
    for done in (None, STAGES // 2, STAGES):
        if done is not None:
            with db.obj.connection_context():
                made_runs.advance(run, done)
        for view in VIEWS:
            page[view, done] = _median(visitor, f"/runs/{run.id}?view={view}")
            part[view, done] = _median(visitor, f"/runs/{run.id}/status?view={view}")
    for what, taken in (("run page", page), ("  its polled part", part)):
        for view in VIEWS:
            each = [ms for (of, _), ms in taken.items() if of == view]
            yield Row(
                f"{what}, {STAGES} x {STEPS}, {view}",
                " / ".join(f"{ms:.0f}" for ms in each) + " ms median",
                f"{LIMIT_MS} ms",
                max(each) <= LIMIT_MS,
            )


def _median(visitor: FlaskClient, address: str) -> float:
    taken = [milliseconds(lambda: visitor.get(address)) for _ in range(TIMES)]
    return statistics.median(taken[2:])


def main() -> None:
    """Run only this measurement: `python -m bench.large_run`."""
    for row in rows():
        print(row.line(48), flush=True)


if __name__ == "__main__":
    main()
