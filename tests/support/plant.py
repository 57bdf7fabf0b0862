"""Galley's working processes for one test: real workers and reconcilers, quick to start and kill.

They are forked from a server process that has imported everything and opened nothing, which takes
30 ms where a new interpreter takes half a second; each is a process of its own all the same.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.models import WorkerInfo
from domain.settings import Settings
from tests.support import halting
from tests.support.processes import is_alive, state
from tests.support.wait import eventually

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["app", "jobs.reconciler.reconciler", "jobs.worker.worker", "tests.support.plant"]
)

PR_SET_PDEATHSIG = 1


class Part:
    """A process of Galley that a test may stop in any way."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.pid: int = process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, whatever state it is in; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        eventually(lambda: not is_alive(self.pid), 5, "a killed process to be gone")

    def end(self) -> None:
        """SIGTERM, also to one that has halted."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    @property
    def has_halted(self) -> bool:
        return state(self.pid) == "T"

    def halted(self, seconds: float = 15) -> None:
        """Wait until it has come to its point."""

        def there() -> bool:
            assert is_alive(self.pid), "it ended before it came to its point"
            return self.has_halted

        eventually(there, seconds, "the process to halt at its point")

    def ended(self, seconds: float = 15) -> None:
        eventually(lambda: not is_alive(self.pid), seconds, "the process to end")


class Plant:
    """What runs for one test. What the processes say goes to plant.log in the folder."""

    def __init__(self, settings: Settings, redis_url: str, folder: Path) -> None:
        self.settings = settings
        self.redis_url = redis_url
        self.log = folder / "plant.log"
        self.parts: list[Part] = []

    def worker(self, queue: str = "default", *, halt: str | None = None) -> Part:
        """A worker that is ready for its queue; `halt` is one of halting.POINTS."""
        part = self.start(_work, self.settings, self.redis_url, queue, halt=halt)
        mine = WorkerInfo.select().where(WorkerInfo.pid == part.pid)
        eventually(mine.exists, 10, "the worker to say that it is there")
        return part

    def reconciler(self, *, halt: str | None = None) -> Part:
        return self.start(_reconcile, self.settings, self.redis_url, halt=halt)

    def start(self, job: Callable[..., None], *arguments: Any, halt: str | None = None) -> Part:
        """A process that does the job, a function of a module that can be imported."""
        process = _forks.Process(target=_begin, args=(self.log, halt, job, arguments), daemon=True)
        process.start()
        part = Part(process)
        self.parts.append(part)
        return part

    def stop(self) -> None:
        for part in self.parts:
            part.kill()


def _begin(log: Path, halt: str | None, job: Callable[..., None], arguments: Any) -> None:
    """Be a process as if from a shell: own output, default handlers; gone with its parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if halt:
        halting.halt_at(halt)
    job(*arguments)


def _work(settings: Settings, redis_url: str, queue: str) -> None:
    from jobs.worker.worker import work

    work(settings, redis_url, queue)


def _reconcile(settings: Settings, redis_url: str) -> None:
    from jobs.reconciler.reconciler import reconcile_forever

    reconcile_forever(settings, redis_url)
