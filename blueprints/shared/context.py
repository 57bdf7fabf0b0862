"""The objects that belong to the application of this request."""

from functools import cache
from importlib.metadata import version
from typing import cast

from flask import current_app, request

from domain.secret_key import Keys
from domain.settings import Settings
from jobs.queue import Doorbell


def settings() -> Settings:
    """Return the settings of the application that answers this request."""
    return cast(Settings, current_app.config["GALLEY"])


def doorbell() -> Doorbell:
    """Return the doorbell of this application, which notifies the workers."""
    return cast(Doorbell, current_app.extensions["galley_doorbell"])


def keys() -> Keys:
    """Return the keys derived from the secret key, for signing and encrypting."""
    return cast(Keys, current_app.extensions["galley_keys"])


@cache
def galley_version() -> str:
    """Return the version of Galley."""
    return version("galley")


def is_api() -> bool:
    """Return whether the request is for the API: tokens count and errors are JSON."""
    return request.path in ("/api", "/metrics") or request.path.startswith("/api/")


MAX_BODY_BYTES = 1024 * 1024
