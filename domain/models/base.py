"""The database: its connection, its transactions, and the base of every table.

Two databases are supported. SQLite writes through one lock (a fair one, see `write`), PostgreSQL
through row locks. Measured reasons for each setting: ARCHITECTURE.md, "Data".
"""

import contextlib
import fcntl
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from peewee import (
    BigIntegerField,
    CharField,
    Database,
    DatabaseProxy,
    Model,
    OperationalError,
    SqliteDatabase,
)
from peewee import PostgresqlDatabase as PeeweePostgresqlDatabase
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

from domain.settings import Settings

log = logging.getLogger(__name__)

db: Database = DatabaseProxy()

SQLITE_PRAGMAS = [
    ("journal_mode", "wal"),
    # FULL: with NORMAL a power loss may undo the last commits; a finished deploy would run again.
    ("synchronous", "full"),
    ("foreign_keys", 1),
    ("busy_timeout", 30_000),
    ("cache_size", -16_000),
]

POSTGRES_OPTIONS = "-c idle_in_transaction_session_timeout=10s"
"""The longest time that a process paused in a transaction, or its lost host, can lock a run. Usual
transactions take milliseconds. `options` in DATABASE_URL replace it."""


def new_id() -> str:
    """Return 24 hex characters that sort by time, so that lists and indexes stay in order.

    13 digits are microseconds, which last until the year 2112; the rest is random.
    """
    return f"{time.time_ns() // 1000:013x}{secrets.randbits(44):011x}"


def first_id(ms: int) -> str:
    """Return the least id that `new_id` can return in that millisecond since the epoch or later."""
    return f"{min(max(0, ms * 1000), 16**13 - 1):013x}{0:011x}"


def is_id(text: str) -> bool:
    """Return whether `text` has the form of an id. No row has any other id."""
    return re.fullmatch(r"[0-9a-f]{24}", text) is not None


def connect(settings: Settings, *, pooled: bool) -> Database:
    """Bind `db` to the database of the settings, and make the data folder private.

    Opens no connection yet. pooled: for the threads of the web server; a worker keeps one long
    connection instead.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.data_dir.chmod(0o700)
    if settings.is_sqlite:
        settings.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
        kind = PooledSqliteDatabase if pooled else SqliteDatabase
        # IMMEDIATE: a deferred transaction that reads, then writes, fails at once under load.
        database = kind(
            str(settings.sqlite_path),
            pragmas=SQLITE_PRAGMAS,
            lock_type="IMMEDIATE",
            returning_clause=True,
            check_same_thread=False,
        )
    else:
        kind = PooledPostgresqlDatabase if pooled else PeeweePostgresqlDatabase
        url = settings.database_url
        own = {} if "options=" in url else {"options": POSTGRES_OPTIONS}
        database = kind(url, prefer_psycopg3=True, **own)
    db.initialize(database)
    return database


def connect_to_look(settings: Settings, *, patience_seconds: int) -> Database:
    """Bind `db` as `connect` does, but change nothing: no mode, no folder, no journal.

    The first query creates a missing SQLite file anyway, so check for it first.
    patience_seconds: how long to wait for a lock or a server.
    """
    if settings.is_sqlite:
        database = SqliteDatabase(
            str(settings.sqlite_path),
            pragmas=[("busy_timeout", patience_seconds * 1000)],
            lock_type="IMMEDIATE",
            returning_clause=True,
        )
    else:
        database = PeeweePostgresqlDatabase(
            settings.database_url, prefer_psycopg3=True, connect_timeout=patience_seconds
        )
    db.initialize(database)
    return database


def is_sqlite() -> bool:
    return isinstance(db.obj, SqliteDatabase)


class _WriteLock:
    """One writer at a time, in order: flock between processes, a lock between threads.

    Without it SQLite's busy handler polls, and under load some writer starves for seconds.
    """

    def __init__(self) -> None:
        self._thread_lock = threading.Lock()
        self._path = ""
        self._fd = -1

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        if not is_sqlite():
            yield
            return
        with self._thread_lock:
            self._open(f"{db.obj.database}-writer")
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _open(self, path: str) -> None:
        if path != self._path:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            self._path = path


_sqlite_lock = _WriteLock()
_this_thread = threading.local()


@contextlib.contextmanager
def _first_error() -> Iterator[None]:
    """Raise the error that made SQLite roll back on a full disk, not Peewee's failed rollback."""
    try:
        yield
    except OperationalError as error:
        before = error.__context__ and error.__context__.__context__
        if not isinstance(before, OperationalError):
            raise
        raise before from None


@contextlib.contextmanager
def write(run_id: str | None = None) -> Iterator[None]:
    """Open a transaction, the one way to change data, and then run its `after_commit` actions.

    run_id: the run whose steps are read and changed. PostgreSQL locks its row first, always before
    any step. Otherwise two steps that finish together would each see the other running, and the
    run would never advance.
    """
    if db.in_transaction():
        raise RuntimeError("write() does not nest: a use case is one transaction")
    actions: list[Callable[[], object]] = []
    _this_thread.after_commit = actions
    with _sqlite_lock(), _first_error(), db.atomic():
        if run_id is not None and not is_sqlite():
            db.execute_sql("SELECT 1 FROM run WHERE id = %s FOR UPDATE", (run_id,))
        yield
    for action in actions:
        try:
            action()
        except Exception:
            log.exception("an action after a commit failed")


def after_commit(action: Callable[[], object]) -> None:
    """Run `action` once this thread's open transaction has committed; never after a rollback.

    It runs outside the transaction and its locks. The commit stands whatever happens, so an error
    is logged and does not reach the caller of `write`.
    """
    if not db.in_transaction():
        raise RuntimeError("after_commit() needs an open transaction")
    _this_thread.after_commit.append(action)


def locked(query: Any) -> Any:
    """Return the select, with its rows locked until the transaction ends.

    SQLite needs no lock: `write` admits one transaction at a time.
    """
    return query if is_sqlite() else query.for_update()


class Base(Model):
    """The base of every table, without `save()`: use cases create and change rows.

    A stale `row.save()` writes every field and silently undoes what another process has changed.
    """

    class Meta:
        database = db
        legacy_table_names = False

    def save(self, force_insert: bool = False, only: Any = None) -> int:
        if not force_insert:
            raise RuntimeError("Use an update with a condition instead of save().")
        return int(super().save(force_insert=True, only=only))


class Id(CharField):
    """A primary key from `new_id`."""

    def __init__(self) -> None:
        super().__init__(max_length=24, primary_key=True, default=new_id)


class Moment(BigIntegerField):
    """Epoch milliseconds."""
