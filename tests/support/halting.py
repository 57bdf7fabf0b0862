"""Points at which a process of Galley can be made to halt, so that a test decides what comes next.

A process halts by stopping itself (SIGSTOP) at its first call of the function at that point, before
it or after it. The test then kills it, tells it to end, or lets it go on, at just that moment.
"""

import functools
import importlib
import itertools
import os
import signal
from typing import Any

BEFORE, AFTER = "before", "after"

POINTS = {
    "after the claim": ("jobs.worker.run_step", "Execution", BEFORE),
    "while it stores a package": ("domain.releases.storage", "LocalStorage._give_name", BEFORE),
    "between storing and recording": ("jobs.steps.build", "_store", AFTER),
    "while it notes a deployment": ("domain.engine.deployments", "touch", AFTER),
    "before it switches": ("jobs.steps.drivers", "_prepare_release", AFTER),
    "after it has switched": ("jobs.steps.drivers", "_switch", AFTER),
    "before it finishes": ("domain.engine", "finish", BEFORE),
    "within the finishing transaction": ("domain.engine.endings", "_end_step", AFTER),
    "between finishing and the bell": ("jobs.worker.attempt", "WorkerProcess.ring", BEFORE),
    "between commit and the bell": ("jobs.queue", "Doorbell.ring", BEFORE),
    "before it takes a step back": ("domain.engine", "expire", BEFORE),
}


def halt_at(point: str) -> None:
    """Make this process stop itself once, when it comes to the point."""
    module_name, name, when = POINTS[point]
    owner: Any = importlib.import_module(module_name)
    *outer, last = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    original = getattr(owner, last)
    calls = itertools.count()  # a listener may keep the patched function forever

    @functools.wraps(original, updated=())
    def halting(*args: Any, **kwargs: Any) -> Any:
        is_first = next(calls) == 0
        if is_first and when == BEFORE:
            os.kill(os.getpid(), signal.SIGSTOP)
        answer = original(*args, **kwargs)
        if is_first and when == AFTER:
            os.kill(os.getpid(), signal.SIGSTOP)
        return answer

    setattr(owner, last, halting)
