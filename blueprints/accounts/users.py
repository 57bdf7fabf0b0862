"""Pages of users, for System_Admins: the list, a new user, and one user."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from blueprints.accounts.account import EMPTY, memberships_of, tokens_of
from blueprints.requests.accounts import NewUser, PasswordChange, UserChange
from blueprints.requests.base import PageQuery
from blueprints.responses import accounts as answers
from blueprints.shared import pages
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor
from domain.accounts import tokens
from domain.accounts import users as people
from domain.accounts.access import Actor, require_system_admin
from domain.models import User

bp = Blueprint("users", __name__, url_prefix="/admin")


def _system_admin(*, changes: bool = True) -> Actor:
    """Return the signed-in System_Admin. Raises Forbidden."""
    actor = current_actor()
    require_system_admin(actor, changes=changes)
    return actor


@bp.get("/users")
def list_page() -> ResponseReturnValue:
    _system_admin(changes=False)
    query = pages.read_query(PageQuery)
    rows, total = people.list_users(query.as_page())
    users = pages.listing([_person(row) for row in rows], total, query)
    return render_template("accounts/users.html", part="users", users=users)


@bp.get("/new-user")
def new() -> ResponseReturnValue:
    """Show the form at an address outside /users, where any word may be a username."""
    _system_admin()
    return _new(EMPTY)


@bp.post("/users")
def create() -> ResponseReturnValue:
    actor = _system_admin()

    def save() -> ResponseReturnValue:
        row = people.create_user(actor, **read_form(NewUser).model_dump())
        flash(f"User {row.username} created. An Admin of a project can add them.", "good")
        return redirect(_address(row.username), 303)

    return saved(save, _new)


def _new(form: Form) -> str:
    return render_template("accounts/new_user.html", part="users", form=form)


def _person(row: User) -> dict[str, Any]:
    return {**answers.User.of(row).model_dump(), "hasPassword": row.password_hash is not None}


def _address(username: str) -> str:
    return f"/admin/users/{username}"


@bp.get("/users/<username>")
def show(username: str) -> ResponseReturnValue:
    _system_admin(changes=False)
    return _page(username)


def _page(
    username: str, profile: Form = EMPTY, password: Form = EMPTY, removal: Form = EMPTY
) -> str:
    """Render a user with each form as it was typed, or empty. Raises NotFound."""
    row = people.get_user(username)
    return render_template(
        "accounts/user.html",
        part="users",
        user=_person(row),
        is_self=username == current_actor().username,
        memberships=memberships_of(row.id),
        tokens=tokens_of(row.id),
        profile=profile,
        password=password,
        removal=removal,
    )


@bp.post("/users/<username>")
def change(username: str) -> ResponseReturnValue:
    actor = _system_admin()

    def save() -> ResponseReturnValue:
        body = read_form(UserChange)
        people.change_user(actor, username, body.model_dump())
        if username == actor.username and not body.is_system_admin:
            flash("Saved. You are no longer a System_Admin.", "good")
            return redirect("/account", 303)
        flash("Saved.", "good")
        return redirect(_address(username), 303)

    return saved(save, lambda form: _page(username, profile=form))


@bp.post("/users/<username>/password")
def set_password(username: str) -> ResponseReturnValue:
    actor = _system_admin()
    if username == actor.username:
        flash("Change your own password here; it requires the current one.", "warn")
        return redirect("/account", 303)

    def save() -> ResponseReturnValue:
        people.set_password(actor, username, read_form(PasswordChange).password)
        sentence = "has a new password and is signed out everywhere. Tokens still work."
        flash(f"{username} {sentence}", "good")
        return redirect(_address(username), 303)

    return saved(save, lambda form: _page(username, password=form))


@bp.post("/users/<username>/tokens/<token_id>/revoke")
def revoke_token(username: str, token_id: str) -> ResponseReturnValue:
    actor = _system_admin()
    address = _address(people.get_user(username).username)
    tokens.revoke_token(actor, token_id, of_anybody=True)
    flash("Token revoked. It no longer works.", "good")
    return redirect(address, 303)


@bp.post("/users/<username>/delete")
def delete(username: str) -> ResponseReturnValue:
    actor = _system_admin()

    def save() -> ResponseReturnValue:
        people.delete_user(actor, username)
        flash(f"User {username} deleted. The audit log keeps the name.", "good")
        return redirect("/admin/users", 303)

    return saved(save, lambda form: _page(username, removal=form))
