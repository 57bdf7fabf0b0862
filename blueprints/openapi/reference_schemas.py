"""Schemas of the API's document in words for its page: members, types, limits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.validation import patterns

Schema = Mapping[str, Any]

WORDS = {
    patterns.ID: "id",
    patterns.SLUG: "slug",
    patterns.USERNAME: "slug",
    patterns.LINE: "one line of text",
    patterns.NAME: "one line of text",
    patterns.SHA256: "SHA-256 in hex",
    "date-time": "time",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
}
"""Words for patterns, formats and types."""

PLURALS = {
    "id": "ids",
    "slug": "slugs",
    "text": "texts",
    "object": "objects",
    "whole number": "whole numbers",
    "one line of text": "lines of text",
}

CODES = {"ErrorCode": "error code", "FaultCode": "fault code", "ReasonCode": "reason"}
"""Closed lists with a table of their own."""

VALUES = "{values}"
"""The place of the values of a closed list in the words of a type."""

_LARGEST = 10**9
"""Limits from here on come from database columns and are never reached."""


@dataclass(frozen=True)
class Member:
    """One member of an object. members: those in it, or in each element of a list."""

    name: str
    type: str
    values: list[str]
    """The replacement of VALUES in the type."""
    limits: str
    text: str
    is_required: bool = False
    is_ignored: bool = False
    members: list["Member"] = field(default_factory=list)
    variants: list["Variant"] = field(default_factory=list)


@dataclass(frozen=True)
class Variant:
    """Further members of an object of the kind that `title` names."""

    title: str
    text: str
    members: list[Member]


Inside = tuple[list[Member], list[Variant]]


class Schemas:
    """Reader of the schemas of one document."""

    def __init__(self, document: Schema) -> None:
        self._schemas: Schema = document["components"]["schemas"]

    def name(self, schema: Schema) -> str:
        """Return the name of a shared schema; "" for any other."""
        return str(schema.get("$ref", "")).rpartition("/")[2]

    def resolved(self, schema: Schema) -> Schema:
        """Return a shared schema together with its description here."""
        if "$ref" not in schema:
            return schema
        return {**self._schemas[self.name(schema)], **schema}

    def examples(self, schema: Schema) -> list[Any]:
        """Return the examples of the schema, else of the first of its kinds with any."""
        found = self.resolved(schema)
        kinds = (self.examples(kind) for kind in found.get("anyOf", ()))
        return list(found.get("examples") or next(filter(None, kinds), ()))

    # ---- members -----------------------------------------------------------------------------

    def inside(self, schema: Schema) -> Inside:
        """Return the members of an object, of each element of a list, or of a nullable value."""
        return self._inside(schema, {})

    def _inside(self, schema: Schema, shown: dict[str, str]) -> Inside:
        """Return the members. shown: names of schemas above → the member that shows each."""
        found = self._object(schema)
        if _kinds(found):
            return self._of_kinds(found, shown)
        return list(self._members(found, shown)), []

    def _object(self, schema: Schema) -> Schema:
        """Return the schema without the list around it and the null beside it."""
        found = self.resolved(schema)
        if found.get("type") == "array":
            return self._object(found["items"])
        kinds = _kinds(found)
        return self._object(kinds[0]) if len(kinds) == 1 else found

    def _members(self, schema: Schema, shown: dict[str, str]) -> Iterator[Member]:
        required = schema.get("required", ())
        for name, member in schema.get("properties", {}).items():
            yield self._member(name, member, name in required, shown)

    def _member(
        self, name: str, schema: Schema, is_required: bool, shown: dict[str, str]
    ) -> Member:
        found = self.resolved(schema)
        described = self.name(self._object(schema))
        text = schema.get("description", "")
        members: list[Member] = []
        variants: list[Variant] = []
        if described in shown and self._object(schema).get("properties"):
            text = " ".join(filter(None, [text, f"As in `{shown[described]}` above."]))
        else:
            shown[described] = name
            members, variants = self._inside(schema, shown)
        return Member(
            name=name,
            type=self.type(schema),
            values=self.values(schema),
            limits=limits(found),
            text=text,
            is_required=is_required,
            is_ignored=found.get("readOnly", False),
            members=members,
            variants=variants,
        )

    def _of_kinds(self, schema: Schema, shown: dict[str, str]) -> Inside:
        """Return the members that all kinds of an object share, and those of each kind."""
        references = _kinds(schema)
        kinds = [self.resolved(kind) for kind in references]
        first, *others = [kind.get("properties", {}) for kind in kinds]
        common = {
            name: member
            for name, member in first.items()
            if all(other.get(name) == member for other in others)
        }
        teller = schema.get("discriminator", {}).get("propertyName", "")
        variants = [
            Variant(
                self._title(teller, kind, reference),
                kind.get("description", ""),
                [
                    member
                    for member in self._members(kind, shown)
                    if member.name not in common and member.name != teller
                ],
            )
            for kind, reference in zip(kinds, references, strict=True)
            if kind.get("properties")
        ]
        if teller:
            values = [other["properties"][teller]["const"] for other in kinds]
            common = {teller: {"enum": values}, **common}
        return list(self._members({**kinds[0], "properties": common}, shown)), variants

    def _title(self, teller: str, kind: Schema, reference: Schema) -> str:
        if not teller:
            return self.name(reference)
        return f"When `{teller}` is `{kind['properties'][teller]['const']}`"

    # ---- types -------------------------------------------------------------------------------

    def type(self, schema: Schema) -> str:
        """Return the type of a value in words, without its members and limits."""
        found = self.resolved(schema)
        if name := CODES.get(self.name(schema)):
            return name
        if kinds := found.get("anyOf", found.get("oneOf")):
            return _either(self.type(kind) for kind in kinds)
        if "enum" in found or "const" in found:
            return VALUES
        if isinstance(found.get("type"), list):
            return _either(WORDS[kind] for kind in found["type"])
        if found.get("type") == "array":
            element = self.type(found["items"])
            return f"list of {PLURALS.get(element, element)}"
        if isinstance(found.get("additionalProperties"), dict):
            return f"object of {self.type(found['additionalProperties'])}"
        named = (found.get(key) for key in ("pattern", "format", "type"))
        return next((WORDS[name] for name in named if name in WORDS), "any value")

    def values(self, schema: Schema) -> list[str]:
        """Return all values of a closed list."""
        found = self.resolved(schema)
        if found.get("type") == "array":
            return self.values(found["items"])
        own = [found["const"]] if "const" in found else found.get("enum", ())
        of_kinds = (self.values(kind) for kind in found.get("anyOf", ()))
        return [str(value) for value in own] or [value for kind in of_kinds for value in kind]


def _kinds(schema: Schema) -> list[Schema]:
    """Return the alternatives of a schema besides null and any object."""
    kinds = schema.get("anyOf", schema.get("oneOf", ()))
    return [kind for kind in kinds if kind not in ({"type": "null"}, {"type": "object"})]


def _either(words: Iterable[str]) -> str:
    """Join words once each, as in `text, number or null`; a whole number is a number too."""
    found = list(dict.fromkeys(words))
    if "number" in found and "whole number" in found:
        found.remove("whole number")
    *most, last = found
    return f"{', '.join(most)} or {last}" if most else last


def limits(schema: Schema) -> str:
    """Return the limits of length, size and number, and the default."""
    found = [
        _between(schema, "minimum", "maximum", ""),
        _between(schema, "minLength", "maxLength", " characters"),
        _between(schema, "minItems", "maxItems", " of them"),
        *(limits(kind) for kind in schema.get("anyOf", ())),
    ]
    default = schema.get("default")
    if default not in (None, "", [], {}):
        found.append(f"default `{_plain(default)}`")
    return ", ".join(filter(None, found))


def _between(schema: Schema, lower: str, upper: str, unit: str) -> str:
    least, most = schema.get(lower), schema.get(upper)
    if least is not None and (least == 0 or abs(least) >= _LARGEST):
        least = None
    if most is not None and most >= _LARGEST:
        most = None
    if most is not None:
        start = schema.get(lower, 0) if unit == "" else least
        if start is None:
            return f"at most {most:,}{unit}"
        return f"{most:,}{unit}" if start == most else f"{start:,} to {most:,}{unit}"
    return "" if least is None or unit else f"at least {least:,}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
