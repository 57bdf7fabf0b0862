"""Sessions, CSRF, response headers, and request ids."""

import secrets

from flask import Flask, Response, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_cors import CORS
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_wtf import CSRFProtect

from blueprints.shared import guards
from blueprints.shared.context import is_api
from domain.accounts import users
from domain.accounts.access import missing
from domain.errors import BadRequest
from domain.models import User, db
from domain.validation.strict_json import is_storable

SESSION_DAYS = 14

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: over https the CSRF check wants to see where a form came from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _Csrf(CSRFProtect):
    def _get_csrf_token(self) -> str | None:
        """Read the token of API calls from the header alone: the body may be an upload."""
        if is_api():
            return request.headers.get("X-CSRFToken")
        token: str | None = super()._get_csrf_token()
        return token


csrf = _Csrf()


class SignedIn(UserMixin):
    """The user of a session, as Flask-Login and the templates see them."""

    def __init__(self, row: User) -> None:
        self.row = row
        self.username: str = row.username
        self.is_system_admin: bool = row.is_system_admin

    def get_id(self) -> str:
        """Return the content of the session: a new password raises the number, which ends it."""
        return f"{self.row.id}:{self.row.session_number}"


def begin_session(user: User) -> None:
    """Start a session for this user and discard any previous one."""
    session.clear()
    session.permanent = True
    login_user(SignedIn(user))


def _load_session(session_id: str) -> SignedIn | None:
    user_id, _, number = session_id.partition(":")
    user = users.of_session(user_id, int(number)) if number.isdecimal() else None
    return SignedIn(user) if user else None


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def register(app: Flask) -> None:
    """Install all of it in the application; call before any blueprint."""
    app.session_interface = _Sessions()
    csrf.init_app(app)
    # Its own context processor would ask the database even for the page that says it is down.
    manager = LoginManager(app, add_context_processor=False)
    app.jinja_env.globals["current_user"] = current_user
    manager.session_protection = None
    manager.user_loader(_load_session)
    if app.config["GALLEY"].cors_origins:
        _invite(app, app.config["GALLEY"].cors_origins)
    for check in (_refuse_unstorable, guards.demand_identity, _check_csrf):
        app.before_request(check)
    app.after_request(_mark)
    app.teardown_request(_close_database)


def _invite(app: Flask, origins: tuple[str, ...]) -> None:
    """Allow other origins to use the API with a token; the session cookie is never sent."""
    CORS(
        app,
        resources={"/api/*": {"origins": list(origins)}},
        allow_headers=[
            "Authorization",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
            "Range",
        ],
        expose_headers=[
            "ETag",
            "Idempotent-Replayed",
            "Link",
            "Location",
            "Retry-After",
            "X-Log-Attempt",
            "X-Log-Complete",
            "X-Log-Offset",
            "X-Request-Id",
        ],
        max_age=3600,
    )


def request_id() -> str:
    """Return the id of this request, for its response and the server log."""
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return g.request_id


def _refuse_unstorable() -> None:
    """Refuse a NUL in an address: no name contains one, and PostgreSQL fails on it."""
    if not is_storable(request.path):
        raise missing("page", request.path)
    if not all(is_storable(name + value) for name, value in request.args.items(multi=True)):
        raise BadRequest("The query contains a NUL character.", code="invalid_query")
    if is_api():
        return  # bodies are read, and checked, by strict_json
    if not all(is_storable(name + value) for name, value in request.form.items(multi=True)):
        raise BadRequest("The form contains a NUL character.")


def _check_csrf() -> None:
    """Check the CSRF token of sessions: browsers never send a bearer token on their own."""
    if request.routing_exception is not None or guards.is_by_address():
        return
    if not guards.has_bearer():
        csrf.protect()


def _mark(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        # The address holds a hash of the content (pages_support.asset).
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    for name, value in HEADERS.items():
        if request.endpoint != "static" or name != "Cache-Control":
            response.headers.setdefault(name, value)
    return response


def _close_database(_error: BaseException | None) -> None:
    """Return the connection that the first query opened, if any."""
    if not db.is_closed():
        db.close()
