"""A text in YAML or JSON, one piece after the other, each with its offset. Pure.

Both languages give the values of JSON: what only YAML takes for a number, a truth or a date (0x1F,
12:30, yes, 2026-01-31) is text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import yaml

from domain.validation.strict_json import integer, number

Event = tuple[Literal["object", "list", "scalar", "end"], int, str, Any]
"""A kind, an offset, and of a scalar what it is as a name and what as a value."""

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
_NOT_READ = "Anchors (&), aliases (*) and tags (!) are not read; text that begins so needs quotes."
_MEANINGS = {
    "could not find expected ':'": "This line needs a ': ' behind a name.",
    "did not find expected key": "This line does not fit the indentation of those before it.",
    "did not find expected '-' indicator": "This line does not fit the list before it.",
    "found character that cannot start any token": "Text that begins so needs quotes.",
    "found unexpected end of stream": "What begins with this quote has no end.",
    "mapping values are not allowed in this context": "A ': ' cannot stand here: the text needs "
    "quotes, or the indentation does not fit.",
    "did not find expected alphabetic or numeric character": _NOT_READ,
}
"""What the parser of YAML says, for people."""
_BEGAN_EARLIER = {"could not find expected ':'", "found unexpected end of stream"}
"""The parser notices these far behind what is wrong."""


class Unreadable(Exception):
    """From this offset on nothing can be read."""

    def __init__(self, offset: int, code: str, message: str) -> None:
        super().__init__(message)
        self.offset, self.code, self.message = offset, code, message


def yaml_events(text: str) -> Iterator[Event]:
    """Raises Unreadable, also for what YAML has and JSON has not."""
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
                    raise Unreadable(offset, "not_allowed", "A second document begins here.")
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text) from None


def _refuse_properties(event: Any, offset: int) -> None:
    if event.anchor or event.tag:
        raise Unreadable(offset, "not_allowed", _NOT_READ)


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    said = error.problem or "it cannot be read"
    mark = error.context_mark if said in _BEGAN_EARLIER else error.problem_mark
    offset = mark.index if mark else 0
    meaning = _MEANINGS.get(said, f"This is not YAML: {said}.")
    if text[offset : offset + 1] == "\t":
        meaning = "YAML is indented by spaces, not by tabs."
    return Unreadable(offset, "invalid_format", meaning)


def _plain(word: str) -> Any:
    """What a scalar without quotes is."""
    return _WORDS[word] if word in _WORDS else _number(word, word)


def json_events(text: str) -> Iterator[Event]:
    """Raises Unreadable."""
    _refuse(_NOT_JSON, text)
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        said = re.sub("( starting)? at$", "", error.msg)
        raise Unreadable(error.pos, "invalid_format", f"This is not JSON: {said}.") from None
    except RecursionError:
        pass  # Who takes the events stops long before that depth, and knows where it is.
    # It is JSON, so its tokens are all that has to be found.
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
