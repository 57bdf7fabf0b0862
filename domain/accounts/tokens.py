"""API tokens: create, list, revoke, and use them."""

import contextlib
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from peewee import OperationalError

from domain.accounts import audit
from domain.accounts.access import READ, WRITE, Actor, missing
from domain.clock import DAY_MS, now
from domain.errors import NotSignedIn
from domain.models import Token, User, is_id, write
from domain.pagination import Page, fetch

TOKEN_PREFIX = "gal_"  # noqa: S105


USE_NOTED_EVERY_MS = 60_000
"""A write per request would serialise every reader behind the database's one writer."""


@dataclass(frozen=True)
class Used:
    """What a token is worth: whose it is, and its scope."""

    user: User
    scope: str


def create_token(
    actor: Actor,
    user: User,
    name: str,
    *,
    scope: str = READ,
    days: int | None = None,
    within: Callable[[Token], None] | None = None,
) -> tuple[Token, str]:
    """A new token and its text, which is not kept and cannot be shown again.

    within: called with the token inside the transaction that makes it.
    """
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
        if within is not None:
            within(token)
    return token, text


def list_tokens(user_id: str, page: Page) -> tuple[list[Token], int]:
    return fetch(Token.select().where(Token.user == user_id).order_by(Token.id.desc()), page)


def revoke_token(actor: Actor, token_id: str, *, of_anybody: bool = False) -> None:
    """Delete one of the actor's own tokens; at once it lets nobody in. Raises NotFound.

    of_anybody: also one of somebody else's.
    """
    with write():
        named = Token.id == token_id
        found = named if of_anybody else named & (Token.user == actor.user_id)
        if not is_id(token_id) or not Token.delete().where(found).execute():
            raise missing("token", token_id)
        audit.record(actor, "delete", "token", token_id)


def use_token(text: str) -> Used:
    """Who sends this token. Raises NotSignedIn for one that is unknown, revoked or expired."""
    found = list(Token.select(Token, User).join(User).where(Token.hash == _hash(text)))
    if not found:
        raise NotSignedIn("This token is unknown or was revoked.", code="invalid_token")
    (token,) = found
    at = now()
    if token.expires_at is not None and token.expires_at <= at:
        raise NotSignedIn("This token has expired.", code="invalid_token")
    if (token.last_used_at or 0) < at - USE_NOTED_EVERY_MS:
        # Only a note: with a full disk a token still lets people read.
        with contextlib.suppress(OperationalError), write():
            Token.update(last_used_at=at).where(Token.id == token.id).execute()
    return Used(token.user, WRITE if token.scope == WRITE else READ)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
