"""Turn the text fields of the start form into parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from domain.errors import FieldError, Invalid

PREFIX = "parameter."
LINES = "parameters"


class Typed:
    """Fields as typed: `parameter.NAME` for each declared parameter, or lines.

    declared: the `parameters` of the definition. Without any, the field `parameters` holds lines
    NAME=VALUE; their values are text, because `version=1.10` is not a number.
    """

    def __init__(
        self, form: MultiDict[str, str], declared: Sequence[Mapping[str, Any]] | None
    ) -> None:
        self._declared = {parameter["name"]: parameter for parameter in declared or ()}
        # A checkbox comes after a hidden "false" of the same name: the last value counts.
        self._values = {
            field.removeprefix(PREFIX): values[-1]
            for field, values in form.lists()
            if field.startswith(PREFIX)
        }
        self._lines = form.get(LINES, "")

    def parameters(self) -> dict[str, Any]:
        """Return the parameters, each in its declared type if the text can be read as one.

        `domain.definitions.parameters.check_parameters` decides whether they are allowed. Raises
        Invalid for a line that is not NAME=VALUE.
        """
        if not self._declared:
            return {**self._values, **_read_lines(self._lines)}
        return {
            name: _converted(text, self._declared.get(name, {}).get("type"))
            for name, text in self._values.items()
            if text or self._declared.get(name, {}).get("required")
        }

    def as_form(self) -> dict[str, Any]:
        """Return the fields as they were typed, for the template."""
        return {"parameters": self._values, "lines": self._lines}


def _converted(text: str, kind: str | None) -> Any:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "number":
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text


def _read_lines(lines: str) -> dict[str, str]:
    values: dict[str, str] = {}
    faults = []
    for position, line in enumerate(lines.splitlines(), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and name and name not in values:
            values[name] = value
        elif line.strip():
            wrong = f"sets {name!r} again" if name in values else "is not NAME=VALUE"
            faults.append(FieldError(f"/{LINES}", "invalid_format", f"Line {position} {wrong}."))
    if faults:
        raise Invalid(faults)
    return values
