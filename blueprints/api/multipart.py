"""Read multipart/form-data in pieces, so that a file is never in memory as a whole."""

from collections.abc import Iterator
from typing import NamedTuple

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from blueprints.api.operations import MULTIPART
from domain.errors import BadRequest, TooLarge, WrongMediaType

CHUNK_BYTES = 256 * 1024


class Part(NamedTuple):
    """One field of a form. `filename` is None for a field that is not a file."""

    field: str
    filename: str | None
    pieces: Iterator[bytes]
    """Its content; what is not taken before the next part is asked for is lost."""


def parts(limit: int, setting: str) -> Iterator[Part]:
    """Yield the parts of this request's form as they arrive.

    limit: maximum bytes of the body; setting: the name of the setting that raises it.
    Raises WrongMediaType, TooLarge, and BadRequest for a body that is not such a form.
    """
    events = _events(_boundary(), limit, setting)
    for event in events:
        if isinstance(event, Field | File):
            filename = event.filename if isinstance(event, File) else None
            part = Part(event.name or "", filename, _content(events))
            yield part
            for _ in part.pieces:
                pass


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return


def _boundary() -> bytes:
    if request.mimetype != MULTIPART:
        raise WrongMediaType(
            f"Send the files as {MULTIPART}, not {request.mimetype or 'without a media type'}."
        )
    boundary = request.mimetype_params.get("boundary", "")
    if not (boundary and boundary.isascii()):
        raise _malformed("its media type names no boundary")
    return boundary.encode()


def _events(boundary: bytes, limit: int, setting: str) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary, max_form_memory_size=4 * CHUNK_BYTES)
    chunks = _chunks(limit, setting)
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(next(chunks, None))
            elif isinstance(event, Epilogue):
                return
            else:
                yield event
    except RequestEntityTooLarge:
        raise _malformed("the head of one of its parts has no end") from None
    except ValueError as error:
        raise _malformed(str(error)) from None


def _chunks(limit: int, setting: str) -> Iterator[bytes]:
    too_large = TooLarge(
        f"The body is too large: {limit:,} bytes is the limit of this call ({setting})."
    )
    # One more: a body of unknown length and exactly this size would be an error at its end.
    request.max_content_length = limit + 1
    left = limit
    try:
        while chunk := request.stream.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise too_large
            yield chunk
    except RequestEntityTooLarge:
        raise too_large from None


def _malformed(why: str) -> BadRequest:
    return BadRequest(
        f"The body cannot be read as {MULTIPART}: {why}.",
        code="malformed_form",
    )
