"""Summarize the state of a run in one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domain.statuses import CANCELLED, FAILED, PENDING, RUNNING, SUCCEEDED

Json = Mapping[str, Any]
Part = str | Json
"""Words, or a step, which has its name and an address."""

NAMES_SHOWN = 3


def count(number: int, noun: str) -> str:
    """Return `1 step`, `7 steps`, `12,000 runs`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def steps_of(run: Json) -> list[Json]:
    """Return the step runs of a run, in the order of its stages."""
    return [step for stage in run["stageRuns"] for step in stage["stepRuns"]]


def run_sentence(run: Json) -> str:
    """Return a sentence such as `1 of 7 steps failed: unit tests`."""
    parts = sentence_parts(run)
    return "".join(part if isinstance(part, str) else part["stepName"] for part in parts)


def sentence_parts(run: Json) -> list[Part]:
    """Return the sentence in parts, in which each step can become a link."""
    return list(_told(run))


def _told(run: Json) -> Iterator[Part]:
    status, steps = run["status"], steps_of(run)
    total = count(len(steps), "step")
    of = {word: [step for step in steps if step["status"] == word] for word in _TOLD}
    if status == SUCCEEDED:
        yield "The only step succeeded" if len(steps) == 1 else f"All {total} succeeded"
        return
    if status == PENDING:
        yield f"Not started yet: {count(len(of[PENDING]), 'step')} to do"
    elif of[FAILED]:
        so_far = " so far" if status == RUNNING else ""
        yield f"{len(of[FAILED])} of {total} failed{so_far}: "
        yield from _names(of[FAILED])
    elif status == RUNNING:
        yield f"{len(of[SUCCEEDED])} of {total} done"
        if of[CANCELLED]:
            yield ", cancelled: "
            yield from _names(of[CANCELLED])
        if of[RUNNING]:
            yield ", now: "
            yield from _names(of[RUNNING])
    else:
        yield f"{status} with {len(of[SUCCEEDED])} of {total} done"
    yield from _waits_for_people(run)


_TOLD = (PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED)


def _waits_for_people(run: Json) -> Iterator[Part]:
    """Return what waits for a person, which no other message reports."""
    for stage in run["stageRuns"]:
        if waits_for(stage, "approval"):
            yield f", waiting for approval of {stage['stageName']}"
            return
        waiting = [step for step in stage["stepRuns"] if waits_for(step, "outside_completion")]
        if waiting:
            yield ", waiting for external completion: "
            yield from _names(waiting)
            return


def waits_for(item: Json, code: str) -> bool:
    """Return whether a run, stage, or step is pending for that reason."""
    return any(reason["code"] == code for reason in item["waiting"])


def _names(steps: Sequence[Json]) -> Iterator[Part]:
    for number, step in enumerate(steps[:NAMES_SHOWN]):
        yield from (", ", step) if number else (step,)
    if len(steps) > NAMES_SHOWN:
        yield f" and {len(steps) - NAMES_SHOWN} more"
