"""Measure each view of the page of a run with fifty stages of twenty steps each.

Everything runs in one process, like for the other pages. The run is measured before its start, half
way, and at its end. Twenty earlier runs provide the expected durations of its steps.
"""

import gc
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flask.testing import FlaskClient

from app import create_app
from bench import synthetic_runs
from bench.pages import PASSWORD, milliseconds, settings_of, visiting
from bench.rows import Row
from domain import engine
from domain.accounts import users
from domain.migrations import migrate
from domain.models import Run, db

STAGES, STEPS = 50, 20
EARLIER = 20
VIEWS = ("picture", "table", "timeline")
LIMIT_MS = 100
TIMES = 15


def rows() -> Iterator[Row]:
    """Measure the page and its polled part after a change, for each view."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        settings = settings_of(Path(folder))
        app = create_app(settings)
        migrate(settings)
        engine.listen(lambda _: None)  # there are no workers to notify
        keys = app.extensions["galley_keys"]
        with db.obj.connection_context():
            users.create_user(
                synthetic_runs.ACTOR, "bench", password=PASSWORD, is_system_admin=True
            )
            workflow = synthetic_runs.create_workflow("large", STAGES, STEPS)
            for _ in range(EARLIER):
                synthetic_runs.advance(synthetic_runs.start(workflow, keys), STAGES)
            run = synthetic_runs.start(workflow, keys)
        gc.collect()
        gc.freeze()  # like `cli.web_application`
        with visiting(app) as visitor:
            yield from _measure(visitor, run)
        db.obj.close_all()


def _measure(visitor: FlaskClient, run: Run) -> Iterator[Row]:
    page, part = {}, {}
    for done in (None, STAGES // 2, STAGES):
        if done is not None:
            with db.obj.connection_context():
                synthetic_runs.advance(run, done)
        for view in VIEWS:
            page[view, done] = _median(visitor, f"/runs/{run.id}?view={view}")
            part[view, done] = _median(visitor, f"/runs/{run.id}/status?view={view}")
    for name, times in (("run page", page), ("  its polled part", part)):
        for view in VIEWS:
            each = [ms for (of, _), ms in times.items() if of == view]
            yield Row(
                f"{name}, {STAGES} x {STEPS}, {view}",
                " / ".join(f"{ms:.0f}" for ms in each) + " ms median",
                f"{LIMIT_MS} ms",
                max(each) <= LIMIT_MS,
            )


def _median(visitor: FlaskClient, address: str) -> float:
    times = [milliseconds(lambda: visitor.get(address)) for _ in range(TIMES)]
    return statistics.median(times[2:])
