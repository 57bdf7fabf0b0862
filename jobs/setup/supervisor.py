"""The supervisor starts, restarts and stops the parts of `galley up`, one process each.

It knows only their command lines, and imports only the standard library, because it stays in memory
as long as Galley runs. Linux only, like the rest of jobs/.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jobs.setup.signals import SignalPipe

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = LONGEST_PAUSE_SECONDS
"""The crashes before so long a run no longer count."""

READY_POLL_SECONDS = 0.02

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Part:
    """A program to keep running."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    """Added to the supervisor's own environment."""
    stop_group: int = 0
    """Groups are stopped one after the other, the lowest first."""
    ready: Callable[[], bool] | None = None
    """Called every 20 ms until it returns true, and only then do the following parts start. It must
    be quick and not raise."""


def pause_before_restart(deaths: int) -> float:
    """Return the seconds to wait after 1, 2, 3 … deaths in a row: 0, 0.2, 0.4, 0.8 … 10."""
    if deaths <= 1:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(deaths - 2, 10))


class Supervisor:
    """Runs `parts`, started in their order, until SIGINT, SIGTERM or SIGHUP.

    on_ready(name): called once for each part with a `ready`. Its exceptions are only reported.
    out: called with each line of output.
    grace_seconds: the time from SIGTERM to SIGKILL, by stop group.
    hold: descriptors that every part inherits, such as that of lock_data_dir.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        on_ready: Callable[[str], None],
        out: Callable[[str], None],
        grace_seconds: Mapping[int, float],
        hold: Sequence[int],
    ) -> None:
        self._slots = [_Slot(part) for part in parts]
        self._on_ready = on_ready
        self._out = out
        self._grace_seconds = grace_seconds
        self._hold = tuple(hold)
        self._signals = SignalPipe(STOP_SIGNALS | {signal.SIGCHLD})
        self._stop_requests = 0

    def run(self) -> None:
        """Run until all parts have stopped. Must be called in the main thread, which gets signals.

        The first stop signal stops the groups in order, each with its grace period. A second one
        kills the rest at once. If this process is killed, the system sends each part SIGTERM.
        """
        with self._signals:
            try:
                while not self._stop_requests:
                    self._start_due_parts()
                    self._wait(self._seconds_until_due())
                    for slot in self._slots:
                        if (code := slot.reap()) is not None:
                            self._plan_restart(slot, _describe_exit(code))
            finally:
                self._stop_all()

    def _start_due_parts(self) -> None:
        for slot in self._slots:
            if slot.process is None and slot.due_at <= time.monotonic():
                self._start(slot)
            if not slot.was_ready and not self._becomes_ready(slot):
                return

    def _start(self, slot: "_Slot") -> None:
        part = slot.part
        slot.started_at = time.monotonic()
        try:
            slot.process = subprocess.Popen(
                part.argv,
                env={**os.environ, **(part.env or {})},
                stdin=subprocess.DEVNULL,
                pass_fds=self._hold,
                # Its own session, so that Ctrl-C reaches only the supervisor.
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._plan_restart(slot, f"could not be started ({error})")
        else:
            self._out(f"{part.name}: started, process {slot.process.pid}")

    def _becomes_ready(self, slot: "_Slot") -> bool:
        if slot.process is not None and slot.part.ready is not None:
            slot.was_ready = slot.part.ready()
        if slot.was_ready:
            try:
                self._on_ready(slot.part.name)
            except Exception as error:
                self._out(f"{slot.part.name}: a callback failed: {error!r}")
        return slot.was_ready

    def _seconds_until_due(self) -> float | None:
        """Return the time until the next action, or None to wait for a signal."""
        if not all(slot.was_ready for slot in self._slots):
            return READY_POLL_SECONDS
        due = [slot.due_at for slot in self._slots if slot.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, such as that of an ended process, or until the time is over."""
        self._stop_requests += sum(
            number in STOP_SIGNALS for number in self._signals.arrive_within(seconds)
        )

    def _plan_restart(self, slot: "_Slot", reason: str) -> None:
        now = time.monotonic()
        slot.deaths = 1 if now - slot.started_at >= STEADY_SECONDS else slot.deaths + 1
        pause = pause_before_restart(slot.deaths)
        slot.due_at = now + pause
        when = f"in {pause:.1f} s" if pause else "now"
        self._out(f"{slot.part.name}: {reason}, restarting {when}")

    def _stop_all(self) -> None:
        self._out("stopping")
        for group in sorted({slot.part.stop_group for slot in self._slots}):
            members = [slot for slot in self._slots if slot.part.stop_group == group]
            self._stop(members, self._grace_seconds[group])

    def _stop(self, members: list["_Slot"], grace: float) -> None:
        for slot in members:
            slot.terminate()
        deadline = time.monotonic() + grace
        while any(slot.process for slot in members) and self._stop_requests < 2:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._wait(left)
            self._reap_all()
        for slot in members:
            if slot.process is not None:
                self._out(f"{slot.part.name}: did not stop, killing it")
                slot.kill()
        self._reap_all()

    def _reap_all(self) -> None:
        for slot in self._slots:
            slot.reap()


class _Slot:
    """A part, its current process if there is one, and the time of its next start."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.was_ready = part.ready is None
        self.started_at = 0.0
        self.due_at = 0.0
        self.deaths = 0

    def reap(self) -> int | None:
        """Return the exit code of a process that has ended, and kill the rest of its group."""
        process = self.process
        # First check without reaping: until then no other process group can get its number. (The
        # workers of a killed web server still hold its port.)
        if process is None or not os.waitid(
            os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            return None
        self.kill()
        self.process = None
        return process.wait()

    def terminate(self) -> None:
        # Popen.terminate() would reap a dead process before `reap` sees it.
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process with its group and wait until it is dead, but do not reap it."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


def _die_with(parent: int) -> Callable[[], None]:
    """Return a preexec_fn that makes the system end the child with its parent."""

    def in_the_child() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return in_the_child


def _describe_exit(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"ended by signal {-returncode}"
