"""One step from claim to finish: what a message of the doorbell makes a worker do."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peewee import InterfaceError, OperationalError

from domain import engine
from domain.engine import Claim, Ending, LeaseLost, Ready
from domain.logs import log_path
from domain.models import Attempt, Run, StageRun, StepRun, StepSpec, Workflow, db
from domain.settings import Settings
from domain.statuses import CANCELLED, FAILED
from jobs import host
from jobs.folders import remove_tree
from jobs.heart import Heart
from jobs.logs import LogWriter
from jobs.process import Result, Stop, Wake, kill_strays, run_script
from jobs.queue import Doorbell
from jobs.steps import KINDS, Outcome, StepContext

log = logging.getLogger(__name__)

SHUTDOWN_MESSAGE = "The worker was shut down."


@dataclass
class WorkerProcess:
    """What this process is while it works: set once by jobs.worker, used by every step."""

    name: str
    settings: Settings
    doorbell: Doorbell
    seen: Callable[[], None]
    wake: Wake = field(default_factory=Wake)
    heart: Heart | None = None


_this: WorkerProcess | None = None


def become(process: WorkerProcess) -> None:
    """Say once who runs the steps of this process; RQ calls `run_step` with the message alone."""
    global _this
    _this = process


def run_step(step_id: str, attempt: int) -> None:
    """Run one attempt of a step, if it is still there to be taken."""
    process = _this
    if process is None:
        raise RuntimeError("run_step works only in a process that became a worker")
    if process.wake.requested:
        return  # shutting down: the reconciler will ring again, for another worker
    held = engine.claim(
        step_id,
        attempt,
        worker=process.name,
        host=host.identity(),
        lease_ms=int(process.settings.lease_seconds * 1000),
    )
    if held is None:
        log.info("step %s, attempt %d: nothing to do", step_id, attempt)
        return
    _Execution(process, held).run()


def _load(step_id: str) -> dict[str, Any]:
    """What the step's executor needs to know, and no more: wide selects cost milliseconds."""
    query = (
        StepRun.select(
            StepRun.name.alias("step_name"),
            StepRun.type,
            StepRun.timeout_seconds,
            StepSpec.spec,
            StageRun.name.alias("stage_name"),
            Run.number,
            Run.project_id,
            Run.triggered_by,
            Run.parameters,
            Workflow.name.alias("workflow_name"),
        )
        .join(StepSpec)
        .switch(StepRun)
        .join(StageRun)
        .switch(StepRun)
        .join(Run)
        .join(Workflow)
        .where(StepRun.id == step_id)
    )
    step: dict[str, Any] = query.dicts().get()
    return step


class _Execution:
    """One claimed attempt."""

    def __init__(self, process: WorkerProcess, held: Claim) -> None:
        self._process = process
        self._settings = process.settings
        self._held = held
        self._cookie = f"{held.step_id}.{held.attempt}"
        self._step = _load(held.step_id)

    def run(self) -> None:
        """Run it, record how it ended, and ring for what became ready by that."""
        path = log_path(
            self._settings.data_dir, self._held.run_id, self._held.step_id, self._held.attempt
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = LogWriter(
            path, head=self._settings.log_head_bytes, tail=self._settings.log_tail_bytes
        )
        try:
            with self._beating(writer), self._folder() as folder:
                outcome = self._execute(writer, folder)
                self._note_end(writer, outcome)
                writer.close()
                self._process.doorbell.ring(self._finish(outcome, writer.size))
        except LeaseLost:
            log.warning("step %s: lost, its result is not recorded", self._cookie)
        finally:
            writer.close()

    @contextlib.contextmanager
    def _beating(self, writer: LogWriter) -> Iterator[None]:
        process = self._process
        heart = Heart(
            self._held,
            process.wake,
            lease_seconds=self._settings.lease_seconds,
            log_size=lambda: writer.size,
            seen=process.seen,
        )
        with heart:
            process.heart = heart
            try:
                yield
            finally:
                process.heart = None
                if process.wake.requested is not Stop.SHUTDOWN:
                    process.wake.reset()

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """A private folder of this attempt alone: a lost one cannot write into its successor's."""
        folder = self._settings.data_dir / "work" / self._held.run_id / self._cookie
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            remove_tree(folder)
            with contextlib.suppress(OSError):
                folder.parent.rmdir()

    def _execute(self, writer: LogWriter, folder: Path) -> Outcome:
        if self._held.attempt > 1:
            self._note_attempt(writer)
        try:
            return KINDS[self._step["type"]](self._context(writer, folder))
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("step %s", self._cookie)
            return Outcome(FAILED, f"Galley could not run the step: {error}")

    def _note_attempt(self, writer: LogWriter) -> None:
        """Say in the log why this is not the first attempt; make sure that it is the only one."""
        number = self._held.attempt - 1
        killed = kill_strays(f"{self._held.step_id}.{number}")
        before = Attempt.get_or_none(
            (Attempt.step == self._held.step_id) & (Attempt.number == number)
        )
        why = before.message if before and before.message else "It did not end."
        writer.note(f"Attempt {self._held.attempt}. Attempt {number}: {why}")
        if killed:
            writer.note(f"{killed} processes of attempt {number} were still running: killed.")

    def _context(self, writer: LogWriter, folder: Path) -> StepContext:
        step = self._step
        return StepContext(
            claim=self._held,
            step_name=step["step_name"],
            stage_name=step["stage_name"],
            project_id=step["project_id"],
            workflow_name=step["workflow_name"],
            run_number=step["number"],
            triggered_by=step["triggered_by"],
            parameters=step["parameters"],
            spec=step["spec"],
            folder=folder,
            log=writer,
            settings=self._settings,
            secrets={},
            run_script=lambda text, env, cwd: self._run_script(writer, folder, text, env, cwd),
        )

    def _run_script(
        self, writer: LogWriter, folder: Path, text: str, env: dict[str, str], cwd: Path
    ) -> Result:
        script = folder / "script"
        script.write_text(text, encoding="utf-8")
        limit = self._step["timeout_seconds"]
        suite_limit = self._step["spec"].get("timeoutSeconds")
        return run_script(
            script,
            cwd=cwd,
            env=env,
            output=writer.write,
            wake=self._process.wake,
            timeout_seconds=min(limit, suite_limit or limit),
            grace_seconds=self._settings.kill_grace_seconds,
        )

    def _note_end(self, writer: LogWriter, outcome: Outcome) -> None:
        if outcome.message:
            writer.note(outcome.message)

    def _finish(self, outcome: Outcome, log_size: int) -> list[Ready]:
        if outcome.stopped is Stop.LOST:
            raise LeaseLost(self._held.step_id)
        if outcome.stopped is Stop.SHUTDOWN:
            return _until_written(lambda: engine.give_back(self._held, SHUTDOWN_MESSAGE, log_size))
        status = CANCELLED if outcome.stopped is Stop.CANCELLED else outcome.status
        ending = Ending(status, outcome.message, outcome.exit_code, log_size, outcome.record)
        return _until_written(lambda: engine.finish(self._held, ending))


def _until_written(transaction: Callable[[], list[Ready]]) -> list[Ready]:
    """Finish as soon as the database answers; what was done must not be forgotten.

    Ends at the latest with LeaseLost, when the database is back and the lease is over.
    """
    while True:
        try:
            return transaction()
        except (OperationalError, InterfaceError) as error:
            log.warning("the database does not take the result, trying again: %s", error)
            time.sleep(0.5)
            db.close()
            with contextlib.suppress(OperationalError):
                db.connect()
