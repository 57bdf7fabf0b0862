"""Run a complete Galley with `galley up` in a temporary folder."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

PASSWORD = "bench-bench-bench"
GALLEY = [sys.executable, "-m", "cli"]


@dataclass
class Stack:
    url: str
    data_dir: Path
    environment: dict[str, str]
    process: subprocess.Popen

    def client(self) -> httpx.Client:
        """Create a client of the API with a token of `admin`."""
        token = subprocess.run(
            [*GALLEY, "token", "create", "admin", "--name", "bench", "--scope", "write"],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        yield Path(folder) / "data"


@contextlib.contextmanager
def running(data_dir: Path, workers: int = 2, **settings: str) -> Iterator[tuple[Stack, float]]:
    """Start Galley on the folder. Also returns the seconds from the start to the first page.

    settings: further environment variables. The output goes to a log file beside the folder.
    """
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")},
        "GALLEY_DATA_DIR": str(data_dir),
        "GALLEY_PORT": str(port),
        "GALLEY_WORKERS": str(workers),
        "GALLEY_ADMIN_PASSWORD": PASSWORD,
        **settings,
    }
    log = data_dir.with_name(f"{data_dir.name}.log").open("ab")
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*GALLEY, "up"],
        env=environment,
        stdout=log,
        stderr=log,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_page(f"{url}/login", process)
        yield Stack(url, data_dir, environment, process), time.perf_counter() - begin
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        log.close()


def _wait_for_page(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 30
    with httpx.Client(timeout=5) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                client.get(url).raise_for_status()
                return
            time.sleep(0.01)
    raise RuntimeError("Galley did not start")
