"""Idempotency keys: a POST that is sent again creates nothing twice.

`idempotent` returns the first answer to a request that was sent before. For any other, the use case
calls `store_answer` in its transaction, which stores the answer together with the created thing or
not at all. Of two requests that race, the second meets the first one's row and is rolled back.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from peewee import IntegrityError

from domain.clock import DAY_MS, now
from domain.errors import Conflict, Invalid, conflict
from domain.models import IdempotencyKey, write

T = TypeVar("T")

KEPT_MS = DAY_MS


class KeyReused(Invalid):
    code = "idempotency_key_reused"


@dataclass(frozen=True)
class Keyed:
    """A request that carries a key: its user, its target and the SHA-256 of its body."""

    user_id: str
    key: str
    target: str
    body_hash: str


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


_current: ContextVar[tuple[Keyed, Callable[[Any], Answer]] | None] = ContextVar(
    "the keyed request that is being answered", default=None
)


def idempotent(
    keyed: Keyed | None, create: Callable[[], T], answer_of: Callable[[T], Answer]
) -> tuple[T | None, Answer]:
    """Create something and return it with its answer, or None with the first answer to the request.

    create: a use case that calls `store_answer`. keyed: None for a request without a key.
    Raises Invalid if the key was used with another body.
    """
    if keyed and (first := first_answer(keyed)):
        return None, first
    token = _current.set((keyed, answer_of) if keyed else None)
    try:
        created = create()
    except Conflict:
        # A request with the same key was faster: this one met its key, or the name that it took.
        if keyed and (first := first_answer(keyed)):
            return None, first
        raise
    finally:
        _current.reset(token)
    return created, answer_of(created)


def store_answer(created: object) -> None:
    """Store the answer to the current request, if it has a key, in the use case's transaction.

    Raises Conflict if another request with the key was faster; the transaction must not commit.
    """
    current = _current.get()
    if current is None:
        return
    keyed, answer_of = current
    answer = answer_of(created)
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
        raise conflict(
            "idempotency_key_in_use",
            "The first request with this Idempotency-Key is still being handled. Send it again.",
            "Another request was faster.",
            key=keyed.key,
        ) from None


def first_answer(keyed: Keyed) -> Answer | None:
    """Return the answer to an earlier request with the key. Raises Invalid if its body differs."""
    row = IdempotencyKey.get_or_none(_same(keyed), IdempotencyKey.created_at > now() - KEPT_MS)
    if row is None:
        return None
    if row.body_hash != keyed.body_hash:
        raise KeyReused([], "This Idempotency-Key was used with another body; use a new one.")
    return Answer(row.status, row.answer, row.headers)


def purge() -> int:
    """Delete keys older than a day and return how many there were."""
    with write():
        expired = IdempotencyKey.created_at <= now() - KEPT_MS
        return int(IdempotencyKey.delete().where(expired).execute())


def _same(keyed: Keyed) -> Any:
    return (
        (IdempotencyKey.user == keyed.user_id)
        & (IdempotencyKey.key == keyed.key)
        & (IdempotencyKey.target == keyed.target)
    )
