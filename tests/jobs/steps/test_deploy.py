"""Deploy steps: the artifact, the target, and the message."""

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

import pytest

from domain.engine import LeaseLost, deployments
from domain.models import Deployment, Release, StepRun
from domain.releases import deployments as release_deployments
from domain.releases.storage import remote
from jobs.scripts.runner import Stop
from tests.jobs.steps.workbench import Bench, build_step, deploy_step, on_one_database

pytestmark = on_one_database

ARCHIVE = """
mkdir app; echo {content} > app/main; chmod +x app/main
tar czf $GALLEY_OUTPUT/engine.tar.gz app
"""


@pytest.fixture
def place(bench: Bench, tmp_path: Path) -> Path:
    """The folder of the environment `harbour`, which keeps the last 3."""
    folder = tmp_path / "place"
    bench.add_environment("directory", {"path": str(folder), "keep": 3})
    return folder


def release_and_deploy(
    bench: Bench, version: str, content: str = "", artifact: str = "*.tar.gz"
) -> StepRun:
    script = ARCHIVE.format(content=content or version)
    bench.start(build_step(script), deploy_step(artifact), parameters={"version": version})
    bench.step()
    return bench.step()


def current(place: Path) -> str:
    return (place / "current").readlink().as_posix()


def kept(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "releases").iterdir())


# ---- directory -------------------------------------------------------------------------------


def test_an_archive_is_unpacked_into_its_version_and_becomes_current(bench, place):
    step = release_and_deploy(bench, "1.0")
    assert step.status == "Succeeded"
    assert step.message == f"engine@1.0:engine.tar.gz is current in {place} (1.0)."
    assert current(place) == "releases/1.0"
    assert (place / "current" / "app" / "main").read_text() == "1.0\n"
    assert os.access(place / "current" / "app" / "main", os.X_OK)


def test_the_deployment_is_recorded(bench, place):
    step = release_and_deploy(bench, "1.0")
    row = Deployment.get_by_id(step.deployment_id)
    assert (row.status, row.environment.name, row.artifact) == (
        "Succeeded",
        "harbour",
        "engine.tar.gz",
    )
    assert (row.release.version, row.run_id, row.step_run_id) == ("1.0", step.run_id, step.id)
    assert (row.attempt, row.deployed_by) == (1, "tester")
    assert row.completed_at >= row.started_at
    assert release_deployments.last_good(row.environment_id) == "engine@1.0:engine.tar.gz"


def test_a_file_that_is_no_archive_is_copied(bench, place):
    bench.start(build_step("echo x > $GALLEY_OUTPUT/engine-1-py3-none-any.whl"), deploy_step("*"))
    bench.step()
    assert bench.step().status == "Succeeded"
    file = place / "current" / "engine-1-py3-none-any.whl"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("x\n", 0o644)


def test_a_new_version_replaces_the_current_one_and_the_old_one_stays(bench, place):
    release_and_deploy(bench, "1.0")
    release_and_deploy(bench, "1.1")
    assert current(place) == "releases/1.1"
    assert kept(place) == ["1.0", "1.1"]


def test_only_the_last_ones_are_kept(bench, place):
    for version in ["1", "2", "3", "4", "5"]:
        release_and_deploy(bench, version)
    assert kept(place) == ["3", "4", "5"]


def test_an_old_version_that_is_deployed_again_counts_as_new(bench, place):
    for version in ["1", "2", "3"]:
        release_and_deploy(bench, version)
    bench.start(deploy_step("engine@1:engine.tar.gz"))
    assert bench.step().message.endswith("(1).")
    assert current(place) == "releases/1"
    release_and_deploy(bench, "4")
    assert kept(place) == ["1", "3", "4"]


def test_the_same_version_with_another_content_gets_a_name_of_its_own(bench, place):
    release_and_deploy(bench, "1")
    (place / "releases" / "1" / "app" / "main").write_text("changed by hand")
    for _ in range(2):
        bench.start(deploy_step("engine@1:engine.tar.gz"))
        assert bench.step().message.endswith("(1~2).")
    assert current(place) == "releases/1~2"
    assert (place / "releases" / "1" / "app" / "main").read_text() == "changed by hand"
    assert (place / "current" / "app" / "main").read_text() == "1\n"


def test_the_link_is_switched_without_a_moment_without_it(bench, place, monkeypatch):
    release_and_deploy(bench, "1")
    seen = []
    real = Path.replace

    def watched(self, target):
        seen.append(current(place))
        real(self, target)
        seen.append(current(place))

    monkeypatch.setattr(Path, "replace", watched)
    release_and_deploy(bench, "2")
    assert seen == ["releases/1", "releases/2"]


def test_a_broken_archive_leaves_what_was_there(bench, place):
    release_and_deploy(bench, "1")
    bench.start(build_step("echo junk > $GALLEY_OUTPUT/engine.zip"), deploy_step("*.zip"))
    bench.step()
    step = bench.step()
    assert step.status == "Failed"
    assert step.message == (
        "engine.zip cannot be unpacked: File is not a zip file."
        " engine@1:engine.tar.gz is still deployed."
    )
    assert current(place) == "releases/1"
    assert kept(place) == ["1"]
    row = Deployment.get_by_id(step.deployment_id)
    assert (row.status, row.message) == ("Failed", step.message)
    assert release_deployments.last_good(row.environment_id) == "engine@1:engine.tar.gz"


def test_a_failed_first_deployment_says_that_nothing_is_deployed(bench, place):
    bench.start(build_step("echo junk > $GALLEY_OUTPUT/engine.zip"), deploy_step("*.zip"))
    bench.step()
    assert bench.step().message.endswith("Nothing is deployed there yet.")


def test_a_folder_in_the_place_of_the_link_is_left_alone(bench, place):
    (place / "current").mkdir(parents=True)
    step = release_and_deploy(bench, "1")
    assert step.status == "Failed"
    assert f"{place}/current is not a link" in step.message
    assert kept(place) == []


def test_a_folder_that_cannot_be_made_fails_the_step(bench, place):
    place.write_text("a file in the way")
    step = release_and_deploy(bench, "1")
    assert step.status == "Failed"
    assert step.message.startswith("The deployment failed: ")


def test_two_environments_do_not_work_in_one_folder_at_once(bench, place):
    place.mkdir()
    with (place / ".galley-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another deployment to" in release_and_deploy(bench, "1").message
    assert release_and_deploy(bench, "2").status == "Succeeded"


def test_the_rest_of_a_killed_deployment_is_deleted(bench, place):
    (place / "releases" / ".galley-new-dead" / "half").mkdir(parents=True)
    release_and_deploy(bench, "1")
    assert kept(place) == ["1"]


# ---- script ----------------------------------------------------------------------------------


def test_a_script_gets_the_artifact_the_target_and_the_version(bench, tmp_path):
    script = (
        'echo "$GALLEY_TARGET $GALLEY_INGREDIENT $GALLEY_VERSION $(basename $GALLEY_ARTIFACT)"\n'
        f"cp $GALLEY_ARTIFACT {tmp_path}/copy\n"
    )
    bench.add_environment("script", {"script": script})
    step = release_and_deploy(bench, "1.0")
    assert (step.status, step.exit_code) == ("Succeeded", 0)
    assert "\nharbour engine 1.0 engine.tar.gz\n" in bench.log
    assert (tmp_path / "copy").stat().st_size > 0


def test_a_script_that_fails_leaves_the_outcome_open(bench):
    bench.add_environment("script", {"script": 'test "$GALLEY_VERSION" = 1 || exit 7'})
    release_and_deploy(bench, "1")
    step = release_and_deploy(bench, "2")
    assert (step.status, step.exit_code) == ("Failed", 7)
    assert "exit code 7" in step.message
    assert step.message.endswith(
        "Partial changes may remain. The last successful deployment there: engine@1:engine.tar.gz."
    )


def test_a_deployment_that_is_stopped_is_cancelled(bench):
    bench.add_environment("script", {"script": "true"})
    bench.start(build_step(ARCHIVE.format(content="x")), deploy_step("*.tar.gz"))
    bench.step()
    bench.stop_request.set(Stop.CANCELLED)
    step = bench.step()
    assert step.status == "Cancelled"
    assert Deployment.get_by_id(step.deployment_id).status == "Cancelled"


# ---- storage ---------------------------------------------------------------------------------


def test_an_artifact_is_copied_to_a_storage(bench):
    url = f"memory://{uuid.uuid4().hex}/shelf"
    bench.add_environment("storage", {"url": url})
    assert release_and_deploy(bench, "1.0").status == "Succeeded"
    files, root = remote(url, "url")
    assert files.info(f"{root}/1.0/engine.tar.gz")["size"] > 0


def test_a_storage_on_this_machine_is_a_folder(bench, tmp_path):
    bench.add_environment("storage", {"url": f"file://{tmp_path}/shelf"})
    release_and_deploy(bench, "1.0")
    assert (tmp_path / "shelf" / "1.0" / "engine.tar.gz").is_file()


def test_an_unknown_storage_fails_the_step(bench):
    bench.add_environment("storage", {"url": "carrier-pigeon://loft"})
    step = release_and_deploy(bench, "1.0")
    assert step.status == "Failed"
    assert "The url of the environment cannot be used" in step.message


# ---- which artifact --------------------------------------------------------------------------


def test_without_a_match_nothing_is_touched_and_the_candidates_are_named(bench, place):
    step = release_and_deploy(bench, "1.0", artifact="*.whl")
    assert step.status == "Failed"
    assert step.message == "No package matches '*.whl'. Available: engine@1.0:engine.tar.gz."
    assert step.deployment_id is None
    assert not place.exists()


def test_a_reference_picks_one_release(bench, place):
    release_and_deploy(bench, "1.0")
    release_and_deploy(bench, "2.0")
    bench.start(deploy_step("engine@1.0:*.tar.gz"), deploy_step("engine@latest:**"))
    bench.step()
    assert current(place) == "releases/1.0"
    bench.step()
    assert current(place) == "releases/2.0"


def test_matches_in_several_releases_of_the_run_fail_the_step(bench, place):
    bench.add_ingredient("hull")
    script = ARCHIVE.format(content="x")
    bench.start(build_step(script), build_step(script, "hull"), deploy_step("*.tar.gz"))
    bench.step()
    bench.step()
    assert "2 packages match '*.tar.gz': engine@1:engine.tar.gz, hull@1:" in bench.step().message


def test_a_lost_step_changes_nothing_in_its_target(bench, place):
    bench.start(build_step(ARCHIVE.format(content="x")), deploy_step("*.tar.gz"))
    bench.step()
    context = bench.context()
    StepRun.update(lease_token="another").where(StepRun.id == context.claim.step_id).execute()
    with pytest.raises(LeaseLost):
        bench.outcome(context)
    with contextlib.closing(context.log):
        assert not place.exists()
    assert Deployment.select().count() == 0


def test_an_unfinished_deployment_is_ended_with_its_step(bench, place):
    bench.start(build_step(ARCHIVE.format(content="x")), deploy_step("*.tar.gz"))
    bench.step()
    context = bench.context()
    bench.outcome(context)
    assert Deployment.get().status == "Running"
    deployments.end(context.claim.step_id, "Failed", "Outcome unknown.")
    row = Deployment.get()
    assert (row.status, row.message) == ("Failed", "Outcome unknown.")
    deployments.end(context.claim.step_id, "Succeeded", "too late")
    assert Deployment.get().status == "Failed"


def test_a_release_whose_row_names_another_folder_is_not_deployed(bench, place):
    bench.start(build_step(ARCHIVE.format(content="1")), deploy_step("*.tar.gz"))
    bench.step()
    Release.update(version="../../elsewhere").execute()
    step = bench.step()
    assert step.status == "Failed"
    assert "is not a valid version" in step.message
    assert not (place.parent / "elsewhere").exists()
