"""The program `galley`. Each command imports what it needs, so that none waits for the others'."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain import settings as settings_module
from domain.settings import SettingError, Settings

if TYPE_CHECKING:
    from flask import Flask

    from client import Client


class _Program(click.Group):
    """Galley's commands, and below them Flask's own (`routes`, `shell`), loaded when asked for."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return super().get_command(context, name) or _flask_group().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        flasks = ["routes", "shell"]
        return sorted({*super().list_commands(context), *flasks})


def _flask_group() -> click.Group:
    from flask.cli import FlaskGroup

    from app import create_app

    return FlaskGroup(create_app=lambda: create_app(), add_version_option=False)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="galley", prog_name="galley")
def galley() -> None:
    """Galley: build, test and deploy, with every step accounted for."""


def main() -> None:
    """Run the program; what goes wrong in a known way is one sentence and exit status 1."""
    from domain.errors import GalleyError

    try:
        galley(standalone_mode=True)
    except SettingError as error:
        _fail(str(error))
    except GalleyError as error:
        faults = [f"\n  {detail.get('message', '')}" for detail in error.details]
        _fail(error.message + "".join(faults))


def _fail(sentence: str) -> None:
    click.echo(f"galley: {sentence}", err=True)
    sys.exit(1)


# ---- the server ------------------------------------------------------------------------------


@galley.command()
def up() -> None:
    """Run everything on this machine: Redis, database, web server, workers, reconciler."""
    from jobs.redis_server import NoRedisServer
    from jobs.supervisor import AlreadyRunning
    from jobs.up import up as run

    try:
        run(settings_module.load())
    except (AlreadyRunning, NoRedisServer) as error:
        _fail(str(error))


def _leave_out_drivers(settings: Settings) -> None:
    """Peewee imports every PostgreSQL driver there is: 13 MiB a process, for nothing on SQLite."""
    if settings.is_sqlite:
        sys.modules["psycopg"] = None  # type: ignore[assignment]


def web_application() -> "Flask":
    """What gunicorn serves."""
    settings = settings_module.load()
    _leave_out_drivers(settings)
    from app import create_app

    return create_app(settings)


@galley.command()
def web() -> None:
    """Run only the web server."""
    import os

    from jobs.up import web_command

    settings = settings_module.load()
    _redis_url(settings)
    command = web_command(settings)
    os.execv(command[0], command)  # noqa: S606 (our own interpreter, no shell)


@galley.command()
@click.option("--queue", default="default", show_default=True, help="The queue to listen to.")
def worker(queue: str) -> None:
    """Run one worker, which runs one step at a time."""
    settings = settings_module.load()
    _leave_out_drivers(settings)
    from jobs.worker import work

    work(settings, _redis_url(settings), queue)


@galley.command()
def reconciler() -> None:
    """Run the reconciler, which repairs what crashes leave behind."""
    settings = settings_module.load()
    _leave_out_drivers(settings)
    from jobs.reconciler import reconcile_forever

    reconcile_forever(settings, _redis_url(settings))


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingError(
            "REDIS_URL must be set: a part that runs by itself needs a Redis it shares with the "
            "others. `galley up` brings its own."
        )
    return settings.redis_url


@galley.command()
def migrate() -> None:
    """Bring the database to this version."""
    from domain.migrations import migrate as run

    settings = _connect()
    done = run(settings)
    click.echo(f"Applied: {', '.join(done)}." if done else "Nothing to do.")


@galley.command()
@click.option("--json", "as_json", is_flag=True, help="The same for scripts.")
def doctor(as_json: bool) -> None:
    """Check this installation and say how to mend what is wrong.

    Ends with 1 if there is a fault, with 0 if there are none but warnings.
    """
    import os

    from jobs import doctor

    findings = []
    for finding in doctor.examine(os.environ):
        findings.append(finding)
        if not as_json:
            click.echo(doctor.as_lines(finding))  # without its colours where it is no terminal
    click.echo(doctor.as_json(findings) if as_json else f"\n{doctor.summary(findings)}")
    sys.exit(any(finding.state is doctor.State.FAULT for finding in findings))


def _connect() -> Settings:
    from domain.models import connect

    settings = settings_module.load()
    connect(settings, pooled=False).connect()
    return settings


# ---- people ----------------------------------------------------------------------------------


@galley.group()
def user() -> None:
    """Users, on this machine's database."""


@user.command("add")
@click.argument("name")
@click.option("--system-admin", is_flag=True, help="May do everything, everywhere.")
@click.password_option(help="Asked for when it is not given.")
def add_user(name: str, system_admin: bool, password: str) -> None:
    """Make the user NAME."""
    from blueprints.schemas import NewUser, check
    from domain import access, people

    check(NewUser, {"username": name, "password": password})
    _connect()
    people.create_user(access.console(), name, password=password, is_system_admin=system_admin)
    click.echo(f"Made the user {name}.")


@user.command("password")
@click.argument("name")
@click.password_option(help="Asked for when it is not given.")
def set_password(name: str, password: str) -> None:
    """Give NAME a new password; their sessions end."""
    from blueprints.schemas import PasswordChange, check
    from domain import access, people

    check(PasswordChange, {"password": password})
    _connect()
    people.set_password(access.console(), name, password)
    click.echo(f"{name} has a new password.")


@galley.group()
def token() -> None:
    """Tokens for scripts, on this machine's database."""


@token.command("create")
@click.argument("username")
@click.option("--name", required=True, help="What the token is for.")
@click.option("--scope", type=click.Choice(["read", "write"]), default="read", show_default=True)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is good; else for ever.")
def create_token(username: str, name: str, scope: str, days: int | None) -> None:
    """Make a token of USERNAME and print it, alone, once."""
    from domain import access, people

    _connect()
    owner = people.get_user(username)
    _, text = people.create_token(access.console(), owner, name, scope=scope, days=days)
    click.echo(text)


# ---- workflows and runs, over the API --------------------------------------------------------


def _client() -> "Client":
    from client import ApiError, from_environment

    try:
        return from_environment()
    except ApiError as error:
        raise click.ClickException(str(error)) from None


@galley.group()
def workflow() -> None:
    """Definitions as files. Uses GALLEY_URL and GALLEY_TOKEN."""


@workflow.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def apply_workflow(file: Path) -> None:
    """Create the workflow in FILE (YAML or JSON), or update the one with its project and name."""
    from client import ApiError

    try:
        done, saved = _client().apply(_read_definition(file))
    except ApiError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{saved['name']}: {done}, revision {saved['revision']}, id {saved['id']}")
    for warning in saved.get("warnings", []):
        click.echo(f"  warning: {warning['field']}: {warning['message']}", err=True)


def _read_definition(file: Path) -> dict[str, Any]:
    import yaml

    try:
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} is neither YAML nor JSON: {error}") from None
    if not isinstance(definition, dict):
        raise click.ClickException(f"{file} must hold an object with name, projectId and stages.")
    return definition


@workflow.command("export")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
def export_workflow(name: str, as_json: bool) -> None:
    """Print the definition of the workflow NAME (or its id), as `apply` takes it."""
    import yaml

    from client import ApiError
    from domain.definition import READ_ONLY

    client = _client()
    try:
        full = client.get(f"/api/workflows/{_find(client, name)['id']}")
    except ApiError as error:
        raise click.ClickException(str(error)) from None
    definition = {key: value for key, value in full.items() if key not in READ_ONLY}
    if as_json:
        click.echo(json.dumps(definition, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(definition, sort_keys=False, allow_unicode=True), nl=False)


def _find(client: "Client", name: str) -> dict[str, Any]:
    found = client.find_workflow(name)
    if found is None:
        raise click.ClickException(f"There is no workflow {name!r} that you may see.")
    return found


@galley.command()
@click.argument("workflow")
@click.option("-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE")
@click.option(
    "--follow", is_flag=True, help="Show what the steps print; end with the run's result."
)
def run(workflow: str, given: tuple[str, ...], follow: bool) -> None:
    """Start a run of WORKFLOW (its name or id)."""
    from client import ApiError

    client = _client()
    try:
        run_id = client.start(_find(client, workflow)["id"], _parameters(given))
        click.echo(f"run {run_id} started", err=follow)
        ended = client.follow(run_id, _show) if follow else None
    except ApiError as error:
        raise click.ClickException(str(error)) from None
    if ended:
        _tell(ended)
        sys.exit(0 if ended["status"] == "Succeeded" else 1)


def _parameters(given: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE; a value that is a JSON number or boolean is one, all else is text."""
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not NAME=VALUE.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values[name] = value if isinstance(value, int | float) else text
    return values


def _show(step: str, line: str) -> None:
    click.echo(f"{step} | {line}")


def _tell(ended: dict[str, Any]) -> None:
    for stage in ended["stageRuns"]:
        for step in stage["stepRuns"]:
            tests = step["tests"]
            counted = f", {tests['passed']} of {tests['total']} tests passed" if tests else ""
            click.echo(f"{step['status']:9}  {stage['stageName']} / {step['stepName']}{counted}")
    for release in ended["releases"]:
        click.echo(f"released   {release['ingredientId']} {release['version']}")
    click.echo(f"run #{ended['number']} {ended['status']}. {ended['message']}".rstrip())


if __name__ == "__main__":
    main()
