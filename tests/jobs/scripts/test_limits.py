"""Limits of scripts, as the kernel enforces them on real processes."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domain.settings import GIB, MIB
from jobs.scripts import process_tree
from jobs.scripts.limits import Limits, limits_of
from jobs.scripts.runner import explain
from tests.conftest import settings_for
from tests.support.scripts import Runner

PYTHON = f"#!{sys.executable}\n"

as_another_user = pytest.mark.skipif(
    os.getuid() != 0, reason="needs root, to start processes of a user who has no others"
)
A_USER = 1_000_000 + os.getpid()
"""The limit on processes counts all processes of a user on the machine."""
BECOME = ["setpriv", f"--reuid={A_USER}", f"--regid={A_USER}", "--clear-groups"]


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shells that are /bin/sh on some systems, which name and count limits differently."""
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"{request.param} is not installed")
    link = tmp_path / "sh"
    link.symlink_to(found)
    wrapper = (str(link), *process_tree._WRAPPER[1:])
    monkeypatch.setattr(process_tree, "_WRAPPER", wrapper)
    monkeypatch.setattr(process_tree, "_WATCHER", "\0".join(wrapper).encode())


def limits_in(text: str) -> dict[str, tuple[str, str]]:
    """Name → soft and hard limit, of the text of a file /proc/…/limits."""
    lines = [line.rstrip() for line in text.splitlines()[1:]]
    return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip()) for line in lines}


@pytest.mark.usefixtures("shell")
def test_every_limit_is_set_hard_and_in_its_own_unit(run: Runner) -> None:
    limits = Limits(processes=1000, file_bytes=3 * MIB, memory_bytes=GIB, open_files=100)
    assert run("exec cat /proc/self/limits", limits=limits).exit_code == 0
    found = limits_in(run.printed)
    assert found["Max processes"] == ("1000", "1000")
    assert found["Max file size"] == (str(3 * MIB), str(3 * MIB))
    assert found["Max address space"] == (str(GIB), str(GIB))
    assert found["Max open files"] == ("100", "100")


def test_without_limits_a_script_may_use_as_much_as_its_worker(run: Runner) -> None:
    run("exec cat /proc/self/limits")
    assert limits_in(run.printed) == limits_in(Path("/proc/self/limits").read_text())


def test_a_lower_soft_limit_stays_as_it_is(run: Runner) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 2, hard))
    try:
        run("exec cat /proc/self/limits", limits=Limits(open_files=hard - 1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert limits_in(run.printed)["Max open files"] == (str(hard - 2), str(hard - 1))


def test_the_watcher_of_a_script_is_not_bound_by_its_limits(run: Runner) -> None:
    watchers: list[str] = []

    def look(data: bytes) -> None:
        script = int(data)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getpgid(int(process.name)) == script != int(process.name):
                    watchers.append((process / "limits").read_text())

    run("echo $$; read _ < /dev/null || true", output=look, limits=Limits(open_files=50))
    (watcher,) = watchers
    assert limits_in(watcher) == limits_in(Path("/proc/self/limits").read_text())


WORKER_WITH_LESS = """
import functools, os, resource, sys
from pathlib import Path
from jobs.scripts.limits import Limits
from jobs.scripts.runner import StopRequest, run_script
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
script = Path(sys.argv[1])
result = run_script(
    script, cwd=script.parent, env={"PATH": os.environ["PATH"], "GALLEY_ATTEMPT_ID": "x"},
    output=functools.partial(os.write, 1), stop_request=StopRequest(), timeout_seconds=60,
    limits=Limits(processes=1 << 40, file_bytes=1 << 30, open_files=65536),
)
sys.exit(result.exit_code)
"""


def test_a_worker_that_may_use_less_than_the_limits_runs_scripts_all_the_same(run: Runner) -> None:
    script = run.file("exec cat /proc/self/limits")
    worker = subprocess.run(
        [sys.executable, "-c", WORKER_WITH_LESS, script],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = limits_in(worker.stdout)
    assert found["Max open files"] == ("64", "64")
    assert found["Max file size"] == (str(MIB), str(MIB))


def test_a_script_does_not_run_when_its_limits_cannot_be_set(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    beyond_any_kernel = Limits(open_files=1 << 40)
    assert run("echo run > mark", limits=beyond_any_kernel).exit_code == 126
    assert "Its limits could not be set." in run.printed
    assert not (run.folder / "mark").exists()


# Each limit


def test_a_file_that_grows_too_large_ends_its_command_and_the_message_names_the_setting(
    run: Runner,
) -> None:
    result = run("head -c 3000000 /dev/zero > big; echo after", limits=Limits(file_bytes=MIB))
    assert (run.folder / "big").stat().st_size == MIB
    assert "a file grew beyond the limit GALLEY_STEP_FILE_BYTES" in (explain(result) or "")
    assert "after" not in run.printed


def test_the_limit_of_files_does_not_count_what_a_script_prints(run: Runner) -> None:
    assert run("head -c 3000000 /dev/zero", limits=Limits(file_bytes=MIB)).exit_code == 0
    assert len(run.printed) == 3_000_000


def test_a_script_that_opens_too_many_files_is_refused_more(run: Runner) -> None:
    script = PYTHON + "files = [open('/dev/null') for _ in range(100)]"
    assert run(script, limits=Limits(open_files=50)).exit_code == 1
    assert "Too many open files" in run.printed


def test_a_script_that_wants_too_much_memory_is_refused_more(run: Runner) -> None:
    script = PYTHON + "print(len(bytearray(1 << 30)))"
    assert run(script, limits=Limits(memory_bytes=512 * MIB)).exit_code == 1
    assert "MemoryError" in run.printed


@as_another_user
def test_a_script_cannot_raise_its_limits_again(run: Runner) -> None:
    raising = "ulimit -n 60 || echo refused"
    run(f"exec {' '.join(BECOME)} sh -c '{raising}'", limits=Limits(open_files=50))
    assert "refused" in run.printed


@as_another_user
def test_a_fork_bomb_is_contained_ends_and_hurts_nobody_else(run: Runner) -> None:
    bomb = "bomb() { while :; do bomb & done; }; bomb"
    with subprocess.Popen([*BECOME, "sleep", "60"]) as canary:
        result = run(
            f"exec {' '.join(BECOME)} sh -c '{bomb}'",
            limits=Limits(processes=50),
            timeout_seconds=0.3,
            grace_seconds=0.1,
        )
        survivors, canary_ended = run.survivors(), canary.poll()
        canary.kill()
    assert result.stopped or result.exit_code
    assert "fork" in run.printed
    assert (survivors, canary_ended) == (0, None)


# The settings


def test_there_are_limits_from_the_start_but_none_of_memory(tmp_path: Path) -> None:
    assert limits_of(settings_for(tmp_path)) == Limits(4096, 32 * GIB, None, 65_536)


def test_a_setting_of_0_means_no_limit_and_an_empty_one_the_usual(tmp_path: Path) -> None:
    given = {"GALLEY_STEP_PROCESSES": "0", "GALLEY_STEP_OPEN_FILES": ""}
    given |= {"GALLEY_STEP_MEMORY_BYTES": "1000000000"}
    limits = limits_of(settings_for(tmp_path, **given))
    assert limits == Limits(None, 32 * GIB, 1_000_000_000, 65_536)
