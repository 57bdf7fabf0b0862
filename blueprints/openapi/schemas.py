"""The schemas of the OpenAPI document: those of pydantic, each under a name for people."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)

from blueprints.api.routes import Route
from blueprints.responses.base import Failure, Problem
from domain.definitions.schema import OtherStep

REF = "#/components/schemas/{model}"


class _InOrder(GenerateJsonSchema):
    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Nothing is sorted: examples read as they were written."""
        return value


class Schemas:
    """The schemas of bodies and answers, and of all that they hold."""

    def __init__(self, routes: list[Route]) -> None:
        self._refs, found = models_json_schema(
            _models(routes), ref_template=REF, schema_generator=_InOrder
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

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
        """Where a body (`validation`) or an answer (`serialization`) is described."""
        return dict(self._plain(self._refs[model, mode]))

    def _plain(self, schema: Any) -> Any:
        """Without the titles that pydantic gives every member: they say what its name says."""
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
        """A reference (in `$ref`, in the mapping of a discriminator) by our name."""
        before = REF.format(model="")
        if isinstance(value, str) and value.startswith(before):
            key = value.removeprefix(before)
            return REF.format(model=self._names.get(key, key))
        return value


def _models(routes: list[Route]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {
        (Failure, "serialization"): None,
        (Problem, "serialization"): None,
    }
    for route in routes:
        if route.operation.body is not None:
            found[route.operation.body, "validation"] = None
        for content in route.operation.answers.values():
            if isinstance(content, type):
                found[content, "serialization"] = None
    return list(found)
