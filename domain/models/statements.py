"""Queries that are compiled only once.

Building the SQL of a Peewee query takes longer than SQLite needs to run it (0.3–0.5 ms instead of
0.05 ms), and a step takes some twenty queries. So frequent queries mark their variable values with
`given`, and are compiled at their first use.
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
    """Return a placeholder for a plain Python value that each call of the statement provides."""
    return Value(_Given(name), converter=False)


def from_json(value: Any) -> Any:
    """Parse a JSON value of a row, which is text only on SQLite."""
    return json.loads(value) if isinstance(value, str) else value


class Statement:
    """A query with named values: `Statement(lambda: Run.delete().where(Run.id == given("run")))`.

    The query is built only once, so nothing in it may be computed, such as column defaults: name
    every column of an insert. Values are not converted in either direction: see `from_json`.
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
        """Run an insert, update or delete. Returns the number of rows affected."""
        return int(self._run(values).rowcount)

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return list(self._run(values).fetchall())

    def row(self, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def value(self, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        row = self.row(**values)
        return row[0] if row else None


class Lookup(Generic[Row]):
    """A select of whole rows, built once: `Lookup(User, lambda: User.id == given("id"))`.

    Peewee sets every column by its descriptor, which takes 15 ms for a thousand rows. This converts
    only the columns that need it.
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
        """Return all rows, in no order."""
        return [self._to_row(columns) for columns in self._statement.rows(**values)]

    def row(self, **values: Any) -> Row | None:
        """Return the only row, or None."""
        columns = self._statement.row(**values)
        return None if columns is None else self._to_row(columns)

    def _to_row(self, columns: tuple[Any, ...]) -> Row:
        row = self._model(__no_default__=True)
        data = row.__data__
        data.update(zip(self._names, columns, strict=True))
        for name, convert in self._converters:
            data[name] = convert(data[name])
        return row


_by_id: dict[type[Base], Lookup[Any]] = {}


def by_id(model: type[Row], row_id: str) -> Row | None:
    """Return the row with that id, or None."""
    if model not in _by_id:
        _by_id[model] = Lookup(model, lambda: model.id == given("row_id"))
    found: Row | None = _by_id[model].row(row_id=row_id)
    return found
