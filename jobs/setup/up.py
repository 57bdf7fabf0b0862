"""`galley up`: run all parts of Galley on one machine, in one process tree."""

import functools
import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Mapping

from domain.settings import SettingError, Settings
from jobs.setup import redis_server
from jobs.setup.data_lock import lock_data_dir
from jobs.setup.supervisor import Part, Supervisor

WEB_THREADS = 8
STOP_WEB, STOP_WORK, STOP_REDIS = range(3)


def up(settings: Settings) -> None:
    """Run until a stop signal. Raises SettingError, AlreadyRunning, NoRedisServer."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.data_dir.chmod(0o700)
    lock = lock_data_dir(settings.data_dir)
    _check_port(settings)
    settings.secret_key()
    redis, redis_url = _redis(settings)
    environment = {
        "GALLEY_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": redis_url,
    }
    _prepare(environment)
    os.environ.pop("GALLEY_ADMIN_PASSWORD", None)  # no part needs it
    Supervisor(
        [*redis, *_parts(settings, environment)],
        on_ready=lambda name: _announce(settings) if name == "web" else None,
        out=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
        grace_seconds={
            STOP_WEB: 6,
            STOP_WORK: settings.kill_grace_seconds + 5,
            STOP_REDIS: 5,
        },
        hold=[lock],
    ).run()


def _check_port(settings: Settings) -> None:
    """Report a port in use at once, instead of restarting the web server again and again."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingError(
                f"GALLEY_HOST and GALLEY_PORT: cannot listen on {settings.host}:{settings.port} "
                f"({error.strerror}). Set GALLEY_PORT to a free port."
            ) from None


def _redis(settings: Settings) -> tuple[list[Part], str]:
    """Return the private Redis as a part, if the settings name no other, and the Redis URL."""
    if settings.redis_url:
        return [], settings.redis_url
    argv, url = redis_server.command(settings.data_dir)
    answers = functools.partial(redis_server.answers, url)
    return [Part("redis", argv, stop_group=STOP_REDIS, ready=answers)], url


def _prepare(environment: Mapping[str, str]) -> None:
    """Migrate, and create the first user and the sample, in a short-lived process."""
    done = subprocess.run(
        [sys.executable, "-m", "jobs.setup.first_start"],
        env={**os.environ, **environment},
        check=False,
    )
    if done.returncode:
        raise SettingError("The database could not be prepared. Fix the error above.")


def _parts(settings: Settings, environment: Mapping[str, str]) -> list[Part]:
    galley = [sys.executable, "-m", "cli"]
    return [
        Part(
            "web",
            web_command(settings),
            environment,
            stop_group=STOP_WEB,
            ready=lambda: answers(settings),
        ),
        *(
            Part(f"worker {number}", [*galley, "worker"], environment, stop_group=STOP_WORK)
            for number in range(1, settings.workers + 1)
        ),
        Part("reconciler", [*galley, "reconciler"], environment, stop_group=STOP_WORK),
    ]


def web_command(settings: Settings) -> list[str]:
    """Return gunicorn's command line, with threads: they share memory, and requests mostly wait."""
    return [
        *(sys.executable, "-m", "gunicorn", "cli:web_application()"),
        *("--bind", _with_port(settings.host, settings.port)),
        *("--worker-class", "gthread", "--threads", str(WEB_THREADS)),
        # Browsers poll every second or slower, and should not need a new connection each time.
        *("--keep-alive", "15", "--graceful-timeout", "5"),
        *("--log-level", "warning", "--no-control-socket"),
    ]


def answers(settings: Settings) -> bool:
    """Return whether the web server of these settings answers now."""
    connection = http.client.HTTPConnection(_near(settings.host), settings.port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def address(settings: Settings) -> str:
    """Return the web server's URL for a browser on this machine."""
    return f"http://{_with_port(_near(settings.host), settings.port)}"


def _near(host: str) -> str:
    """Return an address of this machine for a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)
    return everywhere.get(host, host)


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(settings: Settings) -> None:
    url = address(settings)
    print(  # noqa: T201
        f"""
Galley is ready:  {url}
Sign in as:       admin
Use the API:      curl -H "Authorization: Bearer $(galley token create admin --name curl)" \
{url}/api/workflows
Stop it with:     Ctrl-C
""",
        flush=True,
    )
