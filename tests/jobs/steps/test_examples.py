"""The examples must work unchanged, because newcomers copy them."""

import subprocess

import pytest
import yaml

from domain.definitions.references import TEST_SUITE, references
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.settings import CHECKOUT

EXAMPLES = CHECKOUT / "examples"


def definition() -> NewWorkflow:
    return parse(yaml.safe_load((EXAMPLES / "published-package.yaml").read_text()), NewWorkflow)


def test_the_workflow_is_valid():
    assert definition().project_id == "sample"


def test_every_suite_it_names_is_there():
    named = references(definition().model_dump(by_alias=True))
    suites = {found.name for found in named if found.kind == TEST_SUITE}
    assert suites == {path.stem for path in EXAMPLES.glob("*.sh")}


def test_its_set_up_makes_everything_it_names():
    readme = (EXAMPLES / "README.md").read_text()
    for found in references(definition().model_dump(by_alias=True)):
        assert found.name in readme, found


@pytest.mark.parametrize("script", ["build", "own-tests", "installs-alone"])
def test_its_scripts_are_free_of_slips(script):
    build = definition().stages[0].steps[0].configuration.build_script
    text = build if script == "build" else (EXAMPLES / f"{script}.sh").read_text()
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
