"""The form in which a revision stores its definition. Independent of pydantic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from domain.errors import FieldError, Invalid
from domain.models.base import new_id
from domain.validation.messages import Path, pointer

if TYPE_CHECKING:
    from domain.definitions.schema import Definition

FIELDS = {"name", "description", "parameters", "concurrency", "stages"}


def normalize(
    definition: Definition, revisions: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the definition for a revision: with all defaults and ids, stages in order.

    revisions: the workflow's earlier definitions, newest first; read only as far as needed. An id
    that was sent must come from one of them (else Invalid). Without one, a stage or step keeps the
    id of its namesake in the newest.
    """
    plain = definition.model_dump(include=FIELDS)
    _give_ids(plain, revisions)
    plain["stages"].sort(key=lambda stage: stage["order"])
    for stage in plain["stages"]:
        if stage["approval"] and not stage["approval"]["required"]:
            stage["approval"] = None
    return plain


def _give_ids(plain: dict[str, Any], revisions: Iterable[Mapping[str, Any]]) -> None:
    unknown = {part["id"]: path for path, part in parts_of(plain) if part["id"]}
    taken = set(unknown)
    namesakes: dict[tuple[int, str], str] | None = None
    for earlier in revisions:
        parts = list(parts_of(earlier))
        if namesakes is None:
            namesakes = {(len(path), part["name"]): part["id"] for path, part in parts}
        for _, part in parts:
            unknown.pop(part["id"], None)
        if not unknown:
            break
    if unknown:
        message = "The workflow never had a stage or step with this id; omit it for a new one."
        paths = sorted(unknown.values(), key=reading_order)
        raise Invalid([FieldError(pointer((*path, "id")), "unknown_id", message) for path in paths])
    for path, part in parts_of(plain):
        if not part["id"]:
            kept = (namesakes or {}).get((len(path), part["name"]))
            part["id"] = kept if kept and kept not in taken else new_id()
            taken.add(part["id"])


def parts_of(body: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every stage and step with its path."""
    for path, stage in objects_in(body, "stages"):
        yield path, stage
        for inner, step in objects_in(stage, "steps"):
            yield (*path, *inner), step


def objects_in(parent: object, field: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the objects in a list, with their paths. The parent is unchecked, so any value."""
    listed = parent.get(field) if isinstance(parent, dict) else None
    for n, item in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(item, dict):
            yield (field, n), item


def reading_order(path: Path) -> list[tuple[int, str]]:
    """Return a sort key for paths: by number within a list, by name within an object."""
    return [(part, "") if isinstance(part, int) else (-1, part) for part in path]
