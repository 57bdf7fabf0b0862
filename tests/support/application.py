"""The web application of tests: made once for each process, and set up anew for each test.

To make it costs 50 ms, mostly for its hundred routes; to serve from another data folder, nothing.
To compile its templates costs a second, so all test processes share what one has compiled.
"""

from collections.abc import Callable, Iterator

from flask import Flask, Response
from jinja2 import FileSystemBytecodeCache

from app import create_app, serve
from domain import models
from domain.settings import Settings

AfterRequest = Callable[[Response], Response]


_made: list[Flask] = []


def shared(settings: Settings, check: AfterRequest | None = None) -> Iterator[Flask]:
    """Serves from these settings until the test ends. check: sees every answer, as it is sent."""
    if _made:
        serve(_made[0], settings)
    else:
        _made.append(create_app(settings))
        _made[0].jinja_env.bytecode_cache = FileSystemBytecodeCache()
    yield from _checked(_made[0], check)


def own(settings: Settings, check: AfterRequest | None = None) -> Iterator[Flask]:
    """For a test that changes more than settings: an application of its own."""
    yield from _checked(create_app(settings), check)


def _checked(app: Flask, check: AfterRequest | None) -> Iterator[Flask]:
    # The first that is registered is called last: when the answer has all its headers.
    seen = app.after_request_funcs[None]
    before = list(seen)
    if check is not None:
        seen.insert(0, check)
    yield app
    seen[:] = before
    models.db.obj.close_all()
