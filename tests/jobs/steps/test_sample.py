"""The sample project of a first start works, every time, with nothing but sh and python3."""

import json
import subprocess
import sys
import zipfile
from typing import Any

import pytest

from domain.models import (
    AuditEvent,
    Deployment,
    Ingredient,
    Package,
    Project,
    Release,
    StepRun,
    TestResult,
    Workflow,
    WorkflowRevision,
)
from domain.runs.start import start_run
from jobs.setup.sample import create_sample
from tests.jobs.steps.workbench import ACTOR, Bench
from tests.support.keys import KEYS


@pytest.fixture
def sample(bench: Bench) -> Bench:
    create_sample(ACTOR, bench.settings.data_dir)
    return bench


def run_sample(bench: Bench, **parameters: Any) -> dict[str, StepRun]:
    """Run the sample workflow, and return the finished steps by name."""
    workflow = Workflow.get(Workflow.project == "sample")
    bench.run = start_run(
        workflow, actor=ACTOR, keys=KEYS, parameters=parameters, trigger_source="test"
    )
    steps = bench.steps()
    bad = [step.message for step in steps if step.status != "Succeeded"]
    assert bad == []
    assert len(steps) == 6
    return {step.name: step for step in steps}


def test_the_sample_is_built_tested_and_deployed(sample):
    steps = run_sample(sample)
    assert steps["Unit tests"].test_counts["passed"] == 9
    assert {test.name for test in TestResult.select()} > {
        "smoke-test",
        "test_larder.Scaling.test_every_amount_is_scaled",
    }
    releases = {str(r.ingredient_id): r.version for r in Release.select()}
    assert releases == {"larder": "1.0.1", "larder-handbook": "1.0.1"}
    deployed = sample.settings.data_dir / "deployed"
    printed = subprocess.run(
        [sys.executable, "larder.pyz", "recipes/grog.txt", "3"],
        cwd=deployed / "galley" / "current",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == "Grog\nserves 3\n\n150 ml rum\n600 ml water\n1 1/2 lime\nsugar\n"
    handbook = (deployed / "library" / "current" / "handbook.html").read_text()
    assert "<h2>Grog, for 40</h2>" in handbook
    assert [d.status for d in Deployment.select()] == ["Succeeded", "Succeeded"]


def test_it_can_be_run_again_and_with_a_version(sample):
    run_sample(sample)
    run_sample(sample)
    run_sample(sample, version="2.0-rc1")
    versions = {r.version for r in Release.select()}
    assert versions == {"1.0.1", "1.0.2", "2.0-rc1"}
    current = sample.settings.data_dir / "deployed" / "galley" / "current"
    assert current.readlink().as_posix() == "releases/2.0-rc1"


def test_creating_it_again_changes_nothing(sample):
    Project.update(name="Mine").where(Project.id == "sample").execute()
    create_sample(ACTOR, sample.settings.data_dir)
    assert Project.get_by_id("sample").name == "Mine"
    assert Ingredient.select().where(Ingredient.project == "sample").count() == 2
    assert Workflow.select().where(Workflow.project == "sample").count() == 1
    assert AuditEvent.select().where(AuditEvent.action == "create").count() == 4


def test_its_scripts_say_what_they_do_and_hold_all_they_need(sample):
    definition = json.dumps(WorkflowRevision.get().definition)
    assert "# embed" not in definition
    assert "class Recipe" in definition


def test_the_sources_of_a_release_can_be_built_from(sample):
    run_sample(sample)
    with (
        sample.storage.open(Package.get(Package.path == "source.zip").sha256) as file,
        zipfile.ZipFile(file) as source,
    ):
        assert set(source.namelist()) >= {"larder/__main__.py", "tests/test_larder.py"}
