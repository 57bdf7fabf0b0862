"""A definition as YAML or JSON: read with the place of every member, and written. Pure."""

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
"""Line and column, both from 1."""

MAX_BYTES = 1024 * 1024
MAX_EVENTS = 200_000
"""Names, values, beginnings and ends: several times what all stages and steps may have."""

ORDER = (
    *("id", "name", "projectId", "description", "isEnabled", "type", "default", "required"),
    *("choices", "order", "runIf", "approval", "roles", "configuration", "ingredientId"),
    *("buildScript", "testSuite", "releaseIds", "target", "artifactPath", "timeoutSeconds"),
    *("retries", "queue", "parameters", "concurrency", "steps", "stages"),
)
"""How members follow each other, in whatever object they are."""

DEFAULTS: Mapping[str, Any] = {
    **{"id": None, "description": "", "parameters": None, "concurrency": None, "default": None},
    **{"choices": None, "runIf": "success", "approval": None, "buildScript": None},
    **{"releaseIds": [], "timeoutSeconds": 3600, "retries": 0, "queue": "default"},
}
"""Members that may as well be missing when they are this, in whatever object they are."""

_END_OF_LINE = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, order=True)
class LocatedFault:
    """A `domain.errors.FieldError` with the place in the text to look at."""

    line: int
    column: int
    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Source:
    """What a text holds."""

    definition: dict[str, Any] | None
    """None if the text cannot be read; `faults` say why."""
    faults: list[LocatedFault]
    places: Mapping[str, Place]
    """Of every member (its name) and every element, by JSON pointer."""

    def place_of(self, pointer: str) -> Place:
        """Of what the pointer names, else of the nearest around it that is there."""
        while pointer and pointer not in self.places:
            pointer = pointer.rpartition("/")[0]
        return self.places.get(pointer, (1, 1))

    def line_of(self, pointer: str) -> int:
        return self.place_of(pointer)[0]


def located(faults: Iterable[FieldError], source: Source) -> list[LocatedFault]:
    """The faults of a definition, in the order of its text."""
    return sorted(
        LocatedFault(*source.place_of(fault.field), fault.field, fault.code, fault.message)
        for fault in faults
    )


def language_of(file_name: str) -> Language:
    """YAML unless the name says otherwise: nearly all JSON is YAML too."""
    return "json" if file_name.lower().endswith(".json") else "yaml"


# ---- writing ---------------------------------------------------------------------------------


def write(definition: Mapping[str, Any], language: Language) -> str:
    """As text from which `read` gives the same definition back, be it right or wrong."""
    ordered = _in_order(definition)
    if language == "json":
        return json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return yaml_writer.dump(ordered)


def short(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The same definition without the members that a check fills in as they are.

    `isEnabled` stays: without it a workflow stays as it is.
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
    """What the text holds, or the faults of the text itself. Raises nothing."""
    text = text.removeprefix("\ufeff")
    reading = _Reading(text)
    try:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise Unreadable(0, "too_long", "The text is longer than 1 MiB.")
        reading.take(yaml_events(text) if language == "yaml" else json_events(text))
    except Unreadable as error:
        reading.add_fault(error.offset, "", error.code, error.message)
    definition = None if reading.faults else reading.definition
    return Source(definition, sorted(reading.faults)[:MAX_DETAILS], reading.places)


@dataclass
class _Open:
    """An object or a list whose end has not come yet."""

    container: dict[str, Any] | list[Any]
    pointer: str
    key: str | None = None
    """Of the member whose value comes next."""


class _Reading:
    """Puts a definition together, and never more of one than is allowed."""

    def __init__(self, text: str) -> None:
        self.lines = [0, *(end.end() for end in _END_OF_LINE.finditer(text))]
        self.definition: dict[str, Any] = {}
        self.places: dict[str, Place] = {}
        self.faults: list[LocatedFault] = []

    def place(self, offset: int) -> Place:
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def add_fault(self, offset: int, field: str, code: str, message: str) -> None:
        self.faults.append(LocatedFault(*self.place(offset), field, code, message))

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
                raise Unreadable(event[1], "not_allowed", "This is nested too deeply.")
            if count > MAX_EVENTS:
                raise Unreadable(event[1], "too_many", "The text has too many values.")

    def take_key(self, top: _Open, event: Event) -> None:
        kind, offset, text, _ = event
        if kind != "scalar":
            message = "A name must be text; text that begins with { or [ needs quotes."
            raise Unreadable(offset, "invalid_type", message)
        field = top.pointer + pointer([text])
        if text in top.container:
            self.add_fault(offset, field, "duplicate_value", f"{text!r} stands twice here.")
        if not is_storable(text):
            self.add_fault(offset, top.pointer, "invalid_text", "A name has forbidden characters.")
        self.places[field] = self.place(offset)
        top.key = text

    def take_value(self, top: _Open, event: Event) -> _Open | None:
        """Keep it; if it is an object or a list, that is open now."""
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
            self.add_fault(offset, field, *found)
        return None
