"""The processes of one script, none of which may outlive its attempt (Linux only).

How each part of a tree is caught:

- The script leads a session and process group of its own: one signal reaches the whole group.
- What left that group (setsid) is an orphan once its parents have ended, and orphans come to this
  process because it is a subreaper: they are killed and reaped as they arrive.
- When this process itself is killed, a dead-man's pipe closes and a watcher in the group kills it.
- What even that missed carries the attempt's id in its environment: see `kill_strays`.
"""

import contextlib
import ctypes
import fcntl
import math
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from jobs.scripts.limits import Limits

COOKIE = "GALLEY_ATTEMPT_ID"
"""The environment variable by which the processes of an attempt are known."""

PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 18

# The pipe arrives as stdin and moves to fd 3: dash cannot name an fd of two digits and gives
# background jobs an empty stdin. The watcher is deaf, from its birth, to signals that are meant for
# the script, and forked twice so as not to be a child of it: it may wait for all its children.
# The limits ($1) come after its birth: they are not meant for it.
_WRAP = (
    "exec 3<&0 </dev/null; "
    '( trap "" HUP INT QUIT TERM; ( read _ <&3; kill -KILL 0 ) >/dev/null 2>&1 & ); '
    'exec 3<&-; eval "$1" || { echo "Its limits could not be set." >&2; exit 126; }; '
    'shift; exec "$@"'
)
_WRAPPER = ("/bin/sh", "-c", _WRAP, "galley-step")
_WATCHER = "\0".join(_WRAPPER).encode()
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Let orphaned descendants of this process become its children. Costs a microsecond."""
    if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "This process cannot become a subreaper")


class ProcessTree:
    """The main process of a script and its descendants, whatever their group or session."""

    def __init__(
        self, command: Iterable[str], cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> None:
        """Start it, with an empty stdin and both streams on one pipe. Raises OSError."""
        become_subreaper()
        self.ended = False
        """Whether the main process has ended."""
        self._not_ours = children_of("self")
        self._out_of_reach: set[int] = set()
        self._names: dict[int, str] | None = None
        self._poll = select.poll()
        self._followed: dict[int, int] = {}
        """The processes whose end is waited for: handle (pidfd) to id."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            self.output, output_end = _pipe(ours, theirs)
            lifeline_end, _ = _pipe(theirs, ours)
            with contextlib.suppress(OSError):  # more than this user may have: smaller will do
                fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            self._main = subprocess.Popen(
                [*_WRAPPER, limits.as_commands(), *command],
                cwd=cwd,
                env=env,
                stdin=lifeline_end,
                stdout=output_end,
                stderr=output_end,
                start_new_session=True,
            )
            self._follow(self._main.pid)
            self._files = ours.pop_all()
        self.listen(self.output)

    @property
    def alive(self) -> bool:
        """Whether any process is left, as far as the last sweep knows."""
        return bool(self._followed)

    @property
    def left(self) -> tuple[str, ...]:
        """What outlived the main process and had to be killed: "sleep (pid 123)"."""
        return tuple(f"{name} (pid {pid})" for pid, name in sorted((self._names or {}).items()))

    @property
    def exit_code(self) -> int:
        """Of the main process, once closed; negative for a signal."""
        return self._main.wait()

    def listen(self, fd: int) -> None:
        """Let `wait` return when fd can be read, too."""
        self._poll.register(fd, select.POLLIN)

    def wait(self, seconds: float) -> set[int]:
        """Wait for output, the end of a process or the time; the fds that have something."""
        milliseconds = math.ceil(1000 * min(max(seconds, 0), 3600))
        return {fd for fd, _ in self._poll.poll(milliseconds)}

    def pass_on(self, output: Callable[[bytes], None]) -> None:
        """Hand over what was printed; only after `wait` said that there is something."""
        if data := os.read(self.output, READ_BYTES):
            output(data)
        else:
            self._poll.unregister(self.output)

    def drain(self, output: Callable[[bytes], None]) -> None:
        """Hand over the rest, without waiting for whoever else may still hold the pipe."""
        os.set_blocking(self.output, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.output, READ_BYTES):
                output(data)

    def terminate(self) -> None:
        """Ask the group to end."""
        self._signal_group(self._main.pid, signal.SIGTERM)

    def bury(self, ready: set[int]) -> None:
        """Take note of the processes that have ended."""
        for handle in ready & self._followed.keys():
            pid = self._followed.pop(handle)
            self._poll.unregister(handle)
            os.close(handle)
            if pid == self._main.pid:
                # Not reaped before `close`: until then no other process group can get its number.
                self.ended = True
            else:
                os.waitpid(pid, 0)

    def sweep(self, *, spare_group: bool) -> None:
        """Kill the whole tree and follow what became an orphan; call again after each end.

        spare_group: leave it alone while anything of the group but the watcher still runs.
        """
        orphans = self._orphans()
        if not (spare_group and any(self._is_member(pid) for pid in orphans)):
            if self.ended and self._names is None:
                self._names = _running(orphans)
            self._signal_group(self._main.pid, signal.SIGKILL)
            for pid in orphans:
                self._kill(pid)
        for pid in orphans - self._out_of_reach - set(self._followed.values()):
            self._follow(pid)

    def close(self) -> None:
        """Kill whatever is left, reap everything, close the files."""
        self.sweep(spare_group=False)
        while self.alive:
            self.bury(self.wait(60))
            self.sweep(spare_group=False)
        self._main.wait()
        self._files.close()

    def _follow(self, pid: int) -> None:
        handle = os.pidfd_open(pid)
        self._followed[handle] = pid
        self.listen(handle)

    def _orphans(self) -> set[int]:
        """The descendants that are children of this process by now, the main one left out.

        A descendant cannot be in the session of this process, any other child usually is.
        """
        found = children_of("self") - self._not_ours - self._out_of_reach - {self._main.pid}
        return {pid for pid in found if os.getsid(pid) != os.getsid(0)}

    def _is_member(self, pid: int) -> bool:
        return os.getpgid(pid) == self._main.pid and not _is_watcher(pid)

    def _kill(self, orphan: int) -> None:
        """With its group, which is a descendant's too: the kernel lets no fork slip through."""
        self._signal_group(os.getpgid(orphan), signal.SIGKILL)
        try:
            os.kill(orphan, signal.SIGKILL)
        except PermissionError:  # it became another user's (sudo), who has to end it
            self._out_of_reach.add(orphan)

    @staticmethod
    def _signal_group(group: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def kill_strays(cookie: str) -> int:
    """Kill every process on this host whose environment holds COOKIE=cookie; how many there were.

    For an attempt whose worker is gone. Returns when none is left but those that a signal cannot
    end or that belong to another user.
    """
    entry = f"{COOKIE}={cookie}".encode()
    seen: set[int] = set()
    killed = 0
    while found := [pid for pid in _process_ids() if pid not in seen and _carries(pid, entry)]:
        seen.update(found)
        killed += sum(_kill_carrier(pid, entry) for pid in found)
    return killed


def carriers() -> dict[int, str]:
    """The processes on this host whose environment holds COOKIE, with its value."""
    name = f"{COOKIE}=".encode()
    found = {}
    for pid in _process_ids():
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if entry.startswith(name):
                    found[pid] = entry.removeprefix(name).decode(errors="replace")
    return found


def _kill_carrier(pid: int, entry: bytes) -> bool:
    with contextlib.ExitStack() as stack, contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(pid)
        stack.callback(os.close, handle)
        if _carries(pid, entry):  # asked again: only now the number cannot change its owner
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            end = select.poll()
            end.register(handle, select.POLLIN)
            end.poll(5000)
            return True
    return False


def _carries(pid: int, entry: bytes) -> bool:
    try:
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return False


def _process_ids() -> list[int]:
    """Of this host, this one left out. The newest first, for those that fork as they are killed."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 (faster)
    return sorted((pid for pid in pids if pid != os.getpid()), reverse=True)


def children_of(pid: int | str) -> set[int]:
    """Of all threads, zombies included. Raises OSError if there is no such process."""
    found: set[int] = set()
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (faster)
        # A thread may have ended meanwhile; its children, if any, are another thread's by now.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, _read(f"/proc/{pid}/task/{task}/children").split()))
    return found


def _read(path: str) -> bytes:
    """Without pathlib, which takes longer than the kernel: a step asks for this some ten times."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def _running(pids: Iterable[int]) -> dict[int, str]:
    """The names of these and their descendants, without watchers and zombies."""
    names: dict[int, str] = {}
    todo = list(pids)
    while todo:
        pid = todo.pop()
        with contextlib.suppress(OSError):  # it has ended meanwhile
            before, _, after = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")
            if after[:1] not in b"ZX" and not _is_watcher(pid):
                names[pid] = before.partition(b"(")[2].decode(errors="replace")
                todo += children_of(pid)
    return names


def _is_watcher(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(_WATCHER)
    except OSError:
        return False


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe; each end is closed with its owner."""
    ends = os.pipe()
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends
