"""The program `galley`. Each command imports only what it needs, so that it starts fast."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from domain import settings as settings_module
from domain.settings import SettingError, Settings

if TYPE_CHECKING:
    from types import FrameType

    from flask import Flask


LAZY_COMMANDS = {
    "abort": "commands.runs:abort_run",
    "follow": "commands.runs:follow_run",
    "run": "commands.runs:run",
    "token": "commands.people:token",
    "user": "commands.people:user",
    "workflow": "commands.workflows:workflow",
}
"""Command → module:function, for commands that can use a remote server."""


class _Program(click.Group):
    """Galley's commands and Flask's own (`routes`, `shell`), loaded on use."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if target := LAZY_COMMANDS.get(name):
            module, _, function = target.partition(":")
            found: click.Command = getattr(importlib.import_module(module), function)
            return found
        return super().get_command(context, name) or _flask_group().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *LAZY_COMMANDS, "routes", "shell"})


def _flask_group() -> click.Group:
    from flask.cli import FlaskGroup

    from app import create_app

    return FlaskGroup(create_app=lambda: create_app(), add_version_option=False)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="galley", prog_name="galley")
def galley() -> None:
    """Build, test and deploy, with every step accounted for."""


def main() -> None:
    """Run the program. Expected errors end it with a message and exit status 1."""
    from client import ApiError
    from domain.errors import GalleyError

    try:
        galley(standalone_mode=True)
    except (ApiError, SettingError) as error:
        _fail(str(error))
    except GalleyError as error:
        details = [f"\n  {detail.get('message', '')}" for detail in error.details]
        _fail(error.message + "".join(details))


def _fail(sentence: str) -> NoReturn:
    click.echo(f"galley: {sentence}", err=True)
    sys.exit(1)


# ---- the server ------------------------------------------------------------------------------


@galley.command()
def up() -> None:
    """Run all parts on this machine: Redis, web server, workers, reconciler."""
    from jobs.setup.data_lock import AlreadyRunning
    from jobs.setup.redis_server import NoRedisServer
    from jobs.setup.up import up as run

    try:
        run(settings_module.load())
    except (AlreadyRunning, NoRedisServer) as error:
        _fail(str(error))


def _skip_postgresql_drivers(settings: Settings) -> None:
    """Keep Peewee from importing PostgreSQL drivers with SQLite, which saves 13 MiB a process."""
    if settings.is_sqlite:
        sys.modules["psycopg"] = None  # type: ignore[assignment]


def web_application() -> "Flask":
    """Create the application for gunicorn."""
    import gc

    settings = settings_module.load()
    _skip_postgresql_drivers(settings)
    from app import create_app

    application = create_app(settings)
    _before_stopping(application.extensions["galley_waiters"].end)
    # Searching all imported objects for garbage takes up to 20 ms of a large page.
    gc.collect()
    gc.freeze()
    return application


def _before_stopping(end: Callable[[], None]) -> None:
    """Call `end` when gunicorn is stopped, because it then only waits for running requests."""
    import signal

    stop = signal.getsignal(signal.SIGTERM)

    def end_and_stop(number: int, frame: "FrameType | None") -> None:
        end()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, end_and_stop)
    signal.siginterrupt(signal.SIGTERM, False)


@galley.command()
def web() -> None:
    """Run only the web server."""
    import os

    from jobs.setup.up import web_command

    settings = settings_module.load()
    _redis_url(settings)
    command = web_command(settings)
    os.execv(command[0], command)  # noqa: S606 (our own interpreter, no shell)


@galley.command()
@click.option("--queue", default="default", show_default=True, help="The queue to listen to.")
def worker(queue: str) -> None:
    """Run a worker, which runs one step at a time."""
    settings = settings_module.load()
    _skip_postgresql_drivers(settings)
    from jobs.worker.worker import work

    work(settings, _redis_url(settings), queue)


@galley.command()
def reconciler() -> None:
    """Run the reconciler, which repairs the state after crashes."""
    settings = settings_module.load()
    _skip_postgresql_drivers(settings)
    from jobs.reconciler.reconciler import reconcile_forever

    reconcile_forever(settings, _redis_url(settings))


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingError(
            "Set REDIS_URL to the Redis that all parts share. Only `galley up` starts its own."
        )
    return settings.redis_url


@galley.command()
def migrate() -> None:
    """Migrate the database to this version."""
    from domain.migrations import migrate as run

    settings = _connect()
    done = run(settings)
    click.echo(f"Applied: {', '.join(done)}." if done else "Nothing to do.")


@galley.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check this installation and show how to fix problems.

    Exit status: 1 if there is a fault, 0 if there are only warnings or none.
    """
    import os

    from jobs import doctor

    findings = []
    for finding in doctor.examine(os.environ):
        findings.append(finding)
        if not as_json:
            click.echo(doctor.as_lines(finding))  # echo drops the colors if this is no terminal
    click.echo(doctor.as_json(findings) if as_json else f"\n{doctor.summary(findings)}")
    sys.exit(any(finding.state is doctor.State.FAULT for finding in findings))


@galley.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--with-secret-key",
    is_flag=True,
    help="Include the secret key. Anyone with the file can then read all secrets in it.",
)
def backup(file: Path, with_secret_key: bool) -> None:
    """Copy the database, packages and logs of this machine to FILE (.tar.gz).

    Galley may keep running. docs/operating.md describes how to restore a backup. The secrets of
    projects cannot be read without the secret key, so keep a copy of it in another place.
    """
    from jobs.backup import BackupError, back_up, omissions

    settings = settings_module.load()
    try:
        done = back_up(settings, file.absolute(), with_secret_key=with_secret_key)
    except BackupError as error:
        _fail(str(error))
    packages = "" if done.packages is None else f"{done.packages} packages, "
    click.echo(f"Wrote {file}: {done.size:,} bytes, the database, {packages}{done.logs} logs.")
    for sentence in omissions(settings, done, with_secret_key=with_secret_key):
        click.echo(f"Not included: {sentence}", err=True)


def _connect() -> Settings:
    from domain.models import connect

    settings = settings_module.load()
    connect(settings, pooled=False).connect()
    return settings


if __name__ == "__main__":
    main()
