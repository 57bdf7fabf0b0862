"""A Redis that tests kill."""

import subprocess
from pathlib import Path

from jobs.setup import redis_server
from tests.support.wait import eventually


class OwnRedis:
    """A Redis for one test, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._argv, self.url = redis_server.command(folder)
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL)
        eventually(lambda: redis_server.answers(self.url), 10, "Redis to answer")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def forget(self) -> None:
        """Lose what it has written down."""
        for file in (self.folder / "redis").rglob("*.aof*"):
            file.unlink()
