"""Log files that people and scripts add to a run: taken in as they arrive, kept as they are.

They lie in `logs/<run id>/uploads/`, each under the id of its row, so that what somebody calls a
file is never a path of ours; on their way they lie in `logs/.incoming/`. No secret is masked in
them: what was masked while it was printed is for step logs only.
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
"""Of a run: its JSON lists them all."""
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
    """Where the files of one upload to the run arrive; what is not kept is gone afterwards."""
    incoming = data_dir / "logs" / ".incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incoming, ignore_cleanup_errors=True) as folder:
        yield Inbox(data_dir, run, Path(folder))


class Inbox:
    """Takes in one file after the other, then makes them logs of the run: all, or none."""

    def __init__(self, data_dir: Path, run: Run, folder: Path) -> None:
        self._data_dir, self._run, self._folder = data_dir, run, folder
        self._files: list[_Received] = []
        self._faults: list[FieldError] = []

    def add(self, field: str, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file to the disk, piece by piece; one that may not be called so is left out.

        field: where the request has it, a JSON pointer. What is wrong so far, `keep` will say;
        only of too many files Invalid is raised at once.
        """
        if len(self._files) + len(self._faults) == MAX_FILES:
            raise Invalid([_too_many(field)])
        if fault := _fault_in(field, name):
            self._faults.append(fault)
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

    def refuse(self, fault: FieldError) -> None:
        """Something else is wrong with the request; `keep` will say it with the rest."""
        self._faults.append(fault)

    def keep(self, actor: Actor) -> list[UploadedLog]:
        """Make the files logs of the run, in the actor's name.

        Raises Invalid with every fault of the request, Conflict where the run has such names or
        too many files already, NotFound when the run was removed meanwhile.
        """
        if not (self._files or self._faults):
            self._faults.append(FieldError("", "required", "The form holds no file."))
        if self._faults:
            raise Invalid(self._faults)
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
        """With the run locked: nobody else adds to it, or removes it, until this is over."""
        if not Run.select().where(Run.id == self._run.id).exists():
            raise missing("run", self._run.id)
        there: dict[str, UploadedLog | _Received] = {row.name: row for row in of_run(self._run)}
        before, taken = len(there), []
        for file in self._files:
            if (other := there.setdefault(file.name, file)) is not file:
                taken.append(_taken(file, other))
        if taken:
            raise Conflict(
                f"{taken[0].message} Nothing of this upload was kept.",
                code="duplicate_name",
                details=taken,
            )
        if len(there) > MAX_FILES:
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
        """To where the rows say, before anybody can see these.

        Within the transaction, so that who removes the run finds all of it. If that fails at its
        end, the files stay behind: whether it has failed is not certain then, and nothing else will
        ever have their names.
        """
        folder = path_of(self._data_dir, rows[0]).parent
        folder.mkdir(parents=True, exist_ok=True)
        for row, file in zip(rows, self._files, strict=True):
            file.path.rename(path_of(self._data_dir, row))
        for new in (folder, folder.parent, folder.parent.parent):
            sync_folder(new)


# ---- what is there ---------------------------------------------------------------------------


def of_run(run: Run) -> list[UploadedLog]:
    """In the order in which they came."""
    return list(UploadedLog.select().where(UploadedLog.run == run.id).order_by(UploadedLog.id))


def get(run: Run, name: str) -> UploadedLog:
    """Raises NotFound."""
    row = UploadedLog.get_or_none((UploadedLog.run == run.id) & (UploadedLog.name == name))
    if row is None:
        raise NotFound("This run has no such uploaded log.")
    return row


def path_of(data_dir: Path, row: UploadedLog) -> Path:
    """The file with the bytes of an uploaded log."""
    return run_folder(data_dir, row.run_id) / "uploads" / row.id


def remove_unfinished(data_dir: Path) -> None:
    """Remove what web servers that were killed had begun to take in, a day after they stopped."""
    given_up = time.time() - GIVEN_UP_SECONDS
    for folder in (data_dir / "logs" / ".incoming").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if max(path.stat().st_mtime for path in (folder, *folder.iterdir())) < given_up:
                shutil.rmtree(folder)


# ---- names -----------------------------------------------------------------------------------


def _fault_in(field: str, name: str) -> FieldError | None:
    """What is wrong with a file's name: it shall be one line and no path."""
    if not name:
        return FieldError(field, "required", "A file needs a name.")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return FieldError(
            field, "too_long", f"{name[:40]!r}… is longer than {MAX_NAME_BYTES} bytes."
        )
    if not name.isprintable() or name != name.strip():
        message = f"{name!r} must be one line of visible characters, without blanks around it."
        return FieldError(field, "invalid_text", message)
    if name in (".", "..") or "/" in name or "\\" in name:
        return FieldError(field, "invalid_format", f"{name!r} must be a name, not a path.")
    return None


def _taken(file: _Received, other: UploadedLog | _Received) -> FieldError:
    """With what is there, so that who sends a file again can see whether it arrived before."""
    where = "The run has" if isinstance(other, UploadedLog) else "This form has"
    message = f"{where} a log {file.name!r} already."
    members = {"name": other.name, "size": other.size, "sha256": other.sha256}
    return FieldError(file.field, "duplicate_name", message, members=members)


def _too_many(field: str) -> FieldError:
    return FieldError(field, "too_many", f"A run keeps at most {MAX_FILES} uploaded logs.")


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
