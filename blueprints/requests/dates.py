"""Days in the filters of pages: whole days of UTC. The API takes times instead."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator

from domain.clock import DAY_MS
from domain.validation.fields import refusal


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise refusal("invalid_format", "must be a day such as 2026-01-31") from None


Day = Annotated[date | None, BeforeValidator(_day)]
"""None only if it was not given."""


def begin_of(day: date | None) -> int | None:
    """Return the first moment of the day, in epoch milliseconds."""
    if day is None:
        return None
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000


def end_of(day: date | None) -> int | None:
    """Return the first moment after the day, in epoch milliseconds."""
    begin = begin_of(day)
    return None if begin is None else begin + DAY_MS
