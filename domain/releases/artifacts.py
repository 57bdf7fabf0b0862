"""Select the package that the `artifactPath` of a Deploy step means. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

NAMED = 10
"""Candidates that a sentence names before it only counts the rest."""


@dataclass(frozen=True)
class Artifact:
    """A deployable package of a release; `size` is in bytes."""

    release_id: str
    ingredient_id: str
    version: str
    path: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.ingredient_id}@{self.version}:{self.path}"


class NoSingleMatch(Exception):
    """No package or several packages match; the text names the candidates."""


def choose(pattern: str, candidates: Sequence[Artifact]) -> Artifact:
    """Return the package at the path, or the only one that matches it. Raises NoSingleMatch."""
    if not candidates:
        raise NoSingleMatch("There is no package to deploy: this run has built no release yet.")
    found = [c for c in candidates if c.path == pattern] or [
        c for c in candidates if matches(c.path, pattern)
    ]
    if not found:
        raise NoSingleMatch(f"No package matches {pattern!r}. Available: {_listed(candidates)}.")
    if len(found) > 1:
        raise NoSingleMatch(
            f"{len(found)} packages match {pattern!r}: {_listed(found)}. "
            "Change the artifact path to match only one."
        )
    return found[0]


def matches(path: str, pattern: str) -> bool:
    """Match a whole path with a glob: `*`, `?` and `[…]` within a name, `**` for any folders."""
    names = path.split("/")
    reached = {0}  # the possible numbers of names matched so far
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
