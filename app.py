"""The web application, put together. Only the command line and the tests import this module."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from werkzeug.routing import IntegerConverter, Map

from blueprints import api as api_support
from blueprints import auth, errors, health, pages_support, pipeline, release, security
from blueprints import workflows as workflow_pages
from blueprints.api import docs, ingredients, operations, projects, releases, runs, users, workflows
from domain import models
from domain import settings as settings_module
from domain.keys import Keys
from domain.settings import Settings
from jobs.queue import Doorbell

BLUEPRINTS = (
    auth.bp,
    health.bp,
    projects.bp,
    ingredients.bp,
    releases.bp,
    users.bp,
    workflows.bp,
    runs.bp,
    docs.bp,
    workflow_pages.bp,
    pipeline.bp,
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
    """The application for these settings, or for those of the environment.

    Binds the database; migrating it is `galley migrate`'s. Raises SettingError.
    """
    settings = settings or settings_module.load()
    app = _Galley("galley", root_path=str(settings_module.CHECKOUT))
    app.config.update(
        GALLEY=settings,
        SECRET_KEY=settings.secret_key(),
        SESSION_COOKIE_NAME="galley_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=security.SESSION_DAYS),
        WTF_CSRF_CHECK_DEFAULT=False,  # security.register checks, for sessions only
        WTF_CSRF_TIME_LIMIT=None,  # a page left open for a day must still be able to post
        # One more than is taken: a body of unknown length is cut here in silence (read_object).
        MAX_CONTENT_LENGTH=api_support.MAX_BODY_BYTES + 1,
        MAX_FORM_MEMORY_SIZE=api_support.MAX_BODY_BYTES,
        PROVIDE_AUTOMATIC_OPTIONS=False,  # no other origin is ever invited
    )
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = _SmallInteger
    models.connect(settings, pooled=True)
    app.extensions["galley_keys"] = Keys(app.config["SECRET_KEY"])
    app.extensions["galley_sign_in"] = auth.SignInThrottle()
    app.extensions["galley_doorbell"] = Doorbell(settings.redis_url or _private_redis(settings))
    security.register(app)
    errors.register(app)
    pages_support.register(app)
    app.before_request(operations.refuse_unknown_query)
    app.context_processor(_common_context)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _private_redis(settings: Settings) -> str:
    """Where `galley up` on this data folder has its own Redis, unless it says otherwise."""
    return f"unix://{quote(str(settings.data_dir / 'redis' / 'socket'))}"


def _common_context() -> dict[str, Any]:
    """What base.html shows on every page."""
    return {"theme": auth.chosen_theme(), "galley_version": release()}
