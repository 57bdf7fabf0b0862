"""Signing in and out, and the preferences of this browser."""

from flask import Blueprint, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from blueprints.requests.accounts import SignIn
from blueprints.requests.base import check
from blueprints.shared import pages, throttling
from blueprints.shared.guards import address, current_actor, public
from blueprints.shared.security import begin_session
from domain.accounts import users
from domain.errors import Invalid, NotSignedIn, TooManyAttempts

bp = Blueprint("auth", __name__)

HOME = "/workflows"
THEMES = ("light", "dark")
YEAR_SECONDS = 365 * 24 * 3600


def after_sign_in(wanted: str | None) -> str:
    """Return the address to go to after signing in."""
    there = pages.safe_next(wanted, HOME)
    return HOME if there.startswith("/login") else there


@bp.get("/")
@public
def home() -> ResponseReturnValue:
    return redirect(HOME)


@bp.get("/login")
@public
def login_page() -> ResponseReturnValue:
    return _form({}, request.args.get("next"))


@bp.post("/login")
@public
def login() -> ResponseReturnValue:
    given = request.form.to_dict()
    given.pop("csrf_token", None)
    wanted = given.pop("next", None)
    try:
        body = check(SignIn, given, strict=False)
    except Invalid:
        return _form(given, wanted, "Enter a username and a password.", 422)
    try:
        throttling.try_password(body.username)
        user = users.sign_in(body.username, body.password, address=address())
    except TooManyAttempts as error:
        return _form(given, wanted, error.message, 429, {"Retry-After": str(error.retry_after)})
    except NotSignedIn as error:
        return _form(given, wanted, error.message, 422)
    throttling.password_was_right(body.username)
    begin_session(user)
    return redirect(after_sign_in(wanted), 303)


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    actor = current_actor() if current_user.is_authenticated else None
    logout_user()
    session.clear()  # even if the database does not take the note
    if actor is not None:
        users.sign_out(actor)
    return redirect("/login", 303)


@bp.post("/theme")
@public
def theme() -> ResponseReturnValue:
    """Store the theme in a cookie: it belongs to the screen, not to the user."""
    response = redirect(pages.safe_next(request.form.get("next"), HOME), 303)
    chosen = request.form.get("theme")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, YEAR_SECONDS, secure=request.is_secure, samesite="Lax")
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def chosen_theme() -> str | None:
    """Return the chosen theme; None for that of the system."""
    theme = request.cookies.get("theme")
    return theme if theme in THEMES else None


@bp.post("/shortcuts")
@public
def shortcuts() -> ResponseReturnValue:
    """Turn single-key shortcuts on or off, in a cookie: they belong to the keyboard."""
    response = redirect(pages.safe_next(request.form.get("next"), HOME), 303)
    if request.form.get("shortcuts") == "off":
        secure = request.is_secure
        response.set_cookie("shortcuts", "off", YEAR_SECONDS, secure=secure, samesite="Lax")
    else:
        response.delete_cookie("shortcuts", samesite="Lax")
    return response


def has_shortcuts() -> bool:
    return request.cookies.get("shortcuts") != "off"


def _form(
    given: dict[str, str],
    wanted: str | None,
    error: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    page = render_template(
        "accounts/sign_in.html",
        form={"username": given.get("username", "")},
        next=after_sign_in(wanted),
        error=error,
    )
    return Response(page, status, headers or {}, mimetype="text/html")
