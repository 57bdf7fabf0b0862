"""Build steps: the environment of scripts, and the release of their files."""

import json
from pathlib import Path

import pytest

from domain.models import Package, Release
from jobs.scripts.runner import Stop
from tests.jobs.steps.workbench import build_step, on_one_database

pytestmark = on_one_database


def packages(step) -> dict[str, int]:
    return {p.path: p.size for p in Package.select().where(Package.release == step.release_id)}


def test_every_file_left_in_the_output_becomes_a_package(bench):
    step = bench.build(
        """
        printf wheel > $GALLEY_OUTPUT/engine.whl
        mkdir -p $GALLEY_OUTPUT/docs/api $GALLEY_OUTPUT/empty
        printf page > "$GALLEY_OUTPUT/docs/api/the index.html"
        printf hidden > $GALLEY_OUTPUT/.buildinfo
        echo elsewhere > not-released
        """
    )
    assert (step.status, step.exit_code, step.message) == ("Succeeded", 0, "")
    assert packages(step) == {"engine.whl": 5, "docs/api/the index.html": 4, ".buildinfo": 6}
    release = Release.get_by_id(step.release_id)
    assert (release.ingredient_id, release.step_run_id) == ("engine", step.id)
    assert (release.run_id, release.created_by) == (step.run_id, "tester")
    with bench.storage.open(Package.get(Package.path == "engine.whl").sha256) as file:
        assert file.read() == b"wheel"
    assert "Stored engine.whl: 5 bytes, SHA-256 " in bench.log


def test_an_empty_output_fails_the_step(bench):
    step = bench.build("mkdir $GALLEY_OUTPUT/folder")
    assert (step.status, step.exit_code) == ("Failed", 0)
    assert "left no file in $GALLEY_OUTPUT" in step.message
    assert Release.select().count() == 0


def test_an_output_that_was_removed_is_empty(bench):
    assert "left no file" in bench.build("rm -r $GALLEY_OUTPUT").message


def test_a_failed_script_releases_nothing(bench):
    step = bench.build("echo x > $GALLEY_OUTPUT/x; exit 3")
    assert (step.status, step.exit_code) == ("Failed", 3)
    assert "exit code 3" in step.message
    assert Release.select().count() == 0


def test_a_command_that_fails_ends_the_script(bench):
    step = bench.build("echo x > $GALLEY_OUTPUT/x\nfalse\necho not reached")
    assert (step.status, step.exit_code) == ("Failed", 1)
    assert "not reached" not in bench.log


# ---- versions --------------------------------------------------------------------------------

RELEASES = "echo x > $GALLEY_OUTPUT/x; "


def version_of(step) -> str:
    return Release.get_by_id(step.release_id).version


def test_the_version_the_script_wrote_counts_before_the_parameter(bench):
    script = RELEASES + "echo '  1.2.3 ' > $GALLEY_VERSION_FILE"
    assert version_of(bench.build(script, version="9")) == "1.2.3"


def test_the_parameter_version_counts_before_the_next_number(bench):
    assert version_of(bench.build(RELEASES, version="2.0-rc1")) == "2.0-rc1"
    assert version_of(bench.build(RELEASES, version=2.5)) == "2.5"


def test_without_either_the_next_number_is_taken(bench):
    assert version_of(bench.build(RELEASES, version="")) == "1"
    assert version_of(bench.build(RELEASES + ": > $GALLEY_VERSION_FILE")) == "2"


def test_a_version_that_exists_fails_the_step_and_changes_nothing(bench):
    bench.build(RELEASES, version="1.0")
    step = bench.build("echo other > $GALLEY_OUTPUT/x", version="1.0")
    assert (step.status, step.exit_code) == ("Failed", 0)
    assert "engine already has a release 1.0" in step.message
    assert [p.size for p in Package.select()] == [2]


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("printf 'a\\nb'", "is not a valid version"),
        ("echo ../../etc", "is not a valid version"),
        ("printf '\\377'", "$GALLEY_VERSION_FILE is not UTF-8 text"),
        ("head -c 5000 /dev/zero", "$GALLEY_VERSION_FILE has more than 1,000 bytes"),
    ],
)
def test_a_version_file_with_something_else_in_it_fails_the_step(bench, written, sentence):
    step = bench.build(f"{RELEASES} {written} > $GALLEY_VERSION_FILE")
    assert step.status == "Failed"
    assert sentence in step.message


def test_a_version_file_that_leads_elsewhere_is_not_followed(bench):
    step = bench.build(f"{RELEASES} ln -s /etc/hostname $GALLEY_VERSION_FILE")
    assert "$GALLEY_VERSION_FILE is a link" in step.message


# ---- what may not be released ----------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "ln -s /etc/passwd $GALLEY_OUTPUT/thing",
        "ln -s ../workspace $GALLEY_OUTPUT/thing",
        "mkfifo $GALLEY_OUTPUT/thing",
        "python3 -c \"import os, socket as s; os.chdir(os.environ['GALLEY_OUTPUT']);"
        " s.socket(s.AF_UNIX).bind('thing')\"",
    ],
)
def test_only_regular_files_are_released(bench, command):
    step = bench.build(f"{RELEASES} {command}")
    assert step.status == "Failed"
    assert step.message.startswith("$GALLEY_OUTPUT/thing is a link, pipe or device")
    assert Release.select().count() == 0


def test_an_output_that_leads_elsewhere_is_not_followed(bench):
    step = bench.build("rmdir $GALLEY_OUTPUT; ln -s /etc $GALLEY_OUTPUT")
    assert step.status == "Failed"
    assert step.message.startswith("$GALLEY_OUTPUT")


@pytest.mark.parametrize("name", ["a\\tb", "a\\\\b", "a\\377b", "a\\nb"])
def test_names_that_cannot_be_shown_or_downloaded_are_refused(bench, name):
    step = bench.build(f"touch \"$GALLEY_OUTPUT/$(printf '{name}')\"")
    assert step.status == "Failed"
    assert "$GALLEY_OUTPUT holds a file whose name has control characters" in step.message


def test_folders_without_end_are_refused(bench):
    step = bench.build(
        "cd $GALLEY_OUTPUT; n=0; while [ $n -lt 60 ]; do mkdir a; cd a; n=$((n+1)); done"
    )
    assert "folders nested more than 50 deep" in step.message


def test_files_without_end_are_refused(bench, monkeypatch):
    monkeypatch.setattr("jobs.steps.files.MAX_FILES", 3)
    step = bench.build("touch $GALLEY_OUTPUT/1 $GALLEY_OUTPUT/2 $GALLEY_OUTPUT/3 $GALLEY_OUTPUT/4")
    assert step.message == "$GALLEY_OUTPUT holds more than 3 files."


# ---- what a script sees ----------------------------------------------------------------------

DUMP = "env > $GALLEY_OUTPUT/environment; cp $GALLEY_PARAMETERS $GALLEY_OUTPUT/parameters"


def seen(bench, path: str) -> str:
    with bench.storage.open(Package.get(Package.path == path).sha256) as file:
        return file.read().decode()


def test_the_environment_is_built_up_from_nothing(bench, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "of the server")
    monkeypatch.setenv("GALLEY_SECRET_KEY", "of the server")
    bench.start(build_step(DUMP), parameters={"dry-run": True, "höhe": 2, "Name": "a 'b' $HOME"})
    context = bench.context(secrets={"API_KEY": "s3cret", "PATH": "/evil", "GALLEY_STEP": "evil"})
    step = bench.finish(context, bench.outcome(context))
    assert step.status == "Succeeded"
    found = dict(line.split("=", 1) for line in seen(bench, "environment").splitlines())
    folder = str(context.folder)
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {name: value for name, value in found.items() if name not in shells_own} == {
        "PATH": found["PATH"],
        "HOME": f"{folder}/workspace",
        "LANG": "C.UTF-8",
        "TMPDIR": f"{folder}/tmp",
        "CI": "true",
        "API_KEY": "s3cret",
        "GALLEY_PROJECT": "demo",
        "GALLEY_WORKFLOW": "The workflow",
        "GALLEY_RUN_ID": step.run_id,
        "GALLEY_RUN_NUMBER": "1",
        "GALLEY_STAGE": "Stage 1",
        "GALLEY_STEP": "Step 1",
        "GALLEY_ATTEMPT": "1",
        "GALLEY_ATTEMPT_ID": f"{step.id}.1",
        "GALLEY_PARAM_DRY_RUN": "true",
        "GALLEY_PARAM_H_HE": "2",
        "GALLEY_PARAM_NAME": "a 'b' $HOME",
        "GALLEY_PARAMETERS": f"{folder}/parameters.json",
        "GALLEY_OUTPUT": f"{folder}/output",
        "GALLEY_VERSION_FILE": f"{folder}/version",
        "GALLEY_REPORTS": f"{folder}/reports",
        "GALLEY_RELEASES": f"{folder}/releases",
    }
    assert found["PATH"].startswith("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    assert json.loads(seen(bench, "parameters")) == {
        "dry-run": True,
        "höhe": 2,
        "Name": "a 'b' $HOME",
    }


def test_a_script_starts_in_an_empty_workspace_with_an_empty_input(bench):
    step = bench.build('test -z "$(ls -A)"; test "$PWD" = "$HOME"; test -z "$(cat)"; ' + RELEASES)
    assert step.status == "Succeeded", bench.log


def test_a_script_may_name_its_interpreter(bench):
    script = (
        "#!/usr/bin/env python3\nimport os, pathlib\n"
        "pathlib.Path(os.environ['GALLEY_OUTPUT'], 'by-python').write_text('x')\n"
    )
    assert packages(bench.build(script)) == {"by-python": 1}


# ---- stops -----------------------------------------------------------------------------------


def test_a_build_that_is_stopped_on_request_is_cancelled(bench):
    bench.stop_request.set(Stop.CANCELLED)
    step = bench.build(RELEASES)
    assert step.status == "Cancelled"
    assert Release.select().count() == 0


def test_processes_left_running_are_reported_even_after_a_success(bench):
    step = bench.build(RELEASES + "sleep 300 &")
    assert step.status == "Succeeded"
    assert "left processes running" in step.message


def test_a_storage_that_takes_nothing_fails_the_step_with_a_sentence(bench):
    bench.settings.data_dir.joinpath("storage").write_text("in the way of the folder")
    step = bench.build(RELEASES)
    assert step.status == "Failed"
    assert step.message == "x could not be stored: Not a directory. Nothing was released."
    assert Path(bench.settings.data_dir, "storage").is_file()
