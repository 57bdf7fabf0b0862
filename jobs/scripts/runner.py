"""Run one script: its command, time limit, stop requests, and an explanation of its end.

A single loop waits for output, ended processes and stop requests, without polling or threads.
`jobs.scripts.process_tree` manages the processes.
"""

import contextlib
import errno
import math
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jobs.scripts.limits import Limits
from jobs.scripts.process_tree import ProcessTree

GROUP_GRACE_SECONDS = 0.5
"""After a script, the rest of its group has this long to end: think of `> >(tee log)`."""

NO_LIMITS = Limits()

_SHEBANG = re.compile(rb"#![ \t]*([^ \t\n\0]+)[ \t]*([^\n\0]*)")
_EXIT_CODES = {126: "a command could not be executed", 127: "a command was not found"}
_HINTS: dict[int, str] = {
    signal.SIGKILL: ", possibly because memory ran out",
    signal.SIGXFSZ: ", because a file grew beyond the limit GALLEY_STEP_FILE_BYTES",
}


class Stop(StrEnum):
    """A reason to stop a script."""

    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    LOST = "lost"
    """The attempt no longer belongs to this worker, so its processes are killed at once."""


_STOP_REASONS = {
    Stop.TIMEOUT: "it exceeded its time limit",
    Stop.CANCELLED: "its step was aborted",
    Stop.SHUTDOWN: "its worker was shut down",
    Stop.LOST: "its worker lost the lease",
}


class StopRequest:
    """A request to stop the script, from any thread, that wakes the loop of `run_script`."""

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def set(self, reason: Stop) -> None:
        """Request a stop; safe in a signal handler. Only LOST replaces an earlier reason."""
        if self.reason is None or reason is Stop.LOST:
            self.reason = reason
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")

    def fileno(self) -> int:
        return self._read

    def drain(self) -> None:
        """Empty the pipe, but keep the request."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass

    def reset(self) -> None:
        """Clear the request before the next attempt."""
        self.reason = None
        self.drain()

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@dataclass(frozen=True)
class Result:
    """The end of a script."""

    exit_code: int
    """Negative: the number of the signal that ended it."""
    stopped: Stop | None = None
    left_behind: tuple[str, ...] = ()
    """The killed processes that outlived a script that was not stopped: "sleep (pid 123)"."""
    problem: str | None = None
    """A sentence that explains why the script could not be started."""


class _CannotStartError(Exception):
    def __init__(self, exit_code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def run_script(
    script: Path,
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: Callable[[bytes], None],
    stop_request: StopRequest,
    timeout_seconds: float,
    grace_seconds: float = 10,
    limits: Limits = NO_LIMITS,
) -> Result:
    """Run the file with `/bin/sh -e` or the interpreter of its `#!` line until all processes end.

    env is the whole environment and must hold COOKIE. output receives stdout and stderr in order.
    limits apply to each process. A stop sends SIGTERM, and SIGKILL after the grace period; LOST
    sends SIGKILL at once. No process is left when this returns or raises, and it raises only the
    exceptions of output.
    """
    if stop_request.reason:
        return Result(-signal.SIGTERM, stop_request.reason)
    try:
        tree = ProcessTree(_command(script, cwd), cwd, env, limits)
    except _CannotStartError as error:
        return Result(error.exit_code, problem=str(error))
    except OSError as error:  # missing folder, environment too large, no more processes
        reason = "its environment is too large" if error.errno == errno.E2BIG else str(error)
        return Result(126, problem=f"The script could not be started: {reason}.")

    with contextlib.closing(tree):
        watch = _Watch(tree, stop_request, timeout_seconds, grace_seconds)
        while tree.alive:
            ready = tree.wait(watch.seconds_left())
            if tree.output in ready:
                tree.forward(output)
            tree.reap(ready)
            watch.act()
        tree.drain(output)
    return Result(tree.exit_code, watch.stopped, () if watch.stopped else tree.left_behind)


def explain(result: Result) -> str | None:
    """Explain the end of a script in sentences. Returns None for a plain success."""
    sentences = [_explain_end(result)]
    if left := result.left_behind:
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        sentences.append(
            f"The script left processes running, which were killed: {', '.join(left[:5])}{more}."
        )
    return " ".join(filter(None, sentences)) or None


def _explain_end(result: Result) -> str | None:
    code = result.exit_code
    if result.problem:
        return result.problem
    if result.stopped:
        return f"The script was stopped: {_STOP_REASONS[result.stopped]}."
    if code == 0:
        return None
    if code < 0:
        return f"The script was killed by {_signal(-code)}."
    if meaning := _EXIT_CODES.get(code):
        return f"The script ended with exit code {code}: {meaning}."
    if cause := _signal(code - 128):
        return f"The script ended with exit code {code}: a command was killed by {cause}."
    return f"The script ended with exit code {code}."


def _signal(number: int) -> str:
    """Return the name of a signal and a hint at its cause; empty for an unknown signal."""
    try:
        return signal.Signals(number).name + _HINTS.get(number, "")
    except ValueError:
        return f"signal {number}" if 0 < number <= signal.NSIG else ""


def _command(script: Path, cwd: Path) -> list[str]:
    """Return the command of a script, read from its first line as the kernel does.

    The kernel itself refuses scripts on file systems that are mounted noexec.
    """
    try:
        with script.open("rb") as file:
            line = _SHEBANG.match(file.read(256))
    except FileNotFoundError:
        raise _CannotStartError(127, f"The script {script} does not exist.") from None
    if line is None:
        return ["/bin/sh", "-e", str(script.absolute())]
    name, argument = (os.fsdecode(part) for part in line.groups())
    interpreter = cwd.absolute() / name
    if not interpreter.exists():
        hint = ": the line has a Windows line ending" if name.endswith("\r") else ""
        raise _CannotStartError(
            127, f"The interpreter {name.strip()} of the script's first line does not exist{hint}."
        )
    if interpreter.is_dir() or not os.access(interpreter, os.X_OK):
        raise _CannotStartError(
            126, f"The interpreter {name} of the script's first line cannot be executed."
        )
    argument = argument.rstrip(" \t")
    return [str(interpreter), *([argument] if argument else []), str(script.absolute())]


class _Watch:
    """The time limit, stop requests and grace periods of a running script."""

    def __init__(
        self,
        tree: ProcessTree,
        stop_request: StopRequest,
        timeout_seconds: float,
        grace_seconds: float,
    ) -> None:
        self.stopped: Stop | None = None
        self._tree, self._request, self._grace_seconds = tree, stop_request, grace_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._ending, self._kill_at, self._in_grace = False, math.inf, True
        tree.listen(stop_request.fileno())

    def seconds_left(self) -> float:
        """Return the time until the next deadline."""
        return min(self._deadline, self._kill_at) - time.monotonic()

    def act(self) -> None:
        """Handle stop requests and passed deadlines."""
        self._request.drain()
        now = time.monotonic()
        if self._tree.ended and not self._ending:
            self._end_within(GROUP_GRACE_SECONDS)
        if now >= self._deadline:
            self._request.set(Stop.TIMEOUT)
        # An ended script can no longer be stopped, but a stop in progress can still become LOST.
        if self._request.reason is not self.stopped and (self.stopped or not self._tree.ended):
            self._stop()
        if now >= self._kill_at:
            self._kill_at, self._in_grace = math.inf, False
        if self._tree.ended or not self._in_grace:
            self._tree.sweep(spare_group=self._in_grace)

    def _stop(self) -> None:
        self.stopped = self._request.reason
        if self.stopped is Stop.LOST:
            self._end_within(0)
        else:
            self._end_within(self._grace_seconds)
            self._tree.terminate()

    def _end_within(self, seconds: float) -> None:
        self._ending, self._deadline = True, math.inf
        self._kill_at = time.monotonic() + seconds
