"""The description of the API."""

from typing import Any

from pydantic import ConfigDict

from blueprints.responses.base import Answer


class Document(Answer):
    """An OpenAPI document: https://spec.openapis.org/oas/v3.1.0."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]
