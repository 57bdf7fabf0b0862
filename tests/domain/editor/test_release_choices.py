"""Releases that a step can choose, and the effect of choosing one."""

import pytest

from domain.editor import operations, release_choices
from tests.domain.editor.test_operations import a_stage


@pytest.fixture
def draft() -> operations.Draft:
    """Builds duck and goose side by side, then egg; tests and deploys in between and after."""
    first, second, third = a_stage("A", "a1", "a2"), a_stage("B", "b1"), a_stage("C")
    first["steps"][1]["configuration"]["ingredientId"] = "goose"
    second["steps"][0]["configuration"]["ingredientId"] = "egg"
    second["steps"].append(step("unit", "Test", testSuite="unit", releaseIds=[]))
    third["steps"].append(step("nest", "Deploy", target="nest", artifactPath=""))
    return {"name": "x", "stages": [first, second, third], "parameters": None}


def step(name: str, kind: str, **configuration: object) -> operations.Part:
    return {"id": name, "name": name, "type": kind, "configuration": configuration}


def test_only_earlier_stages_count_as_built(draft: operations.Draft) -> None:
    assert release_choices.built_before(draft, "a1") == []
    assert release_choices.built_before(draft, "unit") == ["duck", "goose"]
    assert release_choices.built_before(draft, "nest") == ["duck", "goose", "egg"]


def test_releases_of_the_run_are_offered_first(draft: operations.Draft) -> None:
    versions = {"duck": ["2", "1/broken"], "swan": ["7"]}
    assert release_choices.offers(draft, "unit", ["duck", "swan"], versions) == {
        "Built by this run": ["duck@run", "goose@run"],
        "Latest release": ["duck@latest", "swan@latest"],
        "Recent versions": ["duck@2", "swan@7"],
    }


def test_other_ingredients_come_last_and_are_limited(draft: operations.Draft) -> None:
    many = [f"bird{n}" for n in range(100)]
    found = release_choices.among(draft, [*many, "egg"])
    assert found[0] == "egg"
    assert len(found) == release_choices.MAX_INGREDIENTS


def test_a_test_takes_any_number_of_releases(draft: operations.Draft) -> None:
    draft, opened = release_choices.pick(draft, "unit", "duck@run")
    draft, _ = release_choices.pick(draft, "unit", "goose@latest")
    unit = operations.find(draft, "unit")[2]
    assert opened == "unit"
    assert release_choices.picked(unit) == ["duck@run", "goose@latest"]
    draft, _ = release_choices.pick(draft, "unit", "duck@run")
    assert release_choices.picked(operations.find(draft, "unit")[2]) == ["goose@latest"]


@pytest.mark.parametrize(
    ("typed", "reference", "left"),
    [
        ("", "duck@run", "duck@run:*"),
        ("dist/*.whl", "duck@run", "duck@run:dist/*.whl"),
        ("duck@run:dist/*.whl", "goose@2", "goose@2:dist/*.whl"),
        ("duck@run:dist/*.whl", "duck@run", "dist/*.whl"),
        ("../up", "duck@run", "duck@run:../up"),
    ],
)
def test_a_deployment_takes_one_and_keeps_its_path(
    draft: operations.Draft, typed: str, reference: str, left: str
) -> None:
    draft, _ = operations.fill_in(draft, "nest", {"configuration": {"artifactPath": typed}})
    draft, _ = release_choices.pick(draft, "nest", reference)
    assert operations.find(draft, "nest")[2]["configuration"]["artifactPath"] == left


@pytest.mark.parametrize("reference", ["duck", "duck@", "@run", "duck@a b", "duck@1:x", ""])
def test_an_invalid_reference_cannot_be_chosen(draft: operations.Draft, reference: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        release_choices.pick(draft, "unit", reference)
