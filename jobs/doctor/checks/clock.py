"""Checks of the clocks, because each host sets leases by its own."""

import time
from collections.abc import Callable, Iterator

from redis import RedisError

from domain.models import db, is_sqlite
from domain.system.checks import Finding, fault, skipped, unless, warning
from domain.system.format import span
from jobs.doctor.scene import Scene
from jobs.queue import Doorbell

NOTICEABLE_MS = 1_000
NO_REDIS = "No Redis to compare with."


def clock_of_database(scene: Scene) -> list[Finding]:
    if is_sqlite():  # its clock is this host's
        return []
    return judged(_ahead(_database_ms), scene.settings.lease_seconds, "the database server")


def clock_of_redis(scene: Scene) -> list[Finding]:
    if scene.redis_url is None:
        return [skipped(NO_REDIS)]
    doorbell = Doorbell(scene.redis_url)

    def redis_ms() -> float:
        seconds, microseconds = doorbell.connection.time()
        return seconds * 1e3 + microseconds / 1e3

    try:
        return judged(_ahead(redis_ms), scene.settings.lease_seconds, "Redis")
    except RedisError:
        return [skipped(NO_REDIS)]


def _database_ms() -> float:
    row = db.execute_sql("SELECT extract(epoch FROM clock_timestamp()) * 1000").fetchone()
    return float(row[0])


def _ahead(ask: Callable[[], float]) -> float:
    """Return by how many milliseconds the other clock is ahead of this host's."""
    before = time.time() * 1000
    theirs = ask()
    after = time.time() * 1000
    return theirs - (before + after) / 2


def judged(ahead_ms: float, lease_seconds: float, whose: str) -> list[Finding]:
    return unless(
        _apart(ahead_ms, lease_seconds, whose),
        f"This host and {whose} agree within {max(1, abs(ahead_ms)):.0f} ms.",
    )


def _apart(ahead_ms: float, lease_seconds: float, whose: str) -> Iterator[Finding]:
    apart = abs(ahead_ms)
    if apart <= NOTICEABLE_MS:
        return
    order = "behind" if ahead_ms > 0 else "ahead of"
    found = f"This host's clock is {span(apart)} {order} the clock of {whose}"
    remedy = "Synchronize the clocks of all hosts: timedatectl set-ntp true"
    if apart > lease_seconds * 1000 / 3:
        yield fault(f"{found}: live workers lose their steps.", remedy)
    else:
        yield warning(f"{found}.", remedy)
