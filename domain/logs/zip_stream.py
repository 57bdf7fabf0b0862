"""A zip as a stream: created while it is sent, so its size takes neither memory nor disk."""

import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 256 * 1024
EARLIEST, LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""The limits of the format; times in it are UTC."""


def stream(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Yield a zip of named files, piece by piece.

    Each file has the length that it has when its turn comes, so it may go on growing. Missing
    files are left out.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files:
            try:
                source = path.open("rb", buffering=0)
            except FileNotFoundError:
                continue
            with source:
                for _ in _add(archive, name, source):
                    yield from pipe.take()
    yield from pipe.take()


def _add(archive: zipfile.ZipFile, name: str, source: BinaryIO) -> Iterator[None]:
    about = os.fstat(source.fileno())
    info = zipfile.ZipInfo(name, min(max(time.gmtime(about.st_mtime)[:6], EARLIEST), LATEST))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    left = info.file_size = about.st_size  # selects the format for small or for large files
    with archive.open(info, "w") as member:
        while left and (data := source.read(min(left, CHUNK_BYTES))):
            member.write(data)
            left -= len(data)
            yield


class _Pipe:
    """A write-only file for zipfile, whose content is taken out piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def take(self) -> list[bytes]:
        """Return what was written since the last call.

        Leaves out empty pieces, which would end a chunked response.
        """
        pieces, self._pieces = self._pieces, []
        return [piece for piece in pieces if piece]
