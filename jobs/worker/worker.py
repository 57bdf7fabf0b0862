"""The worker: RQ's simple loop, made to survive failures that break RQ's own bookkeeping.

RQ takes a message from Redis and calls `jobs.worker.run_step.run_step`, which makes all decisions
in the database. ARCHITECTURE.md, "Workers", gives the reasons for the overrides.
"""

import json
import logging
import signal
import time
from types import FrameType
from typing import Any

from redis import Redis, RedisError
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from rq import worker_registration
from rq.exceptions import InvalidJobOperation, StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from domain.models import WorkerInfo, connect
from domain.settings import Settings
from jobs.queue import LOOK, RUN_STEP, Doorbell
from jobs.scripts.process_tree import become_subreaper
from jobs.scripts.runner import Stop
from jobs.shared.db_retry import AWAY, reconnect
from jobs.shared.disk_watch import DiskWatch
from jobs.shared.heartbeat import SEEN_EVERY_SECONDS, Heartbeat, unique_name
from jobs.worker import run_step
from jobs.worker.attempt import WorkerProcess

log = logging.getLogger(__name__)

LONGEST_STEP_SECONDS = 100_000
"""RQ considers a job abandoned after this time, so it is longer than any step may take."""


def work(settings: Settings, redis_url: str, queue: str) -> None:
    """Run the steps of one queue until SIGTERM or SIGINT."""
    connect(settings, pooled=False).connect()
    become_subreaper()
    name = unique_name()
    connection = Redis.from_url(redis_url, retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3))
    watch = DiskWatch(settings)
    heartbeat = Heartbeat(WorkerInfo, name, lambda: {"queue": queue, "has_room": watch.has_room()})
    process = WorkerProcess(name, queue, settings, Doorbell(redis_url), heartbeat.send)
    run_step.set_worker(process)
    worker = StepWorker(
        [process.doorbell.queue(queue)],
        process=process,
        name=name,
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=30,
    )
    heartbeat.send()
    try:
        worker.work(logging_level="WARNING")
    finally:
        heartbeat.end()


class StepWorker(SimpleWorker):
    """A SimpleWorker whose signal handlers only set flags, and whose bookkeeping may fail."""

    max_connection_wait_time = 2.0
    log_result_lifespan = False

    def __init__(self, *args: Any, process: WorkerProcess, **kwargs: Any) -> None:
        super().__init__(*args, log_job_description=False, **kwargs)
        self._process = process
        self._registered_at = 0.0

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Set flags only: RQ's own signal handler talks to Redis in the middle of a step."""
        self._stop_requested = True
        self._process.stopping = True
        self._process.stop_request.set(Stop.SHUTDOWN)
        signal.signal(signal.SIGINT, self.request_stop)
        if self._process.lease is None and self.get_state() == "idle":
            raise StopRequested

    def handle_payload(self, message: dict[str, Any]) -> None:
        """Check the database at once when poked. Other commands from Redis are ignored."""
        payload = json.loads(message["data"])
        if payload.get("command") == LOOK:
            self._process.poke()

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return LONGEST_STEP_SECONDS

    def execute_job(self, job: Job, queue: Queue) -> None:
        if job.func_name != RUN_STEP:  # RQ would import any function that a message names
            log.error("refused the message %s for %s", job.id, job.func_name)
            job.delete()
            return
        try:
            super().execute_job(job, queue)
        except (RedisError, InvalidJobOperation) as error:
            # Redis was flushed or is down. Only RQ's record is lost, the step itself is finished.
            log.warning("RQ lost its record of %s: %s", job.id, error)
            self.executions.clear()
            self._state = "idle"

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        super().heartbeat(timeout, pipeline)
        if pipeline is None and self.birth_date:
            self._register_again()
            try:
                self._process.send_heartbeat()
            except AWAY as away:
                log.warning("the database does not answer: %s", away)
                reconnect()

    def _register_again(self) -> None:
        """Return to RQ's list of workers after Redis was flushed."""
        if time.monotonic() - self._registered_at > SEEN_EVERY_SECONDS:
            self._registered_at = time.monotonic()
            worker_registration.register(self)
            self.connection.hset(self.key, mapping=self.serialize())

    def teardown(self) -> None:
        try:
            super().teardown()
        except RedisError as error:
            log.warning("could not sign off from Redis: %s", error)
