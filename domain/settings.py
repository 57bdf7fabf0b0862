"""Settings, read from the environment and checked at start.

A bad setting raises SettingError with one sentence that names the setting and its allowed values.
"""

import math
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent

MIB = 1024 * 1024
GIB = 1024 * MIB


class SettingError(Exception):
    """An invalid setting; the text is for the person who set it."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Times are in seconds, sizes in bytes."""

    data_dir: Path
    database_url: str
    redis_url: str | None
    storage_url: str
    host: str
    port: int
    workers: int
    lease_seconds: float
    kill_grace_seconds: float
    log_head_bytes: int
    log_tail_bytes: int
    step_path: str | None = None
    """The PATH of scripts; None for the system's default."""
    given_secret_key: str | None = None
    # Limits of a script; None: those of the worker.
    step_processes: int | None = None
    """Counts all processes of the worker's user, as the kernel does."""
    step_file_bytes: int | None = None
    step_memory_bytes: int | None = None
    """The address space of each process."""
    step_open_files: int | None = None
    # Minimum free space on a disk; None for the defaults in domain/disk.py.
    disk_warn_bytes: int | None = None
    disk_stop_bytes: int | None = None
    upload_bytes: int = 100 * MIB
    """The maximum size of a request with log files."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API from a browser, with a token."""

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def sqlite_path(self) -> Path:
        return Path(self.database_url.removeprefix("sqlite:///"))

    def secret_key(self) -> str:
        """Return the given key, else the one in the data folder, created (mode 0600) if missing."""
        return self.given_secret_key or _stored_secret_key(self.data_dir / "secret_key")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check every setting. Raises SettingError."""
    data_dir = Path(environ.get("GALLEY_DATA_DIR") or CHECKOUT / "var").expanduser().resolve()
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(environ.get("DATABASE_URL"), data_dir),
        redis_url=_redis_url(environ.get("REDIS_URL")),
        storage_url=environ.get("GALLEY_STORAGE_URL") or f"file://{data_dir}/storage",
        host=environ.get("GALLEY_HOST") or "127.0.0.1",
        port=_whole(environ, "GALLEY_PORT", 8000, 1, 65535),
        workers=_whole(environ, "GALLEY_WORKERS", os.cpu_count() or 2, 1, 512),
        lease_seconds=_number(environ, "GALLEY_LEASE_SECONDS", 15.0, 1, 3600),
        kill_grace_seconds=_number(environ, "GALLEY_KILL_GRACE_SECONDS", 10.0, 0, 3600),
        log_head_bytes=_whole(environ, "GALLEY_LOG_HEAD_BYTES", 100 * MIB, 1024, 1 << 40),
        log_tail_bytes=_whole(environ, "GALLEY_LOG_TAIL_BYTES", MIB, 1024, 1 << 30),
        step_path=environ.get("GALLEY_STEP_PATH") or None,
        given_secret_key=_secret_key(environ.get("GALLEY_SECRET_KEY")),
        step_processes=_limit(environ, "GALLEY_STEP_PROCESSES", 4096),
        step_file_bytes=_limit(environ, "GALLEY_STEP_FILE_BYTES", 32 * GIB),
        step_memory_bytes=_limit(environ, "GALLEY_STEP_MEMORY_BYTES", 0),
        step_open_files=_limit(environ, "GALLEY_STEP_OPEN_FILES", 65_536),
        disk_warn_bytes=_mark(environ, "GALLEY_DISK_WARN_BYTES"),
        disk_stop_bytes=_mark(environ, "GALLEY_DISK_STOP_BYTES"),
        upload_bytes=_whole(environ, "GALLEY_UPLOAD_BYTES", 100 * MIB, 1024, 1 << 40),
        cors_origins=_origins(environ.get("GALLEY_CORS_ORIGINS")),
    )


def _number(
    environ: Mapping[str, str], name: str, default: float, low: float, high: float
) -> float:
    given = environ.get(name)
    if not given:
        return default
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise SettingError(f"{name} must be a number from {low} to {high}, not {given!r}.")
    return value


def _whole(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = _number(environ, name, default, low, high)
    if value != int(value):
        raise SettingError(f"{name} must be a whole number from {low} to {high}.")
    return int(value)


def _limit(environ: Mapping[str, str], name: str, default: int) -> int | None:
    """Read a limit, of which 0 means none."""
    return _whole(environ, name, default, 0, 1 << 50) or None


def _mark(environ: Mapping[str, str], name: str) -> int | None:
    return _whole(environ, name, 0, 0, 1 << 50) if environ.get(name) else None


def _database_url(given: str | None, data_dir: Path) -> str:
    if not given:
        return f"sqlite:///{data_dir}/galley.db"
    scheme = urlsplit(given).scheme
    if scheme == "postgres":
        return given.replace("postgres:", "postgresql:", 1)
    if scheme not in ("sqlite", "postgresql"):
        raise SettingError(
            "DATABASE_URL must begin with sqlite:/// and a path, or with postgresql://, "
            f"not {scheme or 'nothing'}:."
        )
    if scheme == "sqlite" and not given.startswith("sqlite:////"):
        raise SettingError("DATABASE_URL must name an absolute path: sqlite:////srv/galley.db.")
    return given


def _redis_url(given: str | None) -> str | None:
    if given and urlsplit(given).scheme not in ("redis", "rediss", "unix"):
        raise SettingError("REDIS_URL must begin with redis://, rediss:// or unix://.")
    return given or None


def _origins(given: str | None) -> tuple[str, ...]:
    origins = tuple((given or "").split())
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise SettingError(
                "GALLEY_CORS_ORIGINS must be origins such as https://dash.example.com, separated "
                f"by spaces, not {origin!r}."
            )
    return origins


def _secret_key(given: str | None) -> str | None:
    if given and len(given) < 32:
        raise SettingError("GALLEY_SECRET_KEY must have at least 32 characters.")
    return given or None


def _stored_secret_key(path: Path) -> str:
    """Read the key. The first process to link a file decides, so parts started together agree."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_hex(32))
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text().strip()  # an editor may have added a newline
