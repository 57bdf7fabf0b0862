"""Fixtures for every test: real databases, a real application, five people.

Each test gets an empty, migrated database. Tests that use `database` run twice, on SQLite and on
PostgreSQL; with DATABASE_URL=postgresql://… they run on that server
alone. GALLEY_REQUIRE_POSTGRES and GALLEY_REQUIRE_BROWSER turn skips into failures.
"""

import gc
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

from bench.stack import Stack, running
from domain import models
from domain import settings as settings_module
from domain.migrations import migrate
from domain.settings import Settings
from jobs.queue import Doorbell
from jobs.setup import redis_server
from tests.support import passwords, postgres, sharing  # noqa: F401
from tests.support.disks import SmallDisk, is_roomy
from tests.support.examples import examples
from tests.support.keys import SECRET_KEY
from tests.support.wait import eventually

TESTS = Path(__file__).parent
SLOW_SECONDS = 10

# Whether a change passes must not depend on luck; elsewhere each run tries something new.
# No deadlines: how long an example takes depends on what else the machine does.
hypothesis.settings.register_profile(
    "galley",
    deadline=None,
    derandomize="GALLEY_REQUIRE_POSTGRES" in os.environ,
    max_examples=examples(50),
)
hypothesis.settings.load_profile("galley")

# Under another name, because pytest's own worker processes inherit what is left of it below.
os.environ.setdefault("TESTS_DATABASE_URL", os.environ.get("DATABASE_URL", ""))
GIVEN_URL = os.environ["TESTS_DATABASE_URL"]
KINDS = ["postgresql"] if GIVEN_URL.startswith("postgresql:") else ["sqlite", "postgresql"]

for name in [n for n in os.environ if n.startswith("GALLEY_") and "REQUIRE" not in n]:
    del os.environ[name]
for name in ("DATABASE_URL", "REDIS_URL"):
    os.environ.pop(name, None)

# In memory, where there is enough of it: most of what the tests wait for is the disk.
if is_roomy(MEMORY := Path("/dev/shm")):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Programs inherit signals that are ignored, as under nohup and in the background of a script, but
# not a handler that does nothing.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

MARK_OF_FOLDER = {"browser": "browser", "commands": "galley", "resilience": "resilience"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what each test needs. Several processes begin with what takes longest."""
    for item in items:
        if mark := MARK_OF_FOLDER.get(item.path.relative_to(TESTS).parts[0]):
            item.add_marker(mark)
        if needs_postgresql(item):
            item.add_marker("postgresql")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: sharing.rank(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> sharing.Scheduling:
    """For `-n`, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return sharing.Scheduling(config, log)


def needs_postgresql(item: pytest.Item) -> bool:
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "postgresql" in values or "postgres_server" in item.fixturenames


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that are slow and do not say so."""
    for report in terminalreporter.getreports("passed"):
        if report.duration > SLOW_SECONDS and "slow" not in report.keywords:
            terminalreporter.write_line(f"Not marked as slow: {report.nodeid}", yellow=True)


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it for garbage again and again takes a twentieth."""
    gc.collect()
    gc.freeze()


def skip_or_fail(switch: str, reason: str) -> None:
    """Skip with the reason; fail where the switch says that nothing may be skipped."""
    if os.environ.get(switch):
        pytest.fail(f"{switch} is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    if GIVEN_URL.startswith("postgresql:"):
        yield postgres.Server(GIVEN_URL)
        return
    programs = postgres.find_programs()
    if programs is None:
        skip_or_fail("GALLEY_REQUIRE_POSTGRES", "PostgreSQL is not installed")
    server = postgres.start(programs)
    yield server
    server.stop()


def settings_for(data_dir: Path, **environment: str) -> Settings:
    """Settings as the environment would give them, for a data folder of the test."""
    own = {"GALLEY_DATA_DIR": str(data_dir), "GALLEY_SECRET_KEY": SECRET_KEY}
    return settings_module.load({**own, **environment})


def migrated(settings: Settings) -> None:
    models.connect(settings, pooled=False)
    with models.db.obj.connection_context():
        migrate(settings)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = settings_for(tmp_path_factory.mktemp("template"))
    migrated(settings)
    return settings.sqlite_path


@pytest.fixture(scope="session")
def postgres_url(
    postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A migrated database of this test process; `settings` empties it before each test.

    Emptying takes a twentieth of the time that a copy of a template takes.
    """
    name = f"galley_{uuid.uuid4().hex[:12]}"
    url = postgres_server.create(name)
    migrated(settings_for(tmp_path_factory.mktemp("pg"), DATABASE_URL=url))
    yield url
    postgres_server.drop(name)


def fresh_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A fresh data folder and a migrated, empty database of the kind that is asked for."""
    plain = settings_for(tmp_path / "data")
    plain.data_dir.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), plain.sqlite_path)
        return plain
    url = request.getfixturevalue("postgres_url")
    postgres.empty(url, [model._meta.table_name for model in reversed(models.ALL)])
    return replace(plain, database_url=url)


settings = pytest.fixture(params=KINDS)(fresh_settings)
"""Both kinds in turn. Folders about HTTP try one: what they call is tried on both already."""
both_databases = pytest.mark.parametrize("settings", KINDS, indirect=True)
"""For a test of such a folder that is to be tried on both all the same."""


@pytest.fixture
def database(settings: Settings) -> Iterator[models.Base]:
    """The models, bound to the test's database by one open connection."""
    database = models.connect(settings, pooled=False)
    database.connect()
    yield database
    database.close()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of the tests' own. What is in it is flushed by whoever needs it empty."""
    argv, url = redis_server.command(tmp_path_factory.mktemp("r"))
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as server:
        eventually(lambda: redis_server.answers(url), 10, "Redis to answer")
        yield url
        server.terminate()


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Galley with the sample, for tests that leave it running and its sample unchanged."""
    folder = tmp_path_factory.mktemp("shared")
    quick = {"GALLEY_KILL_GRACE_SECONDS": "1", "GALLEY_LEASE_SECONDS": "5"}
    with running(folder / "data", workers=2, **quick) as (stack, _):
        yield stack


@pytest.fixture
def doorbell(redis_url: str) -> Iterator[Doorbell]:
    """Rings in an empty Redis."""
    doorbell = Doorbell(redis_url)
    doorbell.connection.flushall()
    yield doorbell
    doorbell.connection.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of 3 MiB, to be filled."""
    disk = SmallDisk(tmp_path / "disk")
    if problem := disk.mount():
        pytest.skip(f"a file system of a test's own cannot be mounted here: {problem}")
    yield disk
    disk.unmount()
