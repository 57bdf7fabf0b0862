"""Runs one script: its command, its clock, the wish to stop it, and what to say of its end.

One loop waits for output, the ends of processes and wishes to stop. Nothing polls, no threads.
How a tree of processes is held together: `jobs.scripts.process_tree`.
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
from jobs.scripts.process_tree import COOKIE, ProcessTree, become_subreaper, kill_strays

__all__ = [
    "COOKIE",
    "Result",
    "Stop",
    "Wake",
    "become_subreaper",
    "explain",
    "kill_strays",
    "run_script",
]

LAST_WORDS_SECONDS = 0.5
"""What is in the group of a script that has ended may take this long to end too: `> >(tee log)`."""

NO_LIMITS = Limits()

_SHEBANG = re.compile(rb"#![ \t]*([^ \t\n\0]+)[ \t]*([^\n\0]*)")
_EXIT_CODES = {126: "a command could not be executed", 127: "a command was not found"}
_HINTS: dict[int, str] = {
    signal.SIGKILL: ", possibly because memory ran out",
    signal.SIGXFSZ: ", because a file grew beyond the limit GALLEY_STEP_FILE_BYTES",
}


class Stop(StrEnum):
    """Why a script is stopped before its end."""

    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    LOST = "lost"
    """The attempt is no longer this worker's: nothing may be waited for."""


_STOP_REASONS = {
    Stop.TIMEOUT: "its time limit was over",
    Stop.CANCELLED: "its step was cancelled",
    Stop.SHUTDOWN: "its worker shut down",
    Stop.LOST: "its worker had lost the step",
}


class Wake:
    """A wish to stop, made from anywhere in this process, that wakes the loop of `run_script`."""

    def __init__(self) -> None:
        self.requested: Stop | None = None
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def request(self, stop: Stop) -> None:
        """Safe in a signal handler. The first reason stays, unless the attempt was lost."""
        if self.requested is None or stop is Stop.LOST:
            self.requested = stop
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")

    def fileno(self) -> int:
        return self._read

    def drain(self) -> None:
        """Make the pipe quiet again; the request stays."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass

    def reset(self) -> None:
        """Forget the request: the next script is another attempt."""
        self.requested = None
        self.drain()

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@dataclass(frozen=True)
class Result:
    """How a script ended."""

    exit_code: int
    """Negative: the number of the signal that ended it."""
    stopped: Stop | None = None
    """Set if it was made to end."""
    left_behind: tuple[str, ...] = ()
    """What it had left running when it ended by itself, and what was killed: "sleep (pid 123)"."""
    problem: str | None = None
    """A sentence that says why it could not be started at all."""


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
    wake: Wake,
    timeout_seconds: float,
    grace_seconds: float = 10,
    limits: Limits = NO_LIMITS,
) -> Result:
    """Run the file with `/bin/sh -e` or the interpreter of its `#!` line, to the very end.

    env is its whole environment and has to hold COOKIE; output gets what it prints (both streams,
    in order); limits bind each of its processes. To be stopped means SIGTERM, and SIGKILL for what
    is left after the grace; LOST means SIGKILL at once. When this returns or raises (only what
    output raises), nothing of the tree is left.
    """
    if wake.requested:
        return Result(-signal.SIGTERM, wake.requested)
    try:
        tree = ProcessTree(_command(script, cwd), cwd, env, limits)
    except _CannotStartError as error:
        return Result(error.exit_code, problem=str(error))
    except OSError as error:  # no such folder, environment too large, no more processes
        reason = "its environment is too large" if error.errno == errno.E2BIG else str(error)
        return Result(126, problem=f"The script could not be started: {reason}.")

    with contextlib.closing(tree):
        watch = _Watch(tree, wake, timeout_seconds, grace_seconds)
        while tree.alive:
            ready = tree.wait(watch.seconds_left())
            if tree.output in ready:
                tree.pass_on(output)
            tree.bury(ready)
            watch.act()
        tree.drain(output)
    return Result(tree.exit_code, watch.stopped, () if watch.stopped else tree.left)


def explain(result: Result) -> str | None:
    """What a person should know about an end; None for an end without anything to say."""
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
    """Its name and what it may mean; empty if there is no such signal."""
    try:
        return signal.Signals(number).name + _HINTS.get(number, "")
    except ValueError:
        return f"signal {number}" if 0 < number <= signal.NSIG else ""


def _command(script: Path, cwd: Path) -> list[str]:
    """What to execute for a script, read from its first line as the kernel does.

    Done here because the kernel refuses scripts on file systems that are mounted noexec.
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
        sentence = (
            f"The interpreter {name.strip()} of the script's first line does not exist{hint}."
        )
        raise _CannotStartError(127, sentence)
    if interpreter.is_dir() or not os.access(interpreter, os.X_OK):
        sentence = f"The interpreter {name} of the script's first line cannot be executed."
        raise _CannotStartError(126, sentence)
    argument = argument.rstrip(" \t")
    return [str(interpreter), *([argument] if argument else []), str(script.absolute())]


class _Watch:
    """What others and the clock want of a script: the time limit, stops and their grace."""

    def __init__(
        self, tree: ProcessTree, wake: Wake, timeout_seconds: float, grace_seconds: float
    ) -> None:
        self.stopped: Stop | None = None
        self._tree, self._wake, self._grace_seconds = tree, wake, grace_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._ending, self._kill_at, self._merciful = False, math.inf, True
        tree.listen(wake.fileno())

    def seconds_left(self) -> float:
        """Until the clock wants something next."""
        return min(self._deadline, self._kill_at) - time.monotonic()

    def act(self) -> None:
        """Do what is due."""
        self._wake.drain()
        now = time.monotonic()
        if self._tree.ended and not self._ending:
            self._end_within(LAST_WORDS_SECONDS)
        if now >= self._deadline:
            self._wake.request(Stop.TIMEOUT)
        # An end of its own is no stop any more; a stop that is under way can still turn into LOST.
        if self._wake.requested is not self.stopped and (self.stopped or not self._tree.ended):
            self._stop()
        if now >= self._kill_at:
            self._kill_at, self._merciful = math.inf, False
        if self._tree.ended or not self._merciful:
            self._tree.sweep(spare_group=self._merciful)

    def _stop(self) -> None:
        self.stopped = self._wake.requested
        if self.stopped is Stop.LOST:
            self._end_within(0)
        else:
            self._end_within(self._grace_seconds)
            self._tree.terminate()

    def _end_within(self, seconds: float) -> None:
        self._ending, self._deadline = True, math.inf
        self._kill_at = time.monotonic() + seconds
