from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripts import Runner


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Runner]:
    """Run scripts, and check that no process of theirs is left."""
    runner = Runner(tmp_path)
    yield runner
    runner.stop_request.close()
    assert runner.survivors() == 0
