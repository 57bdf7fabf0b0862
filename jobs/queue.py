"""The doorbell: tells workers which steps may be ready. The only module that enqueues.

A message is only a hint. The database decides who runs what, so a message may be lost, doubled or
late without harm, and nobody has to wait for Redis: every function here gives up within a second
and answers instead of raising.
"""

import logging
from collections.abc import Iterable, Sequence

from redis import Redis, RedisError
from rq import Queue
from rq.command import send_command
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from domain.engine import Ready
from domain.models import StepRun

log = logging.getLogger(__name__)

RUN_STEP = "jobs.worker.run_step.run_step"
"""Named, not imported: whoever rings does not load what runs."""

LOOK = "look"
"""The command of a poke: the worker asks the database whether its step shall stop."""

RECORD_SECONDS = 60
"""How long RQ keeps its own record of a job. 0 would make its bookkeeping raise after FLUSHALL."""


class Doorbell:
    """A connection to Redis, for ringing and poking. It is opened when it is first needed."""

    def __init__(self, redis_url: str) -> None:
        # One try, short: redis-py's own retries would hold a web request for four seconds.
        self.connection = Redis.from_url(
            redis_url, socket_timeout=1, socket_connect_timeout=1, retry=None
        )

    def queue(self, name: str) -> Queue:
        return Queue(f"galley-{name}", connection=self.connection, serializer=JSONSerializer)

    def ring(self, steps: Sequence[Ready]) -> bool:
        """Tell the workers. False: Redis is out of reach; the reconciler will ring later."""
        try:
            for step in steps:
                self._ring(step)
        except RedisError as error:
            log.warning("could not ring for %d steps: %s", len(steps), error)
            return False
        return True

    def _ring(self, step: Ready) -> None:
        try:
            self.queue(step.queue).enqueue_call(
                RUN_STEP,
                (step.step_id, step.attempt),
                job_id=message_id(step),
                unique=True,
                timeout=-1,
                result_ttl=RECORD_SECONDS,
                failure_ttl=RECORD_SECONDS,
            )
        except DuplicateJobError:
            log.debug("already rung for %s", step)

    def poke(self, steps: Iterable[StepRun]) -> None:
        """Make the workers of running steps ask the database now, not at their next beat."""
        try:
            for step in steps:
                send_command(self.connection, step.worker, LOOK, step_id=step.id)
        except RedisError as error:
            log.warning("could not poke a worker: %s", error)

    def waiting_messages(self, queue: str) -> list[str]:
        """Ids of the messages in the queue that no worker has taken. Raises RedisError."""
        return list(self.queue(queue).job_ids)

    def is_reachable(self) -> bool:
        try:
            return bool(self.connection.ping())
        except RedisError:
            return False


def message_id(step: Ready) -> str:
    """The id of the message: RQ refuses a second one with the same id while the first lives.

    A message that was lost would be refused for ever; the bell number makes the next one new.
    """
    return f"s{step.step_id}-{step.attempt}-{step.bell}"
