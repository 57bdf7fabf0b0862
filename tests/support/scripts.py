"""Scripts given as text, run as a worker runs them."""

import itertools
import os
from pathlib import Path
from typing import Any

from jobs.scripts.process_tree import COOKIE, kill_strays
from jobs.scripts.runner import Result, StopRequest, run_script

COOKIES = (f"test-{os.getpid()}-{number}" for number in itertools.count())


class Runner:
    """Runs scripts given as text, with an environment and a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cookie = folder, next(COOKIES)
        self.stop_request = StopRequest()
        self.chunks: list[bytes] = []

    @property
    def printed(self) -> str:
        return b"".join(self.chunks).decode()

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], COOKIE: self.cookie}

    def file(self, text: str) -> Path:
        path = self.folder / "script"
        path.write_text(text)
        return path

    def __call__(self, text: str | Path, **options: Any) -> Result:
        defaults = {
            "cwd": self.folder,
            "env": self.env,
            "output": self.chunks.append,
            "stop_request": self.stop_request,
            "timeout_seconds": 30,
            "grace_seconds": 20,
        }
        path = text if isinstance(text, Path) else self.file(text)
        return run_script(path, **(defaults | options))

    def survivors(self) -> int:
        return kill_strays(self.cookie)
