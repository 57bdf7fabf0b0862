"""From pydantic's errors to the faults of an answer: pointer, code, a kind sentence."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from domain.errors import FieldError

Path = tuple[str | int, ...]
"""Where something is in a body: ("stages", 0, "name")."""

CODES = {
    "missing": "required",
    "string_too_short": "required",
    "extra_forbidden": "unknown_field",
    "too_short": "too_few",
    "too_long": "too_many",
    "string_too_long": "too_long",
    "literal_error": "unknown_value",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_pattern_mismatch": "invalid_format",
    "string_unicode": "invalid_text",
    "invalid_key": "unknown_field",
}
"""pydantic's types of error and our codes; besides, `…_type` is invalid_type."""

SENTENCES = {
    "missing": "{owner} needs {a_field}.",
    "string_too_short": "{owner} needs {a_field}.",
    "extra_forbidden": "{owner} has no field {field}.",
    "too_short": "{owner} needs at least {limits[min_length]} {fields}.",
    "too_long": "{owner} takes at most {limits[max_length]} {fields}.",
    "string_too_long": "{subject} is longer than {limits[max_length]} characters.",
    "literal_error": "{subject} must be {limits[expected]}.",
    "greater_than_equal": "{subject} must be at least {limits[ge]}.",
    "less_than_equal": "{subject} must be at most {limits[le]}.",
    "invalid_key": "{owner} has a field whose name is not text.",
    "string_unicode": "{subject} is not valid Unicode text.",
}

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
    """A JSON pointer (RFC 6901): `/stages/0/name`; the empty path is the whole body, ''."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def fault_of(error: Mapping[str, Any], path: Path, whole: str) -> FieldError:
    """One error of `ValidationError.errors()` as a fault.

    path: where, as the sender sees it. whole: what the body is, such as "a workflow".
    An error of ours (PydanticCustomError) has our code as its type, and its message is the end of
    a sentence: it begins with a small letter, which pydantic's own never do.
    """
    kind = _type_of(error)
    if _is_ours(error):
        code = kind
    else:
        code = "invalid_type" if kind.endswith("_type") else CODES.get(kind, kind)
    return FieldError(pointer(path), code, _sentence(error, path, whole))


def _type_of(error: Mapping[str, Any]) -> str:
    """A limit of length after a check of ours says too_long also of text."""
    kind: str = error["type"]
    is_length_of_text = kind in ("too_short", "too_long") and isinstance(error["input"], str)
    return f"string_{kind}" if is_length_of_text and not _is_ours(error) else kind


def _is_ours(error: Mapping[str, Any]) -> bool:
    return bool(error["msg"][:1].islower())


def _sentence(error: Mapping[str, Any], path: Path, whole: str) -> str:
    kind, limits = _type_of(error), error.get("ctx", {})
    owner, field = _owner(path, whole), _field(path)
    if _is_ours(error):
        template = "{subject} {said}"
    elif kind.endswith("_type"):
        template = "{subject} must be {wanted}, not {given}."
    else:
        template = SENTENCES.get(kind, "{subject} is not right: {said}.")
    text = template.format(
        owner=owner,
        field=field,
        a_field=_article(field),
        fields=_plural(field, limits),
        subject=f"{field} of {owner}" if field else owner,
        wanted=EXPECTED.get(kind.removesuffix("_type"), "something else"),
        given=_kind_of(error["input"]),
        said=error["msg"],
        limits=limits,
    )
    return text[:1].upper() + text[1:]


def _owner(path: Path, whole: str) -> str:
    """What the field at `path` belongs to: the innermost thing that has a name of its own."""
    inner = path[:-1] if path and isinstance(path[-1], str) else path
    for part in reversed(inner):
        if isinstance(part, str) and part in OWNERS:
            return OWNERS[part]
    return whole


def _field(path: Path) -> str:
    """The field's name in quotes; '' for an element of a list that has a name of its own."""
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
