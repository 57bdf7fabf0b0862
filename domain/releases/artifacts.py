"""Which one package a Deploy step means: `artifactPath` against what there is. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

NAMED = 10
"""How many candidates a sentence names before it says how many more there are."""


@dataclass(frozen=True)
class Artifact:
    """A package of a release that may be deployed; `size` is in bytes."""

    release_id: str
    ingredient_id: str
    version: str
    path: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.ingredient_id}@{self.version}:{self.path}"


class NoSingleMatch(Exception):
    """No package fits, or several do; the text names the candidates."""


def choose(pattern: str, candidates: Sequence[Artifact]) -> Artifact:
    """The one package at the path, else the one that the glob fits. Raises NoSingleMatch."""
    if not candidates:
        raise NoSingleMatch("There is no package to deploy: this run has built no release yet.")
    found = [c for c in candidates if c.path == pattern] or [
        c for c in candidates if matches(c.path, pattern)
    ]
    if not found:
        raise NoSingleMatch(f"No package fits {pattern!r}. There is {_listed(candidates)}.")
    if len(found) > 1:
        raise NoSingleMatch(
            f"{len(found)} packages fit {pattern!r}: {_listed(found)}. "
            "The artifact path has to fit only one."
        )
    return found[0]


def matches(path: str, pattern: str) -> bool:
    """Whether a glob fits a whole path: `*`, `?` and `[…]` within a name, `**` any folders."""
    names = path.split("/")
    reached = {0}  # how many names the pattern can have used up so far
    for part in pattern.removeprefix("./").split("/"):
        if part == "**":
            reached = set(range(min(reached), len(names) + 1))
        else:
            reached = {n + 1 for n in reached if n < len(names) and fnmatchcase(names[n], part)}
        if not reached:
            return False
    return len(names) in reached


def _listed(candidates: Iterable[Artifact]) -> str:
    names = [str(candidate) for candidate in candidates]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
