"""The web application, put together. Only the command line and the tests import this module."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask
from flask.json.provider import DefaultJSONProvider
from flask_compress import Compress
from werkzeug.routing import IntegerConverter, Map
from werkzeug.utils import find_modules, import_string

from blueprints.accounts import sign_in
from blueprints.api import operations
from blueprints.responses.base import Answer, BulkAnswer
from blueprints.shared import errors, guards, security, template_helpers, throttling
from blueprints.shared.context import MAX_BODY_BYTES, galley_version
from blueprints.shared.long_poll import Waiters
from blueprints.system import metrics
from domain import engine, models
from domain import settings as settings_module
from domain.secret_key import Keys
from domain.settings import Settings
from jobs.queue import Doorbell


class _Json(DefaultJSONProvider):
    sort_keys = False
    """Members stay in the order in which they are written."""

    @staticmethod
    def default(value: Any) -> Any:
        """Return one of our answers as JSON has it."""
        if isinstance(value, Answer | BulkAnswer):
            return value.model_dump(mode="json")
        return DefaultJSONProvider.default(value)


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
    register_blueprints(app)
    return app


def register_blueprints(app: Flask) -> None:
    """Register the blueprints of all modules below `blueprints/`, each once."""
    modules = map(import_string, find_modules("blueprints", recursive=True))
    values = [value for module in modules for value in vars(module).values()]
    for blueprint in dict.fromkeys(value for value in values if isinstance(value, Blueprint)):
        app.register_blueprint(blueprint)


def serve(app: Flask, settings: Settings) -> None:
    """Give the application what depends on the settings, and forget what it remembered.

    Other origins are let in by `create_app` alone.
    """
    app.config.update(GALLEY=settings, SECRET_KEY=settings.secret_key())
    models.connect(settings, pooled=True)
    app.extensions["galley_keys"] = Keys(app.config["SECRET_KEY"])
    doorbell = Doorbell(settings.redis_url or _private_redis(settings))
    engine.listen(doorbell.ring)
    app.extensions["galley_doorbell"] = doorbell
    app.extensions["galley_waiters"] = Waiters()
    throttling.register(app)


def _private_redis(settings: Settings) -> str:
    """Return the default address of the private Redis of `galley up` on this data folder."""
    return f"unix://{quote(str(settings.data_dir / 'redis' / 'socket'))}"


def _common_context() -> dict[str, Any]:
    """Return what base.html shows on every page."""
    return {
        "theme": sign_in.chosen_theme(),
        "shortcuts": sign_in.has_shortcuts(),
        "own_projects": guards.own_projects,
        "galley_version": galley_version(),
    }
