"""API tokens: creation, lists, revocation and use."""

import contextlib
import hashlib
import secrets
from dataclasses import dataclass

from peewee import OperationalError

from domain.accounts import audit, idempotency
from domain.accounts.access import READ, WRITE, Actor, missing
from domain.clock import DAY_MS, now
from domain.errors import NotSignedIn
from domain.models import Token, User, is_id, write
from domain.pagination import Page, fetch

TOKEN_PREFIX = "gal_"  # noqa: S105

USE_NOTED_EVERY_MS = 60_000
"""One write per request would make every reader wait for the database's one writer."""


@dataclass(frozen=True)
class Used:
    """The owner and the scope of a valid token."""

    user: User
    scope: str


def create_token(
    actor: Actor,
    user: User,
    name: str,
    *,
    scope: str = READ,
    days: int | None = None,
) -> tuple[Token, str]:
    """Create a token and return it with its text, which is not stored and cannot be shown again."""
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with write():
        token = Token.create(
            user=user,
            name=name,
            hash=_hash(text),
            scope=scope,
            expires_at=None if days is None else now() + days * DAY_MS,
        )
        detail = {"name": name, "user": user.username, "scope": scope}
        audit.record(actor, "create", "token", token.id, detail=detail)
        idempotency.store_answer((token, text))
    return token, text


def list_tokens(user_id: str, page: Page) -> tuple[list[Token], int]:
    return fetch(Token.select().where(Token.user == user_id).order_by(Token.id.desc()), page)


def revoke_token(actor: Actor, token_id: str, *, of_anybody: bool = False) -> None:
    """Delete one of the actor's own tokens, which stops working at once. Raises NotFound.

    of_anybody: True allows the tokens of other users.
    """
    with write():
        named = Token.id == token_id
        found = named if of_anybody else named & (Token.user == actor.user_id)
        if not is_id(token_id) or not Token.delete().where(found).execute():
            raise missing("token", token_id)
        audit.record(actor, "delete", "token", token_id)


def use_token(text: str) -> Used:
    """Return whose token this is. Raises NotSignedIn if it is unknown, revoked or expired."""
    found = list(Token.select(Token, User).join(User).where(Token.hash == _hash(text)))
    if not found:
        raise NotSignedIn("This token is unknown or was revoked.", code="invalid_token")
    (token,) = found
    at = now()
    if token.expires_at is not None and token.expires_at <= at:
        raise NotSignedIn("This token has expired.", code="invalid_token")
    if (token.last_used_at or 0) < at - USE_NOTED_EVERY_MS:
        # Only informative: with a full disk a token must still allow reading.
        with contextlib.suppress(OperationalError), write():
            Token.update(last_used_at=at).where(Token.id == token.id).execute()
    return Used(token.user, WRITE if token.scope == WRITE else READ)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
