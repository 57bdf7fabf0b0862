"""The record of who did what to what, when and from where."""

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
"""Fields whose values a change tells: none that may hold a script or a secret."""

MAX_SHOWN = 200


# ---- writing ---------------------------------------------------------------------------------


def record(
    actor: Actor,
    action: str,
    kind: str,
    object_id: str,
    *,
    project_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note a change; call it inside the change's own transaction, so that neither is alone.

    action: what was done to the kind of object, such as `create`; detail: plain JSON, no secrets.
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
    """For `detail`: each field that differs, and from what to what where that may be told.

    before: the row with these columns, or None for something new. Scripts, lists and long texts are
    only named, and so is every field that is not among SHOWN. Members of an object are fields of
    their own, such as `settings.path`.
    """
    if isinstance(before, Base):
        before = {name: getattr(before, name) for name in after}
    old, new = dict(_fields(before or {})), dict(_fields(after))
    return {
        "changed": {
            name: _told(name, old.get(name), new.get(name))
            for name in {**old, **new}
            if old.get(name) != new.get(name)
        }
    }


def put(before: Base | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """As `changed`, for a row that may not have been there before."""
    return {"isNew": before is None, **changed(before, values)}


def _fields(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        first, *rest = name.split("_")
        outside = first + "".join(part.capitalize() for part in rest)
        if isinstance(value, Mapping):
            yield from ((f"{outside}.{inner}", held) for inner, held in _fields(value))
        else:
            yield outside, value


def _told(name: str, old: Any, new: Any) -> dict[str, Any]:
    is_shown = name.rpartition(".")[2] in SHOWN and _is_short(old) and _is_short(new)
    return {"from": old, "to": new} if is_shown else {}


def _is_short(value: Any) -> bool:
    return value is None or (isinstance(value, bool | int | str) and len(str(value)) <= MAX_SHOWN)


# ---- reading ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What to look for; None: whatever it is. Times are epoch milliseconds, `until` left out."""

    object_id: str | None = None
    actor: str | None = None
    action: str | None = None
    project_id: str | None = None
    object_kind: str | None = None
    since: int | None = None
    until: int | None = None


def find(
    wanted: Wanted, page: Page, cursor: str | None
) -> tuple[list[AuditEvent], int, str | None]:
    """Newest first; see `fetch_after`."""
    return fetch_after(matching(wanted), AuditEvent.id, page, cursor)


def matching(wanted: Wanted) -> Any:
    """A query of the events, in no order."""
    query = AuditEvent.select()
    for condition in (*_conditions(wanted), *_times(wanted)):
        query = query.where(condition)
    return query


def _conditions(wanted: Wanted) -> Iterator[Any]:
    """Each filter leads to its events by an index; on SQLite only the rarest of them may do so.

    SQLite keeps no statistics here. Left to itself it takes the index with the shortest column,
    which is the kind of object, and reads a million runs to find the history of one.
    """
    filters = [
        (AuditEvent.object_id, wanted.object_id),
        (AuditEvent.actor, wanted.actor),
        (AuditEvent.action, wanted.action),
        (AuditEvent.project_id, wanted.project_id),
        (AuditEvent.object_kind, wanted.object_kind),
    ]
    given = [(column, value) for column, value in filters if value is not None]
    if not is_sqlite() or len(given) < 2:
        yield from (column == value for column, value in given)
        return
    (column, value), *others = sorted(given, key=lambda one: _count(*one))
    yield column == value
    yield from (fn.COALESCE(column, "") == value for column, value in others)


def _count(column: Any, value: str) -> int:
    """How many events there are of it, as far as they are counted at all."""
    return count(AuditEvent.select().where(column == value))


def _times(wanted: Wanted) -> Iterator[Any]:
    """By the ids too, which hold the time: they lead straight to the events, and `at` is exact.

    Both are taken in one statement; an hour is for a process that was paused in between.
    """
    if wanted.since is not None:
        yield AuditEvent.id >= first_id(wanted.since - HOUR_MS)
        yield AuditEvent.at >= wanted.since
    if wanted.until is not None:
        yield AuditEvent.id < first_id(wanted.until + HOUR_MS)
        yield AuditEvent.at < wanted.until


def put_row(model: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Insert or update the row that `key` names, inside a transaction: the row, and as it was.

    Not an upsert, which would not tell; instead the loser of a race between two inserts updates.
    """
    condition = [getattr(model, name) == value for name, value in key.items()]
    before = None
    while not model.insert(**key, **values).on_conflict_ignore().execute():
        before = locked(model.select().where(*condition)).first()
        if before is not None:  # else it was deleted at this very moment
            model.update(**values).where(*condition).execute()
            break
    return model.get(*condition), before


def change_row(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Update a row by its id, inside a transaction. Returns what changed, for the audit."""
    of_it = type(row).id == row.id
    before = locked(type(row).select().where(of_it)).get()
    type(row).update(**values).where(of_it).execute()
    return changed(before, values)
