"""Redis: it answers, is new enough, takes messages and throws none away."""

from collections.abc import Iterator, Mapping
from typing import Any

from redis import Redis, RedisError

from domain.models import new_id
from jobs.doctor.findings import Finding, fault, skipped, unless, warning
from jobs.doctor.scene import Scene
from jobs.queue import Doorbell

OLDEST = (6, 2)


def redis(scene: Scene) -> list[Finding]:
    settings = scene.settings
    is_private = settings.redis_url is None
    if is_private and scene.supervisor is None:
        return [skipped("Galley is not running, nor is its private Redis.")]
    try:
        if scene.redis_url is None:
            raise RedisError(f"there is none in {settings.data_dir / 'redis'}")
        connection = Doorbell(scene.redis_url).connection
        info: Mapping[str, Any] = connection.info()
        trouble = [*unfit(info, _saves(connection)), *_refuses(connection, scene)]
    except (RedisError, ValueError) as error:
        return [silent(scene.told(error), is_private, str(settings.data_dir))]
    version = info["redis_version"]
    return unless(trouble, f"Redis {version} answers and takes messages.")


def silent(error: str, is_private: bool, data_dir: str) -> Finding:
    if is_private:
        return fault(
            f"Galley runs, but its private Redis does not answer: {error}",
            f"Look at {data_dir}/redis/redis.log. If Galley was started with REDIS_URL, set it "
            "here too.",
        )
    return fault(
        f"Redis does not answer: {error}",
        "Start it, or correct REDIS_URL. Runs are stored meanwhile, and start when it is back.",
    )


def unfit(info: Mapping[str, Any], saves: str | None) -> Iterator[Finding]:
    """info: what Redis says of itself; saves: its setting `save`, None where it does not tell."""
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        yield fault(f"Redis {version} is too old.", "Install Redis 6.2 or newer.")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield warning(
            f"Redis throws out messages when its memory is full ({policy}); their steps are rung "
            "for again, but late.",
            "Set maxmemory-policy noeviction in its configuration.",
        )
    if not info.get("aof_enabled") and saves == "":
        yield warning(
            "Redis keeps nothing on disk: after its restart the steps that wait are rung for "
            "again, which takes seconds.",
            "Set appendonly yes in its configuration.",
        )


def _saves(connection: Redis) -> str | None:
    try:
        settings = connection.config_get("save")
    except RedisError:  # many hosted ones refuse it
        return None
    return settings.get("save")


def _refuses(connection: Redis, scene: Scene) -> Iterator[Finding]:
    """A replica refuses to be written to, and so does a Redis whose disk or memory is full."""
    key = f"galley-doctor-{new_id()}"
    try:
        connection.set(key, "", ex=10)
        connection.delete(key)
    except RedisError as error:
        yield fault(
            f"Redis takes no messages: {scene.told(error)}",
            "Look at its log, its disk and its memory; REDIS_URL must name one that is no replica.",
        )
