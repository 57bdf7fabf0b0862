"""What the fault tests start, and the look for what they left behind."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.settings import Settings
from jobs.queue import Doorbell
from tests.conftest import KINDS
from tests.resilience.gates import Gate
from tests.resilience.own_redis import OwnRedis
from tests.resilience.whole import Galley, galley_on
from tests.support.plant import Plant
from tests.support.processes import that_know
from tests.support.wait import eventually


def _fresh_database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    if request.param == "sqlite":
        yield {}
        return
    server = request.getfixturevalue("postgres_server")
    name = f"galley_{uuid.uuid4().hex[:12]}"
    yield {"DATABASE_URL": server.create(name)}
    server.drop(name)


own_database = pytest.fixture(params=KINDS)(_fresh_database)
"""The setting that names an empty database of the test's own, of both kinds in turn."""

_shared_database = pytest.fixture(params=KINDS, scope="module")(_fresh_database)


@pytest.fixture(scope="module")
def shared_galley(
    tmp_path_factory: pytest.TempPathFactory, _shared_database: dict[str, str]
) -> Iterator[Galley]:
    with galley_on(tmp_path_factory.mktemp("galley") / "data", **_shared_database) as galley:
        yield galley


@pytest.fixture
def galley(shared_galley: Galley) -> Galley:
    """One that survives what tests do to its parts; each test has a project of its own."""
    shared_galley.use_new_project()
    return shared_galley


@pytest.fixture
def plant(
    settings: Settings, database: object, redis_url: str, doorbell: Doorbell, tmp_path: Path
) -> Iterator[Plant]:
    """Workers and reconcilers to start, halt and kill; the test itself plays the web server."""
    plant = Plant(settings, redis_url, tmp_path)
    yield plant
    plant.stop()


@pytest.fixture(autouse=True)
def no_process_is_left_behind(tmp_path: Path) -> Iterator[None]:
    """Whatever a test starts has its folder in the environment or the arguments."""
    yield
    eventually(lambda: not that_know(f"{tmp_path}/"), 10, "every process of the test to be gone")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    folder = tmp_path / "gate"
    folder.mkdir()
    return Gate(folder)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path)
    yield redis
    redis.kill()
