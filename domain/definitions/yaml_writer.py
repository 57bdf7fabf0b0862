"""JSON values as readable YAML. Pure.

PyYAML's writer turns a script with a trailing blank into one line of escapes. Here only text that a
literal block cannot hold is quoted.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = "  "
_PLAIN = re.compile(r"[^\W\d](?:[\w ./@+$%()=,;!?*&'\"<>|^~-]|:(?=[\w/]))*(?<! )")
"""Text that needs no quotes, unless it is one of `_WORDS`."""
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""Words that some YAML readers do not read as text."""
_NOT_IN_BLOCKS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
_TO_ESCAPE = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Characters to escape that JSON leaves as they are."""


def dump(value: Mapping[str, Any]) -> str:
    """Return YAML in block style, with members in order and multi-line texts as literal blocks."""
    return _lines(value, "") if value else "{}\n"


def _lines(container: Any, indent: str) -> str:
    if isinstance(container, Mapping):
        return "".join(
            f"{indent}{_inline(key)}:{_behind(item, indent)}" for key, item in container.items()
        )
    return "".join(f"{indent}-{_behind(item, indent, is_element=True)}" for item in container)


def _behind(value: Any, indent: str, *, is_element: bool = False) -> str:
    """Return the text after a name or a dash at this indentation."""
    inner = indent + _STEP
    if value and isinstance(value, Mapping | list):
        lines = _lines(value, inner)
        return " " + lines.removeprefix(inner) if is_element else "\n" + lines
    if isinstance(value, str) and "\n" in value and not _NOT_IN_BLOCKS.search(value):
        return f" {_block(value, inner)}\n"
    return f" {_inline(value)}\n"


def _block(text: str, indent: str) -> str:
    # If the first line does not show the indentation, the header must.
    width = str(len(_STEP)) if text[0] in " \t\n" else ""
    end = "+" if text.endswith("\n\n") or text == "\n" else "" if text.endswith("\n") else "-"
    lines = text.removesuffix("\n").split("\n")
    return "\n".join([f"|{width}{end}", *(line and indent + line for line in lines)])


def _inline(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
