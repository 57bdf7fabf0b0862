"""Follow a run in plain lines, for pipes, files and the logs of other programs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from client import FINISHED
from client.following import Run, Stage, Step, steps_of
from commands.terminal import as_text, duration

LASTING_SECONDS = 1.0
"""Shorter reasons are not reported, because every step is next in its queue for a moment."""


class Lines:
    """A watcher that prints each change of state and each pending reason once, and all logs."""

    def __init__(self) -> None:
        self._reported: dict[str, tuple[int, str]] = {}
        """Step → its last reported attempt and status."""
        self._first_seen: dict[tuple[str, str], float] = {}
        self._reported_reasons: set[tuple[str, str]] = set()

    def show(self, run: Run, at: float) -> None:
        for stage, step in steps_of(run):
            if step["status"] != "Pending":
                self._report(stage, step, step["attempt"], step["status"])
        for reason in pending_reasons(run):
            first = self._first_seen.setdefault(reason, time.monotonic())
            lasts = time.monotonic() - first >= LASTING_SECONDS
            if lasts and reason not in self._reported_reasons:
                self._reported_reasons.add(reason)
                _note(f"{reason[0]} is pending: {reason[1]}")

    def print(self, stage: Stage, step: Step, attempt: int, lines: Sequence[str]) -> None:
        if self._reported.get(step["id"], (0, ""))[0] < attempt:
            self._report(stage, step, attempt, "Running")
        click.echo("\n".join(f"{step['stepName']} | {as_text(line)}" for line in lines))

    def warn(self, sentence: str) -> None:
        click.echo(f"galley: {sentence}", err=True)

    def _report(self, stage: Stage, step: Step, attempt: int, status: str) -> None:
        if self._reported.get(step["id"]) == (attempt, status):
            return
        self._reported[step["id"]] = (attempt, status)
        more = _attempt(attempt) if status == "Running" else _ending(step)
        _note(f"{stage['stageName']} / {step['stepName']}: {status}{more}")


def is_over(stage: Stage) -> bool:
    return stage["status"] in (*FINISHED, "Skipped")


def pending_reasons(run: Run) -> Iterator[tuple[str, str]]:
    """Return the pending reasons of the first stage that has not ended.

    Each is a pair of the name of a stage or step, and a message. Later stages wait for that stage.
    """
    for stage in run["stageRuns"]:
        if is_over(stage):
            continue
        of_stage = [reason["message"] for reason in stage["waiting"]]
        for message in of_stage:
            yield stage["stageName"], message
        for step in stage["stepRuns"]:
            for reason in step["waiting"]:
                if reason["message"] not in of_stage:
                    yield f"{stage['stageName']} / {step['stepName']}", reason["message"]
        return


def summary(run: Run) -> Iterator[str]:
    """Return the lines that summarize a finished run."""
    for stage, step in steps_of(run):
        yield f"{step['status']:9}  {stage['stageName']} / {step['stepName']}{_tests(step)}"
    yield from results(run)


def results(run: Run) -> Iterator[str]:
    """Return lines with the releases and the outcome of a finished run."""
    for release in run["releases"]:
        yield f"released   {release['ingredientId']} {release['version']}"
    yield as_text(f"run #{run['number']} {run['status']}. {run['message']}").rstrip()


def _tests(step: Mapping[str, Any]) -> str:
    tests = step["tests"]
    return f", {tests['passed']} of {tests['total']} tests passed" if tests else ""


def _attempt(number: int) -> str:
    return f", attempt {number}" if number > 1 else ""


def _ending(step: Step) -> str:
    after = (
        f" after {duration(step['durationMs'] / 1000)}" if step["durationMs"] is not None else ""
    )
    # The message of a success is in its log.
    has_news = step["message"] and step["status"] != "Succeeded"
    return after + (f": {as_text(step['message'])}" if has_news else "")


def _note(sentence: str) -> None:
    click.echo(f"[galley] {sentence}")
