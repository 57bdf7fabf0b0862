"""Run one claimed attempt of a step in its own folder with its own log, and record its end."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain import engine
from domain.engine import AbortRequest, Claim, Ending, LeaseLost, Ready, StepFailed
from domain.logs.files import log_path
from domain.models import Attempt
from domain.projects.secret_values import values_of
from domain.secret_key import Keys
from domain.settings import Settings
from domain.statuses import CANCELLED, FAILED
from jobs.queue import Doorbell
from jobs.scripts.limits import limits_of
from jobs.scripts.log_writer import LogWriter
from jobs.scripts.process_tree import kill_strays
from jobs.scripts.runner import Result, Stop, StopRequest, run_script
from jobs.shared.db_retry import until_answered
from jobs.shared.folders import remove_tree
from jobs.steps import KINDS, Outcome, StepContext
from jobs.worker.lease import Lease
from jobs.worker.step_plan import load

log = logging.getLogger(__name__)

SHUTDOWN_MESSAGE = "The worker was shut down."
ALTERED_MESSAGE = (
    "The stored plan of this step does not fit its signature, so it was not run. Either it was "
    "changed in the database after the run began, or this worker's host has a different secret key "
    "than the host that started the run, or Galley was upgraded during the run. Start a new run."
)


@dataclass
class WorkerProcess:
    """The state of this worker, set once by jobs.worker.worker and used by every step."""

    name: str
    queue: str
    settings: Settings
    doorbell: Doorbell
    send_heartbeat: Callable[[], None]
    stop_request: StopRequest = field(default_factory=StopRequest)
    lease: Lease | None = None
    was_poked: bool = False
    """Since its last claim: the next lease must check the database at once."""
    stopping: bool = False
    """The running step is given back, and no further step is claimed."""
    awake_until: float = 0.0
    """The monotonic time until which it claims ready steps without a message."""
    has_next: bool = False
    """Since its last claim, a step became ready that it will take without a message."""
    keys: Keys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.settings.secret_key())

    def ring(self, announced: Sequence[Ready | AbortRequest]) -> None:
        """Notify other workers of ready steps, except one that this worker takes itself.

        It takes none while it is being stopped, nor one of another queue.
        """
        mine = None
        if not (self.stopping or self.has_next) and time.monotonic() < self.awake_until:
            own = (s for s in announced if isinstance(s, Ready) and s.queue == self.queue)
            mine = next(own, None)
            self.has_next = mine is not None
        self.doorbell.ring([step for step in announced if step is not mine])

    def poke(self) -> None:
        """Check the database for decisions about the running step. May run in any thread."""
        self.was_poked = True
        lease = self.lease
        if lease is not None:
            lease.check_now()


class Execution:
    """One claimed attempt."""

    def __init__(self, process: WorkerProcess, held: Claim) -> None:
        self._process = process
        self._settings = process.settings
        self._held = held
        self._cookie = f"{held.step_id}.{held.attempt}"
        self._plan = until_answered(lambda: load(held.step_id))
        self._secrets: dict[str, str] = {}

    def run(self) -> None:
        """Run it and record how it ended."""
        if not self._plan.is_as_signed(self._process.keys):
            log.error("step %s: refused, its signature does not fit", self._cookie)
            self._fail(ALTERED_MESSAGE, is_final=True)
            return
        try:
            self._secrets = until_answered(self._load_secrets)
            self._run()
        except StepFailed as failure:  # a secret cannot be read
            log.error("step %s: %s", self._cookie, failure)
            self._fail(str(failure), is_final=True)
        except LeaseLost:
            log.warning("step %s: lost, its result is not recorded", self._cookie)
        except OSError as error:  # no room or no permission for its log or its folder
            log.exception("step %s", self._cookie)
            self._fail(f"Galley could not run the step: {error}")

    def _load_secrets(self) -> dict[str, str]:
        return values_of(self._plan.run.project_id, self._process.keys)

    def _fail(self, message: str, *, is_final: bool = False) -> None:
        ending = Ending(FAILED, message, is_final=is_final)
        with contextlib.suppress(LeaseLost):
            until_answered(lambda: engine.finish(self._held, ending))

    def _run(self) -> None:
        path = log_path(
            self._settings.data_dir, self._held.run_id, self._held.step_id, self._held.attempt
        )
        writer = LogWriter(
            path,
            self._secrets.values(),
            head=self._settings.log_head_bytes,
            tail=self._settings.log_tail_bytes,
        )
        try:
            with self._lease(writer), self._folder() as folder:
                outcome = self._execute(writer, folder)
                outcome.message = writer.mask(outcome.message)
                if outcome.message:
                    writer.note(outcome.message)
                writer.close()
                outcome.message = " ".join(filter(None, (outcome.message, writer.write_error)))
                self._finish(outcome, writer)
        finally:
            writer.close()

    @contextlib.contextmanager
    def _lease(self, writer: LogWriter) -> Iterator[None]:
        process = self._process
        lease = Lease(
            self._held,
            process.stop_request,
            lease_seconds=self._settings.lease_seconds,
            log_size=lambda: writer.size,
            send_heartbeat=process.send_heartbeat,
        )
        try:
            with lease:
                process.lease = lease
                if process.was_poked:
                    lease.check_now()
                try:
                    yield
                finally:
                    process.lease = None
        finally:
            # Only now, because until its thread has ended the lease may still report its loss.
            process.stop_request.reset()
            if process.stopping:
                process.stop_request.set(Stop.SHUTDOWN)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """Create a private folder, so that a lost attempt cannot write into its successor's."""
        folder = self._settings.data_dir / "work" / self._cookie
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            remove_tree(folder)

    def _execute(self, writer: LogWriter, folder: Path) -> Outcome:
        if self._held.attempt > 1:
            self._note_attempt(writer)
        try:
            return KINDS[self._plan.step.type](self._context(writer, folder))
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("step %s", self._cookie)
            return Outcome(FAILED, f"Galley could not run the step: {error}")

    def _note_attempt(self, writer: LogWriter) -> None:
        """Kill the processes of the previous attempt, and log why this is a further one."""
        number = self._held.attempt - 1
        killed = kill_strays(f"{self._held.step_id}.{number}")
        its_row = (Attempt.step == self._held.step_id) & (Attempt.number == number)
        previous = until_answered(lambda: Attempt.get_or_none(its_row))
        reason = previous.message if previous and previous.message else "It did not end."
        writer.note(f"Attempt {self._held.attempt}. Attempt {number}: {reason}")
        if killed:
            writer.note(f"Killed {killed} processes of attempt {number} that were still running.")

    def _context(self, writer: LogWriter, folder: Path) -> StepContext:
        run, step = self._plan.run, self._plan.step
        return StepContext(
            claim=self._held,
            step_name=step.name,
            stage_name=step.stage_name,
            project_id=run.project_id,
            workflow_name=self._plan.workflow_name,
            run_number=run.run_number,
            triggered_by=run.triggered_by,
            parameters=run.parameters,
            spec=step.spec,
            folder=folder,
            log=writer,
            settings=self._settings,
            secrets=self._secrets,
            run_script=lambda text, env, cwd: self._run_script(writer, folder, text, env, cwd),
        )

    def _run_script(
        self, writer: LogWriter, folder: Path, text: str, env: dict[str, str], cwd: Path
    ) -> Result:
        script = folder / "script"
        script.write_text(text, encoding="utf-8")
        limit = self._plan.step.timeout_seconds
        suite_limit = self._plan.step.spec.get("timeoutSeconds")
        return run_script(
            script,
            cwd=cwd,
            env=env,
            output=writer.write,
            stop_request=self._process.stop_request,
            timeout_seconds=min(limit, suite_limit or limit),
            grace_seconds=self._settings.kill_grace_seconds,
            limits=limits_of(self._settings),
        )

    def _finish(self, outcome: Outcome, writer: LogWriter) -> None:
        log_size = writer.size
        if outcome.stopped is Stop.LOST:
            raise LeaseLost(self._held.step_id)
        if outcome.stopped is Stop.SHUTDOWN:
            until_answered(lambda: engine.give_back(self._held, SHUTDOWN_MESSAGE, log_size))
            return
        status = CANCELLED if outcome.stopped is Stop.CANCELLED else outcome.status
        ending = Ending(status, outcome.message, outcome.exit_code, log_size, outcome.record)
        try:
            until_answered(lambda: engine.finish(self._held, ending))
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("step %s: its result", self._cookie)
            problem = writer.mask(str(error))
            message = f"Galley could not record the result of the step: {problem!a}"
            failed = Ending(FAILED, message, outcome.exit_code, log_size)
            until_answered(lambda: engine.finish(self._held, failed))
