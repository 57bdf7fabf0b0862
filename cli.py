"""The program `galley`. Each command imports what it needs, so that none waits for the others'."""

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


ELSEWHERE = {
    "abort": "commands.runs:abort_run",
    "follow": "commands.runs:follow_run",
    "run": "commands.runs:run",
    "token": "commands.people:token",
    "user": "commands.people:user",
    "workflow": "commands.workflows:workflow",
}
"""Command → module:function; those that also work on a distant server."""


class _Program(click.Group):
    """Galley's commands, and below them Flask's own (`routes`, `shell`), loaded when asked for."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if place := ELSEWHERE.get(name):
            module, _, function = place.partition(":")
            found: click.Command = getattr(importlib.import_module(module), function)
            return found
        return super().get_command(context, name) or _flask_group().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        flasks = ["routes", "shell"]
        return sorted({*super().list_commands(context), *ELSEWHERE, *flasks})


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
    from client import ApiError
    from domain.errors import GalleyError

    try:
        galley(standalone_mode=True)
    except (ApiError, SettingError) as error:
        _fail(str(error))
    except GalleyError as error:
        faults = [f"\n  {detail.get('message', '')}" for detail in error.details]
        _fail(error.message + "".join(faults))


def _fail(sentence: str) -> NoReturn:
    click.echo(f"galley: {sentence}", err=True)
    sys.exit(1)


# ---- the server ------------------------------------------------------------------------------


@galley.command()
def up() -> None:
    """Run everything on this machine: Redis, database, web server, workers, reconciler."""
    from jobs.setup.redis_server import NoRedisServer
    from jobs.setup.data_lock import AlreadyRunning
    from jobs.setup.up import up as run

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
    import gc

    settings = settings_module.load()
    _leave_out_drivers(settings)
    from app import create_app

    application = create_app(settings)
    _before_stopping(application.extensions["galley_waiters"].end)
    # What was imported stays: to look through it for garbage takes up to 20 ms of a large page.
    gc.collect()
    gc.freeze()
    return application


def _before_stopping(end: Callable[[], None]) -> None:
    """Call `end` when gunicorn is told to stop: from then on it only awaits what is in work."""
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
    """Run one worker, which runs one step at a time."""
    settings = settings_module.load()
    _leave_out_drivers(settings)
    from jobs.worker.worker import work

    work(settings, _redis_url(settings), queue)


@galley.command()
def reconciler() -> None:
    """Run the reconciler, which repairs what crashes leave behind."""
    settings = settings_module.load()
    _leave_out_drivers(settings)
    from jobs.reconciler.reconciler import reconcile_forever

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


@galley.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--with-secret-key",
    is_flag=True,
    help="Also the secret key. Whoever has the file can then read every secret in it.",
)
def backup(file: Path, with_secret_key: bool) -> None:
    """Write FILE (.tar.gz), a copy of the database, the packages and the logs of this machine.

    Galley may go on working. docs/operating.md says how to restore it. Without the secret key the
    secrets of projects cannot be read again, so it has to be kept too, but better elsewhere.
    """
    from jobs.backup import BackupError, back_up, left_out

    settings = settings_module.load()
    try:
        done = back_up(settings, file.absolute(), with_secret_key=with_secret_key)
    except BackupError as error:
        _fail(str(error))
    packages = "" if done.packages is None else f"{done.packages} packages, "
    click.echo(f"Wrote {file}: {done.size:,} bytes, the database, {packages}{done.logs} logs.")
    for sentence in left_out(settings, done, with_secret_key=with_secret_key):
        click.echo(f"Not in it: {sentence}", err=True)


def _connect() -> Settings:
    from domain.models import connect

    settings = settings_module.load()
    connect(settings, pooled=False).connect()
    return settings


if __name__ == "__main__":
    main()
