"""The input and the outcome of a step's attempt."""

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
    """One attempt of a step, with everything that its kind may use."""

    claim: Claim
    step_name: str
    stage_name: str
    project_id: str
    workflow_name: str
    run_number: int
    triggered_by: str
    parameters: dict[str, str | int | float | bool]
    spec: dict[str, Any]
    """The configuration at the start of the run: see domain.models.StepSpec."""
    folder: Path
    """Private, empty at first, and deleted afterwards."""
    log: LogWriter
    settings: Settings
    secrets: dict[str, str] = field(repr=False)
    """The project's secrets: name of the variable → value."""
    run_script: Callable[[str, dict[str, str], Path], Result]
    """Takes the script, environment and working directory. Handles time limit and stops."""


@dataclass
class Outcome:
    """The end of an attempt."""

    status: str
    """Succeeded, Failed or Cancelled."""
    message: str = ""
    exit_code: int | None = None
    stopped: Stop | None = None
    """Set if its script was stopped."""
    record: Record | None = None
    """Adds rows in the finishing transaction, and returns further columns of the step.

    If it raises StepFailed, nothing is recorded, and the step ends as Failed.
    """


def outcome_of(result: Result) -> Outcome:
    """Return the outcome of a step that depends only on the end of its script."""
    if result.stopped is Stop.CANCELLED:
        status = CANCELLED
    else:
        status = FAILED if result.stopped or result.exit_code != 0 else SUCCEEDED
    return Outcome(status, explain(result) or "", result.exit_code, result.stopped)
