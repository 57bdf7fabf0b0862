"""Parameters of runs: their declarations, values and names in a script. Pure.

Independent of pydantic, because workers and the reconciler use it too.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from domain.errors import FieldError, Invalid
from domain.validation.messages import pointer

MAX_VALUE_BYTES = 64 * 1024
"""Linux allows 128 KiB for one environment variable, name included."""
MAX_NAME = 100
MAX_PARAMETERS = 100

Value = str | int | float | bool


def variable_name(name: str) -> str:
    """Return the parameter's name in a script: `dry-run` → `GALLEY_PARAM_DRY_RUN`."""
    return "GALLEY_PARAM_" + re.sub("[^A-Z0-9]", "_", name.upper())


def check_parameters(
    declared: Sequence[Mapping[str, Any]] | None, given: Mapping[str, Any]
) -> dict[str, Value]:
    """Return the parameters of a run: the checked values and the defaults of all others.

    declared: the `parameters` of a normalized definition; None allows any flat object.
    Raises Invalid with every error; pointers begin with /parameters.
    """
    if errors := list(_undeclared(given) if declared is None else _declared(declared, given)):
        raise Invalid(errors)
    defaults = {p["name"]: p["default"] for p in declared or () if p["default"] is not None}
    return defaults | dict(given)


def value_error(kind: str, choices: Sequence[str] | None, value: object) -> tuple[str, str] | None:
    """Return why a parameter of this type cannot have the value: (code, end of a sentence)."""
    if kind == "boolean":
        return None if isinstance(value, bool) else ("invalid_type", "must be true or false")
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "invalid_type", "must be a number"
        return _size_error(value)
    if not isinstance(value, str):
        return "invalid_type", "must be text"
    if kind == "choice" and value not in (choices or ()):
        return "unknown_value", f"must be one of {', '.join(choices or ())}"
    return _size_error(value)


def text_error(text: str, max_bytes: int) -> tuple[str, str] | None:
    """Return why text cannot be stored or passed to a script: (code, end of a sentence)."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "invalid_text", "must be valid Unicode text"
    if "\0" in text:
        return "invalid_text", "must not contain a NUL character"
    return ("too_long", f"must have at most {max_bytes // 1024} KiB") if size > max_bytes else None


def same_variable(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name with the same variable as an earlier one, with that earlier one."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(variable_name(name), name)
        if first != name:
            yield name, first


def _declared(
    declared: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
) -> Iterator[FieldError]:
    known = {p["name"] for p in declared}
    for name in given:
        if name not in known:
            yield _error(name, "unknown_parameter", "is not a parameter of this workflow")
    for parameter in declared:
        name = parameter["name"]
        needed = parameter["required"] and parameter["default"] is None
        if name not in given:
            if needed:
                yield _error(name, "required", "is required")
        elif needed and given[name] == "":
            yield _error(name, "required", "must not be empty")
        elif found := value_error(parameter["type"], parameter["choices"], given[name]):
            yield _error(name, *found)


def _undeclared(given: Mapping[str, Any]) -> Iterator[FieldError]:
    if len(given) > MAX_PARAMETERS:
        yield FieldError(
            "/parameters", "too_many", f"A run takes at most {MAX_PARAMETERS} parameters."
        )
        return
    for name, value in given.items():
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            yield _error(name, "invalid_format", f"must be a name of 1 to {MAX_NAME} characters")
        elif not isinstance(value, Value):
            yield _error(name, "invalid_type", "must be text, a number, true or false")
        elif not isinstance(value, bool) and (found := _size_error(value)):
            yield _error(name, *found)
    for name, first in same_variable(given):
        message = f"Parameters '{name}' and '{first}' are both {variable_name(name)}."
        yield FieldError(pointer(("parameters", name)), "duplicate_name", message)


def _size_error(value: str | int | float) -> tuple[str, str] | None:
    if isinstance(value, str):
        return text_error(value, MAX_VALUE_BYTES)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "out_of_range", "must be a finite number"
    elif abs(value) >= 2**63:
        return "out_of_range", "must fit into 64 bits"
    return None


def _error(name: str, code: str, rule: str) -> FieldError:
    message = f"Parameter '{name}' {rule}."
    return FieldError(pointer(("parameters", name)), code, message, f"{rule}.")
