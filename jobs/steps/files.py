"""Read the files that an untrusted script created.

A script may create links to anywhere, pipes, devices or dangerous names, and its processes may
still be changing files. So folders are opened relative to their parent's handle, links are never
followed, and anything but a regular file with a plain name is refused with a sentence.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from domain.engine import StepFailed

MAX_FILES = 10_000
MAX_DEPTH = 50
MAX_PATH = 1000
MAX_SHOWN = 300
"""Characters of a path in a message."""

_BAD_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Non-blocking, because opening a named pipe would wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def _if_plain(path: str) -> str:
    """Hide a path that is escaped or cut in a message, where masking would miss its secrets."""
    return "…" if len(path) > MAX_SHOWN or _BAD_CHARACTERS.search(path) else path


def files_in(
    root: Path, label: str, suffix: str = "", mask: Callable[[str], str] = _if_plain
) -> Iterator[tuple[str, BinaryIO]]:
    """Return the files below a folder in order, as relative path and a file open until the next.

    label: the folder's name in messages, such as `$GALLEY_OUTPUT`. suffix: ignore other files.
    mask: masks the secrets in a path before it is escaped and cut for a message; by default, such
    paths are hidden. A missing folder is empty. Raises StepFailed, which names the file.
    """
    try:
        folder = os.open(root, _FOLDER)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(label, error) from None
    try:
        names = _Names(label, mask)
        for count, found in enumerate(_walk(folder, "", names, suffix), start=1):
            if count > MAX_FILES:
                raise StepFailed(f"{label} holds more than {MAX_FILES:,} files.")
            yield found
    finally:
        os.close(folder)


def read_text(path: Path, label: str, max_bytes: int) -> str:
    """Return the text of a small file, or '' if it is missing. Raises StepFailed."""
    if not os.path.lexists(path):
        return ""
    with _regular_file(path, lambda: label) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise StepFailed(f"{label} has more than {max_bytes:,} bytes.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise StepFailed(f"{label} is not UTF-8 text.") from None


@dataclass(frozen=True)
class _Names:
    """The names of a folder and its paths in messages."""

    label: str
    mask: Callable[[str], str]

    def shown(self, path: str) -> str:
        """Mask a path, then escape and cut it: part of a secret would not be recognized."""
        shown = _BAD_CHARACTERS.sub(lambda bad: ascii(bad[0])[1:-1], self.mask(path))
        return f"{shown[:MAX_SHOWN]}…" if len(shown) > MAX_SHOWN else shown

    def full(self, path: str) -> str:
        return f"{self.label}/{self.shown(path)}"


def _walk(folder: int, prefix: str, names: _Names, suffix: str) -> Iterator[tuple[str, BinaryIO]]:
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in found:
        path = prefix + name
        if is_folder:
            with _inner_folder(name, folder, path, names) as inner:
                yield from _walk(inner, f"{path}/", names, suffix)
        elif name.endswith(suffix):
            _check_path(path, names)
            with _regular_file(name, partial(names.full, path), folder) as file:
                yield path, file


def _check_path(path: str, names: _Names) -> None:
    """Refuse a path that could not be stored, shown or downloaded unchanged."""
    if _BAD_CHARACTERS.search(path):
        raise StepFailed(
            f"{names.label} holds a file whose name has control characters or backslashes, or is "
            f"not UTF-8: {names.shown(path)}."
        )
    if len(path) > MAX_PATH:
        raise StepFailed(f"{names.full(path)} has a path of more than {MAX_PATH} characters.")


@contextlib.contextmanager
def _inner_folder(name: str, parent: int, path: str, names: _Names) -> Iterator[int]:
    if path.count("/") >= MAX_DEPTH:
        raise StepFailed(f"{names.label} holds folders nested more than {MAX_DEPTH} deep.")
    try:
        folder = os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        raise _unreadable(names.full(path), error) from None
    try:
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def _regular_file(
    name: str | Path, shown: Callable[[], str], folder: int | None = None
) -> Iterator[BinaryIO]:
    try:
        handle = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        raise _unreadable(shown(), error) from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _no_file(shown())
        yield file


def _unreadable(shown: str, error: OSError) -> StepFailed:
    if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
        return _no_file(shown)
    return StepFailed(f"{shown} cannot be read: {error.strerror}.")


def _no_file(shown: str) -> StepFailed:
    return StepFailed(f"{shown} is a link, pipe or device. Only files and folders are allowed.")
