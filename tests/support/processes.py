"""Looking at real processes."""

import contextlib
from pathlib import Path


def state(pid: int) -> str:
    """The kernel's letter: R runs, S sleeps, T is stopped, Z is dead; "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that only waits to be reaped does not."""
    return state(pid) not in ("", "Z", "X")


def descendants(pid: int) -> list[int]:
    """Children, their children and so on."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def that_know(text: str) -> dict[int, str]:
    """Living processes whose environment or arguments hold the text, with their command lines."""
    wanted = text.encode()
    found = {}
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            known = command + Path(f"/proc/{pid}/environ").read_bytes()
            if wanted in known and is_alive(pid):
                found[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found
