"""Tokens of YAML and JSON texts, each with its offset. Pure.

Both languages yield JSON values: numbers, booleans and dates that only YAML knows (0x1F, 12:30,
yes, 2026-01-31) are text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import yaml

from domain.validation.strict_json import integer, number

Event = tuple[Literal["object", "list", "scalar", "end"], int, str, Any]
"""A kind and an offset; of a scalar also its text as a name, and its value."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_YAML = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_JSON = re.compile("[\0\ud800-\udfff]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]]|[^\s,:{}\[\]"]+')
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NOT_READ = "Anchors (&), aliases (*) and tags (!) are not supported. Quote text that begins so."
_MEANINGS = {
    "could not find expected ':'": "This line needs a ': ' after a name.",
    "did not find expected key": "The indentation does not match the lines above.",
    "did not find expected '-' indicator": "This line does not belong to the list above it.",
    "found character that cannot start any token": "Quote text that begins with this character.",
    "found unexpected end of stream": "The closing quote is missing.",
    "mapping values are not allowed in this context": "A ': ' is not allowed here: quote "
    "the text, or correct the indentation.",
    "did not find expected alphabetic or numeric character": _NOT_READ,
}
"""Messages of the YAML parser → messages for people."""
_BEGAN_EARLIER = {"could not find expected ':'", "found unexpected end of stream"}
"""The parser reports these far after the actual error."""


class Unreadable(Exception):
    """The text cannot be read from this offset on."""

    def __init__(self, offset: int, code: str, message: str) -> None:
        super().__init__(message)
        self.offset, self.code, self.message = offset, code, message


def yaml_events(text: str) -> Iterator[Event]:
    """Yield the events of a YAML text. Raises Unreadable, also for features that JSON lacks."""
    _refuse(_NOT_YAML, text)
    documents = 0
    event: Any
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            offset = event.start_mark.index
            if event.__class__ is yaml.ScalarEvent:
                _refuse_properties(event, offset)
                value = _plain(event.value) if event.implicit[0] else event.value
                yield "scalar", offset, event.value, value
            elif isinstance(event, yaml.NodeEvent):
                _refuse_properties(event, offset)
                is_object = isinstance(event, yaml.MappingStartEvent)
                yield "object" if is_object else "list", offset, "", None
            elif isinstance(event, yaml.CollectionEndEvent):
                yield "end", offset, "", None
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Unreadable(offset, "not_allowed", "Remove this second document.")
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text) from None


def _refuse_properties(event: Any, offset: int) -> None:
    if event.anchor or event.tag:
        raise Unreadable(offset, "not_allowed", _NOT_READ)


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    problem = error.problem or "it cannot be read"
    mark = error.context_mark if problem in _BEGAN_EARLIER else error.problem_mark
    offset = mark.index if mark else 0
    meaning = _MEANINGS.get(problem, f"The text is not YAML: {problem}.")
    if text[offset : offset + 1] == "\t":
        meaning = "Indent YAML with spaces, not tabs."
    return Unreadable(offset, "invalid_format", meaning)


def _plain(word: str) -> Any:
    return _WORDS[word] if word in _WORDS else _number(word, word)


def json_events(text: str) -> Iterator[Event]:
    """Yield the events of a JSON text. Raises Unreadable."""
    _refuse(_NOT_JSON, text)
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        problem = re.sub("( starting)? at$", "", error.msg)
        raise Unreadable(error.pos, "invalid_format", f"The text is not JSON: {problem}.") from None
    except RecursionError:
        pass  # The caller stops long before that depth, and knows the place.
    # It is JSON, so tokens are enough.
    for token in _TOKEN.finditer(text):
        word, offset = token[0], token.start()
        if word in "{[":
            yield "object" if word == "{" else "list", offset, "", None
        elif word in "}]":
            yield "end", offset, "", None
        elif word[0] == '"':
            value = json.loads(word)
            yield "scalar", offset, value, value
        elif (value := _WORDS[word] if word in _WORDS else _number(word, ...)) is ...:
            raise Unreadable(offset, "invalid_format", f"{word} is not JSON.")
        else:
            yield "scalar", offset, word, value


def _number(word: str, otherwise: Any) -> Any:
    found = _NUMBER.fullmatch(word)
    if not found:
        return otherwise
    return number(word) if found[1] or found[2] else integer(word)


def _refuse(forbidden: re.Pattern[str], text: str) -> None:
    if found := forbidden.search(text):
        message = f"The character U+{ord(found[0]):04X} is not allowed."
        raise Unreadable(found.start(), "invalid_text", message)
