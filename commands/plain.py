"""A run that is followed, as lines: for pipes, files and the logs of other programs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from client import FINISHED
from client.following import Run, Stage, Step, steps_of
from commands.terminal import as_text, duration

LASTING_SECONDS = 1.0
"""What ends sooner is no news: every step is next in its queue for a moment."""


class Lines:
    """A watcher that tells each thing once: what began, ended and waits, with the logs between."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, str]] = {}
        """Step → the attempt and status that was told last."""
        self._first_seen: dict[tuple[str, str], float] = {}
        self._waits_told: set[tuple[str, str]] = set()

    def show(self, run: Run, at: float) -> None:
        for stage, step in steps_of(run):
            if step["status"] != "Pending":
                self._tell(stage, step, step["attempt"], step["status"])
        for where, message in reasons(run):
            first = self._first_seen.setdefault((where, message), time.monotonic())
            lasts = time.monotonic() - first >= LASTING_SECONDS
            if lasts and (where, message) not in self._waits_told:
                self._waits_told.add((where, message))
                _note(f"{where} waits: {message}")

    def print(self, stage: Stage, step: Step, attempt: int, lines: Sequence[str]) -> None:
        if self._told.get(step["id"], (0, ""))[0] < attempt:
            self._tell(stage, step, attempt, "Running")
        click.echo("\n".join(f"{step['stepName']} | {as_text(line)}" for line in lines))

    def complain(self, sentence: str) -> None:
        click.echo(f"galley: {sentence}", err=True)

    def _tell(self, stage: Stage, step: Step, attempt: int, status: str) -> None:
        if self._told.get(step["id"]) == (attempt, status):
            return
        self._told[step["id"]] = (attempt, status)
        more = _of_attempt(attempt) if status == "Running" else _of_end(step)
        _note(f"{stage['stageName']} / {step['stepName']}: {status}{more}")


def is_over(stage: Stage) -> bool:
    """Whether nothing will happen in the stage any more."""
    return stage["status"] in (*FINISHED, "Skipped")


def reasons(run: Run) -> Iterator[tuple[str, str]]:
    """What the run waits for: (which stage or step, a sentence).

    Only of the first stage that has not ended: all later ones wait for that.
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
    """What a finished run was, line by line."""
    for stage, step in steps_of(run):
        yield f"{step['status']:9}  {stage['stageName']} / {step['stepName']}{_tests(step)}"
    yield from results(run)


def results(run: Run) -> Iterator[str]:
    """What a finished run has released, and how it ended."""
    for release in run["releases"]:
        yield f"released   {release['ingredientId']} {release['version']}"
    yield as_text(f"run #{run['number']} {run['status']}. {run['message']}").rstrip()


def _tests(step: Mapping[str, Any]) -> str:
    tests = step["tests"]
    return f", {tests['passed']} of {tests['total']} tests passed" if tests else ""


def _of_attempt(number: int) -> str:
    return f", attempt {number}" if number > 1 else ""


def _of_end(step: Step) -> str:
    took = f" after {duration(step['durationMs'] / 1000)}" if step["durationMs"] is not None else ""
    # A success is told in its log.
    has_news = step["message"] and step["status"] != "Succeeded"
    return took + (f": {as_text(step['message'])}" if has_news else "")


def _note(sentence: str) -> None:
    click.echo(f"[galley] {sentence}")
