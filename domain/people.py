"""Users, passwords and tokens."""

import contextlib
import functools
import hashlib
import secrets
from dataclasses import dataclass

from peewee import IntegrityError, OperationalError
from werkzeug.security import check_password_hash, generate_password_hash

from domain import audit
from domain.access import READ, WRITE, Actor, missing
from domain.clock import DAY_MS, now
from domain.errors import NotSignedIn, taken
from domain.models import Token, User, is_id, write
from domain.paging import Page, fetch

TOKEN_PREFIX = "gal_"  # noqa: S105
USE_NOTED_EVERY_MS = 60_000
"""A write per request would serialise every reader behind the database's one writer."""

# ---- users -----------------------------------------------------------------------------------


def create_user(
    actor: Actor,
    username: str,
    *,
    password: str | None = None,
    display_name: str = "",
    email: str = "",
    is_system_admin: bool = False,
) -> User:
    """A user; without a password only tokens let them in. Raises Conflict for a taken name."""
    password_hash = generate_password_hash(password) if password is not None else None
    try:
        with write():
            user = User.create(
                username=username,
                password_hash=password_hash,
                display_name=display_name,
                email=email,
                is_system_admin=is_system_admin,
            )
            detail = {"isSystemAdmin": is_system_admin}
            audit.record(actor, "create", "user", username, detail=detail)
            return user
    except IntegrityError:
        raise taken("user", username, "/username") from None


def get_user(username: str) -> User:
    user = User.get_or_none(User.username == username)
    if user is None:
        raise missing("user", username)
    return user


def list_users(page: Page) -> tuple[list[User], int]:
    return fetch(User.select().order_by(User.username), page)


def set_password(actor: Actor, username: str, password: str) -> None:
    """Change a password and so end every session of that user."""
    user = get_user(username)
    password_hash = generate_password_hash(password)
    with write():
        User.update(password_hash=password_hash, session_number=User.session_number + 1).where(
            User.id == user.id
        ).execute()
        audit.record(actor, "change_password", "user", username)


def sign_in(username: str, password: str) -> User:
    """The user with this name and password. Raises NotSignedIn, and does not say which is wrong."""
    user = User.get_or_none(User.username == username)
    known = user.password_hash if user is not None and user.password_hash else None
    if not check_password_hash(known or _nobodys_hash(), password) or known is None:
        raise NotSignedIn("The username or the password is wrong.", code="wrong_credentials")
    return user


@functools.cache
def _nobodys_hash() -> str:
    """Checked when the user does not exist, so that the time taken tells nobody who does."""
    return generate_password_hash(secrets.token_hex())


def of_session(user_id: str, session_number: int) -> User | None:
    """The user of a session; None if it has ended."""
    return User.get_or_none(User.id == user_id, User.session_number == session_number)


# ---- tokens ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Used:
    """What a token is worth: whose it is, and its scope."""

    user: User
    scope: str


def create_token(
    actor: Actor, user: User, name: str, *, scope: str = READ, days: int | None = None
) -> tuple[Token, str]:
    """A new token and its text, which is not kept and cannot be shown again."""
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
    return token, text


def list_tokens(user_id: str, page: Page) -> tuple[list[Token], int]:
    return fetch(Token.select().where(Token.user == user_id).order_by(Token.id.desc()), page)


def revoke_token(actor: Actor, token_id: str) -> None:
    """Delete one of the actor's own tokens; at once it lets nobody in. Raises NotFound."""
    with write():
        mine = (Token.id == token_id) & (Token.user == actor.user_id)
        if not is_id(token_id) or not Token.delete().where(mine).execute():
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
