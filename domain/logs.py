"""The read side of step logs: where a log is, and what came after a given byte of it."""

from pathlib import Path

from domain.errors import NotFound
from domain.models.base import is_id

READ_BYTES = 256 * 1024
_LONGEST_CHARACTER = 4


def log_path(data_dir: Path, run_id: str, step_run_id: str, attempt: int) -> Path:
    """The file of one attempt (counted from 1). Raises NotFound for what cannot be an id."""
    if not (is_id(run_id) and is_id(step_run_id) and attempt >= 1):
        raise NotFound("There is no such log.")
    return run_folder(data_dir, run_id) / f"{step_run_id}.{attempt}.log"


def run_folder(data_dir: Path, run_id: str) -> Path:
    """Where all logs of a run lie."""
    return data_dir / "logs" / run_id


def read_log(
    path: Path, offset: int, limit: int = READ_BYTES, complete: bool = False
) -> tuple[bytes, int]:
    """What a log holds from byte `offset` on, at most `limit` bytes, and the offset to go on from.

    It ends with a line, or at least not within a character, unless it is the end of a log that is
    complete: one that will not grow any more. A log that does not exist (yet) reads as empty.
    """
    offset, limit = max(0, offset), max(_LONGEST_CHARACTER, limit)
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            data = file.read(limit) or b""
    except FileNotFoundError:
        data = b""
    if not complete or len(data) == limit:
        data = data[: data.rfind(b"\n") + 1] or data[: _whole_characters(data)]
    return data, offset + len(data)


def read_end(path: Path, limit: int = READ_BYTES, complete: bool = False) -> tuple[bytes, int, int]:
    """The last `limit` bytes of a log, or less: from the beginning of a line, if there is one.

    Returns them with the offsets where they begin and end; see `read_log`.
    """
    size = path.stat().st_size if path.exists() else 0
    start = max(0, size - limit)
    data, end = read_log(path, start, limit, complete)
    if start:
        cut = data.find(b"\n") + 1
        if not 0 < cut < len(data):
            cut = next((i for i, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
        data, start = data[cut:], start + cut
    return data, start, end


def _whole_characters(data: bytes) -> int:
    """The length without a UTF-8 character that is cut off at the end."""
    for length in range(1, min(_LONGEST_CHARACTER, len(data) + 1)):
        first = data[-length]
        if first >= 0xC0:  # begins a character of 2, 3 or 4 bytes
            needed = 2 + (first >= 0xE0) + (first >= 0xF0)
            return len(data) - length if length < needed else len(data)
        if first < 0x80:
            break
    return len(data)
