"""A worker that is killed, told to end or paused at every point of an attempt, for every kind.

Killed: what was not recorded did not happen, so Build and Test start again; nobody knows how far a
Deploy got, so it fails and says so. Told to end: it finishes what takes no time and gives a script
back. Paused: somebody else takes its place, and when it wakes up it changes nothing any more.
"""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from domain.models import Attempt, Project, Run
from domain.statuses import FAILED, SUCCEEDED
from jobs.queue import Doorbell
from tests.conftest import KINDS
from tests.support import invariants
from tests.support.examples import IS_LONG
from tests.support.pipelines import (
    a_project,
    a_suite,
    a_workflow,
    an_environment,
    build,
    deploy,
    start_and_ready,
    step_named,
    test,
)
from tests.support.plant import Part, Plant
from tests.support.wait import eventually

KILL, END, PAUSE = "killed", "told to end", "paused"
BUILD, TEST, TO_DIRECTORY, BY_SCRIPT = "Build", "Test", "Deploy to a directory", "Deploy by script"
SCRIPTS = (BUILD, TEST, BY_SCRIPT)

RUNNING = "while its script runs"
RECORDED = "between finishing and the bell"
WITHIN = "within the finishing transaction"

AT = {
    "after the claim": (BUILD, TEST, TO_DIRECTORY, BY_SCRIPT),
    RUNNING: SCRIPTS,
    "while it stores a package": (BUILD,),
    "between storing and recording": (BUILD,),
    "before it switches": (TO_DIRECTORY,),
    "after it has switched": (TO_DIRECTORY,),
    "before it finishes": (BUILD, TEST, TO_DIRECTORY, BY_SCRIPT),
    WITHIN: (BUILD, TEST, TO_DIRECTORY),
    RECORDED: (BUILD, TEST, TO_DIRECTORY),
}
BEFORE_SWITCHING = ("after the claim", "before it switches")
UNPAUSABLE = ("after it has switched", WITHIN)
"""Within a transaction: a pause there holds its locks. See the test of that below."""

WITHOUT_DATABASE = (
    RUNNING,
    "while it stores a package",
    "between storing and recording",
    "before it switches",
)
"""Points at which the worker asks nothing of the database: for every day, one kind will do."""

CASES = [
    pytest.param(kind, point, how, id=f"{kind}-{how}-{point}".replace(" ", "_"))
    for kind in KINDS
    for point in AT
    for how in (KILL, END, PAUSE)
    if not (how == PAUSE and point in UNPAUSABLE)
    and not (kind != KINDS[0] and point in WITHOUT_DATABASE and not IS_LONG)
]


def is_recorded(point: str, kind: str, how: str) -> bool:
    """Whether the first attempt's success counts."""
    if point == RECORDED:
        return True
    if how != END:
        return False
    return point != RUNNING and not (point == "after the claim" and kind in SCRIPTS)


class Site:
    """One kind's place: a run of three stages whose second has one step, on a queue of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.queue = kind.lower().replace(" ", "-")
        self.marks = folder / self.queue
        self.marks.mkdir()
        self.gate = self.marks / "gate"

    def start(self, project: Project, doorbell: Doorbell) -> None:
        script = (
            f"touch {self.marks}/begun.$GALLEY_ATTEMPT\n"
            f"while [ -e {self.gate} ]; do sleep 0.02; done\n"
        )
        made = 'echo x > "$GALLEY_OUTPUT/x.txt"'
        if self.kind == TEST:
            a_suite(project, script)
        if self.kind == TO_DIRECTORY:
            an_environment(project, "folder", path=str(self.marks / "target"))
        if self.kind == BY_SCRIPT:
            an_environment(project, "script", driver="script", script=script)
        step = {
            BUILD: build("tried", script + made, queue=self.queue),
            TEST: test("tried", "unit", queue=self.queue),
            TO_DIRECTORY: deploy("tried", "folder", queue=self.queue),
            BY_SCRIPT: deploy("tried", "script", queue=self.queue),
        }[self.kind]
        last = {"steps": [build("last", made)], "runIf": "always"}
        workflow = a_workflow([build("first", made)], [step], last, name=self.kind)
        self.run, ready = start_and_ready(workflow)
        doorbell.ring(ready)

    def is_there(self) -> bool:
        """Whether its worker has come to the point."""
        return self.begun() > 0 if self.gate.exists() else self.worker.has_halted

    def begun(self) -> int:
        """How often its script has begun."""
        return len(list(self.marks.glob("begun.*")))

    def has_deployed(self) -> bool:
        """Of a deployment to a directory: whether its link is there."""
        return (self.marks / "target" / "current").is_symlink()

    def has_ended(self) -> bool:
        return Run.get_by_id(self.run.id).completed_at is not None


@pytest.mark.parametrize(("settings", "point", "how"), CASES, indirect=["settings"])
def test_a_worker_that_is(
    plant: Plant, doorbell: Doorbell, tmp_path: Path, point: str, how: str
) -> None:
    if how == PAUSE:
        plant.settings = replace(plant.settings, lease_seconds=1)
    project = a_project()
    sites = [Site(kind, tmp_path) for kind in AT[point]]
    for site in sites:
        if point == RUNNING:
            site.gate.touch()
        halt = None if point == RUNNING else point
        site.worker = plant.worker(site.queue, halt=halt)
        site.start(project, doorbell)
    plant.worker()
    plant.reconciler()
    waiting = list(sites)
    while waiting:  # in the order in which they come to the point: within a transaction, one by one
        site = eventually(lambda: next(filter(Site.is_there, waiting), None), 15, "the point")
        waiting.remove(site)
        strike(site.worker, how)
    for site in sites:
        site.gate.unlink(missing_ok=True)
        plant.worker(site.queue)
    if how == PAUSE:
        eventually(lambda: all(site.has_ended() for site in sites), 15, "the runs to go on")
        for site in sites:
            site.worker.end()
        for site in sites:
            site.worker.ended()
    eventually(lambda: all(site.has_ended() for site in sites), 15, "the runs to end")
    invariants.hold(plant.settings)
    for site in sites:
        check(site, is_recorded(point, site.kind, how))
        if how == PAUSE and point in BEFORE_SWITCHING:
            assert not site.has_deployed(), "it switched after somebody else had taken its place"


def strike(worker: Part, how: str) -> None:
    if how == KILL:
        worker.kill()
    elif how == END:
        worker.end()
    else:
        worker.signal(signal.SIGSTOP)


def check(site: Site, recorded: bool) -> None:
    step = step_named(site.run, "tried")
    attempts = list(Attempt.select().where(Attempt.step == step.id).order_by(Attempt.number))
    statuses = [attempt.status for attempt in attempts]
    if recorded:
        assert statuses == [SUCCEEDED], site.kind
    elif site.kind in (BUILD, TEST):
        assert statuses == [FAILED, SUCCEEDED], site.kind
    else:
        assert statuses == [FAILED], site.kind
        assert site.begun() <= 1
    last = step_named(site.run, "last")
    assert (last.status, last.attempt) == (SUCCEEDED, 1), site.kind
