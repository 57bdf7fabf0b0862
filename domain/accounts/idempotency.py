"""Idempotency keys: a POST that is sent again makes nothing twice.

A route asks `first_answer` before it starts, and its use case calls `keep` inside the transaction
that makes the thing. Of two that race, the second's `keep` meets the first's row: everything the
second did is rolled back, and it gets 409.
"""

from dataclasses import dataclass, field
from typing import Any

from peewee import IntegrityError

from domain.clock import DAY_MS, now
from domain.errors import Conflict, Invalid, state
from domain.models import IdempotencyKey, write

KEPT_MS = DAY_MS


class KeyReused(Invalid):
    code = "idempotency_key_reused"


@dataclass(frozen=True)
class Keyed:
    """A request that carries a key: whose, where to, and the SHA-256 of its body."""

    user_id: str
    key: str
    target: str
    body_hash: str


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def first_answer(keyed: Keyed) -> Answer | None:
    """What the same request was answered before; None if it is the first.

    Raises Invalid if the key was used with another body.
    """
    kept = IdempotencyKey.get_or_none(_same(keyed), IdempotencyKey.created_at > now() - KEPT_MS)
    if kept is None:
        return None
    if kept.body_hash != keyed.body_hash:
        raise KeyReused([], "This Idempotency-Key was used with another body; take a new one.")
    return Answer(kept.status, kept.answer, kept.headers)


def keep(keyed: Keyed | None, answer: Answer) -> None:
    """Remember the answer, inside the transaction of what it tells of. None: nothing to remember.

    Raises Conflict if another request with the key was faster; the transaction must not commit.
    """
    if keyed is None:
        return
    expired = IdempotencyKey.created_at <= now() - KEPT_MS
    IdempotencyKey.delete().where(_same(keyed), expired).execute()
    try:
        IdempotencyKey.create(
            user=keyed.user_id,
            key=keyed.key,
            target=keyed.target,
            body_hash=keyed.body_hash,
            status=answer.status,
            answer=answer.body,
            headers=answer.headers,
        )
    except IntegrityError:
        raise Conflict(
            "The first request with this Idempotency-Key is still being handled. Send it again.",
            code="idempotency_key_in_use",
            details=[state("idempotency_key_in_use", "Another request was faster.", key=keyed.key)],
        ) from None


def purge() -> int:
    """Forget keys older than a day; how many there were."""
    with write():
        expired = IdempotencyKey.created_at <= now() - KEPT_MS
        return int(IdempotencyKey.delete().where(expired).execute())


def _same(keyed: Keyed) -> Any:
    return (
        (IdempotencyKey.user == keyed.user_id)
        & (IdempotencyKey.key == keyed.key)
        & (IdempotencyKey.target == keyed.target)
    )
