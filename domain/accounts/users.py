"""Users, passwords and sessions."""

import functools
import secrets
from collections.abc import Mapping
from typing import Any

from peewee import IntegrityError, OperationalError
from werkzeug.security import check_password_hash, generate_password_hash

from domain import disk
from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.errors import Conflict, FieldError, Forbidden, NotSignedIn, taken
from domain.models import Lookup, User, given, locked, write
from domain.pagination import Page, fetch

PASSWORD_HASH = "scrypt:32768:8:1"  # noqa: S105
"""Takes 32 MiB and a tenth of a second, for the server and for an attacker alike."""
MAX_NAME = 100
"""Characters recorded of a username as typed."""

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
    """Create a user. Without a password only tokens work. Raises Conflict `duplicate_name`."""
    password_hash = _hashed(password) if password is not None else None
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


def change_user(actor: Actor, username: str, values: Mapping[str, Any]) -> User:
    """Change any of a user's display_name, email and is_system_admin.

    Raises NotFound, Conflict `last_system_admin`.
    """
    with write():
        if not values.get("is_system_admin", True):
            _require_another_admin(username, "/isSystemAdmin")
        before = _locked_user(username)
        User.update(**values).where(User.id == before.id).execute()
        audit.record(actor, "change", "user", username, detail=audit.changed(before, values))
        return get_user(username)


def delete_user(actor: Actor, username: str) -> None:
    """Delete a user with their tokens, sessions and roles. Records of their actions stay.

    Raises NotFound, Conflict: `own_account`, `last_system_admin`.
    """
    if username == actor.username:
        message = "You cannot delete your own account. Ask another System_Admin."
        details = [FieldError("", "not_allowed", message)]
        raise Conflict(message, code="own_account", details=details)
    with write():
        _require_another_admin(username, "")
        user = _locked_user(username)
        User.delete().where(User.id == user.id).execute()
        audit.record(actor, "delete", "user", username)


def _locked_user(username: str) -> User:
    user = locked(User.select().where(User.username == username)).first()
    if user is None:
        raise missing("user", username)
    return user


def _require_another_admin(username: str, field: str) -> None:
    """Check that a System_Admin remains. The locks keep two from demoting each other.

    field: the part of the request to blame. Raises Conflict `last_system_admin`.
    """
    admins = locked(User.select().where(User.is_system_admin).order_by(User.id))
    if [admin.username for admin in admins] == [username]:
        message = f"{username} is the only System_Admin. Appoint another one first."
        details = [FieldError(field, "not_allowed", message)]
        raise Conflict(message, code="last_system_admin", details=details)


# ---- passwords -------------------------------------------------------------------------------


def set_password(actor: Actor, username: str, password: str) -> User:
    """Change a password, which ends every session of that user."""
    user = get_user(username)
    password_hash = _hashed(password)
    with write():
        User.update(password_hash=password_hash, session_number=User.session_number + 1).where(
            User.id == user.id
        ).execute()
        audit.record(actor, "change_password", "user", username)
        return get_user(username)


def change_own_password(actor: Actor, current: str | None, password: str) -> User:
    """Change the actor's password, which ends their sessions, including this one.

    Raises Forbidden `wrong_credentials` unless `current` is the current password, so that a stolen
    token or an unlocked browser cannot take over the account.
    """
    if current is None:
        raise _wrong_credentials("required", "Enter your current password.")
    if not _is_password_of(get_user(actor.username), current):
        _record(actor, "change_password_failed", actor.username)
        raise _wrong_credentials("wrong_password", "This is not your current password.")
    return set_password(actor, actor.username, password)


def _wrong_credentials(code: str, message: str) -> Forbidden:
    return Forbidden(
        message,
        code="wrong_credentials",
        details=[FieldError("/currentPassword", code, message)],
        requiredRole=None,
        yourRole=None,
    )


def sign_in(username: str, password: str, *, address: str = "") -> User:
    """Return the user with this name and password, and record the attempt with its address.

    Raises NotSignedIn, which does not say which of the two is wrong.
    """
    user = User.get_or_none(User.username == username)
    if not _is_password_of(user, password) or user is None:
        _record(Actor("", "", address=address), "sign_in_failed", username[:MAX_NAME])
        raise NotSignedIn("The username or the password is wrong.", code="wrong_credentials")
    _record(Actor(user.id, user.username, address=address), "sign_in", username)
    return user


def sign_out(actor: Actor) -> None:
    """Record that a person signed out; the caller ends the session."""
    _record(actor, "sign_out", actor.username)


def _record(actor: Actor, action: str, username: str) -> None:
    """Record an audit event. A full disk must not keep people from signing in."""
    try:
        with write():
            audit.record(actor, action, "user", username)
    except OperationalError as error:
        if not disk.ran_out(error):
            raise


def _hashed(password: str) -> str:
    return generate_password_hash(password, method=PASSWORD_HASH)


def _is_password_of(user: User | None, password: str) -> bool:
    known = user.password_hash if user is not None else None
    return check_password_hash(known or _dummy_hash(), password) and bool(known)


@functools.cache
def _dummy_hash() -> str:
    """Return a hash to check for unknown users, so that the time taken does not reveal users."""
    return _hashed(secrets.token_hex())


_OF_SESSION = Lookup(
    User,
    lambda: (User.id == given("user_id")) & (User.session_number == given("session_number")),
)


def of_session(user_id: str, session_number: int) -> User | None:
    """Return the user of a session, or None if it has ended."""
    return _OF_SESSION.row(user_id=user_id, session_number=session_number)
