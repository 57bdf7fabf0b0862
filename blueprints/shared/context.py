"""HTTP and nothing else: pages, their fragments, and the JSON API."""

from functools import cache
from importlib.metadata import version
from typing import cast

from flask import current_app, request

from domain.secret_key import Keys
from domain.settings import Settings
from jobs.queue import Doorbell


def settings() -> Settings:
    """The settings of the application that answers this request."""
    return cast(Settings, current_app.config["GALLEY"])


def doorbell() -> Doorbell:
    """What tells the workers that steps may be ready; ring it after the commit."""
    return cast(Doorbell, current_app.extensions["galley_doorbell"])


def keys() -> Keys:
    """What signs and encrypts with the secret key of the installation."""
    return cast(Keys, current_app.extensions["galley_keys"])


@cache
def galley_version() -> str:
    """The release of Galley that runs here."""
    return version("galley")


def is_api() -> bool:
    """Whether a program is asking, so that a token counts and errors are JSON."""
    return request.path in ("/api", "/metrics") or request.path.startswith("/api/")


MAX_BODY_BYTES = 1024 * 1024
