"""Locate the log files of steps, and read them from a given byte on."""

from pathlib import Path

from domain.errors import NotFound
from domain.models.base import is_id

TIMES_SUFFIX = ".times"
READ_BYTES = 256 * 1024
_LONGEST_CHARACTER = 4


def log_path(data_dir: Path, run_id: str, step_run_id: str, attempt: int) -> Path:
    """Return the file of one attempt (counted from 1). Raises NotFound for an invalid id."""
    if not (is_id(run_id) and is_id(step_run_id) and attempt >= 1):
        raise NotFound("There is no such log.")
    return run_folder(data_dir, run_id) / f"{step_run_id}.{attempt}.log"


def run_folder(data_dir: Path, run_id: str) -> Path:
    """Return the folder of a run's logs."""
    return data_dir / "logs" / run_id


def times_path(log: Path) -> Path:
    """Return the file with the times of a log's lines; see `domain.logs.timestamps`."""
    return log.with_suffix(TIMES_SUFFIX)


def read_log(
    path: Path, offset: int, limit: int = READ_BYTES, complete: bool = False
) -> tuple[bytes, int]:
    """Return at most `limit` bytes from byte `offset` on, and the offset to continue from.

    They end with a whole line, or at least a whole character, except at the end of a complete log:
    one that will not grow any more. A log that does not exist (yet) reads as empty.
    """
    offset, limit = max(0, offset), max(_LONGEST_CHARACTER, limit)
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            data = file.read(limit) or b""
    except FileNotFoundError:
        data = b""
    if not complete or len(data) == limit:
        data = data[: data.rfind(b"\n") + 1] or data[: whole_characters(data)]
    return data, offset + len(data)


def whole_characters(data: bytes) -> int:
    """Return the length without a UTF-8 character that is cut off at the end."""
    for length in range(1, min(_LONGEST_CHARACTER, len(data) + 1)):
        first = data[-length]
        if first >= 0xC0:  # begins a character of 2, 3 or 4 bytes
            needed = 2 + (first >= 0xE0) + (first >= 0xF0)
            return len(data) - length if length < needed else len(data)
        if first < 0x80:
            break
    return len(data)
