"""/api/users: people, the caller, the caller's own tokens."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from blueprints.answers import Listed
from blueprints.answers import people as answers
from blueprints.api import created, listing, read_json
from blueprints.api.operations import SIGNED_IN, operation
from blueprints.guards import current_actor, signed_in_user
from blueprints.present import people as present
from blueprints.schemas import NewToken, NewUser, PageQuery
from domain import people
from domain.access import READ, SYSTEM_ADMIN, WRITE, require_system_admin, require_write

bp = Blueprint("api_users", __name__, url_prefix="/api/users")


@bp.get("")
@operation(
    "List the users", needs=SYSTEM_ADMIN, answers={200: Listed[answers.User]}, query=PageQuery
)
def list_users(query: PageQuery) -> ResponseReturnValue:
    require_system_admin(current_actor(), changes=False)
    rows, total = people.list_users(query.as_page())
    return listing([present.user(row) for row in rows], total, query)


@bp.post("")
@operation(
    "Make a user", needs=SYSTEM_ADMIN, body=NewUser, answers={201: answers.User}, errors=(409,)
)
def create_user() -> ResponseReturnValue:
    actor = current_actor()
    require_system_admin(actor)
    row = people.create_user(actor, **read_json(NewUser).model_dump())
    return created(present.user(row), f"/api/users/{row.username}")


@bp.get("/<username>")
@operation("Read a user", needs=SYSTEM_ADMIN, answers={200: answers.User})
def get_user(username: str) -> ResponseReturnValue:
    """Anybody may look at themselves, only System_Admins at others."""
    actor = current_actor()
    if username != actor.username:
        require_system_admin(actor, changes=False)
    return jsonify(present.user(people.get_user(username)))


@bp.get("/me")
@operation("Read who you are", needs=SIGNED_IN, answers={200: answers.Me})
def me() -> ResponseReturnValue:
    return jsonify(present.me(signed_in_user(), current_actor()))


# ---- the caller's own tokens -----------------------------------------------------------------


@bp.get("/tokens")
@operation(
    "List your tokens", needs=SIGNED_IN, answers={200: Listed[answers.Token]}, query=PageQuery
)
def list_tokens(query: PageQuery) -> ResponseReturnValue:
    rows, total = people.list_tokens(current_actor().user_id, query.as_page())
    return listing([present.token(row) for row in rows], total, query)


@bp.post("/tokens")
@operation(
    "Make a token",
    needs=SIGNED_IN,
    body=NewToken,
    answers={201: answers.CreatedToken},
    errors=(409,),
)
def create_token() -> ResponseReturnValue:
    """The only answer that ever holds the token itself."""
    actor = current_actor()
    require_write(actor)
    body = read_json(NewToken)
    scope = WRITE if WRITE in body.scopes else READ
    row, text = people.create_token(
        actor, signed_in_user(), body.name, scope=scope, days=body.expires_in
    )
    return created({**present.token(row), "token": text}, f"/api/users/tokens/{row.id}")


@bp.delete("/tokens/<token_id>")
@operation("Revoke a token", needs=SIGNED_IN)
def revoke_token(token_id: str) -> ResponseReturnValue:
    actor = current_actor()
    require_write(actor)
    people.revoke_token(actor, token_id)
    return "", 204
