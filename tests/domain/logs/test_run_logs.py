"""The logs of a run: which there are, and how people are told them apart."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import engine
from domain.engine import Claim, Ending
from domain.errors import NotFound
from domain.logs import run_logs
from domain.logs.files import log_path
from domain.logs.run_logs import numbered
from domain.logs.uploads import path_of
from domain.models import Run, StepRun, UploadedLog, write
from domain.runs import reruns
from domain.statuses import FAILED, SUCCEEDED
from tests.support.keys import KEYS
from tests.support.pipelines import ACTOR, a_project, a_workflow, build, start, step_named


@pytest.fixture(autouse=True)
def project(database):
    return a_project()


def claimed(step: StepRun, attempt: int = 1) -> Claim:
    held = engine.claim(step.id, attempt, worker="w", host="h", lease_ms=60_000)
    assert held is not None
    return held


@pytest.fixture
def failed() -> Run:
    """Of its two steps the first succeeded, with its second attempt."""
    first = {"name": "compile & link", "steps": [build("wheel", retries=1)]}
    run = start(a_workflow(first, {"name": "sign", "steps": [build("../sign")]}))
    wheel = step_named(run, "wheel")
    engine.finish(claimed(wheel), Ending(FAILED, "Exit code 1.", 1, log_size=3))
    engine.finish(claimed(wheel, 2), Ending(SUCCEEDED, log_size=7))
    engine.finish(claimed(step_named(run, "../sign")), Ending(FAILED, "No key.", 1))
    return run


def rerun(old: Run) -> Run:
    return reruns.rerun(
        Run.get_by_id(old.id),
        whence="failed",
        definition="same",
        actor=ACTOR,
        keys=KEYS,
        storage=lambda: pytest.fail("nothing was released"),
    )


def paths(settings, run: Run) -> dict[str, str]:
    """Name → the file, relative to the data folder."""
    found = dict(run_logs.all_of(settings.data_dir, run))
    return {name: str(path.relative_to(settings.data_dir)) for name, path in found.items()}


def test_every_attempt_of_every_step_has_a_name_in_the_order_of_the_run(settings, failed):
    wheel, sign = step_named(failed, "wheel"), step_named(failed, "../sign")
    assert paths(settings, failed) == {
        "01-compile & link/01-wheel.attempt-1.log": f"logs/{failed.id}/{wheel.id}.1.log",
        "01-compile & link/01-wheel.attempt-2.log": f"logs/{failed.id}/{wheel.id}.2.log",
        "02-sign/01-_sign.attempt-1.log": f"logs/{failed.id}/{sign.id}.1.log",
    }


def test_a_kept_step_has_the_logs_of_the_step_that_really_ran(settings, failed):
    run = rerun(failed)
    kept, ran = step_named(run, "wheel"), step_named(failed, "wheel")
    assert list(paths(settings, run).items())[:2] == [
        ("01-compile & link/01-wheel.run-1.attempt-1.log", f"logs/{failed.id}/{ran.id}.1.log"),
        ("01-compile & link/01-wheel.run-1.attempt-2.log", f"logs/{failed.id}/{ran.id}.2.log"),
    ]
    log = run_logs.of_step(settings.data_dir, kept)
    assert (log.path, log.attempt, log.is_over) == (
        log_path(settings.data_dir, failed.id, ran.id, 2),
        2,
        True,
    )
    assert run_logs.of_step(settings.data_dir, kept, 1).attempt == 1
    with pytest.raises(NotFound):
        run_logs.of_step(settings.data_dir, kept, 3)
    assert kept.log_size == ran.log_size == 7


def test_what_is_kept_twice_still_has_the_logs_of_the_run_that_made_it(settings, failed):
    again = rerun(failed)
    engine.finish(claimed(step_named(again, "../sign")), Ending(FAILED, "No key.", 1))
    third = rerun(again)
    assert "01-compile & link/01-wheel.run-1.attempt-2.log" in paths(settings, third)


def test_a_kept_step_whose_run_was_removed_has_no_log(settings, failed):
    run = rerun(failed)
    with write():
        Run.delete().where(Run.id == failed.id).execute()
    log = run_logs.of_step(settings.data_dir, step_named(run, "wheel"))
    assert (log.path.exists(), log.is_over) == (False, True)
    assert not any(path.exists() for _, path in run_logs.all_of(settings.data_dir, run))


def test_uploads_are_in_a_folder_of_their_own(settings, failed):
    row = UploadedLog.create(run=failed, name="unit.log", size=0, sha256="", uploaded_by="bob")
    assert run_logs.all_of(settings.data_dir, failed)[-1] == (
        "uploads/unit.log",
        path_of(settings.data_dir, row),
    )


@pytest.mark.parametrize("attempt", [0, 2, 99])
def test_an_attempt_that_there_is_not_has_no_log(settings, attempt):
    step = step_named(start(a_workflow([build("wheel")])), "wheel")
    assert not run_logs.of_step(settings.data_dir, step, 1).is_over
    with pytest.raises(NotFound):
        run_logs.of_step(settings.data_dir, step, attempt)


@given(name=st.text(max_size=200), position=st.integers(0, 49))
def test_whatever_a_step_is_called_its_log_is_one_file_in_one_folder(name, position):
    path = PurePosixPath(f"stage/{numbered(position, name)}.attempt-1.log")
    assert len(path.parts) == 2
    assert path.name.startswith(f"{position + 1:02d}-")
    assert path.name.isprintable()
    assert len(path.name.encode()) < 255
    assert not set('\\:*?"<>|') & set(path.name)
