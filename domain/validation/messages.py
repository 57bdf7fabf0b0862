"""Field errors from pydantic's errors: a pointer, a code and words for a person."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from domain.errors import FieldError

Path = tuple[str | int, ...]
"""The place of a value in a body: ("stages", 0, "name")."""

KINDS = {
    "missing": ("required", "{owner} needs {a_field}."),
    "string_too_short": ("required", "{owner} needs {a_field}."),
    "extra_forbidden": ("unknown_field", "{owner} has no field {field}."),
    "invalid_key": ("unknown_field", "{owner} has a field whose name is not text."),
    "too_short": ("too_few", "{owner} needs at least {limits[min_length]} {fields}."),
    "too_long": ("too_many", "{owner} takes at most {limits[max_length]} {fields}."),
    "string_too_long": ("too_long", "{subject} must have at most {limits[max_length]} characters."),
    "string_pattern_mismatch": ("invalid_format", "{subject} does not have the required format."),
    "string_unicode": ("invalid_text", "{subject} must be valid Unicode text."),
    "literal_error": ("unknown_value", "{subject} must be {limits[expected]}."),
    "greater_than_equal": ("out_of_range", "{subject} must be at least {limits[ge]}."),
    "less_than_equal": ("out_of_range", "{subject} must be at most {limits[le]}."),
}
"""pydantic's types of error → our code and sentence. See `error_of` for all others."""

EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
    "model": "an object",
}

OWNERS = {
    "stages": "a stage",
    "steps": "a step",
    "parameters": "a parameter",
    "configuration": "the configuration",
    "approval": "an approval",
}


def pointer(path: Iterable[str | int]) -> str:
    """Return the JSON pointer (RFC 6901): `/stages/0/name`, or "" for the whole body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def error_of(error: Mapping[str, Any], path: Path, whole: str) -> FieldError:
    """Return one error of `ValidationError.errors()` as a field error.

    path: the place as the sender sees it. whole: a name for the body, such as "a workflow".
    An error of ours (PydanticCustomError) has our code as its type, and its message is the end of
    a sentence: it begins with a small letter, which pydantic's own never do.
    """
    kind, words = _type_of(error), _words(error, path, whole)
    if _is_ours(error):
        code, template = kind, "{subject} {text}"
    elif kind.endswith("_type"):
        code, template = "invalid_type", "{subject} must be {wanted}{given}."
    else:
        code, template = KINDS.get(kind, (kind, "{subject} is not valid: {text}."))
    message = template.format(**words)
    if template.startswith("{subject}"):
        label = "each" if words["field"].startswith("each") else ""
        rule = template.format(**{**words, "subject": label, "given": ""}).lstrip()
    else:
        rule = "must not be empty." if code == "required" else ""
    return FieldError(pointer(path), code, message[:1].upper() + message[1:], rule)


def _type_of(error: Mapping[str, Any]) -> str:
    """Tell text from a list: pydantic says too_long of both after a check of ours."""
    kind: str = error["type"]
    is_length_of_text = kind in ("too_short", "too_long") and isinstance(error["input"], str)
    return f"string_{kind}" if is_length_of_text and not _is_ours(error) else kind


def _is_ours(error: Mapping[str, Any]) -> bool:
    return bool(error["msg"][:1].islower())


def _words(error: Mapping[str, Any], path: Path, whole: str) -> dict[str, Any]:
    kind, limits = error["type"], error.get("ctx", {})
    owner, field = _owner(path, whole), _field(path)
    return {
        "owner": owner,
        "field": field,
        "a_field": _article(field),
        "fields": _plural(field, limits),
        "subject": f"{field} of {owner}" if field else owner,
        "wanted": EXPECTED.get(kind.removesuffix("_type"), "something else"),
        "given": f", not {_kind_of(error['input'])}",
        "text": error["msg"],
        "limits": limits,
    }


def _owner(path: Path, whole: str) -> str:
    """Return the innermost named thing that the field at `path` belongs to."""
    inner = path[:-1] if path and isinstance(path[-1], str) else path
    for part in reversed(inner):
        if isinstance(part, str) and part in OWNERS:
            return OWNERS[part]
    return whole


def _field(path: Path) -> str:
    """Return the field's name in quotes; '' for an element of a list that has a name of its own."""
    if not path:
        return ""
    *before, last = path
    if isinstance(last, str):
        return f"'{last}'"
    listed = str(before[-1]) if before else ""
    return "" if listed in OWNERS else f"each of '{listed}'"


def _article(field: str) -> str:
    word = field.strip("'")
    if not re.fullmatch("[a-z]+", word):
        return field
    if word.endswith("s"):
        return word
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _plural(field: str, limits: Mapping[str, Any]) -> str:
    word = field.strip("'")
    is_one = 1 in (limits.get("min_length"), limits.get("max_length"))
    return word.removesuffix("s") if is_one else word


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
