"""The supervisor in its own process: its signals, its children, and its death."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.setup.data_lock import AlreadyRunning, holder_of, lock_data_dir
from jobs.setup.supervisor import _die_with, pause_before_restart

DEADLINE_SECONDS = 20

PROGRAM = """
import json, pathlib, sys
from jobs.setup.data_lock import lock_data_dir
from jobs.setup.supervisor import Part, Supervisor

def report(*event):
    print(json.dumps(event), flush=True)

def on_ready(name):
    report("ready", name)
    if spec.get("bad_callback"):
        raise RuntimeError("the terminal is closed")

def part(name, argv, env=None, stop_group=0, ready_file=None):
    ready = pathlib.Path(ready_file).exists if ready_file else None
    return Part(name, argv, env, stop_group, ready)

spec = json.loads(sys.argv[1])
hold = [lock_data_dir(pathlib.Path(spec["data_dir"]))] if "data_dir" in spec else []
Supervisor(
    [part(**each) for each in spec["parts"]],
    on_ready=on_ready,
    out=lambda line: report("out", line),
    grace_seconds=dict.fromkeys(range(9), spec.get("grace", 10)),
    hold=hold,
).run()
report("end")
"""


class Running:
    """A supervisor in a process of its own, and its reports."""

    def __init__(self, launcher: Sequence[str] = (), **spec: Any) -> None:
        command = [*launcher, sys.executable, "-c", PROGRAM, json.dumps(spec)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._events: queue.Queue[list[Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def next(self, kind: str, about: str = "") -> list[Any]:
        """Return the rest of the next event of the kind whose first member begins with `about`."""
        while (event := self._events.get(timeout=DEADLINE_SECONDS)) is not None:
            if event[0] == kind and (not about or event[1].startswith(about)):
                return event[1:]
        raise AssertionError(f"the supervisor ended without reporting {kind} {about}")

    def started(self, name: str) -> int:
        """Return the pid of the next start of the part."""
        return int(self.next("out", f"{name}: started, process ")[0].rsplit(" ", 1)[1])

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def clean_up(self) -> None:
        for _ in range(2):  # the second time, what is left is killed with its group
            self.stop()
        self.process.wait(DEADLINE_SECONDS)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def supervise() -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as after:

        def start(launcher: Sequence[str] = (), **spec: Any) -> Running:
            running = Running(launcher, **spec)
            after.callback(running.clean_up)
            return running

        yield start


def part(name: str, script: str = "exec sleep 1000", **fields: Any) -> dict[str, Any]:
    return {"name": name, "argv": ["sh", "-c", script], **fields}


ON_SIGTERM = """
import pathlib, signal, sys, time

def on_sigterm(*_):
    {reaction}

signal.signal(signal.SIGTERM, on_sigterm)
pathlib.Path("{up}").touch()
while True:
    signal.pause()
"""


def reacting(name: str, folder: Path, reaction: str, stop_group: int = 0) -> dict[str, Any]:
    """Return a part that executes `reaction` (Python) at SIGTERM."""
    up = folder / f"{name}-up"
    program = ON_SIGTERM.format(reaction=reaction, up=up)
    argv = [sys.executable, "-S", "-c", program]
    return {"name": name, "argv": argv, "ready_file": str(up), "stop_group": stop_group}


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def written(path: Path) -> str:
    """Wait for a text in the file, and return it."""
    wait_until(lambda: path.exists() and path.read_text())
    return path.read_text()


def test_parts_start_in_their_order_each_in_a_session_of_its_own(
    supervise: Callable[..., Running],
) -> None:
    running = supervise(parts=[part("redis"), part("web"), part("worker")])
    pids = [running.started(name) for name in ("redis", "web", "worker")]
    assert [os.getsid(pid) for pid in pids] == pids


def test_a_part_gets_its_variables_on_top_of_the_environment(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    script = f'echo "$COLOUR $PATH" > {tmp_path}/seen; exec sleep 1000'
    supervise(parts=[part("web", script, env={"COLOUR": "blue"})])
    assert written(tmp_path / "seen") == f"blue {os.environ['PATH']}\n"


def test_a_part_starts_only_when_the_one_before_it_is_ready(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    sign = tmp_path / "sign"
    script = f"read _ < {tmp_path}/gate; touch {sign}; exec sleep 1000"
    os.mkfifo(tmp_path / "gate")
    running = supervise(parts=[part("redis", script, ready_file=str(sign)), part("web")])
    running.started("redis")
    (tmp_path / "gate").write_text("go\n")
    assert running.next("ready") == ["redis"]
    running.started("web")


def test_a_killed_part_is_reported_and_started_again_at_once(
    supervise: Callable[..., Running],
) -> None:
    running = supervise(parts=[part("redis"), part("worker")])
    pid = running.started("worker")
    os.kill(pid, signal.SIGKILL)
    assert running.next("out", "worker") == ["worker: ended by SIGKILL, restarting now"]
    assert running.started("worker") != pid


def test_the_rest_of_a_dead_parts_group_is_killed(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    running = supervise(parts=[part("web", f"sleep 1000 & echo $! > {tmp_path}/child; wait")])
    pid = running.started("web")
    child = int(written(tmp_path / "child"))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_gone(child))


def test_a_part_that_keeps_dying_is_started_at_growing_intervals(
    supervise: Callable[..., Running],
) -> None:
    running = supervise(parts=[part("worker", "exit 3")])
    ends = [running.next("out", "worker: ended")[0] for _ in range(3)]
    assert ends == [
        f"worker: ended with exit code 3, restarting {when}"
        for when in ("now", "in 0.2 s", "in 0.4 s")
    ]


def test_pauses_grow_from_nothing_to_ten_seconds_and_no_further() -> None:
    pauses = [pause_before_restart(deaths) for deaths in (1, 2, 3, 4, 5, 6, 7, 8, 9, 100_000)]
    assert pauses == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]


def test_a_program_that_does_not_exist_is_reported_and_stops_nothing_else(
    supervise: Callable[..., Running],
) -> None:
    running = supervise(parts=[{"name": "web", "argv": ["/nowhere/web"]}, part("worker")])
    assert "could not be started" in running.next("out", "web: ")[0]
    running.started("worker")
    running.stop()
    running.next("end")


def test_a_failing_callback_is_reported_and_stops_nothing(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    web = part("web", f"touch {tmp_path}/up; exec sleep 1000", ready_file=str(tmp_path / "up"))
    running = supervise(parts=[web, part("worker")], bad_callback=True)
    assert "the terminal is closed" in running.next("out", "web: a callback failed")[0]
    running.started("worker")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_all_parts_and_the_supervisor(
    supervise: Callable[..., Running], number: signal.Signals
) -> None:
    running = supervise(parts=[part("redis"), part("worker")])
    pids = [running.started("redis"), running.started("worker")]
    running.stop(number)
    running.next("end")
    assert running.process.wait() == 0
    assert all(is_gone(pid) for pid in pids)


def test_under_nohup_a_closed_terminal_changes_nothing(supervise: Callable[..., Running]) -> None:
    running = supervise(["nohup"], parts=[part("worker")])
    pid = running.started("worker")
    running.stop(signal.SIGHUP)
    os.kill(pid, signal.SIGKILL)
    running.started("worker")
    running.stop()
    running.next("end")


def test_groups_are_stopped_one_after_the_other(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    order = tmp_path / "order"

    def noting(name: str, group: int) -> dict[str, Any]:
        note = f"print('{name}', '{{}}', file=open('{order}', 'a'), flush=True)"
        reaction = "; ".join([note.format("stops"), "time.sleep(0.05)", note.format("ended")])
        return reacting(name, tmp_path, f"{reaction}; sys.exit()", group)

    running = supervise(parts=[noting("redis", 2), noting("worker", 1), noting("web", 0)])
    running.next("ready", "web")
    running.stop()
    running.next("end")
    assert order.read_text().splitlines() == [
        f"{name} {what}" for name in ("web", "worker", "redis") for what in ("stops", "ended")
    ]


def stubborn(folder: Path) -> dict[str, Any]:
    return reacting("worker", folder, f"pathlib.Path('{folder}/asked').touch()")


def test_a_part_that_does_not_stop_is_killed_after_its_grace(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    running = supervise(parts=[stubborn(tmp_path)], grace=0.2)
    pid = running.started("worker")
    running.next("ready")
    running.stop()
    assert running.next("out", "worker") == ["worker: did not stop, killing it"]
    running.next("end")
    assert is_gone(pid)
    assert (tmp_path / "asked").exists()


def test_a_second_stop_signal_ends_everything_at_once(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    running = supervise(parts=[part("redis", stop_group=1), stubborn(tmp_path)], grace=1000)
    running.next("ready")
    running.stop()
    wait_until((tmp_path / "asked").exists)
    running.stop()
    running.next("end")


def test_no_part_survives_a_kill_of_the_supervisor(supervise: Callable[..., Running]) -> None:
    running = supervise(parts=[part("redis"), part("worker")])
    pids = [running.started("redis"), running.started("worker")]
    running.process.kill()
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_child_whose_parent_died_before_it_could_notice_ends(tmp_path: Path) -> None:
    somebody_else = 1
    done = subprocess.run(
        ["touch", tmp_path / "sign"], preexec_fn=_die_with(somebody_else), check=False
    )
    assert done.returncode == 1
    assert not (tmp_path / "sign").exists()


def test_a_second_instance_on_the_same_folder_is_refused_in_one_sentence(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    running = supervise(parts=[part("redis")], data_dir=str(tmp_path))
    running.started("redis")
    with pytest.raises(AlreadyRunning) as refusal:
        lock_data_dir(tmp_path, wait_seconds=1000)
    assert str(refusal.value) == (
        f"Galley already runs on {tmp_path} (process {running.process.pid}): "
        "stop it first, or set GALLEY_DATA_DIR to another folder."
    )


def test_after_a_kill_a_new_instance_waits_until_the_parts_of_the_old_one_are_gone(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    data_dir, gate = tmp_path / "data", tmp_path / "gate"
    os.mkfifo(gate)
    slow = reacting("redis", tmp_path, f"open('{gate}').read(); sys.exit()")
    running = supervise(parts=[slow], data_dir=str(data_dir))
    pid = running.started("redis")
    running.next("ready")
    running.process.kill()
    wait_until(lambda: is_gone(running.process.pid))
    assert not is_gone(pid)
    opening = threading.Timer(0.2, gate.write_text, ["go"])
    opening.start()
    os.close(lock_data_dir(data_dir))
    opening.join()
    wait_until(lambda: is_gone(pid))


def test_a_folder_is_free_again_after_an_orderly_stop(
    supervise: Callable[..., Running], tmp_path: Path
) -> None:
    running = supervise(parts=[part("redis")], data_dir=str(tmp_path))
    running.started("redis")
    running.stop()
    running.next("end")
    running.process.wait()
    os.close(lock_data_dir(tmp_path, wait_seconds=0))


def test_the_holder_of_a_folder_can_be_read_without_locking_it(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    lock = lock_data_dir(tmp_path)
    assert holder_of(tmp_path) == str(os.getpid())
    os.close(lock)
    assert holder_of(tmp_path) is None
    os.close(lock_data_dir(tmp_path, wait_seconds=0))
