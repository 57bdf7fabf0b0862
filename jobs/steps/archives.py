"""Unpack untrusted archives.

Python has no filters for this before 3.11.4, and none for zip. The order makes it safe: first
folders and files, whose names cannot leave the target folder, and only then the links, which must
end inside it. So nothing is ever written through a link.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from domain.engine import StepFailed

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_MEMBERS = 200_000
MAX_BYTES = 20 * 1024**3
CHUNK_BYTES = 1 << 20
MAX_LINK_BYTES = 4096

_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    lzma.LZMAError,
    EOFError,
    KeyError,  # a hard link without a target
    RuntimeError,  # a zip with a password or an unknown compression, or a loop of links
)


@dataclass(frozen=True)
class _Member:
    """An entry of an archive: a symbolic link with `link`, a file with `open`, or else a folder."""

    name: str
    is_executable: bool = False
    link: str | None = None
    open: Callable[[], IO[bytes]] | None = None


def is_archive(name: str) -> bool:
    """Return whether deploying a file of this name unpacks it. Wheels, for example, stay whole."""
    return name.lower().endswith((*TAR_SUFFIXES, ".zip"))


def unpack(archive: Path, into: Path) -> None:
    """Unpack into an existing empty folder. Raises StepFailed, which leaves the folder incomplete.

    Files get mode 0644, or 0755 if they are executable. Folders get 0755.
    """
    members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    try:
        _unpack(members(archive), into)
    except _BROKEN as error:
        raise StepFailed(f"{archive.name} cannot be unpacked: {error}.") from None
    for path in into.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def _unpack(members: Iterator[_Member], into: Path) -> None:
    links: list[tuple[Path, str]] = []
    bytes_left = MAX_BYTES
    for count, member in enumerate(members, start=1):
        if count > MAX_MEMBERS:
            raise StepFailed(f"The archive holds more than {MAX_MEMBERS:,} files.")
        target = _target(member.name, into)
        folder = target if member.link is None and member.open is None else target.parent
        folder.mkdir(parents=True, exist_ok=True)
        if member.link is not None:
            links.append((target, member.link))
        elif member.open is not None:
            bytes_left -= _write(member.open, target, bytes_left)
            target.chmod(0o755 if member.is_executable else 0o644)
    _make_links(links, into)


def _target(name: str, into: Path) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise StepFailed(f"The archive holds {name!r}, which might lead out of its folder.")
    return into / path


def _write(opened: Callable[[], IO[bytes]], target: Path, bytes_left: int) -> int:
    """Copy to the real end, whatever size the archive declares. Returns the number of bytes."""
    written = 0
    with opened() as source, target.open("wb") as copy:
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            if written > bytes_left:
                raise StepFailed(f"The archive unpacks to more than {MAX_BYTES // 1024**3} GiB.")
            copy.write(chunk)
    return written


def _make_links(links: list[tuple[Path, str]], into: Path) -> None:
    """Create the links. All folders exist by now, so no link is created through another one."""
    for target, link in links:
        target.unlink(missing_ok=True)
        target.symlink_to(link)
    root = into.resolve()
    for target, link in links:
        if not target.resolve().is_relative_to(root):
            name = str(target.relative_to(into))
            raise StepFailed(f"The archive's link {name!r} leads out of its folder, to {link!r}.")


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as tar:
        for info in tar:
            if info.isdir():
                yield _Member(info.name)
            elif info.issym():
                yield _Member(info.name, link=info.linkname)
            elif info.isreg() or info.islnk():
                yield _Member(info.name, bool(info.mode & 0o111), open=_opener(tar, info))
            else:
                raise StepFailed(f"The archive holds {info.name!r}, which is a device or a pipe.")


def _opener(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        file = tar.extractfile(info)
        if file is None:
            raise tarfile.ReadError(f"{info.name!r} does not link to a file")
        return file

    return opened


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                yield _Member(info.filename)
            elif stat.S_ISLNK(mode):
                with packed.open(info) as file:
                    link = file.read(MAX_LINK_BYTES).decode("utf-8", "surrogateescape")
                yield _Member(info.filename, link=link)
            else:
                yield _Member(info.filename, bool(mode & 0o111), open=_zip_opener(packed, info))


def _zip_opener(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: packed.open(info)
