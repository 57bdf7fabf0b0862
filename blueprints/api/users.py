"""/api/users: users, the caller, and the caller's tokens."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from blueprints.api.operations import SIGNED_IN, operation
from blueprints.api.replies import created, listing, read_json
from blueprints.requests.accounts import (
    RESERVED_USERNAMES,
    NewToken,
    NewUser,
    OwnChange,
    PasswordChange,
    UserChange,
)
from blueprints.requests.base import PageQuery
from blueprints.responses import accounts as answers
from blueprints.responses.base import Listed
from blueprints.shared import throttling
from blueprints.shared.guards import current_actor, signed_in_user
from domain.accounts import tokens, users
from domain.accounts.access import READ, SYSTEM_ADMIN, WRITE, require_system_admin, require_write

bp = Blueprint("api_users", __name__, url_prefix="/api/users")


class _Username(BaseConverter):
    """A username in an address, beside words with a meaning of their own."""

    regex = f"(?!(?:{'|'.join(RESERVED_USERNAMES)})$)[^/]+"


bp.record(lambda setup: setup.app.url_map.converters.update(user=_Username))


@bp.get("")
@operation(
    "List the users", needs=SYSTEM_ADMIN, answers={200: Listed[answers.User]}, query=PageQuery
)
def list_users(query: PageQuery) -> ResponseReturnValue:
    require_system_admin(current_actor(), changes=False)
    rows, total = users.list_users(query.as_page())
    return listing([answers.User.of(row) for row in rows], total, query)


@bp.post("")
@operation(
    "Create a user", needs=SYSTEM_ADMIN, body=NewUser, answers={201: answers.User}, errors=(409,)
)
def create_user() -> ResponseReturnValue:
    actor = current_actor()
    require_system_admin(actor)
    row = users.create_user(actor, **read_json(NewUser).model_dump())
    return created(answers.User.of(row), f"/api/users/{row.username}")


@bp.get("/<user:username>")
@operation(
    "Read a user",
    needs=SYSTEM_ADMIN,
    who="System_Admins; anybody may read about themselves",
    answers={200: answers.User},
)
def get_user(username: str) -> ResponseReturnValue:
    actor = current_actor()
    if username != actor.username:
        require_system_admin(actor, changes=False)
    return jsonify(answers.User.of(users.get_user(username)))


@bp.put("/<user:username>")
@operation(
    "Change a user", needs=SYSTEM_ADMIN, body=UserChange, answers={200: answers.User}, errors=(409,)
)
def change_user(username: str) -> ResponseReturnValue:
    """Fails if it would leave no System_Admin."""
    actor = current_actor()
    require_system_admin(actor)
    row = users.change_user(actor, username, read_json(UserChange).model_dump())
    return jsonify(answers.User.of(row))


@bp.delete("/<user:username>")
@operation("Delete a user", needs=SYSTEM_ADMIN, errors=(409,))
def delete_user(username: str) -> ResponseReturnValue:
    """Delete the user with their tokens, sessions and roles; the audit log keeps the name.

    Users cannot delete their own account, so one System_Admin always remains.
    """
    actor = current_actor()
    require_system_admin(actor)
    users.delete_user(actor, username)
    return "", 204


@bp.put("/<user:username>/password")
@operation(
    "Set the password of a user",
    needs=SYSTEM_ADMIN,
    who="System_Admins; anybody for themselves, who also gives `currentPassword`",
    body=PasswordChange,
    answers={204: None},
)
def change_password(username: str) -> ResponseReturnValue:
    """End every session of the user, including the one that calls this. Tokens stay valid."""
    actor = current_actor()
    if username != actor.username:
        require_system_admin(actor)
        users.set_password(actor, username, read_json(PasswordChange).password)
        return "", 204
    require_write(actor)
    body = read_json(PasswordChange)
    throttling.try_password(username)
    users.change_own_password(actor, body.current_password, body.password)
    throttling.password_was_right(username)
    return "", 204


@bp.get("/me")
@operation("Read your own user", needs=SIGNED_IN, answers={200: answers.Me})
def me() -> ResponseReturnValue:
    return jsonify(answers.me(signed_in_user(), current_actor()))


@bp.put("/me")
@operation(
    "Change your name and e-mail address",
    needs=SIGNED_IN,
    body=OwnChange,
    answers={200: answers.Me},
)
def change_me() -> ResponseReturnValue:
    actor = current_actor()
    require_write(actor)
    row = users.change_user(actor, actor.username, read_json(OwnChange).model_dump())
    return jsonify(answers.me(row, actor))


@bp.get("/tokens")
@operation(
    "List your tokens", needs=SIGNED_IN, answers={200: Listed[answers.Token]}, query=PageQuery
)
def list_tokens(query: PageQuery) -> ResponseReturnValue:
    rows, total = tokens.list_tokens(current_actor().user_id, query.as_page())
    return listing([answers.Token.of(row) for row in rows], total, query)


@bp.post("/tokens")
@operation(
    "Create a token",
    needs=SIGNED_IN,
    body=NewToken,
    answers={201: answers.CreatedToken},
    errors=(409,),
)
def create_token() -> ResponseReturnValue:
    """Return the token itself, which no other response contains."""
    actor = current_actor()
    require_write(actor)
    body = read_json(NewToken)
    scope = WRITE if WRITE in body.scopes else READ
    row, text = tokens.create_token(
        actor, signed_in_user(), body.name, scope=scope, days=body.expires_in
    )
    return created(answers.CreatedToken.of(row, token=text), f"/api/users/tokens/{row.id}")


@bp.delete("/tokens/<token_id>")
@operation("Revoke a token", needs=SIGNED_IN)
def revoke_token(token_id: str) -> ResponseReturnValue:
    actor = current_actor()
    require_write(actor)
    tokens.revoke_token(actor, token_id)
    return "", 204
