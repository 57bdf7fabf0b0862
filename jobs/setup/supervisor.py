"""Keeps the parts of `galley up` running: one process each, started, restarted, stopped in order.

It knows nothing of the parts but their command lines and imports only the standard library, for it
stays in memory as long as Galley runs. Linux only, as the rest of jobs/ is.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.setup.signals import SignalPipe

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = LONGEST_PAUSE_SECONDS
"""A part that has run for so long has recovered: its next death is its first again."""

GRACE_SECONDS = 10.0
READY_POLL_SECONDS = 0.02
LOCK_POLL_SECONDS = 0.05

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


class AlreadyRunning(Exception):
    """Another Galley uses the data folder; the text says which and what to do."""


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
    """Asked every 20 ms until it says yes; the parts after this one start only then. It must be
    quick and must not raise."""


def lock_data_dir(data_dir: Path, patience_seconds: float = 15.0) -> int:
    """Make `data_dir` this process's own; returns the descriptor that holds it until its end.

    Given to the parts as well (Supervisor's `hold`), it keeps the folder until the last of them is
    gone. So where the holder was killed, its parts are about to end: wait for them so long.
    Raises AlreadyRunning.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_seconds
    while not _try_lock(lock):
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        if _is_alive(holder) or time.monotonic() >= deadline:
            os.close(lock)
            raise AlreadyRunning(
                f"Galley already runs on {data_dir} (process {holder or 'unknown'}): "
                "stop it first, or set GALLEY_DATA_DIR to another folder."
            )
        time.sleep(LOCK_POLL_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def holder_of(data_dir: Path) -> str | None:
    """The process that has made `data_dir` its own (its number); None if nobody has.

    Only looks, and keeps nobody out but for an instant. Raises PermissionError.
    """
    try:
        lock = os.open(data_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try_lock(lock, fcntl.LOCK_SH):
            return None
        return os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(lock)


def pause_before_restart(deaths: int) -> float:
    """Seconds to wait after so many deaths in a row (1 or more): 0, 0.2, 0.4, 0.8 … 10."""
    if deaths <= 1:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(deaths - 2, 10))


class Supervisor:
    """Runs `parts`, started in their order, until SIGINT, SIGTERM or SIGHUP.

    on_exit(name, pid, return code): called once for every process that has ended, in order or not
    (negative codes are signals, as in subprocess). on_ready(name): called once for every part with
    a `ready`, when it is. What a callback raises is reported and otherwise without effect.
    out: takes one line for a person at a time.
    grace_seconds: by stop group, the time from SIGTERM to SIGKILL (10 s where not given).
    hold: descriptors that every part inherits, such as that of lock_data_dir.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        on_exit: Callable[[str, int, int], None] | None = None,
        on_ready: Callable[[str], None] | None = None,
        out: Callable[[str], None] = print,
        grace_seconds: Mapping[int, float] | None = None,
        hold: Sequence[int] = (),
    ) -> None:
        self._slots = [_Slot(part) for part in parts]
        self._on_exit = on_exit
        self._on_ready = on_ready
        self._out = out
        self._grace_seconds = grace_seconds or {}
        self._hold = tuple(hold)
        self._signals = SignalPipe(STOP_SIGNALS | {signal.SIGCHLD})
        self._stop_requests = 0

    def run(self) -> None:
        """Returns when all parts have been stopped. Only from the main thread: signals come there.

        The first stop signal stops the groups in order, each with its grace; a second one kills
        what is left at once. If this process is killed, every part gets SIGTERM from the system.
        """
        with self._signals:
            try:
                while not self._stop_requests:
                    self._start_what_is_due()
                    self._wait(self._seconds_until_due())
                    for slot in self._bury_the_dead():
                        self._plan_restart(slot, _how(slot.returncode))
            finally:
                self._stop_all()

    def _start_what_is_due(self) -> None:
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
                # Its own session: Ctrl-C reaches only the supervisor, which stops all in order.
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
        if slot.was_ready and self._on_ready:
            self._guarded(self._on_ready, slot.part.name)
        return slot.was_ready

    def _seconds_until_due(self) -> float | None:
        """None: nothing is to do until a signal comes."""
        if not all(slot.was_ready for slot in self._slots):
            return READY_POLL_SECONDS
        due = [slot.due_at for slot in self._slots if slot.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _wait(self, seconds: float | None) -> None:
        """Until a signal comes, of which the end of a process is one, or the time is over."""
        self._stop_requests += sum(
            number in STOP_SIGNALS for number in self._signals.arrive_within(seconds)
        )

    def _bury_the_dead(self) -> list["_Slot"]:
        """Notice every process that has ended; returns their slots."""
        dead = [slot for slot in self._slots if slot.has_ended()]
        for slot in dead:
            if self._on_exit:
                self._guarded(self._on_exit, slot.part.name, slot.pid, slot.returncode)
        return dead

    def _plan_restart(self, slot: "_Slot", how: str) -> None:
        now = time.monotonic()
        slot.deaths = 1 if now - slot.started_at >= STEADY_SECONDS else slot.deaths + 1
        pause = pause_before_restart(slot.deaths)
        slot.due_at = now + pause
        when = f"in {pause:.1f} s" if pause else "now"
        self._out(f"{slot.part.name}: {how}, starting it again {when}")

    def _guarded(self, callback: Callable[..., None], *arguments: object) -> None:
        """The supervisor outlives its callbacks: a database that is down must not stop the rest."""
        try:
            callback(*arguments)
        except Exception as error:
            self._out(f"{arguments[0]}: a callback failed: {error!r}")

    def _stop_all(self) -> None:
        self._out("stopping")
        for group in sorted({slot.part.stop_group for slot in self._slots}):
            members = [slot for slot in self._slots if slot.part.stop_group == group]
            self._stop(members, self._grace_seconds.get(group, GRACE_SECONDS))

    def _stop(self, members: list["_Slot"], grace: float) -> None:
        for slot in members:
            slot.terminate()
        deadline = time.monotonic() + grace
        while any(slot.process for slot in members) and self._stop_requests < 2:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._wait(left)
            self._bury_the_dead()
        for slot in members:
            if slot.process is not None:
                self._out(f"{slot.part.name}: does not stop, killing it")
                slot.kill()
        self._bury_the_dead()


class _Slot:
    """A part, its present process if it has one, and when to start the next."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        self.returncode = 0
        self.was_ready = part.ready is None
        self.started_at = 0.0
        self.due_at = 0.0
        self.deaths = 0

    def has_ended(self) -> bool:
        """True once for every process, when it has ended; what it left in its group is killed."""
        process = self.process
        if process is None:
            return False
        # Look without reaping first: while the dead process keeps its number, the group of that
        # number can be nobody else's. (The workers of a killed web server still hold its port.)
        if not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        self.kill()
        self.pid, self.returncode, self.process = process.pid, process.wait(), None
        return True

    def terminate(self) -> None:
        # Not Popen.terminate(), which would reap a dead process behind has_ended's back.
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process with its group and wait until it is dead, not yet reaped."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes its program: have the system end it with its parent."""

    def in_the_child() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the system knew
            os._exit(1)

    return in_the_child


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"ended by signal {-returncode}"


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    """Whether the process runs. Text that is no number comes from a lock just being taken: yes."""
    if not pid.isdecimal():
        return True
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return state not in "ZX"  # dead, and its parent has not looked yet
