"""Turn every error into one response: JSON under /api, else a page, or a fragment for htmx."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import peewee
from flask import Flask, current_app, g, jsonify, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from blueprints.shared import guards
from blueprints.shared.context import is_api
from blueprints.shared.security import request_id
from domain import disk
from domain.errors import MAX_DETAILS, GalleyError, NotFound, NotSignedIn, TooManyAttempts

PROBLEM = "application/problem+json"
HTTP_ERRORS = {
    400: ("bad_request", "The request is malformed."),
    404: ("not_found", "Nothing exists at this address."),
    405: ("method_not_allowed", "This address does not support that method."),
    408: ("timeout", "The request took too long to arrive."),
    411: ("length_required", "Send the Content-Length of the body."),
    412: ("precondition_failed", "A precondition of the request failed."),
    413: ("body_too_large", "The body is too large. The limit is 1 MiB."),
    414: ("uri_too_long", "The address is too long."),
    415: ("unsupported_media_type", "The body has the wrong media type."),
    416: ("range_not_satisfiable", "The requested range does not exist."),
    431: ("headers_too_large", "The headers are too large."),
}
"""Errors that Flask itself finds in a request, with our codes and sentences."""


def register(app: Flask) -> None:
    app.register_error_handler(GalleyError, answer)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    for trouble in (peewee.OperationalError, peewee.InterfaceError, MaxConnectionsExceeded):
        app.register_error_handler(trouble, _no_database)
    app.register_error_handler(peewee.DoesNotExist, _gone)
    app.register_error_handler(OSError, _file_trouble)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_say_which_condition)


def answer(error: GalleyError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the error in the form that the client expects, with additional `headers`."""
    g.is_answered_with_error = True
    response = _as_json(error) if is_api() else _as_html(error)
    if is_api() and isinstance(error, NotSignedIn):
        reason = ', error="invalid_token"' if error.code == "invalid_token" else ""  # RFC 6750
        response.headers["WWW-Authenticate"] = f'Bearer realm="galley"{reason}'
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after)
    response.headers.update(headers or {})
    return response


def _content(error: GalleyError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "details": error.details[:MAX_DETAILS],
        **error.extra,
    }


def _as_json(error: GalleyError) -> Response:
    """Return the error envelope, or the form of RFC 9457 if the client prefers it."""
    content = _content(error)
    offered = ["application/json", PROBLEM]
    if request.accept_mimetypes.best_match(offered) != PROBLEM:
        response = jsonify(error=content)
    else:
        message = content.pop("message")
        response = jsonify(
            type=f"urn:galley:error:{error.code}",
            title=error.code.replace("_", " ").capitalize(),
            status=error.status,
            detail=message,
            instance=f"urn:galley:request:{request_id()}",
            **content,
        )
        response.content_type = PROBLEM
    response.status_code = error.status
    response.vary.add("Accept")
    return response


def _as_html(error: GalleyError) -> Response:
    is_htmx = "HX-Request" in request.headers
    if isinstance(error, NotSignedIn):
        if not is_htmx:
            return redirect(_sign_in(request.full_path if request.method == "GET" else ""), 303)
        # A redirect would put the sign-in page into the fragment's place.
        there = _sign_in(_path_of(request.headers.get("HX-Current-URL", "")))
        return Response(status=401, headers={"HX-Redirect": there})
    if is_htmx:
        body = Markup('<p class="fault" role="alert">{}</p>').format(error.message)
        return Response(body, error.status, mimetype="text/html")
    page = render_template(
        "error.html",
        error={"status": error.status, **_content(error)},
        request_id=request_id(),
        bare=error.status >= 500,
    )
    return Response(page, error.status, mimetype="text/html")


def _sign_in(wanted: str) -> str:
    wanted = wanted.removesuffix("?")
    return f"/login?next={quote(wanted)}" if wanted.strip("/") else "/login"


def _path_of(url: str) -> str:
    """Return the path of an untrusted address; "" if it is not a valid one."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _http(error: HTTPException) -> Response:
    """Translate an error of werkzeug; keep its status and headers (Allow, Retry-After)."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    if status >= 500:
        return _unexpected(error)
    code, message = HTTP_ERRORS.get(status, HTTP_ERRORS[400])
    mapped = GalleyError(message, code=code)
    mapped.status = status
    own = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return answer(mapped, own)


def _say_which_condition(response: Response) -> Response:
    """Replace the body that werkzeug sends with a 412."""
    if response.status_code != 412 or g.get("is_answered_with_error"):
        return response
    response.close()
    mapped = GalleyError("If-Match does not match the current version.", code=HTTP_ERRORS[412][0])
    mapped.status = 412
    return answer(mapped)


def _csrf(error: CSRFError) -> Response:
    way = "Send it as X-CSRFToken." if is_api() else "Go back, load the page again and try again."
    mapped = GalleyError(f"{error.description} {way}", code="csrf_failed")
    mapped.status = 400
    return answer(mapped)


def _no_database(error: Exception) -> Response:
    if disk.ran_out(error):
        return _disk_full(error)
    current_app.logger.error("%s: the database does not answer: %s", request_id(), error)
    mapped = GalleyError("The database is not responding. Try again.", code="database_unavailable")
    mapped.status = 503
    return answer(mapped, {"Retry-After": "5"})


def _gone(error: Exception) -> Response:
    """Answer 404 for a row that was deleted during the request."""
    current_app.logger.warning("%s: deleted meanwhile: %s", request_id(), error)
    return answer(NotFound("It was deleted just now."))


def _file_trouble(error: Exception) -> Response:
    return _disk_full(error) if disk.ran_out(error) else _unexpected(error)


def _disk_full(error: Exception) -> Response:
    current_app.logger.error("%s: a disk is full: %s", request_id(), error)
    mapped = GalleyError(
        "The server's disk is full and nothing was stored. Free some space and try again.",
        code="disk_full",
    )
    mapped.status = 507
    return answer(mapped, {"Retry-After": "30"})


def _unexpected(error: Exception) -> Response:
    """Log the traceback of an internal error; show the client only the request id."""
    # An address that is a secret is none of the log's business.
    where = request.url_rule if guards.is_by_address() else request.path
    current_app.logger.error("%s %s %s", request_id(), request.method, where, exc_info=error)
    return answer(GalleyError(f"Internal error (request {request_id()})."))
