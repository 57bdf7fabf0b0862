"""Log files that people and scripts upload to a run, stored unchanged.

They lie in `logs/<run id>/uploads/`, each under the id of its row, so that a name from a request
is never used as a path; while they arrive they lie in `logs/.incoming/`. Secrets are not masked
in them, as masking applies only to the output of steps.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.accounts import audit
from domain.accounts.access import Actor, missing
from domain.errors import Conflict, FieldError, Invalid, NotFound
from domain.files import sync_folder
from domain.logs.files import run_folder
from domain.models import Run, UploadedLog, new_id, write
from domain.models.run_facts import touch

MAX_FILES = 500
"""Per run, as its JSON lists them all."""
MAX_NAME_BYTES = 200
GIVEN_UP_SECONDS = 24 * 3600


@dataclass(frozen=True)
class _Received:
    field: str
    name: str
    path: Path
    size: int
    sha256: str


@contextlib.contextmanager
def inbox(data_dir: Path, run: Run) -> Iterator["Inbox"]:
    """Open an inbox for the files of one upload; files that are not stored are deleted."""
    incoming = data_dir / "logs" / ".incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incoming, ignore_cleanup_errors=True) as folder:
        yield Inbox(data_dir, run, Path(folder))


class Inbox:
    """The files of one upload, which become logs of the run all together or not at all."""

    def __init__(self, data_dir: Path, run: Run, folder: Path) -> None:
        self._data_dir, self._run, self._folder = data_dir, run, folder
        self._files: list[_Received] = []
        self._errors: list[FieldError] = []

    def add(self, field: str, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file to the disk, piece by piece, unless its name is invalid.

        field: its place in the request, a JSON pointer. Errors are collected until `store`; only
        too many files raise Invalid at once.
        """
        if len(self._files) + len(self._errors) == MAX_FILES:
            raise Invalid([_too_many(field)])
        if error := _name_error(field, name):
            self._errors.append(error)
            return
        path = self._folder / str(len(self._files))
        digest, size = hashlib.sha256(), 0
        with path.open("xb", buffering=0) as file:
            os.fchmod(file.fileno(), 0o640)
            for piece in pieces:
                digest.update(piece)
                _write_all(file.fileno(), piece)
                size += len(piece)
            os.fsync(file.fileno())
        self._files.append(_Received(field, name, path, size, digest.hexdigest()))

    def refuse(self, error: FieldError) -> None:
        """Add another error of the request, which `store` will raise with the others."""
        self._errors.append(error)

    def store(self, actor: Actor) -> list[UploadedLog]:
        """Make the files logs of the run, in the actor's name.

        Raises Invalid with every error of the request, Conflict for taken names or too many files,
        NotFound if the run was deleted meanwhile.
        """
        if not (self._files or self._errors):
            self._errors.append(FieldError("", "required", "The form has no file. Add one."))
        if self._errors:
            raise Invalid(self._errors)
        with write(self._run.id):
            self._refuse_conflicts()
            rows = [self._row_of(file, actor) for file in self._files]
            self._move(rows)
            audit.record(
                actor,
                "upload",
                "run",
                self._run.id,
                project_id=self._run.project_id,
                detail={
                    "logs": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in rows]
                },
            )
            touch(self._run.id)
        return rows

    def _refuse_conflicts(self) -> None:
        """Check names and number while the run is locked, so that they cannot change meanwhile."""
        if not Run.select().where(Run.id == self._run.id).exists():
            raise missing("run", self._run.id)
        present: dict[str, UploadedLog | _Received] = {row.name: row for row in of_run(self._run)}
        before, taken = len(present), []
        for file in self._files:
            if (other := present.setdefault(file.name, file)) is not file:
                taken.append(_taken(file, other))
        if taken:
            raise Conflict(
                f"{taken[0].message} No file of this upload was stored.",
                code="duplicate_name",
                details=taken,
            )
        if len(present) > MAX_FILES:
            raise Conflict(f"The run has {before} uploaded logs already.", details=[_too_many("")])

    def _row_of(self, file: _Received, actor: Actor) -> UploadedLog:
        return UploadedLog.create(
            id=new_id(),
            run=self._run.id,
            name=file.name,
            size=file.size,
            sha256=file.sha256,
            uploaded_by=actor.username,
        )

    def _move(self, rows: Sequence[UploadedLog]) -> None:
        """Move the files to their places before their rows become visible.

        This happens within the transaction, so that deleting the run finds them all. If the commit
        fails, the files stay: the failure is not certain, and their names are never reused.
        """
        folder = path_of(self._data_dir, rows[0]).parent
        folder.mkdir(parents=True, exist_ok=True)
        for row, file in zip(rows, self._files, strict=True):
            file.path.rename(path_of(self._data_dir, row))
        for new in (folder, folder.parent, folder.parent.parent):
            sync_folder(new)


# ---- stored logs -----------------------------------------------------------------------------


def of_run(run: Run) -> list[UploadedLog]:
    """Return the uploaded logs of a run, the oldest first."""
    return list(UploadedLog.select().where(UploadedLog.run == run.id).order_by(UploadedLog.id))


def get(run: Run, name: str) -> UploadedLog:
    """Return an uploaded log. Raises NotFound."""
    row = UploadedLog.get_or_none((UploadedLog.run == run.id) & (UploadedLog.name == name))
    if row is None:
        raise NotFound(f"This run has no uploaded log {name!r}.")
    return row


def path_of(data_dir: Path, row: UploadedLog) -> Path:
    """Return the file with the bytes of an uploaded log."""
    return run_folder(data_dir, row.run_id) / "uploads" / row.id


def remove_unfinished(data_dir: Path) -> None:
    """Delete the incoming files of killed web servers a day after the last write."""
    given_up = time.time() - GIVEN_UP_SECONDS
    for folder in (data_dir / "logs" / ".incoming").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if max(path.stat().st_mtime for path in (folder, *folder.iterdir())) < given_up:
                shutil.rmtree(folder)


# ---- names -----------------------------------------------------------------------------------


def _name_error(field: str, name: str) -> FieldError | None:
    if not name:
        return FieldError(field, "required", "A file needs a name.")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return FieldError(
            field, "too_long", f"{name[:40]!r}… is longer than {MAX_NAME_BYTES} bytes."
        )
    if not name.isprintable() or name != name.strip():
        message = f"{name!r} must be one line of visible characters without spaces around it."
        return FieldError(field, "invalid_text", message)
    if name in (".", "..") or "/" in name or "\\" in name:
        return FieldError(field, "invalid_format", f"{name!r} must be a name, not a path.")
    return None


def _taken(file: _Received, other: UploadedLog | _Received) -> FieldError:
    """Describe the other file as well: clients that retry can see whether theirs has arrived."""
    owner = "The run" if isinstance(other, UploadedLog) else "This form"
    message = f"{owner} already has a log {file.name!r}."
    members = {"name": other.name, "size": other.size, "sha256": other.sha256}
    return FieldError(file.field, "duplicate_name", message, members=members)


def _too_many(field: str) -> FieldError:
    return FieldError(field, "too_many", f"A run takes at most {MAX_FILES} uploaded logs.")


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
