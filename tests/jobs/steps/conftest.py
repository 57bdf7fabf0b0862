from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.settings import Settings
from tests.jobs.steps.workbench import Bench


@pytest.fixture
def bench(database: object, settings: Settings, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(settings, tmp_path)
    yield bench
    bench.stop_request.close()
