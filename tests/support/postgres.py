"""A PostgreSQL server of the tests' own, in a folder of its own, gone with the test session."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support.wait import eventually


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: newest version first; None where there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return versions[0].parent if versions else None


@dataclass
class Server:
    """A server to make databases in. `url` names its maintenance database."""

    url: str
    launch: Callable[[], subprocess.Popen] | None = None
    folder: Path | None = None

    def __post_init__(self) -> None:
        self.process = self.launch() if self.launch else None

    def database_url(self, name: str) -> str:
        base, _, query = self.url.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{name}{'?' + query if query else ''}"

    def create(self, name: str) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.database_url(name)

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def restart(self) -> None:
        """End every connection and start again. Only a server that `start` made."""
        if self.process is None or self.launch is None:
            raise RuntimeError("this server is not ours to restart")
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.process = self.launch()
        eventually(lambda: _answers(self), 60, "PostgreSQL to answer again")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def empty(url: str, tables: Sequence[str]) -> None:
    """Delete all rows of the tables, in this order, after ending whoever is still connected."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute(";".join(f'DELETE FROM "{table}"' for table in tables))


def start(programs: Path) -> Server:
    """Make a cluster and start it on a free port; durability is off, for it is a test's."""
    folder = Path(tempfile.mkdtemp(prefix="galley-pg-"))
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    as_user = {"user": user} if os.getuid() == 0 else {}
    if as_user:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "galley", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **as_user,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB"]
    arguments = [flag for option in options for flag in ("-c", option)]

    def launch() -> subprocess.Popen:
        where = ("-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder)
        return subprocess.Popen(
            [programs / "postgres", *where, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **as_user,
        )

    server = Server(f"postgresql://galley@127.0.0.1:{port}/postgres", launch, folder)
    eventually(lambda: _answers(server), 60, "PostgreSQL to answer")
    return server


def _answers(server: Server) -> bool:
    try:
        psycopg.connect(server.url, connect_timeout=5).close()
    except psycopg.OperationalError:
        if server.process and server.process.poll() is not None:
            raise RuntimeError("PostgreSQL ended at once") from None
        return False
    return True
