"""Definitions as YAML or JSON text: reading, with the place of every member, and writing. Pure."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from domain.definitions import yaml_writer
from domain.definitions.source_tokens import Event, Unreadable, json_events, yaml_events
from domain.errors import MAX_DETAILS, FieldError
from domain.validation.messages import pointer
from domain.validation.strict_json import MAX_DEPTH, is_storable, problem

Language = Literal["yaml", "json"]
Place = tuple[int, int]
"""A line and a column, both from 1."""

MAX_BYTES = 1024 * 1024
MAX_EVENTS = 200_000
"""Names, values, beginnings and ends: several times as many as a valid definition can have."""

ORDER = (
    *("id", "name", "projectId", "description", "isEnabled", "type", "default", "required"),
    *("choices", "order", "runIf", "approval", "roles", "configuration", "ingredientId"),
    *("buildScript", "testSuite", "releaseIds", "target", "artifactPath", "timeoutSeconds"),
    *("retries", "queue", "parameters", "concurrency", "steps", "stages"),
)
"""The order of members in every object."""

DEFAULTS: Mapping[str, Any] = {
    **{"id": None, "description": "", "parameters": None, "concurrency": None, "default": None},
    **{"choices": None, "runIf": "success", "approval": None, "buildScript": None},
    **{"releaseIds": [], "timeoutSeconds": 3600, "retries": 0, "queue": "default"},
}
"""Members that can be omitted, in every object, if they have this value."""

_END_OF_LINE = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, order=True)
class LocatedError:
    """A `domain.errors.FieldError` with its place in the text."""

    line: int
    column: int
    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Source:
    """A text that was read."""

    definition: dict[str, Any] | None
    """None if the text cannot be read; `errors` say why."""
    errors: list[LocatedError]
    places: Mapping[str, Place]
    """The place of every member (its name) and every element, by JSON pointer."""

    def place_of(self, pointer: str) -> Place:
        """Return the place of what the pointer names, or of the nearest object around it."""
        while pointer and pointer not in self.places:
            pointer = pointer.rpartition("/")[0]
        return self.places.get(pointer, (1, 1))


def located(errors: Iterable[FieldError], source: Source) -> list[LocatedError]:
    """Return the errors of a definition, in the order of its text."""
    return sorted(
        LocatedError(*source.place_of(error.field), error.field, error.code, error.message)
        for error in errors
    )


def language_of(file_name: str) -> Language:
    """Return the language: YAML unless the name ends with .json, because most JSON is YAML too."""
    return "json" if file_name.lower().endswith(".json") else "yaml"


# ---- writing ---------------------------------------------------------------------------------


def write(definition: Mapping[str, Any], language: Language) -> str:
    """Return the definition, valid or not, as text from which `read` restores it."""
    ordered = _in_order(definition)
    if language == "json":
        return json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return yaml_writer.dump(ordered)


def short(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition without the members that have their default.

    `isEnabled` has none: without it, a workflow keeps its state.
    """
    return {
        key: _shortened(value)
        for key, value in definition.items()
        if key not in DEFAULTS or json.dumps(value) != json.dumps(DEFAULTS[key])
    }


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return short(value) if isinstance(value, Mapping) else value


def _in_order(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    known = [key for key in ORDER if key in value]
    return {key: _in_order(value[key]) for key in dict.fromkeys([*known, *value])}


# ---- reading ---------------------------------------------------------------------------------


def read(text: str, language: Language) -> Source:
    """Read the text: the result has a definition or errors. Raises nothing."""
    text = text.removeprefix("\ufeff")
    reading = _Reading(text)
    try:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise Unreadable(0, "too_long", "The text is longer than 1 MiB.")
        reading.take(yaml_events(text) if language == "yaml" else json_events(text))
    except Unreadable as error:
        reading.add_error(error.offset, "", error.code, error.message)
    definition = None if reading.errors else reading.definition
    return Source(definition, sorted(reading.errors)[:MAX_DETAILS], reading.places)


@dataclass
class _Open:
    """An object or a list that has not ended yet."""

    container: dict[str, Any] | list[Any]
    pointer: str
    key: str | None = None
    """The name of the member whose value comes next."""


class _Reading:
    """Builds a definition from events, within the limits of its size."""

    def __init__(self, text: str) -> None:
        self.lines = [0, *(end.end() for end in _END_OF_LINE.finditer(text))]
        self.definition: dict[str, Any] = {}
        self.places: dict[str, Place] = {}
        self.errors: list[LocatedError] = []

    def place(self, offset: int) -> Place:
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def add_error(self, offset: int, field: str, code: str, message: str) -> None:
        self.errors.append(LocatedError(*self.place(offset), field, code, message))

    def take(self, events: Iterator[Event]) -> None:
        kind, offset, _, _ = next(events, ("end", 0, "", None))
        if kind != "object":
            raise Unreadable(offset, "invalid_type", "A workflow is an object: name, stages, …")
        self.places[""] = self.place(offset)
        stack = [_Open(self.definition, "")]
        for count, event in enumerate(events):
            top = stack[-1]
            if event[0] == "end":
                stack.pop()
            elif isinstance(top.container, dict) and top.key is None:
                self.take_key(top, event)
            elif inner := self.take_value(top, event):
                stack.append(inner)
            if len(stack) > MAX_DEPTH:
                raise Unreadable(event[1], "not_allowed", "The text is nested too deeply.")
            if count > MAX_EVENTS:
                raise Unreadable(event[1], "too_many", "The text has too many values.")

    def take_key(self, top: _Open, event: Event) -> None:
        kind, offset, text, _ = event
        if kind != "scalar":
            message = "A name must be text. Quote text that begins with { or [."
            raise Unreadable(offset, "invalid_type", message)
        field = top.pointer + pointer([text])
        if text in top.container:
            self.add_error(offset, field, "duplicate_value", f"{text!r} appears twice here.")
        if not is_storable(text):
            self.add_error(offset, top.pointer, "invalid_text", "A name has forbidden characters.")
        self.places[field] = self.place(offset)
        top.key = text

    def take_value(self, top: _Open, event: Event) -> _Open | None:
        """Store a value; return it if it is an object or a list, which is open now."""
        kind, offset, _, value = event
        if kind != "scalar":
            value = {} if kind == "object" else []
        if isinstance(top.container, dict):
            key = top.key or ""
            field, top.key = top.pointer + pointer([key]), None
            top.container[key] = value
        else:
            field = f"{top.pointer}/{len(top.container)}"
            self.places[field] = self.place(offset)
            top.container.append(value)
        if kind != "scalar":
            return _Open(value, field)
        if found := problem(value):
            self.add_error(offset, field, *found)
        return None
