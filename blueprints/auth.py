"""Signing in and out, and how the pages look to the person."""

import ipaddress
import re

from flask import Blueprint, current_app, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from blueprints.guards import public
from blueprints.schemas import SignIn, check
from blueprints.security import SignedIn
from domain import people
from domain.errors import Invalid, NotSignedIn
from domain.throttle import Throttle

bp = Blueprint("auth", __name__)

HOME = "/workflows"
THEMES = ("light", "dark")
YEAR_SECONDS = 365 * 24 * 3600

TRIES_PER_NAME = 5
TRIES_PER_ADDRESS = 30
WINDOW_SECONDS = 300


class SignInThrottle:
    """Guessing one person's password, and trying one password on many people."""

    def __init__(self) -> None:
        self._names = Throttle(TRIES_PER_NAME, WINDOW_SECONDS)
        self._addresses = Throttle(TRIES_PER_ADDRESS, WINDOW_SECONDS)

    def take(self, username: str, address: str) -> float:
        """Count a try. 0: go on; else how many seconds to wait first."""
        return self._addresses.take(address) or self._names.take(f"{address} {username}")

    def forget(self, username: str, address: str) -> None:
        self._names.forget(f"{address} {username}")


def sender(address: str) -> str:
    """Whose tries count together: everybody with IPv6 has a whole /64 to try from."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4 or ip.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Network((int(ip), 64), strict=False))


def safe_next(wanted: str | None) -> str:
    """A place on this site to go to after signing in; never somebody else's."""
    # Browsers read a backslash as a slash, and skip control characters: both can leave the site.
    if wanted is None or not re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", wanted):
        return HOME
    return HOME if wanted.startswith("/login") else wanted


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
        return _form(given, wanted, "Give a username and a password.", 422)
    throttle: SignInThrottle = current_app.extensions["galley_sign_in"]
    address = sender(request.remote_addr or "")
    wait = throttle.take(body.username, address)
    if wait:
        sentence = f"Too many attempts. Try again in {int(wait) // 60 + 1} minutes."
        return _form(given, wanted, sentence, 429, {"Retry-After": str(int(wait) + 1)})
    try:
        user = people.sign_in(body.username, body.password)
    except NotSignedIn as error:
        return _form(given, wanted, error.message, 422)
    throttle.forget(body.username, address)
    session.clear()
    session.permanent = True
    login_user(SignedIn(user))
    return redirect(safe_next(wanted), 303)


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return redirect("/login", 303)


@bp.post("/theme")
@public
def theme() -> ResponseReturnValue:
    """Light, dark or the system's choice, in a cookie: it belongs to the screen, not the user."""
    response = redirect(safe_next(request.form.get("next")), 303)
    chosen = request.form.get("theme")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, YEAR_SECONDS, secure=request.is_secure, samesite="Lax")
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def chosen_theme() -> str | None:
    """What the person chose; None for what the system says."""
    theme = request.cookies.get("theme")
    return theme if theme in THEMES else None


def _form(
    given: dict[str, str],
    wanted: str | None,
    error: str | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    page = render_template(
        "auth/login.html",
        form={"username": given.get("username", "")},
        next=safe_next(wanted),
        error=error,
    )
    return Response(page, status, headers or {}, mimetype="text/html")
