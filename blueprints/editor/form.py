"""The form of the open part, read as fields of that part."""

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from domain.editor.operations import CONFIGURATIONS

Typed = MultiDict[str, str]
PARAMETER_NAME = r"parameters\.([0-9]{1,4})\.name"
ROLES = ("User", "SuperUser", "Admin")


def fields_of(part: Mapping[str, Any], typed: Typed) -> dict[str, Any]:
    """Return the typed fields. part: the workflow, stage or step as it was before."""
    if "stages" in part:
        return _of_workflow(typed)
    return _of_stage(typed) if "steps" in part else _of_step(typed, part)


def _of_workflow(typed: Typed) -> dict[str, Any]:
    return {
        "name": typed.get("name", ""),
        "description": _text(typed, "description"),
        "concurrency": typed.get("concurrency", "").strip() or None,
        "parameters": _parameters(typed),
    }


def _of_stage(typed: Typed) -> dict[str, Any]:
    asks = typed.getlist("approval")[-1:] == ["true"]
    roles = typed.getlist("roles") or ["SuperUser"]
    return {
        "name": typed.get("name", ""),
        "runIf": typed.get("runIf", "success"),
        "approval": {"required": True, "roles": roles} if asks else None,
    }


def _of_step(typed: Typed, before: Mapping[str, Any]) -> dict[str, Any]:
    """Read a step. A change of its type resets the configuration."""
    kind = typed.get("type", before["type"])
    fields = {
        "name": typed.get("name", ""),
        "timeoutSeconds": _number(typed, "timeoutSeconds"),
        "retries": 0 if kind == "Deploy" else _number(typed, "retries"),
        "queue": typed.get("queue", "").strip() or "default",
    }
    if kind not in CONFIGURATIONS:
        return fields
    if kind != before["type"]:
        return {**fields, "type": kind, "configuration": dict(CONFIGURATIONS[kind])}
    return {**fields, "configuration": _configuration(kind, typed)}


def _configuration(kind: str, typed: Typed) -> dict[str, Any]:
    members: dict[str, Any] = {name: _text(typed, name) for name in CONFIGURATIONS[kind]}
    if kind == "Test":
        lines = _text(typed, "releaseIds").splitlines()
        members["releaseIds"] = [line.strip() for line in lines if line.strip()]
    return members


def _parameters(typed: Typed) -> list[dict[str, Any]] | None:
    """Read a parameter for each field `parameters.n.name`; None if there is none."""
    numbers = sorted(
        int(found[1]) for name in typed if (found := re.fullmatch(PARAMETER_NAME, name))
    )
    return [_parameter(typed, f"parameters.{number}.") for number in numbers] or None


def _parameter(typed: Typed, prefix: str) -> dict[str, Any]:
    def given(name: str) -> str:
        return typed.getlist(prefix + name)[-1] if prefix + name in typed else ""

    kind = given("type") or "string"
    choices = [line.strip() for line in given("choices").splitlines() if line.strip()]
    return {
        "name": given("name"),
        "description": given("description"),
        "type": kind,
        "default": _default(kind, given("default")),
        "required": given("required") == "true",
        "choices": choices if kind == "choice" else None,
    }


def _default(kind: str, text: str) -> Any:
    if not text:
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "number":
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            return text
    return text


def _number(typed: Typed, name: str) -> Any:
    """Return the number, or the text if it is none, so that the validation reports it."""
    text = typed.get(name, "").strip()
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else text


def _text(typed: Typed, name: str) -> str:
    """Read a text. Browsers end lines with CR LF, which shells do not understand."""
    return typed.get(name, "").replace("\r\n", "\n")
