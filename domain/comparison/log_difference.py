"""Where two logs of the same step part for the first time. Pure.

What is another in every run tells nothing: numbers, times, hashes and paths of temporary folders
count as the same.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 3
"""Lines told before the first that differs."""
FOLLOWING = 12
"""Lines of each log told from there on."""
LOOKED_AT = 4_000
"""Characters of a line in which what varies is looked for; the rest counts as it stands."""
LONGEST = 500
"""Characters of a line that are told."""

_DIGITS = str.maketrans("123456789", "000000000")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_VARYING = re.compile(
    r"(?:/var)?/tmp/[^/\s'\":,;)\]]+|(?<![a-z])tmp[._]?[a-z0-9_]{6,}"  # made by mktemp and its like
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
    """Of the first line that differs, from 1; it is the same in both logs."""
    lines: list[tuple[str, str]]
    """From some lines before it on: ("-", of the log before), ("+", of the log after), (" ", of
    both, as the log after has it)."""


def normalised(line: str) -> str:
    """What a line says without what is another in every run.

    Of a line that was written over (a bar of progress) it is what stood there in the end.
    """
    line = _final(line)
    told, rest = line[:LOOKED_AT], line[LOOKED_AT:]
    return " ".join([*_VARYING.sub("#", told).split(), *rest.split()])


def first_difference(before: str, after: str) -> FirstDifference | None:
    """The first line that says something else; None where one log says what the other does."""
    old, new = _lines(before), _lines(after)
    at = _parting(_lines(before.translate(_DIGITS)), _lines(after.translate(_DIGITS)))
    if at == len(old) == len(new):
        return None
    lines = [(" ", line) for line in new[max(0, at - AROUND) : at]]
    lines += _told(old[at : at + FOLLOWING], new[at : at + FOLLOWING])
    return FirstDifference(at + 1, [(sign, readable(line)) for sign, line in lines])


def _lines(text: str) -> list[str]:
    """Only LF ends one: a bar of progress is written over with CR."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _parting(old: list[str], new: list[str]) -> int:
    """How many lines both have in common at their beginning.

    Digits are the same already: so most lines need no closer look, which is what costs.
    """
    for number, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other and normalised(one) != normalised(other):
            return number
    return min(len(old), len(new))


def _told(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    matcher = SequenceMatcher(
        None, [normalised(line) for line in old], [normalised(line) for line in new], autojunk=False
    )
    steps = matcher.get_opcodes()
    is_cut = FOLLOWING in (len(old), len(new))
    if is_cut and len(steps) > 2 and steps[-1][0] != "equal":
        steps.pop()  # what these lines are held against may lie beyond what is looked at
    told: list[tuple[str, str]] = []
    for kind, begin, end, start, stop in steps:
        if kind == "equal":
            told += [(" ", line) for line in new[start:stop]]
            continue
        told += [("-", line) for line in old[begin:end]]
        told += [("+", line) for line in new[start:stop]]
    return told


def _final(line: str) -> str:
    return _ESCAPES.sub("", line).rstrip().rpartition("\r")[2]


def readable(line: str) -> str:
    """A line as it stood on a terminal in the end, without colours, and no longer than is told."""
    plain = _final(line)
    return plain if len(plain) <= LONGEST else plain[:LONGEST] + " …"
