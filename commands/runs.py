"""`galley run`, `follow` and `abort`: start, follow and abort runs."""

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
"""The exit status after Ctrl-C, as in shells."""

EXIT_STATUS = """\
Exit status when following: 0 if the run succeeded, 1 if it failed, was aborted, or the server
became unreachable, 130 after Ctrl-C, which does not abort the run."""


@click.command(epilog=EXIT_STATUS)
@click.argument("workflow")
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the run, with the type declared in the workflow. May be repeated.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Show the steps and their logs until the run ends, and exit with its result. A terminal "
    "gets a live view, other output plain lines.",
)
def run(workflow: str, given: tuple[str, ...], follow: bool) -> None:
    """Start a run of WORKFLOW (a name or id)."""
    from client.retry import Retry
    from commands.workflows import find

    galley = server()
    found = find(galley, workflow)
    parameters = typed_parameters(found.get("parameters"), given)
    key = uuid4().hex  # a retry with the same key starts no second run
    retry = Retry(lambda sentence: click.echo(f"galley: {sentence}", err=True))
    run_id = retry(lambda: galley.start(found["id"], parameters, key))
    click.echo(f"run {run_id} started: {galley.url}/runs/{run_id}", err=follow)
    if follow:
        sys.exit(_follow(galley, run_id))


@click.command("follow", epilog=EXIT_STATUS)
@click.argument("run_id", metavar="RUN")
def follow_run(run_id: str) -> None:
    """Follow the run with the id RUN to its end, like `galley run --follow`."""
    sys.exit(_follow(server(), _checked(run_id)))


@click.command("abort")
@click.argument("run_id", metavar="RUN")
def abort_run(run_id: str) -> None:
    """Abort the run with the id RUN, and stop its scripts."""
    aborted = server().request("POST", f"/api/workflowruns/{_checked(run_id)}/abort").json()
    click.echo(f"run {aborted['runId']} is being aborted")


def _checked(run_id: str) -> str:
    if not re.fullmatch("[0-9a-f]{24}", run_id):
        raise ApiError(f"{run_id!r} is not a run id. Use 24 digits and letters from a to f.")
    return run_id


def _follow(galley: "Client", run_id: str) -> int:
    """Show the run until its end. Returns the exit status."""
    from commands.terminal import is_capable, replace_unencodable

    replace_unencodable()
    try:
        ended = _on_a_terminal(galley, run_id) if is_capable() else _in_lines(galley, run_id)
    except KeyboardInterrupt:
        click.echo(f"\n{_next_commands(run_id)}", err=True)
        return INTERRUPTED
    except Unreachable as error:
        raise ApiError(f"{error}\n{_next_commands(run_id)}") from None
    return 0 if ended["status"] == "Succeeded" else 1


def _next_commands(run_id: str) -> str:
    return (
        f"The run continues. Abort it with: galley abort {run_id}\n"
        f"Follow it again with: galley follow {run_id}"
    )


def _in_lines(galley: "Client", run_id: str) -> dict[str, Any]:
    from client.following import follow
    from commands.plain import Lines, summary

    ended = follow(galley, run_id, Lines())
    for line in summary(ended):
        click.echo(line)
    return ended


def _on_a_terminal(galley: "Client", run_id: str) -> dict[str, Any]:
    from client.following import follow
    from commands.live import LiveView
    from commands.plain import results

    with LiveView() as view:
        ended = follow(galley, run_id, view)
    view.print_excerpts(ended)
    for line in results(ended):
        click.echo(line)
    return ended


def typed_parameters(
    declared: Sequence[Mapping[str, Any]] | None, given: Sequence[str]
) -> dict[str, Any]:
    """Return the value of each NAME=VALUE, converted to the declared type.

    declared: as in a workflow. None allows any parameters, with JSON numbers and booleans converted
    and other values left as text. Raises BadParameter.
    """
    types = {p["name"]: p["type"] for p in declared or ()}
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not NAME=VALUE.")
        if name in values:
            raise click.BadParameter(f"{name!r} appears more than once.")
        # Undeclared parameters are sent unchanged, and the server reports them.
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
