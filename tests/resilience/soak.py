"""Random faults for as long as you like: `make soak SECONDS=600 SEED=7`.

A whole Galley is kept busy with every kind of workflow while its processes are killed, paused and
told to end, its Redis is killed and emptied, its database restarted, its runs aborted, repeated and
completed from outside. At the end everything that Galley promises is looked for, in the database,
in the storage, among the processes, and in what the scripts themselves noted in files. Half of the
time goes to SQLite, half to PostgreSQL. Exit status 1 when a promise is broken.
"""

import argparse
import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from redis import Redis, RedisError

from domain.models import Attempt, Run, StepRun, connect
from domain.settings import load
from domain.statuses import FAILED, SUCCEEDED
from tests.resilience.whole import Galley, galley_on
from tests.resilience.work import Work
from tests.support import invariants, postgres
from tests.support.processes import is_alive

IN_PROGRESS = 12
"""So many runs are kept unfinished."""

PACE_SECONDS = 0.05
"""Between two things that somebody does."""

SETTINGS = {"GALLEY_LEASE_SECONDS": "2"}
WORKERS = 3


class Soak:
    """One Galley on one database, until its time is over."""

    def __init__(self, folder: Path, dice: random.Random, server: postgres.Server | None) -> None:
        self.folder = folder
        self.dice = dice
        self.server = server
        self.data_dir = folder / "data"
        self.settings = dict(SETTINGS)
        if server is not None:
            self.settings["DATABASE_URL"] = server.create("soak")
        self.faults: collections.Counter[str] = collections.Counter()
        self.paused: dict[int, float] = {}

    def run(self, seconds: float) -> list[str]:
        """Everything; a sentence for each promise that was broken."""
        end = time.monotonic() + seconds
        self.work = Work(self.folder, random.Random(self.dice.random()))
        while time.monotonic() < end:
            with self._galley() as galley:
                self.work.prepare(galley)
                over = self._until_restart(end)
                with self._somebody_works(galley, over):
                    self._strike_until(galley, over)
                self._wake_all()
        with self._galley() as galley:
            stuck = self.work.finish(galley)
        return [*stuck, *self._check()]

    def _until_restart(self, end: float) -> float:
        """The whole of Galley is stopped and started again a few times, too."""
        return min(end, time.monotonic() + self.dice.uniform(20, 60))

    @contextlib.contextmanager
    def _galley(self) -> Iterator[Galley]:
        """Stopped at the end: in an orderly way, or by kill -9 of the supervisor."""
        with galley_on(self.data_dir, workers=WORKERS, **self.settings) as galley:
            yield galley
            if self.dice.random() < 0.5:
                self.faults["kill -9 of the supervisor"] += 1
                galley.stack.process.kill()

    @contextlib.contextmanager
    def _somebody_works(self, galley: Galley, over: float) -> Iterator[None]:
        def keep_busy() -> None:
            while time.monotonic() < over:
                with contextlib.suppress(httpx.HTTPError):
                    self.work.do_something(galley, IN_PROGRESS)
                time.sleep(PACE_SECONDS)

        thread = threading.Thread(target=keep_busy)
        thread.start()
        yield
        thread.join()

    def _strike_until(self, galley: Galley, over: float) -> None:
        while time.monotonic() < over:
            time.sleep(self.dice.uniform(0.05, 1.2))
            name, fault = self.dice.choice(self._faults(galley))
            with contextlib.suppress(IndexError, ProcessLookupError, RedisError):
                fault()
                self.faults[name] += 1
            self._wake_those_who_slept()

    def _faults(self, galley: Galley) -> list[tuple[str, Callable[[], Any]]]:
        worker = [
            ("kill -9 of a worker", lambda: self._signal(galley, "cli worker", signal.SIGKILL)),
            ("SIGTERM to a worker", lambda: self._signal(galley, "cli worker", signal.SIGTERM)),
            ("a pause of a worker", lambda: self._pause(galley, "cli worker")),
        ]
        others = [
            ("kill -9 of the reconciler", lambda: self._signal(galley, "cli reconciler")),
            ("a pause of the reconciler", lambda: self._pause(galley, "cli reconciler")),
            ("kill -9 of the web server", lambda: self._signal(galley, "gunicorn")),
            ("kill -9 of Redis", lambda: self._signal(galley, "redis-server")),
            ("a Redis that was emptied", lambda: self._redis().flushall()),
            ("a message that came twice", lambda: self.work.ring_twice(self._redis())),
        ]
        if self.server is not None and self.dice.random() < 0.1:
            others.append(("a restart of PostgreSQL", self.server.restart))
        return worker * 3 + others

    def _redis(self) -> Redis:
        return Redis(unix_socket_path=str(self.data_dir / "redis" / "socket"), socket_timeout=1)

    def _signal(self, galley: Galley, part: str, number: int = signal.SIGKILL) -> int:
        pid = self.dice.choice(galley.pids(part))
        os.kill(pid, number)
        return pid

    def _pause(self, galley: Galley, part: str) -> None:
        pid = self._signal(galley, part, signal.SIGSTOP)
        self.paused[pid] = time.monotonic() + self.dice.uniform(0.1, 6)

    def _wake_those_who_slept(self) -> None:
        for pid in [pid for pid, until in self.paused.items() if until < time.monotonic()]:
            self._wake(pid)

    def _wake_all(self) -> None:
        for pid in list(self.paused):
            self._wake(pid)

    def _wake(self, pid: int) -> None:
        del self.paused[pid]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _check(self) -> list[str]:
        settings = load({"GALLEY_DATA_DIR": str(self.data_dir), **self.settings})
        with connect(settings, pooled=False).connection_context():
            return [*self._tell(), *invariants.broken(settings), *self.work.broken()]

    def _tell(self) -> Iterator[str]:
        """Say what was done; it is a fault of the soak if that was not everything."""
        runs = collections.Counter(run.status for run in Run.select(Run.status))
        lost = Attempt.select().where(Attempt.message.contains("was lost")).count()
        tried = Attempt.select().count()
        steps = collections.Counter(step.status for step in StepRun.select(StepRun.status))
        said(f"{sum(runs.values())} runs {dict(runs)}, {sum(steps.values())} steps {dict(steps)}")
        said(f"{tried} attempts, {lost} of them lost with their worker")
        said(f"{sum(self.faults.values())} faults: {dict(self.faults.most_common())}")
        if not (runs[SUCCEEDED] and runs[FAILED] and lost):
            yield "nothing succeeded, failed or was lost: this was no soak"


def said(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    said(f"seed {given.seed}: to repeat it, make soak SECONDS={given.seconds:g} SEED={given.seed}")
    canary = subprocess.Popen(["sleep", "86400"])
    broken = []
    for kind in ("SQLite", "PostgreSQL"):
        said(f"{kind} for {given.seconds / 2:g} s")
        with tempfile.TemporaryDirectory(prefix="galley-soak-") as folder, _server(kind) as server:
            dice = random.Random(f"{given.seed} {kind}")
            broken += Soak(Path(folder), dice, server).run(given.seconds / 2)
    if not is_alive(canary.pid):
        broken.append("a process that had nothing to do with Galley was killed")
    canary.kill()
    canary.wait()
    for sentence in broken:
        said(f"BROKEN: {sentence}")
    said("every promise was kept" if not broken else f"{len(broken)} promises were broken")
    return 1 if broken else 0


@contextlib.contextmanager
def _server(kind: str) -> Iterator[postgres.Server | None]:
    if kind == "SQLite":
        yield None
        return
    programs = postgres.find_programs()
    if programs is None:
        sys.exit("PostgreSQL is not installed")
    server = postgres.start(programs)
    yield server
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
