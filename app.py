"""The web application, put together. Only the command line and the tests import this module."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask_compress import Compress
from werkzeug.routing import IntegerConverter, Map

from blueprints.accounts import account, sign_in
from blueprints.accounts import users as user_pages
from blueprints.api import (
    audit,
    ingredients,
    logs,
    operations,
    projects,
    releases,
    runs,
    test_results,
    users,
    workflows,
)
from blueprints.catalog import pages as catalog_pages
from blueprints.editor import routes as editor_pages
from blueprints.editor import source as editor_source
from blueprints.openapi import pages as openapi_pages
from blueprints.projects import environments as environment_settings
from blueprints.projects import ingredients as ingredient_settings
from blueprints.projects import pages as project_pages
from blueprints.projects import secrets as secret_settings
from blueprints.projects import test_suites as test_suite_settings
from blueprints.runs import actions as run_actions
from blueprints.runs import comparison as run_comparison
from blueprints.runs import log as run_log
from blueprints.runs import pages as run_pages
from blueprints.runs import test_results as run_test_results
from blueprints.shared import errors, guards, security, template_helpers, throttling
from blueprints.shared.context import MAX_BODY_BYTES, galley_version
from blueprints.shared.long_poll import Waiters
from blueprints.system import admin, health, metrics, styleguide
from blueprints.workflows import pages as workflow_pages
from blueprints.workflows import revisions
from domain import models
from domain import settings as settings_module
from domain.secret_key import Keys
from domain.settings import Settings
from jobs.queue import Doorbell

BLUEPRINTS = (
    sign_in.bp,
    health.bp,
    metrics.bp,
    projects.bp,
    ingredients.bp,
    releases.bp,
    users.bp,
    workflows.bp,
    runs.bp,
    runs.completions,
    test_results.bp,
    logs.bp,
    audit.bp,
    openapi_pages.bp,
    workflow_pages.bp,
    run_pages.bp,
    run_actions.bp,
    run_log.bp,
    run_comparison.bp,
    run_test_results.bp,
    project_pages.bp,
    test_suite_settings.bp,
    environment_settings.bp,
    ingredient_settings.bp,
    secret_settings.bp,
    catalog_pages.bp,
    user_pages.bp,
    admin.bp,
    account.bp,
    editor_pages.bp,
    editor_source.bp,
    revisions.bp,
    styleguide.bp,
)


class _Json(DefaultJSONProvider):
    sort_keys = False
    """Members stay in the order in which they are written."""


class _SmallInteger(IntegerConverter):
    """Numbers in addresses: what no column can hold does not exist."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


class _Galley(Flask):
    json_provider_class = _Json


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application for these settings, or for those of the environment.

    Binds the database; `galley migrate` migrates it. Raises SettingError.
    """
    settings = settings or settings_module.load()
    app = _Galley("galley", root_path=str(settings_module.CHECKOUT))
    app.config.update(
        SESSION_COOKIE_NAME="galley_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=security.SESSION_DAYS),
        WTF_CSRF_CHECK_DEFAULT=False,  # security.register checks, for sessions only
        WTF_CSRF_TIME_LIMIT=None,  # a page left open for a day must still be able to post
        # One more than is taken: a body of unknown length is cut here in silence (read_object).
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES + 1,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        # Pages and what they load; not the API, whose tags scripts send back.
        COMPRESS_MIMETYPES=["text/html", "text/css", "text/javascript", "image/svg+xml"],
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_ALGORITHM_STREAMING=["br", "gzip"],
        COMPRESS_LEVEL=5,
    )
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = _SmallInteger
    serve(app, settings)
    Compress(app)
    metrics.register(app)
    security.register(app)
    errors.register(app)
    template_helpers.register(app)
    app.before_request(operations.refuse_what_is_not_taken)
    app.context_processor(_common_context)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def serve(app: Flask, settings: Settings) -> None:
    """Give the application what depends on the settings, and forget what it remembered.

    Other origins are let in by `create_app` alone.
    """
    app.config.update(GALLEY=settings, SECRET_KEY=settings.secret_key())
    models.connect(settings, pooled=True)
    app.extensions["galley_keys"] = Keys(app.config["SECRET_KEY"])
    app.extensions["galley_doorbell"] = Doorbell(settings.redis_url or _private_redis(settings))
    app.extensions["galley_waiters"] = Waiters()
    throttling.register(app)


def _private_redis(settings: Settings) -> str:
    """Where `galley up` on this data folder has its own Redis, unless it says otherwise."""
    return f"unix://{quote(str(settings.data_dir / 'redis' / 'socket'))}"


def _common_context() -> dict[str, Any]:
    """Return what base.html shows on every page."""
    return {
        "theme": sign_in.chosen_theme(),
        "shortcuts": sign_in.has_shortcuts(),
        "own_projects": guards.own_projects,
        "galley_version": galley_version(),
    }
