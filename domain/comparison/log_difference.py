"""Find the first difference between two logs of the same step. Pure.

Parts that vary in every run are ignored: numbers, times, hashes and paths of temporary folders.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 3
"""Lines shown before the first that differs."""
FOLLOWING = 12
"""Lines of each log shown from there on."""
LOOKED_AT = 4_000
"""Characters of a line in which varying parts are ignored; the rest is compared literally."""
LONGEST = 500
"""Characters shown of a line."""

_DIGITS = str.maketrans("123456789", "000000000")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_VARYING = re.compile(
    r"(?:/var)?/tmp/[^/\s'\":,;)\]]+|(?<![a-z])tmp[._]?[a-z0-9_]{6,}"  # by mktemp and others
    r"|(?<![^\s'\":,;)\]])/[^\s'\":,;)\]]*/[0-9a-f]{24}\.[^/\s'\":,;)\]]*"  # of an attempt
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a UUID
    r"|0x[0-9a-f]+"
    r"|(?<![0-9a-z])(?=[a-f]*[0-9])[0-9a-f]{7,}(?![0-9a-z])"  # a hash, whole or cut off
    r"|(?<![a-z])(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?(?= )"
    r"|(?<![a-z])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*(?= +[0-9])"
    r"|(?<=[0-9])[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*(?=[ -])"
    r"|[0-9]+(?:[.,:][0-9]+)*(?: ?(?:ns|[mµu]?s|min|h|[kmgt]?i?b)(?:/s)?(?![a-z]))?"  # and a unit
    r"|(?<=[0-9])[tz](?![a-z])",  # of a time as in RFC 3339
    re.IGNORECASE,
)


@dataclass(frozen=True)
class FirstDifference:
    number: int
    """The number of the first line that differs, from 1; it is the same in both logs."""
    lines: list[tuple[str, str]]
    """Lines around it as ("-", before), ("+", after) or (" ", in both, as after)."""


def normalised(line: str) -> str:
    r"""Return the final text of a line (after overwriting by `\\r`) without varying parts."""
    line = _final(line)
    examined, rest = line[:LOOKED_AT], line[LOOKED_AT:]
    return " ".join([*_VARYING.sub("#", examined).split(), *rest.split()])


def first_difference(before: str, after: str) -> FirstDifference | None:
    """Return the first difference, or None if the logs say the same."""
    old, new = _lines(before), _lines(after)
    at = _common_lines(_lines(before.translate(_DIGITS)), _lines(after.translate(_DIGITS)))
    if at == len(old) == len(new):
        return None
    lines = [(" ", line) for line in new[max(0, at - AROUND) : at]]
    lines += _diff(old[at : at + FOLLOWING], new[at : at + FOLLOWING])
    return FirstDifference(at + 1, [(sign, readable(line)) for sign, line in lines])


def _lines(text: str) -> list[str]:
    """Split at LF only, as progress bars are overwritten with CR."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _common_lines(old: list[str], new: list[str]) -> int:
    """Count the equal lines at the beginning of both.

    The digits are equal already, so that few lines need the slow `normalised`.
    """
    for number, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other and normalised(one) != normalised(other):
            return number
    return min(len(old), len(new))


def _diff(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    matcher = SequenceMatcher(
        None, [normalised(line) for line in old], [normalised(line) for line in new], autojunk=False
    )
    steps = matcher.get_opcodes()
    is_cut = FOLLOWING in (len(old), len(new))
    if is_cut and len(steps) > 2 and steps[-1][0] != "equal":
        steps.pop()  # their counterparts may lie beyond the lines examined
    lines: list[tuple[str, str]] = []
    for kind, begin, end, start, stop in steps:
        if kind == "equal":
            lines += [(" ", line) for line in new[start:stop]]
            continue
        lines += [("-", line) for line in old[begin:end]]
        lines += [("+", line) for line in new[start:stop]]
    return lines


def _final(line: str) -> str:
    return _ESCAPES.sub("", line).rstrip().rpartition("\r")[2]


def readable(line: str) -> str:
    """Return a line as a terminal finally shows it, without colours, up to LONGEST characters."""
    plain = _final(line)
    return plain if len(plain) <= LONGEST else plain[:LONGEST] + " …"
