"""The logs of a run and where they are: those of its steps, of steps it kept, uploaded ones."""

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
    """There is no file before the first output."""
    attempt: int
    is_over: bool
    """Nothing will be printed any more. Known before anything is read, so it never lies."""
    has_failed: bool = False
    started_at: int | None = None
    """Epoch milliseconds; None if it has not started, or nobody knows."""


def of_step(data_dir: Path, step: StepRun, attempt: int | None = None) -> AttemptLog:
    """The log of one attempt, without a number that of the last.

    Of a step that a rerun kept, it is that of the step that really ran. Raises NotFound for an
    attempt that there is not (yet).
    """
    step = run_facts.really_ran(step)
    number = step.attempt if attempt is None else attempt
    if not 1 <= number <= step.attempt:
        raise NotFound("This step has no such attempt.")
    path = log_path(data_dir, step.run_id, step.id, number)
    is_over = run_facts.attempt_is_over(step, number)
    row = Attempt.get_or_none((Attempt.step == step.id) & (Attempt.number == number))
    if row is None:
        return AttemptLog(path, number, is_over)
    return AttemptLog(path, number, is_over, row.status == FAILED, row.started_at)


def all_of(data_dir: Path, run: Run) -> list[tuple[str, Path]]:
    """Every log that the run may have, as a path for people, such as
    `01-compile/02-build.attempt-1.log`, and its file, which need not exist (yet, or any more).

    A step that was kept from run #7: `01-compile/02-build.run-7.attempt-1.log`.
    """
    steps = list(
        StepRun.select(StepRun, StageRun)
        .join(StageRun)
        .where(StepRun.run == run.id)
        .order_by(StageRun.position, StepRun.position)
    )
    kept = [step.kept_from for step in steps if step.kept_from is not None]
    origins = {
        row.id: row for row in StepRun.select(StepRun, Run).join(Run).where(StepRun.id.in_(kept))
    }
    found = []
    for step in steps:
        origin = origins.get(step.kept_from)
        where = f"{numbered(step.stage.position, step.stage.name)}/"
        where += numbered(step.position, step.name)
        where += f".run-{origin.run.number}" if origin else ""
        really = origin or step
        for number in range(1, really.attempt + 1):
            path = log_path(data_dir, really.run_id, really.id, number)
            found.append((f"{where}.attempt-{number}.log", path))
    for upload in uploads.of_run(run):
        found.append((f"uploads/{upload.name}", uploads.path_of(data_dir, upload)))
    return found


def numbered(position: int, name: str) -> str:
    """In the order of the run, and safe as a part of a path on any system: `02-unit tests`."""
    safe = "".join("_" if char in UNSAFE or not char.isprintable() else char for char in name)
    cut = safe.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return f"{position + 1:02d}-{cut.strip(' .')}"
