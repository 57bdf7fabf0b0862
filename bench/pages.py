"""Measure the pages: server time with few and with a million runs, polls, and page weight.

Everything runs in one process without a network, so this is the CPU time of a request. One SQL
statement creates the runs, half of them in one project and the rest in nineteen others.
"""

import gzip
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from bench.rows import Row
from domain import settings as settings_module
from domain.accounts import users
from domain.accounts.access import console
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.migrations import migrate
from domain.models import Ingredient, Run, Workflow, db, is_sqlite, write
from domain.projects import projects
from domain.settings import Settings
from domain.workflows import workflows
from tests.support import postgres

FEW, MANY = 1_000, 1_000_000
PROJECTS = 20
PASSWORD = "a password for measuring"
ACTOR = console("bench")
REQUESTS = 100

_FILL = """
INSERT INTO run (id, workflow_id, project_id, number, revision, status, admitted, version,
    parameters, trigger_source, triggered_by, message, created_at, started_at, completed_at)
SELECT {id}, w.id, w.project_id, i, 1,
    CASE WHEN i {mod} 11 = 0 THEN 'Failed' ELSE 'Succeeded' END,
    true, 1, '{{}}', 'bench', 'bench', '', 1700000000000 + i * 1000, 1700000000000 + i * 1000,
    1700000000000 + i * 1000 + 40000
FROM {series}, workflow w
WHERE w.name = 'flow-' || (CASE WHEN i {mod} 2 = 0 THEN 0 ELSE i / 2 {mod} {others} + 1 END)
"""


def rows() -> Iterator[Row]:
    """Measure SQLite, and PostgreSQL if its programs are installed."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        yield from _measure("SQLite", settings_of(Path(folder)))
    programs = postgres.find_programs()
    if programs is None:
        return
    server = postgres.start(programs)
    try:
        with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
            yield from _measure("PostgreSQL", settings_of(Path(folder), server.create("bench")))
    finally:
        server.stop()


def settings_of(folder: Path, database_url: str = "") -> Settings:
    secret_key = "a key for measuring, of enough characters"
    environment = {"GALLEY_DATA_DIR": str(folder), "GALLEY_SECRET_KEY": secret_key}
    return settings_module.load({**environment, "DATABASE_URL": database_url})


def _measure(name: str, settings: Settings) -> Iterator[Row]:
    app = create_app(settings)
    migrate(settings)
    _furnish()
    with visiting(app) as visitor:
        addresses = {
            "run list": "/runs",
            "run list of a project": "/runs?projectId=project-0",
            "failed runs": "/runs?status=Failed",
            "run page": "",
            "workflow list": "/workflows",
        }
        _fill(1, FEW)
        few = _times(visitor, addresses)
        _fill(FEW + 1, MANY)
        many = _times(visitor, addresses)
        for page, milliseconds_now in many.items():
            ratio = milliseconds_now / few[page]
            yield Row(
                f"{page}, {MANY:,} runs, {name}",
                f"{milliseconds_now:.1f} ms at p95, {ratio:.1f} x as with {FEW:,}",
                "20 ms, 1.5 x",
                milliseconds_now <= 20 and (ratio <= 1.5 or milliseconds_now <= 10),
            )
        yield _polls(name, visitor)
        if settings.is_sqlite:
            yield from _weights(visitor)
    db.obj.close_all()


def _furnish() -> None:
    db.connect(reuse_if_open=True)
    users.create_user(ACTOR, "bench", password=PASSWORD, is_system_admin=True)
    for number in range(PROJECTS):
        project = projects.create_project(ACTOR, f"project-{number}", f"Project {number}")
        with write():
            Ingredient.create(id=f"part-{number}", project=project, name="Part", created_by="bench")
        step = {
            "name": "build",
            "type": "Build",
            "configuration": {"ingredientId": f"part-{number}", "buildScript": "true"},
        }
        stages = [{"name": "stage", "order": 1, "steps": [step]}]
        body = {"name": f"flow-{number}", "projectId": project.id, "stages": stages}
        workflows.create(parse(body, NewWorkflow), actor=ACTOR)
    db.close()


def _fill(first: int, last: int) -> None:
    """Insert runs with these numbers."""
    if is_sqlite():
        series = (
            f"(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n"
            f" WHERE i < {last}) SELECT i FROM n)"
        )
        run_id = "printf('%013x%011x', 1700000000000000 + i * 1000000, i)"
    else:
        series = f"(SELECT generate_series({first}, {last}) AS i) AS n"
        moment = "lpad(to_hex(1700000000000000 + i::bigint * 1000000), 13, '0')"
        run_id = f"{moment} || lpad(to_hex(i), 11, '0')"
    with db.obj.connection_context():
        with write():
            mod = "%" if is_sqlite() else "%%"  # psycopg takes a single % for a parameter
            db.obj.execute_sql(_FILL.format(id=run_id, series=series, others=PROJECTS - 1, mod=mod))
            for workflow in Workflow.select():
                newest = Run.select().where(Run.workflow == workflow.id).order_by(Run.id.desc())
                run = newest.first()
                Workflow.update(
                    run_count=run.number, last_run_id=run.id, last_run_at=run.created_at
                ).where(Workflow.id == workflow.id).execute()
        if not is_sqlite():
            db.obj.execute_sql("VACUUM ANALYZE")  # as autovacuum would do later


@contextmanager
def visiting(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
        assert csrf
        form = {"username": "bench", "password": PASSWORD, "csrf_token": csrf[1]}
        assert client.post("/login", data=form).status_code == 303
        yield client


def _times(visitor: FlaskClient, addresses: dict[str, str]) -> dict[str, float]:
    """Measure milliseconds at the 95th percentile. The run page shows the newest run."""
    newest = visitor.get("/api/workflowruns?pageSize=1").json["items"][0]["id"]
    return {
        page: _p95(visitor, address or f"/runs/{newest}") for page, address in addresses.items()
    }


def _p95(visitor: FlaskClient, address: str) -> float:
    times = [milliseconds(lambda: visitor.get(address)) for _ in range(REQUESTS)]
    return statistics.quantiles(times[5:], n=20)[-1]


def milliseconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def _polls(name: str, visitor: FlaskClient) -> Row:
    """Measure polls of an unchanged fragment."""
    newest = visitor.get("/api/workflowruns?pageSize=1").json["items"][0]["id"]
    address = f"/runs/{newest}/status"
    known = {"If-None-Match": visitor.get(address).headers["ETag"]}
    assert visitor.get(address, headers=known).status_code == 304
    times = [milliseconds(lambda: visitor.get(address, headers=known)) for _ in range(5 * REQUESTS)]
    rate = 1000 / statistics.median(times)
    return Row(
        f"polled fragment, unchanged, {name}", f"{rate:.0f}/s on one core", "500/s", rate >= 500
    )


def _weights(visitor: FlaskClient) -> Iterator[Row]:
    """Measure the compressed size of a page with and without the files that it loads."""
    for name, address in (("workflow list", "/workflows"), ("run list", "/runs")):
        page = visitor.get(address).text
        loaded = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
        files = sum(_weight(visitor.get(file).data) for file in loaded)
        alone = _weight(page.encode())
        yield Row(
            f"weight of the {name}, 50 rows",
            f"{(alone + files) / 1000:.0f} kB at first, {alone / 1000:.0f} kB later",
            "60 kB, 15 kB",
            alone + files <= 60_000 and alone <= 15_000,
        )


def _weight(content: bytes) -> int:
    return len(gzip.compress(content, 6))
