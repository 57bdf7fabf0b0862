"""The doorbell: notifies workers of steps that may be ready. The only module that enqueues.

A message is only a hint. The database decides who runs what, so a message may be lost, duplicated
or late without harm, and no request waits for Redis: `ring` gives up within a second.
"""

import logging
from collections.abc import Sequence

from redis import Redis, RedisError
from rq import Queue
from rq.command import send_command
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from domain.engine import AbortRequest, Ready

log = logging.getLogger(__name__)

RUN_STEP = "jobs.worker.run_step.run_step"
"""A name, not an import: the web server must not load what runs steps."""

LOOK = "look"
"""The command that makes a worker check at once whether its step has to be aborted."""

RECORD_SECONDS = 60
"""Lifetime of RQ's own record of a job. With 0 its bookkeeping would raise after FLUSHALL."""


class Doorbell:
    """A connection to Redis that opens on first use."""

    def __init__(self, redis_url: str) -> None:
        # One short try: redis-py's own retries would hold a web request for four seconds.
        self.connection = Redis.from_url(
            redis_url, socket_timeout=1, socket_connect_timeout=1, retry=None
        )

    def queue(self, name: str) -> Queue:
        return Queue(f"galley-{name}", connection=self.connection, serializer=JSONSerializer)

    def ring(self, announced: Sequence[Ready | AbortRequest]) -> bool:
        """Notify the workers. False: Redis does not answer; the reconciler will ring later."""
        try:
            for step in announced:
                if isinstance(step, Ready):
                    self._enqueue(step)
                else:
                    send_command(self.connection, step.worker, LOOK, step_id=step.step_id)
        except RedisError as error:
            log.warning("could not notify the workers of %d steps: %s", len(announced), error)
            return False
        return True

    def _enqueue(self, step: Ready) -> None:
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
            log.debug("%s is enqueued already", step)

    def waiting_messages(self, queue: str) -> list[str]:
        """Return the ids of the messages that no worker has taken. Raises RedisError."""
        return list(self.queue(queue).job_ids)

    def is_reachable(self) -> bool:
        try:
            return bool(self.connection.ping())
        except RedisError:
            return False


def message_id(step: Ready) -> str:
    """Return the id of the step's message. RQ rejects a second message with an id in use.

    It keeps rejecting the id of a message that was lost, so the next one has another bell number.
    """
    return f"s{step.step_id}-{step.attempt}-{step.bell}"
