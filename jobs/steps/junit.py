"""Read tests from untrusted JUnit XML reports.

Entities are refused, sizes are limited, and no report is in memory as a whole.
"""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from domain.engine import StepFailed
from jobs.steps.files import files_in

MAX_REPORT_BYTES = 64 * 1024 * 1024
MAX_ALL_BYTES = 4 * MAX_REPORT_BYTES
MAX_CASES = 200_000
"""Per step. A million tests take ten seconds and half a gigabyte to read."""
MAX_MESSAGE = 16 * 1024
MAX_NAME = 1000
MAX_SUITE = 500
MAX_DURATION_MS = 2**31 - 1

PASS, FAIL, SKIP, ERROR = "Pass", "Fail", "Skip", "Error"


@dataclass(frozen=True)
class Case:
    """One test: `result` is Pass, Fail, Skip or Error."""

    suite: str
    name: str
    result: str
    duration_ms: int | None = None
    message: str = ""


@dataclass
class Reports:
    """The tests in the order of the files, and a sentence for each invalid file."""

    cases: list[Case] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_reports(folder: Path, mask: Callable[[str], str]) -> Reports:
    """Read every *.xml file below a folder, and ignore XML that is not a JUnit report.

    An invalid file does not affect the others, and its tests before the error count.
    mask: masks the secrets in a text before it is cut.
    """
    reports = Reports()
    left = MAX_ALL_BYTES
    try:
        for path, file in files_in(folder, "$GALLEY_REPORTS", suffix=".xml"):
            size = _size(file)
            if size > min(left, MAX_REPORT_BYTES):
                reports.errors.append(f"The report {path} is too large: {size:,} bytes.")
                continue
            left -= size
            _read(path, file, reports, mask)
    except StepFailed as failure:
        reports.errors.append(str(failure))
    return reports


def _read(path: str, file: BinaryIO, reports: Reports, mask: Callable[[str], str]) -> None:
    # Imported here, because most steps have no report.
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError

    try:
        for case in _cases(file, mask):
            if len(reports.cases) == MAX_CASES:
                reports.errors.append(f"The reports hold more than {MAX_CASES:,} tests.")
                return
            reports.cases.append(case)
    except DefusedXmlException:
        reports.errors.append(f"The report {path} is refused because it declares entities.")
    except (ParseError, LookupError, ValueError) as error:
        reports.errors.append(f"The report {path} is not valid XML: {error}.")


def _cases(file: BinaryIO, mask: Callable[[str], str]) -> Iterator[Case]:
    from defusedxml.ElementTree import iterparse
    from junitparser import TestCase

    above: list[Any] = []
    for event, element in iterparse(file, events=("start", "end")):
        if event == "start":
            if not above and element.tag not in ("testsuites", "testsuite"):
                return
            above.append(element)
            continue
        above.pop()
        inside_case = any(outer.tag == "testcase" for outer in above)
        if element.tag == "testcase" and not inside_case:
            suites = [outer.get("name", "") for outer in above if outer.tag == "testsuite"]
            yield _case(TestCase.fromelem(element), suites[-1] if suites else "", mask)
        if above and not inside_case:
            above[-1].remove(element)  # free its memory


def _case(case: Any, suite: str, mask: Callable[[str], str]) -> Case:
    result, message = PASS, ""
    for found in case.result:
        result = {"failure": FAIL, "error": ERROR, "skipped": SKIP}[found._tag]
        message = "\n".join(filter(None, [found.message, (found.text or "").strip()]))
    name, owner = case.name or "(no name)", case.classname
    if owner and not name.startswith(owner):
        name = f"{owner}.{name}"
    return Case(
        mask(suite)[:MAX_SUITE],
        mask(name)[:MAX_NAME],
        result,
        _milliseconds(case),
        _short(mask(message)),
    )


def _milliseconds(case: Any) -> int | None:
    """Return the duration of a test, or None if it is missing or invalid."""
    try:
        seconds = case.time
    except ValueError:
        return None
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(round(seconds * 1000), MAX_DURATION_MS)


def _short(message: str) -> str:
    """Shorten a message to its beginning and end, which usually name the error."""
    if len(message) <= MAX_MESSAGE:
        return message
    half = MAX_MESSAGE // 2
    return (
        f"{message[:half]}\n… {len(message) - 2 * half:,} characters left out …\n{message[-half:]}"
    )


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
