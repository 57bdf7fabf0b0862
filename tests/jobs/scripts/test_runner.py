"""Scripts as process trees: real processes, real signals."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.scripts import process_tree
from jobs.scripts.process_tree import COOKIE, kill_strays
from jobs.scripts.runner import Result, Stop, StopRequest, explain
from tests.support.scripts import Runner
from tests.support.wait import eventually

PYTHON = f"#!{sys.executable}\n"


def is_gone(pid: int) -> bool:
    """Return whether it has ended, and reap it if it is an orphan of this process."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(") ")[2][0] == "Z"


def children() -> set[str]:
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


# The environment of a script


def test_a_script_ends_with_its_exit_code_and_both_streams_arrive_in_order(run: Runner) -> None:
    assert run("echo one; echo two >&2; echo three; exit 3") == Result(3)
    assert run.printed == "one\ntwo\nthree\n"


def test_a_shell_script_ends_at_its_first_failing_command(run: Runner) -> None:
    assert run("echo before\nfalse\necho after\n").exit_code == 1
    assert run.printed == "before\n"


def test_standard_input_is_empty(run: Runner) -> None:
    assert run("cat; echo end") == Result(0)
    assert run.printed == "end\n"


def test_the_environment_is_what_was_given_and_nothing_of_the_server(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GALLEY_SECRET_KEY", "not for scripts")
    run("env", env=run.env | {"GREETING": "two\nlines"})
    names = set(subprocess_names(run.printed))
    assert {"PATH", COOKIE, "GREETING"} <= names
    # A shell adds some of these to the environment of every command.
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", COOKIE, "GREETING"}


def subprocess_names(listing: str) -> Iterator[str]:
    return (line.partition("=")[0] for line in listing.splitlines() if "=" in line)


def test_no_open_file_of_the_worker_is_inherited(run: Runner, tmp_path: Path) -> None:
    with (tmp_path / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        run(PYTHON + "import os\nprint(sorted(map(int, os.listdir('/proc/self/fd'))))")
    assert run.printed == "[0, 1, 2, 3]\n"  # 3 is the listed folder itself


def test_a_script_leads_a_session_and_a_group_of_its_own_in_its_folder(run: Runner) -> None:
    run(PYTHON + "import os\nprint(os.getpid() == os.getsid(0) == os.getpgid(0), os.getcwd())")
    assert run.printed == f"True {run.folder}\n"


def test_a_script_that_waits_for_all_its_children_has_none_but_its_own(run: Runner) -> None:
    run(PYTHON + "import os\ntry: os.wait()\nexcept ChildProcessError: print('none')")
    assert run.printed == "none\n"


def test_signals_that_the_worker_ignores_work_in_a_script(run: Runner) -> None:
    # Python ignores SIGPIPE; in a shell `yes | head` would then print errors.
    run(PYTHON + "import signal\nprint(signal.getsignal(signal.SIGPIPE).name)")
    default = subprocess.run(
        [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGPIPE).name)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.printed == default.stdout


def test_the_interpreter_gets_at_most_one_argument_as_from_the_kernel(run: Runner) -> None:
    show = run.folder / "show"
    show.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    show.chmod(0o755)
    run(f"#!  {show} \t -a  b c \t\nanything\n")
    assert run.printed == f"<-a  b c><{run.folder}/script>"


def test_a_relative_interpreter_is_one_of_the_working_folder(run: Runner) -> None:
    (run.folder / "mine").symlink_to("/bin/echo")
    assert run("#!mine hello").exit_code == 0
    assert run.printed == f"hello {run.folder}/script\n"


def test_a_hash_bang_without_an_interpreter_is_a_shell_script(run: Runner) -> None:
    assert run("#! \necho shell\n").exit_code == 0
    assert run.printed == "shell\n"


def test_megabytes_of_any_bytes_arrive_unchanged(run: Runner) -> None:
    data = os.urandom(1 << 20) * 8
    (run.folder / "data").write_bytes(data)
    assert run("cat data") == Result(0)
    assert b"".join(run.chunks) == data


def test_a_script_may_close_its_output_and_go_on(run: Runner) -> None:
    assert run("exec >&- 2>&-; echo done > mark; exit 4").exit_code == 4
    assert (run.folder / "mark").read_text() == "done\n"


# Scripts that cannot start


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (
            "#!/no/such -x\n",
            127,
            "The interpreter /no/such of the script's first line does not exist.",
        ),
        (
            "#!/bin/sh\r\n",
            127,
            "The interpreter /bin/sh of the script's first line does not exist: "
            "the line has a Windows line ending.",
        ),
        (
            "#!/etc/passwd\n",
            126,
            "The interpreter /etc/passwd of the script's first line cannot be executed.",
        ),
        ("#!/etc\n", 126, "The interpreter /etc of the script's first line cannot be executed."),
    ],
)
def test_an_interpreter_that_cannot_be_used_is_named(
    run: Runner, text: str, code: int, sentence: str
) -> None:
    result = run(text)
    assert (result.exit_code, explain(result)) == (code, sentence)


def test_a_missing_or_large_file_is_reported(run: Runner) -> None:
    nowhere = run.folder / "nowhere"
    assert explain(run(nowhere)) == f"The script {nowhere} does not exist."
    assert str(nowhere) in (explain(run("true", cwd=nowhere)) or "")
    too_large = run("true", env=run.env | {"X": "x" * 200_000})
    assert explain(too_large) == "The script could not be started: its environment is too large."


def test_a_script_does_not_even_start_when_its_stop_came_before(run: Runner) -> None:
    run.stop_request.set(Stop.CANCELLED)
    assert run("touch started").stopped is Stop.CANCELLED
    assert not (run.folder / "started").exists()
    run.stop_request.reset()
    assert run("touch started") == Result(0)


# Stops


def test_a_script_is_stopped_when_its_time_is_over(run: Runner) -> None:
    result = run("echo begun; sleep 60", timeout_seconds=0.1)
    assert (result.exit_code, result.stopped) == (-signal.SIGTERM, Stop.TIMEOUT)
    assert run.printed == "begun\n"


def test_a_script_that_ignores_sigterm_is_killed_after_the_grace(run: Runner) -> None:
    result = run('trap "" TERM; sleep 60; sleep 60', timeout_seconds=0.1, grace_seconds=0.1)
    assert (result.exit_code, result.stopped) == (-signal.SIGKILL, Stop.TIMEOUT)


def test_a_command_may_tidy_up_in_the_grace_though_its_shell_ends_at_once(run: Runner) -> None:
    command = run.folder / "command"
    command.write_text(
        PYTHON + "import os, signal, time\n"
        "def tidy(*_):\n    time.sleep(0.1); os.write(1, b'tidied'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, tidy)\nos.write(1, b'ready ')\ntime.sleep(60)\n"
    )
    command.chmod(0o755)
    result = run("./command; true", output=cancel_at(run, b"ready"))
    assert (result.exit_code, result.stopped) == (-signal.SIGTERM, Stop.CANCELLED)
    assert run.printed == "ready tidied"
    assert result.left_behind == ()


def cancel_at(run: Runner, words: bytes, stop: Stop = Stop.CANCELLED) -> Callable[[bytes], None]:
    def output(data: bytes) -> None:
        run.chunks.append(data)
        if words in data:
            run.stop_request.set(stop)

    return output


def test_commands_that_ignore_sigterm_do_not_outlive_the_grace_of_their_shell(run: Runner) -> None:
    result = run(
        "(trap '' TERM; echo ready; sleep 60) & wait",
        output=cancel_at(run, b"ready"),
        grace_seconds=0.1,
    )
    assert (result.exit_code, result.stopped) == (-signal.SIGTERM, Stop.CANCELLED)


def test_a_signal_handler_can_stop_a_script(run: Runner) -> None:
    previous = signal.signal(signal.SIGUSR1, lambda *_: run.stop_request.set(Stop.SHUTDOWN))
    try:
        assert run(f"kill -USR1 {os.getpid()}; sleep 60").stopped is Stop.SHUTDOWN
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_the_first_reason_to_stop_stays_unless_the_attempt_is_lost() -> None:
    stop_request = StopRequest()
    stop_request.set(Stop.SHUTDOWN)
    stop_request.set(Stop.TIMEOUT)
    assert stop_request.reason is Stop.SHUTDOWN
    stop_request.set(Stop.LOST)
    stop_request.set(Stop.CANCELLED)
    assert stop_request.reason is Stop.LOST
    stop_request.close()


def test_a_lost_attempt_is_killed_at_once(run: Runner) -> None:
    result = run(
        "trap 'echo asked' TERM; echo ready; sleep 60", output=cancel_at(run, b"ready", Stop.LOST)
    )
    assert (result.exit_code, result.stopped) == (-signal.SIGKILL, Stop.LOST)
    assert run.printed == "ready\n"


def test_an_attempt_lost_during_its_grace_is_killed_at_once(run: Runner) -> None:
    def stop(data: bytes) -> None:
        run.stop_request.set(Stop.LOST if b"asked" in data else Stop.CANCELLED)

    result = run("trap 'echo asked; sleep 60' TERM; echo ready; sleep 60 & wait", output=stop)
    assert (result.exit_code, result.stopped) == (-signal.SIGKILL, Stop.LOST)


def test_nothing_is_left_when_the_output_cannot_be_taken(run: Runner) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    before = children()
    with pytest.raises(RuntimeError, match="broken"):
        run("sleep 60 & setsid sleep 60 & echo x; wait", output=fail)
    assert children() == before
    assert run.survivors() == 0


# Nothing outlives the script


def left_names(result: Result) -> list[str]:
    return sorted(name.partition(" (pid ")[0] for name in result.left_behind)


def test_a_background_child_that_holds_the_output_does_not_outlive_its_step(run: Runner) -> None:
    result = run("sleep 60 & echo end")
    assert (result.exit_code, left_names(result)) == (0, ["sleep"])
    assert run.printed == "end\n"


def test_a_child_that_calls_setsid_does_not_survive_its_step(run: Runner) -> None:
    result = run("mkfifo up; setsid sh -c 'echo > up; exec sleep 60' & read _ < up")
    assert result.exit_code == 0
    assert left_names(result) in (["sh"], ["sleep"])


def test_a_child_may_print_for_a_moment_after_its_script(run: Runner) -> None:
    assert run("(sleep 0.05; echo late) & echo end") == Result(0)
    assert run.printed == "end\nlate\n"


FORK_FOREVER = """
import os, sys
if os.fork():
    os._exit(0)
while True:
    if os.fork():
        os._exit(0)
    {action}
"""


@pytest.mark.parametrize("action", ["pass", "os.setsid()"])
def test_a_child_that_keeps_forking_is_caught(run: Runner, action: str) -> None:
    assert run(PYTHON + FORK_FOREVER.format(action=action)).exit_code == 0
    assert run.survivors() == 0


def test_nothing_remains_in_the_worker_after_a_script(run: Runner) -> None:
    before = children(), len(list(Path("/proc/self/fd").iterdir()))
    for text in ("true", "sleep 60 & exit 1", "setsid sleep 60 & kill -9 $$", "#!/no/such\n"):
        run(text)
    assert (children(), len(list(Path("/proc/self/fd").iterdir()))) == before


def test_other_children_of_the_worker_are_left_alone(run: Runner) -> None:
    made: list[subprocess.Popen[bytes]] = []

    def make(_: bytes) -> None:
        if len(made) < 2:
            made.append(subprocess.Popen(["sleep", "60"]))

    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(subprocess.Popen(["sleep", "60"], start_new_session=True))
        made.append(daemon)
        run("setsid sleep 60 & echo x", output=make)
        assert len(made) == 2
        assert [process.poll() for process in made] == [None, None]
        for process in made:
            process.kill()
            process.wait()


# The worker dies


WORKER = """
import functools, os, sys
from pathlib import Path
from jobs.scripts.runner import StopRequest, run_script
script, cookie, path = sys.argv[1:]
run_script(
    Path(script), cwd=Path(script).parent, env={"PATH": path, "GALLEY_ATTEMPT_ID": cookie},
    output=functools.partial(os.write, 1), stop_request=StopRequest(), timeout_seconds=60,
)
"""


def killed_worker(run: Runner, text: str, count: int) -> list[int]:
    """Kill a worker once its script has printed `count` process ids, and return them."""
    arguments = [str(run.file(text)), run.cookie, os.environ["PATH"]]
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as worker:
        assert worker.stdout is not None
        pids = [int(worker.stdout.readline()) for _ in range(count)]
        worker.kill()
    return pids


def test_a_killed_worker_takes_its_script_with_it(run: Runner) -> None:
    script = 'trap "" TERM; echo $$; sleep 60 & echo $!; wait'
    pids = killed_worker(run, script, 2)
    eventually(lambda: all(is_gone(pid) for pid in pids), 5)


def test_a_script_cannot_end_its_watcher_with_a_signal_to_its_group(run: Runner) -> None:
    script = 'trap "" TERM HUP INT; kill -TERM 0; kill -HUP 0; kill -INT 0; echo $$; sleep 60'
    (pid,) = killed_worker(run, script, 1)
    eventually(lambda: is_gone(pid), 5)


def test_strays_of_a_lost_worker_are_found_by_their_environment(run: Runner) -> None:
    with subprocess.Popen(["sleep", "60"], env={**run.env, COOKIE: run.cookie + "0"}) as other:
        (pid,) = killed_worker(run, "setsid sh -c 'echo $$; exec sleep 60' & wait", 1)
        killed = kill_strays(run.cookie)
        gone, other_status = is_gone(pid), other.poll()
        other.kill()
    assert killed >= 1
    assert gone
    assert other_status is None
    assert kill_strays(run.cookie) == 0


# Explanations


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (Result(0), None),
        (Result(3), "The script ended with exit code 3."),
        (Result(126), "The script ended with exit code 126: a command could not be executed."),
        (Result(127), "The script ended with exit code 127: a command was not found."),
        (
            Result(137),
            "The script ended with exit code 137: a command was killed by SIGKILL, possibly "
            "because memory ran out.",
        ),
        (
            Result(-25),
            "The script was killed by SIGXFSZ, because a file grew beyond the limit "
            "GALLEY_STEP_FILE_BYTES.",
        ),
        (Result(255), "The script ended with exit code 255."),
        (Result(-15), "The script was killed by SIGTERM."),
        (Result(-9), "The script was killed by SIGKILL, possibly because memory ran out."),
        (Result(-40), "The script was killed by signal 40."),
        (Result(-15, Stop.TIMEOUT), "The script was stopped: it exceeded its time limit."),
        (Result(0, Stop.CANCELLED), "The script was stopped: its step was aborted."),
        (
            Result(0, None, ("sleep (pid 5)",)),
            "The script left processes running, which were killed: sleep (pid 5).",
        ),
        (
            Result(1, None, tuple(f"p (pid {n})" for n in range(7))),
            "The script ended with exit code 1. The script left processes running, which were "
            "killed: p (pid 0), p (pid 1), p (pid 2), p (pid 3), p (pid 4) and 2 more.",
        ),
    ],
)
def test_the_end_of_a_script_is_explained(result: Result, sentence: str | None) -> None:
    assert explain(result) == sentence


def test_a_command_that_is_not_there_is_explained(run: Runner) -> None:
    result = run("no-such-command")
    assert explain(result) == "The script ended with exit code 127: a command was not found."


def test_threads_that_come_and_go_do_not_disturb_the_look_for_children():
    """The worker has threads to renew its lease and to check its disks."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()

    busy = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as child:
            for _ in range(2000):
                assert child.pid in process_tree.children_of("self")
    finally:
        over.set()
        for thread in busy:
            thread.join()
