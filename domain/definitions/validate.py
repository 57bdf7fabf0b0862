"""Validation of a workflow's definition, which finds every error in it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from domain.definitions.normalize import objects_in, parts_of, reading_order
from domain.definitions.parameters import same_variable, value_error
from domain.definitions.schema import READ_ONLY, ChangedWorkflow, Definition
from domain.errors import FieldError, Invalid
from domain.validation.messages import Path, error_of, pointer

S = TypeVar("S", bound=Definition)
Cross = tuple[Path, str, str]
Found = tuple[Path, Mapping[str, Any]]


def parse(body: object, schema: type[S], *, project_id: str | None = None) -> S:
    """Check a body (Definition, NewWorkflow or ChangedWorkflow) and return it typed.

    project_id: the project of the workflow, which a ChangedWorkflow cannot change.
    Raises Invalid with every error, in the order of the body's paths.
    """
    if schema is ChangedWorkflow and isinstance(body, dict):
        body = {key: value for key, value in body.items() if key not in READ_ONLY}
    errors: dict[Path, FieldError] = {}
    parsed: S | None = None
    try:
        parsed = schema.model_validate(body)
    except ValidationError as invalid:
        for found in invalid.errors(include_url=False):
            path = _path(found["loc"])
            errors[path] = error_of(found, path, "a workflow")
    for path, code, message in _cross_errors(body, project_id):
        errors.setdefault(path, FieldError(pointer(path), code, message))
    if errors or parsed is None:
        raise Invalid([errors[path] for path in sorted(errors, key=reading_order)])
    return parsed


def _path(location: Path) -> Path:
    """Return the path as the sender sees it, without the tag that pydantic adds to steps."""
    is_in_step = len(location) > 4 and location[0] == "stages" and location[2] == "steps"
    return location[:4] + location[5:] if is_in_step else location


def _cross_errors(body: object, project_id: str | None) -> Iterator[Cross]:
    """Find errors between fields in the unparsed body, so that they show beside all others."""
    given = body.get("projectId") if isinstance(body, dict) else None
    if project_id and given not in (None, project_id):
        yield ("projectId",), "cannot_change", f"The workflow must stay in project {project_id}."
    parts = list(parts_of(body))
    stages = [found for found in parts if len(found[0]) == 2]
    steps = [found for found in parts if len(found[0]) == 4]
    parameters = list(objects_in(body, "parameters"))
    unique_names = "names must be unique in the workflow"
    yield from _repeated(stages, "name", "Two stages are named", unique_names)
    yield from _repeated(stages, "order", "Two stages have the order", "orders must be unique")
    yield from _repeated(steps, "name", "Two steps are named", unique_names)
    yield from _repeated(parts, "id", "Two parts have the id", "ids must be unique in the workflow")
    yield from _repeated(parameters, "name", "Two parameters are named", unique_names)
    yield from _same_variables(parameters)
    for path, parameter in parameters:
        yield from _parameter_errors(path, parameter)


def _repeated(found: Iterable[Found], field: str, problem: str, rule: str) -> Iterator[Cross]:
    seen = set()
    for path, item in found:
        value = item.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        value = value.strip() if isinstance(value, str) else value
        if value in seen:
            yield (*path, field), f"duplicate_{field}", f"{problem} {value!r}; {rule}."
        seen.add(value)


def _same_variables(parameters: Iterable[Found]) -> Iterator[Cross]:
    names = {
        name.strip(): path for path, item in parameters if isinstance(name := item.get("name"), str)
    }
    for name, first in same_variable(names):
        message = f"{name!r} and {first!r} would be the same variable in a script; rename one."
        yield (*names[name], "name"), "duplicate_name", message


def _parameter_errors(path: Path, parameter: Mapping[str, Any]) -> Iterator[Cross]:
    kind, choices = parameter.get("type", "string"), parameter.get("choices")
    if kind == "choice" and choices is None:
        yield (*path, "choices"), "required", "A parameter of type choice needs choices."
        return
    if kind != "choice" and choices is not None:
        yield (*path, "choices"), "not_allowed", "Only a parameter of type choice takes choices."
    listed = choices if isinstance(choices, list) else []
    texts = [choice.strip() for choice in listed if isinstance(choice, str)]
    if len(set(texts)) < len(texts):
        yield (*path, "choices"), "duplicate_value", "Two choices are the same; remove one."
    default = parameter.get("default")
    if default is not None and kind in ("string", "number", "boolean", "choice"):
        found = value_error(kind, texts, default)
        if found:
            yield (*path, "default"), found[0], f"The default of a parameter {found[1]}."
