"""`galley workflow`: import and export definitions as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client import ApiError
from commands import server

if TYPE_CHECKING:
    from client.http import Client


@click.group()
def workflow() -> None:
    """Import and export workflow definitions. Uses GALLEY_URL and GALLEY_TOKEN."""


@workflow.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def apply_workflow(file: Path) -> None:
    """Create the workflow in FILE (YAML or JSON), or update the one with its project and name.

    The command fails if another user changes the workflow at the same time.
    """
    done, saved = server().apply(_read_definition(file))
    click.echo(f"{saved['name']}: {done}, revision {saved['revision']}, id {saved['id']}")
    for warning in saved.get("warnings", []):
        click.echo(f"  warning: {warning['field']}: {warning['message']}", err=True)


def _read_definition(file: Path) -> dict[str, Any]:
    from domain.definitions.source import language_of, read

    try:
        source = read(file.read_text(encoding="utf-8"), language_of(file.name))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8: {error}") from None
    if source.definition is None:
        errors = [f"  line {f.line}, column {f.column}: {f.message}" for f in source.errors]
        raise click.ClickException("\n".join([f"{file} cannot be read:", *errors]))
    return source.definition


@workflow.command("export")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of YAML.")
def export_workflow(name: str, as_json: bool) -> None:
    """Print the definition of the workflow NAME (a name or id) for `apply`."""
    from domain.definitions.schema import READ_ONLY
    from domain.definitions.source import short, write

    full = find(server(), name)
    definition = {key: value for key, value in full.items() if key not in READ_ONLY}
    click.echo(write(short(definition), "json" if as_json else "yaml"), nl=False)


def find(client: "Client", name: str) -> dict[str, Any]:
    """Return the complete workflow with this name or id. Raises ApiError."""
    found = client.find_workflow(name)
    if found is None:
        raise ApiError(f"There is no workflow {name!r} that you may see. Check its name.")
    full: dict[str, Any] = client.get(f"/api/workflows/{found['id']}")
    return full
