"""The logs of a run and their files: those of its steps, of reused steps, and uploaded ones."""

from dataclasses import dataclass
from pathlib import Path

from domain.errors import NotFound
from domain.logs import uploads
from domain.logs.files import log_path
from domain.models import Attempt, Run, StageRun, StepRun, run_facts
from domain.statuses import FAILED

MAX_NAME_BYTES = 100
UNSAFE = frozenset('/\\:*?"<>|')


@dataclass(frozen=True)
class AttemptLog:
    """The log of one attempt of a step."""

    path: Path
    """The file does not exist before the first output."""
    attempt: int
    is_over: bool
    """Nothing more will be printed. Read before the log, so the log is then complete."""
    has_failed: bool = False
    started_at: int | None = None
    """Epoch milliseconds; None if it has not started, or is unknown."""


def of_step(data_dir: Path, step: StepRun, attempt: int | None = None) -> AttemptLog:
    """Return the log of one attempt, by default the last. A reused step has its original's log.

    Raises NotFound for an attempt that does not exist (yet).
    """
    step = run_facts.origin_of(step)
    number = step.attempt if attempt is None else attempt
    if not 1 <= number <= step.attempt:
        raise NotFound(f"This step has no attempt {number}.")
    path = log_path(data_dir, step.run_id, step.id, number)
    is_over = run_facts.attempt_is_over(step, number)
    row = Attempt.get_or_none((Attempt.step == step.id) & (Attempt.number == number))
    if row is None:
        return AttemptLog(path, number, is_over)
    return AttemptLog(path, number, is_over, row.status == FAILED, row.started_at)


def all_of(data_dir: Path, run: Run) -> list[tuple[str, Path]]:
    """Return the readable path of every log of the run, and its file, which may not exist.

    Such as `01-compile/02-build.attempt-1.log`; `….run-7.attempt-1.log` if reused from run #7.
    """
    steps = list(
        StepRun.select(StepRun, StageRun)
        .join(StageRun)
        .where(StepRun.run == run.id)
        .order_by(StageRun.position, StepRun.position)
    )
    reused = [step.kept_from for step in steps if step.kept_from is not None]
    origins = {
        row.id: row for row in StepRun.select(StepRun, Run).join(Run).where(StepRun.id.in_(reused))
    }
    logs = []
    for step in steps:
        origin = origins.get(step.kept_from)
        name = f"{numbered(step.stage.position, step.stage.name)}/"
        name += numbered(step.position, step.name)
        name += f".run-{origin.run.number}" if origin else ""
        source = origin or step
        for number in range(1, source.attempt + 1):
            path = log_path(data_dir, source.run_id, source.id, number)
            logs.append((f"{name}.attempt-{number}.log", path))
    for upload in uploads.of_run(run):
        logs.append((f"uploads/{upload.name}", uploads.path_of(data_dir, upload)))
    return logs


def numbered(position: int, name: str) -> str:
    """Return a file name, safe on any system, that sorts in order: `02-unit tests`."""
    safe = "".join("_" if char in UNSAFE or not char.isprintable() else char for char in name)
    cut = safe.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return f"{position + 1:02d}-{cut.strip(' .')}"
