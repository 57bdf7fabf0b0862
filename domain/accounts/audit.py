"""The audit log: each change with its actor, time and address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from peewee import fn

from domain.accounts.access import Actor
from domain.models import AuditEvent, Base, first_id, is_sqlite, locked
from domain.pagination import Page, count, fetch_after

HOUR_MS = 3_600_000

SHOWN = frozenset(
    """
    concurrency description displayName driver email isEnabled isSystemAdmin keep name path
    requiresApproval role timeoutSeconds
    """.split()  # noqa: SIM905
)
"""Fields whose values are recorded. None of them may hold a script or a secret."""

MAX_SHOWN = 200


def record(
    actor: Actor,
    action: str,
    kind: str,
    object_id: str,
    *,
    project_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Record a change, inside the change's own transaction, so that both are stored or neither.

    action: a verb such as `create`. detail: plain JSON without secrets.
    """
    AuditEvent.create(
        actor=actor.username,
        action=action,
        object_kind=kind,
        object_id=object_id,
        project_id=project_id,
        detail=dict(detail or {}),
        address=actor.address,
    )


def changed(before: Mapping[str, Any] | Base | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `detail` with each field that differs, with both values if it is one of SHOWN.

    before: the row with these columns, or None for a new row. Scripts, lists and long texts are
    only named. Members of an object are fields of their own, such as `settings.path`.
    """
    if isinstance(before, Base):
        before = {name: getattr(before, name) for name in after}
    old, new = dict(_fields(before or {})), dict(_fields(after))
    return {
        "changed": {
            name: _values(name, old.get(name), new.get(name))
            for name in {**old, **new}
            if old.get(name) != new.get(name)
        }
    }


def put(before: Base | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `detail` of a row that was created or replaced; see `changed`."""
    return {"isNew": before is None, **changed(before, values)}


def _fields(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        first, *rest = name.split("_")
        public_name = first + "".join(part.capitalize() for part in rest)
        if isinstance(value, Mapping):
            yield from ((f"{public_name}.{inner}", held) for inner, held in _fields(value))
        else:
            yield public_name, value


def _values(name: str, old: Any, new: Any) -> dict[str, Any]:
    is_shown = name.rpartition(".")[2] in SHOWN and _is_short(old) and _is_short(new)
    return {"from": old, "to": new} if is_shown else {}


def _is_short(value: Any) -> bool:
    return value is None or (isinstance(value, bool | int | str) and len(str(value)) <= MAX_SHOWN)


@dataclass(frozen=True)
class Filters:
    """Conditions on events; None matches all. Times are epoch milliseconds, `until` exclusive."""

    object_id: str | None = None
    actor: str | None = None
    action: str | None = None
    project_id: str | None = None
    object_kind: str | None = None
    since: int | None = None
    until: int | None = None


def find(
    filters: Filters, page: Page, cursor: str | None
) -> tuple[list[AuditEvent], int, str | None]:
    """Return a page of the matching events, newest first; see `fetch_after`."""
    return fetch_after(matching(filters), AuditEvent.id, page, cursor)


def matching(filters: Filters) -> Any:
    """Return a query of the events, in no order."""
    query = AuditEvent.select()
    for condition in (*_conditions(filters), *_times(filters)):
        query = query.where(condition)
    return query


def _conditions(filters: Filters) -> Iterator[Any]:
    """Let each filter use its index; on SQLite only the rarest, by hiding the other columns.

    SQLite keeps no statistics here. Left alone it uses the index with the shortest column, the
    kind of object, and reads a million runs to find the history of one.
    """
    columns = (
        AuditEvent.object_id,
        AuditEvent.actor,
        AuditEvent.action,
        AuditEvent.project_id,
        AuditEvent.object_kind,
    )
    values = ((column, getattr(filters, column.name)) for column in columns)
    given = [(column, value) for column, value in values if value is not None]
    if not is_sqlite() or len(given) < 2:
        yield from (column == value for column, value in given)
        return
    (column, value), *others = sorted(given, key=lambda one: _count(*one))
    yield column == value
    yield from (fn.COALESCE(column, "") == value for column, value in others)


def _count(column: Any, value: str) -> int:
    return count(AuditEvent.select().where(column == value))


def _times(filters: Filters) -> Iterator[Any]:
    """Compare the ids too, which hold the time and are indexed; `at` is exact.

    The hour allows for a process that was paused between taking the id and the time.
    """
    if filters.since is not None:
        yield AuditEvent.id >= first_id(filters.since - HOUR_MS)
        yield AuditEvent.at >= filters.since
    if filters.until is not None:
        yield AuditEvent.id < first_id(filters.until + HOUR_MS)
        yield AuditEvent.at < filters.until


def put_row(model: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Insert or update the row with this key, in a transaction. Returns it, and the row before.

    Not an upsert, which does not return the old row. The loser of a race of two inserts updates.
    """
    condition = [getattr(model, name) == value for name, value in key.items()]
    before = None
    while not model.insert(**key, **values).on_conflict_ignore().execute():
        before = locked(model.select().where(*condition)).first()
        if before is not None:  # else it was deleted just now
            model.update(**values).where(*condition).execute()
            break
    return model.get(*condition), before


def change_row(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Update a row by its id, inside a transaction. Returns the audit detail."""
    model, condition = type(row), type(row).id == row.id
    before = locked(model.select().where(condition)).get()
    model.update(**values).where(condition).execute()
    return changed(before, values)
