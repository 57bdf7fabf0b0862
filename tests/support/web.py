"""Web servers as `galley web` runs them, on a test's database: what several clients do at once."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from bench.stack import free_port
from domain.settings import CHECKOUT, Settings
from tests.support.keys import SECRET_KEY
from tests.support.wait import eventually


@contextlib.contextmanager
def serving(settings: Settings, redis_url: str, count: int = 1) -> Iterator[list[str]]:
    """The addresses of so many servers, each a process of its own; gone afterwards."""
    ports = [free_port() for _ in range(count)]
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(_server(settings, redis_url, port))
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for url in urls:
            wait_for(url)
        yield urls


def wait_for(url: str, has_ended: Callable[[], bool] = lambda: False) -> None:
    """Until the server answers, or its process has ended."""

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return client.get(f"{url}/healthz").is_success
        return has_ended()

    with httpx.Client() as client:
        eventually(answers, 30, "the web server to answer")


@contextlib.contextmanager
def _server(settings: Settings, redis_url: str, port: int) -> Iterator[None]:
    environment = {
        **os.environ,
        "GALLEY_DATA_DIR": str(settings.data_dir),
        "GALLEY_SECRET_KEY": SECRET_KEY,
        "GALLEY_PORT": str(port),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": redis_url,
    }
    log = Path(f"{settings.data_dir}-web-{port}.log")
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "cli", "web"],
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
