"""What a step is given, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.engine import Claim
from domain.settings import Settings
from domain.statuses import CANCELLED, FAILED, SUCCEEDED
from jobs.scripts.log_writer import LogWriter
from jobs.scripts.runner import Result, Stop, explain

Record = Callable[[], dict[str, Any]]


@dataclass
class StepContext:
    """One attempt of a step, and all it may know and use."""

    claim: Claim
    step_name: str
    stage_name: str
    project_id: str
    workflow_name: str
    run_number: int
    triggered_by: str
    parameters: dict[str, str | int | float | bool]
    spec: dict[str, Any]
    """The snapshot of its configuration: see domain.models.StepSpec."""
    folder: Path
    """Its own: exists, empty, private, removed afterwards."""
    log: LogWriter
    settings: Settings
    secrets: dict[str, str] = field(repr=False)
    """Of the project, by the names of their variables."""
    run_script: Callable[[str, dict[str, str], Path], Result]
    """(script, environment, working directory); the time limit and stops are seen to."""


@dataclass
class Outcome:
    """How an attempt ended."""

    status: str
    """Succeeded, Failed or Cancelled."""
    message: str = ""
    exit_code: int | None = None
    stopped: Stop | None = None
    """Set when its script was made to end."""
    record: Record | None = None
    """Runs inside the finishing transaction: adds rows, returns further columns of the step.

    It may raise StepFailed: then nothing is recorded, and the step ends as Failed.
    """


def outcome_of(result: Result) -> Outcome:
    """What the end of a script means for its step, when nothing else decides."""
    if result.stopped is Stop.CANCELLED:
        status = CANCELLED
    else:
        status = FAILED if result.stopped or result.exit_code != 0 else SUCCEEDED
    return Outcome(status, explain(result) or "", result.exit_code, result.stopped)
