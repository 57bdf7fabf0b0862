"""Secrets in real steps: scripts can read them, and no stored text holds them."""

import base64
import urllib.parse

import pytest

from domain.logs.files import log_path
from domain.models import Attempt, Project, Release, StepRun, TestResult
from domain.projects import secrets as project_secrets
from domain.projects.secret_values import is_reserved
from domain.secret_key import Keys
from domain.statuses import FAILED, SUCCEEDED
from jobs.worker import run_step as worker_side
from jobs.worker.attempt import WorkerProcess
from tests.conftest import KINDS
from tests.support import pipelines
from tests.support.keys import KEYS
from tests.support.pipelines import ACTOR, a_project, a_suite, a_workflow, build, start_and_ready

TOKEN = 'p&ss w\'rd/+%="horse"'
SHORT = "hunter2-horse"
KEY = "-----BEGIN KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 20 + "-----END KEY-----\n"
PASS = "echo x > $GALLEY_OUTPUT/x"

on_one_database = pytest.mark.parametrize("settings", KINDS[:1], indirect=True)


@pytest.fixture
def process(database, settings, doorbell):
    a_project()
    process = WorkerProcess("w1", "default", settings, doorbell, lambda: None)
    worker_side.set_worker(process)
    yield process
    process.stop_request.close()


def keep(*, keys: Keys = KEYS, **secrets: str) -> None:
    for name, value in secrets.items():
        project_secrets.put_secret(ACTOR, Project.get(), name, value, keys)


def run(step, **parameters: str) -> StepRun:
    """Run the step with the worker of this process."""
    count = StepRun.select().count()
    _, (ready,) = start_and_ready(a_workflow([step], name=f"Workflow {count}"), **parameters)
    worker_side.run_step(ready.step_id, ready.attempt)
    return StepRun.get_by_id(ready.step_id)


def log_of(process, step: StepRun) -> str:
    return log_path(process.settings.data_dir, step.run_id, step.id, 1).read_text()


def forms(secret: str) -> set[bytes]:
    """The texts that must not be stored: the forms of secrets, and the lines of long ones."""
    encoded = base64.b64encode(secret.encode()).rstrip(b"=")[:-1]
    lines = [line for line in secret.splitlines() if len(line) > 5]
    return {
        secret.encode(),
        urllib.parse.quote(secret, safe="").encode(),
        encoded,
        encoded[:76],
        *map(str.encode, lines),
    }


def test_a_script_has_the_secrets_of_its_project_and_of_no_other(process):
    keep(TOKEN=TOKEN, KEY=KEY)
    other = Project.create(id="lake", name="Lake", created_by="ann")
    project_secrets.put_secret(ACTOR, other, "OTHER", "battery staple", KEYS)
    script = f"""#!/usr/bin/env python3
import os
assert os.environ["TOKEN"] == {TOKEN!r}
assert os.environ["KEY"] == {KEY!r}
assert "OTHER" not in os.environ
open(os.environ["GALLEY_OUTPUT"] + "/x", "w").close()
"""
    step = run(build("a", script))
    assert step.status == SUCCEEDED, log_of(process, step)


PRINTS = """
echo "raw: $TOKEN."
printf %.7s "$TOKEN"; printf '%s\n' "${TOKEN#???????}"
printf %s "$TOKEN" | base64
printf %s "user:$TOKEN" | base64
printf %s "$KEY" | base64
echo "$KEY" | while read -r line; do echo "> $line"; done
echo $KEY
set -x
: "$TOKEN" "$SHORT" "$KEY"
set +x
echo "about to report $SHORT" >&2
python3 - <<'END'
import json, os, urllib.parse
from xml.sax.saxutils import escape, quoteattr
env = os.environ
print(urllib.parse.quote(env["TOKEN"], safe=""), urllib.parse.quote_plus(env["TOKEN"]))
print(json.dumps(dict(env)))
token, key = env["TOKEN"], env["KEY"]
with open(env["GALLEY_REPORTS"] + "/good.xml", "w") as file:
    print(f'''<testsuite name={quoteattr("suite " + token)}>
        <testcase name={quoteattr("logs in with " + token)} classname={quoteattr(key)}>
        <failure message={quoteattr("x" * 8190 + token + "x" * 9000)}>{escape(key)}</failure>
        </testcase>
        <testcase name={quoteattr("x" * 990 + env["SHORT"] + "x" * 990)}/>
        </testsuite>''', file=file)
open(env["GALLEY_REPORTS"] + "/" + env["SHORT"] + ".xml", "w").close()
END
cp "$(command -v sleep)" "$SHORT"
"./$SHORT" 60 &
until grep -qs hunter2 /proc/$!/comm; do :; done
exit 3
"""


@on_one_database
def test_no_stored_text_of_a_step_holds_a_secret(process, settings):
    keep(TOKEN=TOKEN, KEY=KEY, SHORT=SHORT)
    a_suite(Project.get(), PRINTS)
    step = run(pipelines.test("a", suite="unit"))

    assert step.message.startswith("The script ended with exit code 3. The script left processes")
    assert "killed: *** (pid" in step.message
    assert "report ***.xml is not valid XML" in step.message
    assert "logs in with ***" in step.message
    first, second = TestResult.select().order_by(TestResult.id)
    assert first.suite == "suite ***"
    assert first.name.endswith("logs in with ***")
    assert first.message.startswith("x" * 8190 + "**\n… ")
    assert first.message.endswith("***")
    assert second.name == "x" * 990 + "***" + "x" * 7
    log = log_of(process, step)
    assert log.startswith("raw: ***.\n***\n***")
    assert "about to report ***" in log
    assert "+ : *** *** ***" in log.replace("'", "").replace('"', "")

    kept = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert {settings.sqlite_path, log_path(settings.data_dir, step.run_id, step.id, 1)} <= {*kept}
    for path in kept:
        content = path.read_bytes()
        for form in forms(TOKEN) | forms(SHORT) | forms(KEY):
            assert form not in content, f"{path.name} holds {form!r}"


@on_one_database
def test_a_suite_without_tests_is_the_one_test_and_shows_no_secret(process):
    keep(SHORT=SHORT)
    a_suite(Project.get(), 'touch "$GALLEY_REPORTS/$SHORT.xml"')
    step = run(pipelines.test("a", suite="unit"))
    assert step.message.startswith("The report ***.xml is not valid XML")
    assert TestResult.get().message == step.message


@on_one_database
@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            f'echo "1.0-$SHORT" > $GALLEY_VERSION_FILE; {PASS}',
            "The version in $GALLEY_VERSION_FILE holds the secret SHORT. Nothing was released.",
        ),
        (
            'mkdir "$GALLEY_OUTPUT/a"; touch "$GALLEY_OUTPUT/a/$SHORT.zip"',
            "The name of a file in $GALLEY_OUTPUT holds the secret SHORT. Nothing was released.",
        ),
        (
            'mkdir -p "$GALLEY_OUTPUT/$TOKEN"; touch "$GALLEY_OUTPUT/$TOKEN/\\\\"',
            "$GALLEY_OUTPUT holds a file whose name has control characters or backslashes, or is "
            r"not UTF-8: ***/\\.",
        ),
        (
            'mkfifo "$GALLEY_OUTPUT/$SHORT"',
            "$GALLEY_OUTPUT/*** is a link, pipe or device. Only files and folders are allowed.",
        ),
    ],
)
def test_a_release_that_would_show_a_secret_is_refused(process, script, message):
    keep(SHORT=SHORT, TOKEN=TOKEN)
    step = run(build("a", script))
    assert (step.status, step.message) == (FAILED, message)
    assert not Release.select().exists()


@on_one_database
def test_a_secret_in_the_parameter_version_is_refused(process):
    keep(SHORT=SHORT, TOKEN=TOKEN)
    step = run(build("a", PASS), version=f"1.0-{SHORT}")
    message = "The version in the run's parameters holds the secret SHORT. Nothing was released."
    assert (step.status, step.message) == (FAILED, message)
    assert not Release.select().exists()


@on_one_database
def test_a_secret_in_the_parameter_version_does_no_harm_if_the_script_wrote_one(process):
    keep(SHORT=SHORT)
    step = run(build("a", f"echo 1.0 > $GALLEY_VERSION_FILE; {PASS}"), version=f"1.0-{SHORT}")
    assert (step.status, Release.get().version) == (SUCCEEDED, "1.0")


@on_one_database
def test_a_step_whose_secrets_cannot_be_read_does_not_run(process, tmp_path):
    keep(TOKEN=TOKEN)
    keep(OLD=SHORT, keys=Keys("another key of at least 32 characters"))
    step = run(build("a", f"touch {tmp_path}/it-ran; {PASS}", retries=3))
    assert step.status == FAILED
    assert step.message.startswith("The secret OLD was stored under another secret key")
    assert "GALLEY_SECRET_KEY" in step.message
    assert Attempt.select().count() == 1
    assert not (tmp_path / "it-ran").exists()


@on_one_database
def test_a_result_that_cannot_be_recorded_is_reported_without_secrets(process, monkeypatch):
    def broken(**_):
        raise ZeroDivisionError(f"broken by {SHORT}")

    monkeypatch.setattr("jobs.steps.build.record_release", broken)
    keep(SHORT=SHORT)
    step = run(build("a", PASS))
    assert step.message == "Galley could not record the result of the step: 'broken by ***'"


@on_one_database
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_every_name_that_a_script_finds_in_its_environment_is_reserved(process, shell):
    step = run(build("a", f"#!/usr/bin/env {shell}\nenv\n{PASS}"))
    names = [line.partition("=")[0] for line in log_of(process, step).splitlines() if "=" in line]
    assert "PATH" in names
    assert [name for name in names if not is_reserved(name)] == []
