"""`galley run`, `follow` and `abort`: starting runs, watching them, stopping them."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from client import ApiError, Unreachable
from commands import server

if TYPE_CHECKING:
    from client.http import Client

INTERRUPTED = 130
"""Exit status of what Ctrl-C has ended, as shells have it."""

EXIT_STATUS = """\
Exit status, when followed: 0 if the run succeeded; 1 if it failed or was cancelled, or if the
server could not be asked any longer; 130 after Ctrl-C, which leaves the run running."""


@click.command(epilog=EXIT_STATUS)
@click.argument("workflow")
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the run, of the type that the workflow declares. May be repeated.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Show what the steps do and print, and end with the run's result. On a terminal this is "
    "a picture that is kept up to date, elsewhere plain lines.",
)
def run(workflow: str, given: tuple[str, ...], follow: bool) -> None:
    """Start a run of WORKFLOW (its name or id)."""
    from client.patience import Patience
    from commands.workflows import find

    galley = server()
    wanted = find(galley, workflow)
    parameters = typed_parameters(wanted.get("parameters"), given)
    key = uuid4().hex  # what is sent again with it starts nothing twice
    patiently = Patience(lambda sentence: click.echo(f"galley: {sentence}", err=True))
    run_id = patiently(lambda: galley.start(wanted["id"], parameters, key))
    click.echo(f"run {run_id} started: {galley.url}/runs/{run_id}", err=follow)
    if follow:
        sys.exit(_follow(galley, run_id))


@click.command("follow", epilog=EXIT_STATUS)
@click.argument("run_id", metavar="RUN")
def follow_run(run_id: str) -> None:
    """Follow the run with the id RUN to its end, as `galley run --follow` does."""
    sys.exit(_follow(server(), _checked(run_id)))


@click.command("abort")
@click.argument("run_id", metavar="RUN")
def abort_run(run_id: str) -> None:
    """Stop the run with the id RUN, and all that it has started."""
    stopped = server().request("POST", f"/api/workflowruns/{_checked(run_id)}/abort").json()
    click.echo(f"run {stopped['runId']} is being stopped")


def _checked(run_id: str) -> str:
    if not re.fullmatch("[0-9a-f]{24}", run_id):
        raise ApiError(f"{run_id!r} is no id of a run: that has 24 digits and letters a to f.")
    return run_id


# ---- following -------------------------------------------------------------------------------


def _follow(galley: "Client", run_id: str) -> int:
    """Show the run until its end. Returns the exit status."""
    from commands.terminal import is_capable, never_fail_to_print

    never_fail_to_print()
    try:
        ended = _on_a_terminal(galley, run_id) if is_capable() else _in_lines(galley, run_id)
    except KeyboardInterrupt:
        click.echo(f"\nThe run goes on. {_ways(run_id)}", err=True)
        return INTERRUPTED
    except Unreachable as error:
        raise ApiError(f"{error}\nThe run goes on. {_ways(run_id)}") from None
    return 0 if ended["status"] == "Succeeded" else 1


def _ways(run_id: str) -> str:
    return f"Stop it with: galley abort {run_id}\nFollow it again with: galley follow {run_id}"


def _in_lines(galley: "Client", run_id: str) -> dict[str, Any]:
    from client.following import follow
    from commands.plain import Lines, summary

    ended = follow(galley, run_id, Lines())
    for line in summary(ended):
        click.echo(line)
    return ended


def _on_a_terminal(galley: "Client", run_id: str) -> dict[str, Any]:
    from client.following import follow
    from commands.live import Picture
    from commands.plain import results

    with Picture() as picture:
        ended = follow(galley, run_id, picture)
    picture.excerpts(ended)
    for line in results(ended):
        click.echo(line)
    return ended


# ---- parameters ------------------------------------------------------------------------------


def typed_parameters(
    declared: Sequence[Mapping[str, Any]] | None, given: Sequence[str]
) -> dict[str, Any]:
    """Each NAME=VALUE as a value of the type that is declared for it.

    declared: as in a workflow; None: it takes any parameter, and a value that is a JSON number or
    boolean is one, all else is text. Raises BadParameter.
    """
    types = {p["name"]: p["type"] for p in declared or ()}
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not NAME=VALUE.")
        if name in values:
            raise click.BadParameter(f"{name!r} appears more than once.")
        # What is not declared goes as it is: the server names it.
        values[name] = _guessed(text) if declared is None else _typed(name, types.get(name), text)
    return values


def _typed(name: str, kind: str | None, text: str) -> Any:
    value = _guessed(text) if kind in ("number", "boolean") else text
    if kind == "boolean" and not isinstance(value, bool):
        raise click.BadParameter(f"{name!r} must be true or false, not {text!r}.")
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise click.BadParameter(f"{name!r} must be a number, not {text!r}.")
    return value


def _guessed(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) else text
