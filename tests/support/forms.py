"""What is in the forms of a page."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser


def form_id_in(page: str) -> str:
    found = re.search(r'name="formId" value="(\w+)"', page)
    assert found
    return found[1]


@dataclass
class Field:
    """A control as it would be sent, and what the page says is wrong with it."""

    value: str
    is_invalid: bool
    described_by: list[str]
    fault: str = ""
    """The text that the control is tied to by aria-describedby; "" for none."""


def fields_of(page: str) -> dict[str, Field]:
    """The fields of a page's forms by name, without hidden ones; the last of each name."""
    reader = _Reader()
    reader.feed(page)
    for field in reader.fields.values():
        told = [reader.texts[name] for name in field.described_by if name.endswith("-fault")]
        field.fault = " ".join(" ".join(told).split())
    return reader.fields


class _Reader(HTMLParser):
    """Collects fields by name and texts by the id of their element."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, Field] = {}
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self._last = Field("", False, [])
        self._is_chosen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            self._last = Field(
                _value(given),
                given.get("aria-invalid") == "true",
                given.get("aria-describedby", "").split(),
            )
            self.fields[given["name"]] = self._last
        self._is_chosen = tag == "option" and "selected" in given
        if tag not in ("input", "link", "meta", "br"):
            self._open.append((tag, given.get("id", "")))
            self.texts.setdefault(given.get("id", ""), "")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            self.texts[name] += data
        tag = self._open[-1][0] if self._open else ""
        if tag == "textarea" or (tag == "option" and self._is_chosen):
            self._last.value += data


def _value(attributes: dict[str, str]) -> str:
    if attributes.get("type") == "checkbox":
        return "true" if "checked" in attributes else "false"
    return attributes.get("value", "")
