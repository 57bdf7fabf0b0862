"""Pages of the signed-in user's own account: profile, password, and tokens."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blueprints.requests.accounts import NewToken, OwnChange, PasswordChange
from blueprints.requests.base import PageQuery
from blueprints.responses import accounts as answers
from blueprints.shared import pages, throttling
from blueprints.shared.double_submit import FormId, create_once
from blueprints.shared.forms import Form, read_form, saved
from blueprints.shared.guards import current_actor, signed_in_user
from blueprints.shared.security import begin_session
from domain.accounts import tokens, users
from domain.accounts.access import READ, WRITE, require_write
from domain.clock import now
from domain.errors import FieldError, TooManyAttempts
from domain.models import new_id
from domain.pagination import Page
from domain.projects import projects

bp = Blueprint("account", __name__, url_prefix="/account")

EMPTY = Form()
PROJECTS_SHOWN = 100
HERE = "/account"
"""Messages appear at the top of the page, so redirects do not skip to a part of it."""


@bp.get("")
def show() -> ResponseReturnValue:
    return _page()


@bp.get("/new-password")
@bp.get("/tokens")
def part() -> ResponseReturnValue:
    """Redirect to a part of the page: forms are posted to these addresses."""
    return redirect(f"{HERE}#" + request.path.rpartition("/")[2])


def _page(profile: Form = EMPTY, password: Form = EMPTY, token: Form = EMPTY) -> str:
    """Render the page with each form as it was typed, or empty."""
    user = signed_in_user()
    return render_template(
        "accounts/account.html",
        me=answers.User.of(user).model_dump(),
        memberships=memberships_of(user.id),
        tokens=tokens_of(user.id),
        form_id=new_id(),
        profile=profile,
        password=password,
        token=token,
    )


def memberships_of(user_id: str) -> dict[str, Any]:
    """Return the first roles of a user, and their number."""
    rows, total = projects.list_memberships(user_id, Page(1, PROJECTS_SHOWN))
    items = [
        {"projectId": row.project_id, "projectName": row.project.name, "role": row.role}
        for row in rows
    ]
    return {"items": items, "totalCount": total}


def tokens_of(user_id: str) -> dict[str, Any]:
    """Return a page of a user's tokens; each says whether it has expired."""
    query = pages.read_query(PageQuery)
    rows, total = tokens.list_tokens(user_id, query.as_page())
    at = now()
    items = [
        {
            **answers.Token.of(row).model_dump(),
            "isExpired": row.expires_at is not None and row.expires_at <= at,
        }
        for row in rows
    ]
    return pages.listing(items, total, query)


@bp.post("")
def change() -> ResponseReturnValue:
    actor = current_actor()
    require_write(actor)

    def save() -> ResponseReturnValue:
        users.change_user(actor, actor.username, read_form(OwnChange).model_dump())
        flash("Saved.", "good")
        return redirect(HERE, 303)

    return saved(save, lambda form: _page(profile=form))


@bp.post("/new-password")
def change_password() -> ResponseReturnValue:
    """Change the password, end all other sessions of the user, and renew this one."""
    actor = current_actor()
    require_write(actor)

    def save() -> ResponseReturnValue:
        body = read_form(PasswordChange)
        throttling.try_password(actor.username)
        user = users.change_own_password(actor, body.current_password, body.password)
        throttling.password_was_right(actor.username)
        begin_session(user)
        flash(
            "Password changed. You are signed out everywhere else; tokens still work.",
            "good",
        )
        return redirect(HERE, 303)

    try:
        return saved(save, lambda form: _page(password=form))
    except TooManyAttempts as error:
        fault = FieldError("/currentPassword", error.code, error.message)
        page = _page(password=Form(errors=[fault]))
        return page, error.status, {"Retry-After": str(error.retry_after)}


class TokenForm(NewToken):
    form_id: FormId | None = None


@bp.post("/tokens")
def create_token() -> ResponseReturnValue:
    """Show a new token once; the same form sent again creates no second one."""
    actor = current_actor()
    require_write(actor)

    def save() -> ResponseReturnValue:
        body = read_form(TokenForm)
        choice = (body.name, body.expires_in, body.scopes)
        scope = WRITE if WRITE in body.scopes else READ
        created, _ = create_once(
            body.form_id,
            choice,
            lambda: tokens.create_token(
                actor, signed_in_user(), body.name, scope=scope, days=body.expires_in
            ),
            lambda _: HERE,
        )
        if created is None:
            return _was_made_before()
        row, text = created
        return render_template(
            "accounts/token.html",
            token=answers.Token.of(row).model_dump(),
            text=text,
            base_url=request.host_url.rstrip("/"),
        )

    return saved(save, lambda form: _page(token=form))


def _was_made_before() -> ResponseReturnValue:
    flash(
        "This token was already created, and its text is shown only once. "
        "If you do not have it, revoke the token and create another one.",
        "warn",
    )
    return redirect(HERE, 303)


@bp.post("/tokens/<token_id>/revoke")
def revoke_token(token_id: str) -> ResponseReturnValue:
    actor = current_actor()
    require_write(actor)
    tokens.revoke_token(actor, token_id)
    flash("Token revoked. It no longer works.", "good")
    return redirect(HERE, 303)
