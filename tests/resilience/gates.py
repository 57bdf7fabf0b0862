"""A place at which scripts wait, and runs that go through it."""

from pathlib import Path

from domain.models import Run
from jobs.queue import Doorbell
from tests.support.pipelines import a_project, a_workflow, build, start_and_ready
from tests.support.wait import eventually

PASS = "echo x > $GALLEY_OUTPUT/x"


class Gate:
    """Holds scripts until it is opened, and counts who came there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._closed = folder / "closed"
        self._closed.touch()
        self.script = (
            f"touch {folder}/there.$GALLEY_RUN_NUMBER.$GALLEY_STEP.$GALLEY_ATTEMPT\n"
            f"while [ -e {self._closed} ]; do sleep 0.02; done\n{PASS}"
        )

    def open(self) -> None:
        self._closed.unlink()

    def reached(self) -> int:
        """How many attempts have come to it."""
        return len(list(self._folder.glob("there.*")))

    def is_reached(self, times: int = 1) -> None:
        eventually(lambda: self.reached() >= times, 15, "a script to come to the gate")


def ended(run: Run, seconds: float = 15) -> Run:
    eventually(lambda: Run.get_by_id(run.id).completed_at, seconds, "the run to end")
    return Run.get_by_id(run.id)


def two_steps(doorbell: Doorbell, script: str = PASS) -> Run:
    """A run of two stages of a step each, rung for."""
    a_project()
    run, ready = start_and_ready(a_workflow([build("first", script)], [build("second", PASS)]))
    doorbell.ring(ready)
    return run
