"""Queries compiled once.

Building the SQL of a Peewee query costs several times what SQLite needs to run it (0.3–0.5 ms
against 0.05 ms). A step passes through some twenty queries, so the engine writes its own with
Peewee as ever, names what varies with `given`, and has each compiled at its first use.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from peewee import BooleanField, JSONField, Value

from domain.models.base import Base, db

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True)
class _Given:
    name: str


def given(name: str) -> Any:
    """The place of a value that each call of the statement gives, as plain Python."""
    return Value(_Given(name), converter=False)


def from_json(value: Any) -> Any:
    """A JSON object of a row: SQLite gives it as text, PostgreSQL's driver has parsed it."""
    return json.loads(value) if isinstance(value, str) else value


class Statement:
    """A query with named values: `Statement(lambda: Run.delete().where(Run.id == given("run")))`.

    The query is built once, so nothing in it may be computed, such as the default of a column that
    an insert leaves out: name every column. Values go to the database as they are, and rows come
    back as it gives them: see `from_json`.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._database: Any = None
        self._sql = ""
        self._values: list[Any] = []

    def _run(self, values: dict[str, Any]) -> Any:
        if self._database is not db.obj:
            self._sql, self._values = self._build().sql()
            self._database = db.obj
        ordered = [values[v.name] if isinstance(v, _Given) else v for v in self._values]
        return db.execute_sql(self._sql, ordered)

    def change(self, **values: Any) -> int:
        """Run an insert, update or delete; how many rows it touched."""
        return int(self._run(values).rowcount)

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """All rows that it selects or returns."""
        return list(self._run(values).fetchall())

    def row(self, **values: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def value(self, **values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.row(**values)
        return row[0] if row else None


class Lookup(Generic[Row]):
    """Whole rows by a query that is built once: `Lookup(User, lambda: User.id == given("id"))`.

    Peewee sets every column of every row by its descriptor, which takes a thousand rows 15 ms; here
    only what the database gives otherwise is converted.
    """

    def __init__(self, model: type[Row], where: Callable[[], Any]) -> None:
        self._model = model
        self._statement = Statement(lambda: model.select().where(where()))
        fields = model._meta.sorted_fields
        self._names = [field.name for field in fields]
        self._converters = [
            (field.name, field.python_value)
            for field in fields
            if isinstance(field, BooleanField | JSONField)
        ]

    def rows(self, **values: Any) -> list[Row]:
        """In no order."""
        return [self._made(found) for found in self._statement.rows(**values)]

    def row(self, **values: Any) -> Row | None:
        """Of a condition that at most one row fulfils; as `get_or_none` gives it."""
        found = self._statement.row(**values)
        return None if found is None else self._made(found)

    def _made(self, found: tuple[Any, ...]) -> Row:
        row = self._model(__no_default__=True)
        data = row.__data__
        data.update(zip(self._names, found, strict=True))
        for name, convert in self._converters:
            data[name] = convert(data[name])
        return row


_by_id: dict[type[Base], Lookup[Any]] = {}


def by_id(model: type[Row], row_id: str) -> Row | None:
    """The row with that id: what nearly every request begins with."""
    if model not in _by_id:
        _by_id[model] = Lookup(model, lambda: model.id == given("row_id"))
    found: Row | None = _by_id[model].row(row_id=row_id)
    return found
