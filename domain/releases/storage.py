"""The storage of packages by SHA-256, so that each file is stored once and can be checked.

The storage is a folder or anything else that fsspec reaches (GALLEY_STORAGE_URL). Its files never
change, and every copy is checked against the file's name.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from domain.files import sync_folder
from domain.settings import SettingError, Settings

CHUNK_BYTES = 1 << 20
UNFINISHED_SECONDS = 24 * 3600
_INCOMING = ".incoming-"
_ASIDE = ".aside"


class StorageError(Exception):
    """A missing or damaged file; the text is a sentence for a person."""


@dataclass(frozen=True)
class Stored:
    """The identity of a stored file; `size` is in bytes."""

    sha256: str
    size: int


class Storage(ABC):
    """Files by SHA-256 (64 lowercase hex characters). Methods raise OSError if the medium fails."""

    @abstractmethod
    def put(self, source: BinaryIO) -> Stored:
        """Store the rest of `source` durably, unless the same bytes are stored already."""

    @abstractmethod
    def open(self, sha256: str) -> BinaryIO:
        """Open a stored file without checking it (see `copy_to`). Raises StorageError."""

    def verify(self, sha256: str) -> None:
        """Read a stored file to its end. Raises StorageError if it is missing or damaged."""
        with self.open(sha256) as source, Path(os.devnull).open("wb") as nowhere:
            found = _copy(source, nowhere).sha256
        if found != sha256:
            raise StorageError(f"The stored file is damaged: its SHA-256 is {found}, not {sha256}.")

    # Files are deleted in two steps; see domain/releases/garbage_collection.py. Each of them
    # ignores files that are missing.

    @abstractmethod
    def set_aside(self, sha256: str) -> None:
        """Hide a file from `put`, but not from `open`."""

    @abstractmethod
    def take_back(self, sha256: str) -> None:
        """Move a file that was set aside back, unless it was stored again meanwhile."""

    @abstractmethod
    def remove_aside(self, sha256: str) -> None:
        """Delete a file that was set aside."""

    @abstractmethod
    def remove_unfinished(self) -> None:
        """Delete the incomplete files of killed workers a day after the last write."""

    @abstractmethod
    def scratch(self) -> AbstractContextManager["Storage"]:
        """Open a temporary storage in a folder inside this one, to test this one.

        Raises OSError if it cannot be deleted.
        """

    def copy_to(self, sha256: str, target: Path) -> None:
        """Copy a stored file to `target`, which must not exist, and check the copy.

        Creates missing folders. Raises StorageError, which names the target, and leaves no copy.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.open(sha256) as source, target.open("xb") as copy:
            found = _copy(source, copy).sha256
        if found != sha256:
            target.unlink()
            raise StorageError(
                f"The stored file {target.name} is damaged: its SHA-256 is {found}, not {sha256}."
            )


def open_storage(settings: Settings) -> Storage:
    """Open the storage of the settings. Raises SettingError if its URL is invalid."""
    parts = urlsplit(settings.storage_url)
    if parts.scheme in ("", "file"):
        return LocalStorage(Path(parts.path))
    return RemoteStorage(*remote(settings.storage_url, "GALLEY_STORAGE_URL"))


class LocalStorage(Storage):
    """A folder. Files get their final names when they are complete and on the disk."""

    def __init__(self, root: Path) -> None:
        self._packages = root / "packages"

    def put(self, source: BinaryIO) -> Stored:
        self._packages.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_INCOMING, dir=self._packages)
        incoming = Path(name)
        try:
            with os.fdopen(handle, "wb") as copy:
                stored = _copy(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            self._give_name(incoming, stored.sha256)
        finally:
            incoming.unlink(missing_ok=True)
        return stored

    def open(self, sha256: str) -> BinaryIO:
        path, aside = self._path(sha256), self._aside(sha256)
        for place in (path, aside, path):  # it may be moved meanwhile, either way
            with contextlib.suppress(FileNotFoundError):
                return place.open("rb")
        raise _missing(sha256)

    def set_aside(self, sha256: str) -> None:
        aside = self._aside(sha256)
        aside.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._path(sha256).replace(aside)

    def take_back(self, sha256: str) -> None:
        path, aside = self._path(sha256), self._aside(sha256)
        if path.exists():
            aside.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            aside.rename(path)

    def remove_aside(self, sha256: str) -> None:
        self._aside(sha256).unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        given_up = time.time() - UNFINISHED_SECONDS
        for incoming in self._packages.glob(f"{_INCOMING}*"):
            with contextlib.suppress(FileNotFoundError):
                if incoming.stat().st_mtime < given_up:
                    incoming.unlink()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Storage]:
        was_missing = [p for p in (self._packages, self._packages.parent) if not p.exists()]
        folder = self._packages / _scratch_name()
        try:
            folder.mkdir(parents=True)
            yield LocalStorage(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # a file was stored meanwhile
                for parent in was_missing:
                    parent.rmdir()

    def _path(self, sha256: str) -> Path:
        return self._packages / sha256[:2] / sha256

    def _aside(self, sha256: str) -> Path:
        return self._packages / _ASIDE / sha256

    def _give_name(self, incoming: Path, sha256: str) -> None:
        """Rename even if the name is taken, which repairs a damaged copy."""
        final = self._path(sha256)
        if not final.parent.exists():
            final.parent.mkdir(exist_ok=True)
            sync_folder(self._packages)
        incoming.chmod(0o444)
        incoming.rename(final)
        sync_folder(final.parent)


class RemoteStorage(Storage):
    """Anything that fsspec reaches, such as `s3://bucket/prefix`, with the worker's credentials.

    files: an fsspec file system. root: the path in it.
    """

    def __init__(self, files: Any, root: str) -> None:
        self._files, self._root = files, root

    def put(self, source: BinaryIO) -> Stored:
        """Spool to a local file first, as the name in the storage depends on the content."""
        with tempfile.NamedTemporaryFile(prefix="galley-") as spool:
            stored = _copy(source, spool)
            spool.flush()
            key = self._key(stored.sha256)
            # The size distinguishes a complete file from an interrupted upload.
            if self._size(key) != stored.size:
                self._files.makedirs(key.rpartition("/")[0], exist_ok=True)
                self._files.put_file(spool.name, key)
        return stored

    def remove_unfinished(self) -> None:
        """Do nothing, as objects appear only when they are complete."""

    def open(self, sha256: str) -> BinaryIO:
        key, aside = self._key(sha256), self._aside(sha256)
        for place in (key, aside, key):  # it may be moved meanwhile, either way
            with contextlib.suppress(FileNotFoundError):
                opened: BinaryIO = self._files.open(place, "rb")
                return opened
        raise _missing(sha256)

    def set_aside(self, sha256: str) -> None:
        self._move(self._key(sha256), self._aside(sha256))

    def take_back(self, sha256: str) -> None:
        if self._size(self._key(sha256)) is not None:
            self.remove_aside(sha256)
        else:
            self._move(self._aside(sha256), self._key(sha256))

    def remove_aside(self, sha256: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._aside(sha256))

    def _move(self, source: str, target: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._files.cp_file(source, target)
            self._files.rm_file(source)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Storage]:
        root = f"{self._root}/packages/{_scratch_name()}"
        try:
            yield RemoteStorage(self._files, root)
        finally:
            with contextlib.suppress(FileNotFoundError):  # nothing was put
                self._files.rm(root, recursive=True)

    def _key(self, sha256: str) -> str:
        return f"{self._root}/packages/{sha256[:2]}/{sha256}"

    def _aside(self, sha256: str) -> str:
        return f"{self._root}/packages/{_ASIDE}/{sha256}"

    def _size(self, key: str) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            return int(self._files.info(key)["size"])
        return None


def remote(url: str, setting: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the path in it. Raises SettingError."""
    from fsspec.core import url_to_fs  # takes 40 ms, and most installations never need it

    try:
        files, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise SettingError(f"{setting} cannot be used: {error}") from error
    return files, path.rstrip("/")


def _scratch_name() -> str:
    return f".scratch-{secrets.token_hex(8)}"


def _copy(source: BinaryIO, target: Any) -> Stored:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        target.write(chunk)
        size += len(chunk)
    return Stored(digest.hexdigest(), size)


def _missing(sha256: str) -> StorageError:
    return StorageError(f"The file with the SHA-256 {sha256} is missing from the storage.")
