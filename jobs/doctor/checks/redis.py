"""Checks of Redis: it answers, is new enough, and accepts and keeps messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from redis import Redis, RedisError

from domain.models import new_id
from domain.system import checks
from domain.system.checks import Finding, fault, skipped, unless, warning
from jobs.doctor.scene import Scene
from jobs.queue import Doorbell

OLDEST = (6, 2)


def redis(scene: Scene) -> list[Finding]:
    settings = scene.settings
    if settings.redis_url is None and scene.supervisor is None:
        return [skipped("Galley is not running, nor is its private Redis.")]
    try:
        if scene.redis_url is None:
            raise RedisError("no socket")
        connection = Doorbell(scene.redis_url).connection
        info: Mapping[str, Any] = connection.info()
        trouble = [*unfit(info, _saves(connection)), *_refuses(connection, scene)]
    except (RedisError, ValueError) as error:
        return [checks.redis(settings, answers=False, error=scene.reason(error))]
    version = info["redis_version"]
    return unless(trouble, f"Redis {version} answers and accepts messages.")


def unfit(info: Mapping[str, Any], saves: str | None) -> Iterator[Finding]:
    """Find unsuitable settings. saves: the setting `save`, or None if Redis does not reveal it."""
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        yield fault(f"Redis {version} is too old.", "Install Redis 6.2 or newer.")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield warning(
            f"Redis drops messages when its memory is full ({policy}); their steps are enqueued "
            "again, but late.",
            "Set maxmemory-policy noeviction in its configuration.",
        )
    if not info.get("aof_enabled") and saves == "":
        yield warning(
            "Redis stores nothing on disk: after its restart, waiting steps are enqueued again "
            "with a delay of seconds.",
            "Set appendonly yes in its configuration.",
        )


def _saves(connection: Redis) -> str | None:
    try:
        settings = connection.config_get("save")
    except RedisError:  # common among hosted servers
        return None
    return settings.get("save")


def _refuses(connection: Redis, scene: Scene) -> Iterator[Finding]:
    """Try to write, which fails on a replica, or with a full disk or memory."""
    key = f"galley-doctor-{new_id()}"
    try:
        connection.set(key, "", ex=10)
        connection.delete(key)
    except RedisError as error:
        yield fault(
            f"Redis accepts no messages: {scene.reason(error)}",
            "Check its log, its disk, and its memory; REDIS_URL must not name a replica.",
        )
