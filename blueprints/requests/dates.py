"""Days in the filters of pages: of UTC, whole ones; the API takes times instead."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from domain.clock import DAY_MS


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise PydanticCustomError("invalid_format", "must be a day such as 2026-01-31.") from None


Day = Annotated[date | None, BeforeValidator(_day)]
"""None only where it was not given."""


def begin_of(day: date | None) -> int | None:
    """Its first moment, in epoch milliseconds."""
    if day is None:
        return None
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000


def end_of(day: date | None) -> int | None:
    """The first moment after it, in epoch milliseconds."""
    begin = begin_of(day)
    return None if begin is None else begin + DAY_MS
