"""The processes of one script, none of which may outlive its attempt (Linux only).

Each kind of process is caught in its own way:

- The script leads a session and process group, so one signal reaches the whole group.
- Processes that left the group (setsid) become orphans when their parents end. Orphans are
  reparented to this process, a subreaper, which kills and reaps them as they arrive.
- If this process is killed, a dead-man's pipe closes, and a watcher in the group kills the group.
- Any process left after that has the attempt's id in its environment: see `kill_strays`.
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
"""The environment variable that marks the processes of an attempt."""

PIPE_BYTES = 1 << 20
READ_BYTES = 1 << 18

# The pipe arrives as stdin and moves to fd 3: dash cannot name an fd of two digits and gives
# background jobs an empty stdin. The watcher ignores signals meant for the script from its start.
# It is forked twice, so that it is no child of the script, which may wait for all its children.
# The limits ($1) are set after the watcher has started, because they do not apply to it.
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
    """Make orphaned descendants of this process its children. Takes a microsecond."""
    if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "This process cannot become a subreaper")


class ProcessTree:
    """The main process of a script and its descendants, whatever their group or session."""

    def __init__(
        self, command: Iterable[str], cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> None:
        """Start the main process: stdin empty, stdout and stderr on one pipe. Raises OSError."""
        become_subreaper()
        self.ended = False
        """True once the main process has ended."""
        self._unrelated = children_of("self")
        self._out_of_reach: set[int] = set()
        self._names: dict[int, str] | None = None
        self._poll = select.poll()
        self._followed: dict[int, int] = {}
        """The processes to wait for: handle (pidfd) → pid."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            self.output, output_end = _pipe(ours, theirs)
            lifeline_end, _ = _pipe(theirs, ours)
            with contextlib.suppress(OSError):  # over the user's limit: a smaller pipe will do
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
        """True if the last sweep left a process to wait for."""
        return bool(self._followed)

    @property
    def left_behind(self) -> tuple[str, ...]:
        """The killed processes that outlived the main process, such as "sleep (pid 123)"."""
        return tuple(f"{name} (pid {pid})" for pid, name in sorted((self._names or {}).items()))

    @property
    def exit_code(self) -> int:
        """The exit code of the main process, once closed. Negative for a signal."""
        return self._main.wait()

    def listen(self, fd: int) -> None:
        """Make `wait` also return when the fd can be read."""
        self._poll.register(fd, select.POLLIN)

    def wait(self, seconds: float) -> set[int]:
        """Wait for output, the end of a process or the timeout. Returns the readable fds."""
        milliseconds = math.ceil(1000 * min(max(seconds, 0), 3600))
        return {fd for fd, _ in self._poll.poll(milliseconds)}

    def forward(self, output: Callable[[bytes], None]) -> None:
        """Forward available output. Call this only if `wait` returned the output's fd."""
        if data := os.read(self.output, READ_BYTES):
            output(data)
        else:
            self._poll.unregister(self.output)

    def drain(self, output: Callable[[bytes], None]) -> None:
        """Forward the rest without waiting for other processes that hold the pipe open."""
        os.set_blocking(self.output, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.output, READ_BYTES):
                output(data)

    def terminate(self) -> None:
        """Send SIGTERM to the group."""
        self._signal_group(self._main.pid, signal.SIGTERM)

    def reap(self, ready: set[int]) -> None:
        """Reap the processes that have ended. ready: as returned by `wait`."""
        for handle in ready & self._followed.keys():
            pid = self._followed.pop(handle)
            self._poll.unregister(handle)
            os.close(handle)
            if pid == self._main.pid:
                # Reaped in `close`: until then no other process group can get its number.
                self.ended = True
            else:
                os.waitpid(pid, 0)

    def sweep(self, *, spare_group: bool) -> None:
        """Kill the whole tree and follow new orphans. Call again whenever a process ends.

        spare_group: kill nothing while any process of the group except the watcher runs.
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
        """Kill and reap the remaining processes, and close the files."""
        self.sweep(spare_group=False)
        while self.alive:
            self.reap(self.wait(60))
            self.sweep(spare_group=False)
        self._main.wait()
        self._files.close()

    def _follow(self, pid: int) -> None:
        handle = os.pidfd_open(pid)
        self._followed[handle] = pid
        self.listen(handle)

    def _orphans(self) -> set[int]:
        """Return the descendants that are now children of this process, except the main process.

        Descendants are never in this process's session, and other children usually are.
        """
        found = children_of("self") - self._unrelated - self._out_of_reach - {self._main.pid}
        return {pid for pid in found if os.getsid(pid) != os.getsid(0)}

    def _is_member(self, pid: int) -> bool:
        return os.getpgid(pid) == self._main.pid and not _is_watcher(pid)

    def _kill(self, orphan: int) -> None:
        """Kill an orphan with its group, which also holds only descendants: no fork can escape."""
        self._signal_group(os.getpgid(orphan), signal.SIGKILL)
        try:
            os.kill(orphan, signal.SIGKILL)
        except PermissionError:  # it runs as another user (sudo), who has to end it
            self._out_of_reach.add(orphan)

    @staticmethod
    def _signal_group(group: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def kill_strays(cookie: str) -> int:
    """Kill every process on this host with COOKIE=cookie in its environment; return their number.

    This is for attempts whose worker has died. Processes of other users, and processes that no
    signal can end, may remain.
    """
    entry = f"{COOKIE}={cookie}".encode()
    seen: set[int] = set()
    killed = 0
    while found := [pid for pid in _process_ids() if pid not in seen and _carries(pid, entry)]:
        seen.update(found)
        killed += sum(_kill_carrier(pid, entry) for pid in found)
    return killed


def carriers() -> dict[int, str]:
    """Return the processes on this host with COOKIE in their environment: pid → its value."""
    name = f"{COOKIE}=".encode()
    found = {}
    for pid in _process_ids():
        with contextlib.suppress(OSError):  # it has ended, or belongs to another user
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if entry.startswith(name):
                    found[pid] = entry.removeprefix(name).decode(errors="replace")
    return found


def _kill_carrier(pid: int, entry: bytes) -> bool:
    with contextlib.ExitStack() as stack, contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(pid)
        stack.callback(os.close, handle)
        if _carries(pid, entry):  # check again: from now on the pid cannot be reused
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            end = select.poll()
            end.register(handle, select.POLLIN)
            end.poll(5000)
            return True
    return False


def _carries(pid: int, entry: bytes) -> bool:
    try:
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or belongs to another user
        return False


def _process_ids() -> list[int]:
    """Return all pids except our own, newest first to catch processes that keep forking."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 (faster)
    return sorted((pid for pid in pids if pid != os.getpid()), reverse=True)


def children_of(pid: int | str) -> set[int]:
    """Return the children of all threads, with zombies. Raises OSError for an unknown process."""
    found: set[int] = set()
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (faster)
        # If a thread has ended, its children belong to another thread now.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, _read(f"/proc/{pid}/task/{task}/children").split()))
    return found


def _read(path: str) -> bytes:
    """Read a file without pathlib, which is slower than the kernel here: each step does this."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def _running(pids: Iterable[int]) -> dict[int, str]:
    """Return the names of these processes and their descendants, except watchers and zombies."""
    names: dict[int, str] = {}
    todo = list(pids)
    while todo:
        pid = todo.pop()
        with contextlib.suppress(OSError):  # it has ended
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
    """Open a pipe, each end of which is closed with its owner."""
    ends = os.pipe()
    reader.callback(os.close, ends[0])
    writer.callback(os.close, ends[1])
    return ends
