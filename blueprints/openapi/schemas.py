"""Schemas of the OpenAPI document: those of pydantic, each under a name for people."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from blueprints.api.routes import Route
from blueprints.responses.base import Failure, Problem
from domain.definitions.schema import OtherStep

REF = "#/components/schemas/{model}"


class _InOrder(GenerateJsonSchema):
    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Leave the order as it is: examples read as they were written."""
        return value


class Schemas:
    """The schemas of bodies and answers, and of everything in them."""

    def __init__(self, routes: list[Route]) -> None:
        self._refs, found = TypeAdapter.json_schemas(
            [(schema, mode, TypeAdapter(schema)) for schema, mode in _schemas(routes)],
            ref_template=REF,
            schema_generator=_InOrder,
        )
        definitions: dict[str, Any] = found["$defs"]
        # pydantic's keys are no names for people: Listed_Run_, Stage-Input, Stage-Output.
        self._names = {
            key: schema.get("title", key) + ("Input" if key.endswith("-Input") else "")
            for key, schema in definitions.items()
        }
        self.definitions = {
            self._names[key]: self._plain(schema)
            for key, schema in sorted(definitions.items())
            if schema.get("title") != OtherStep.__name__  # never valid, so never sent
        }

    def ref(self, schema: type, mode: JsonSchemaMode) -> dict[str, Any]:
        """Return a reference to a body (`validation`) or an answer (`serialization`)."""
        return dict(self._plain(self._refs[schema, mode]))

    def _plain(self, schema: Any) -> Any:
        """Drop the titles that pydantic gives every member: they repeat its name."""
        if isinstance(schema, list):
            return [self._plain(item) for item in schema]
        if not isinstance(schema, Mapping):
            return self._renamed(schema)
        return {
            name: self._plain(value)
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str))
        }

    def _renamed(self, value: Any) -> Any:
        """Return a reference (in `$ref`, in the mapping of a discriminator) by our name."""
        before = REF.format(model="")
        if isinstance(value, str) and value.startswith(before):
            key = value.removeprefix(before)
            return REF.format(model=self._names.get(key, key))
        return value


def _schemas(routes: list[Route]) -> dict[tuple[type, JsonSchemaMode], None]:
    """Return the schemas that the document refers to, in its order."""
    found: dict[tuple[type, JsonSchemaMode], None] = {
        (Failure, "serialization"): None,
        (Problem, "serialization"): None,
    }
    for route in routes:
        if route.operation.body is not None:
            found[route.operation.body, "validation"] = None
        for content in route.operation.answers.values():
            if isinstance(content, type):
                found[content, "serialization"] = None
    return found
