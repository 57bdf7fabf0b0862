"""What the steps of a definition would touch."""

from typing import Any

from domain.definitions.normalize import normalize
from domain.definitions.schema import NewWorkflow
from domain.definitions.validate import parse
from domain.workflows.preview import PlannedStep, plan
from tests.support.pipelines import build, deploy, test

test.__test__ = False


def planned(*stages: Any, medians: dict[str, int | None] | None = None) -> list[PlannedStep]:
    """Stages are lists of steps; the later one is sent first, for their order decides."""
    listed = [
        {"name": f"stage {number}", "order": number, "steps": steps}
        for number, steps in enumerate(stages, 1)
    ]
    body = {"name": "Release", "projectId": "pond", "stages": listed[::-1]}
    definition = normalize(parse(body, NewWorkflow))
    return list(plan(definition, {"nest": "directory"}, medians or {}))


def picking(name: str, *references: str) -> dict[str, Any]:
    step = test(name, "unit")
    step["configuration"]["releaseIds"] = list(references)
    return step


def test_every_step_comes_in_the_order_of_the_stages_with_its_usual_time():
    steps = planned([build("b"), build("c")], [deploy("d")], medians={"b": 7, "c": None})
    assert [(s.stage, s.name, s.type, s.duration_ms) for s in steps] == [
        ("stage 1", "b", "Build", 7),
        ("stage 1", "c", "Build", None),
        ("stage 2", "d", "Deploy", None),
    ]


def test_each_type_tells_what_it_touches_and_nothing_else():
    built, tested, deployed = planned([build("b")], [test("t", "unit")], [deploy("d")])
    assert built == PlannedStep("stage 1", "b", "Build", ingredient_id="duck")
    assert tested == PlannedStep("stage 2", "t", "Test", test_suite="unit", releases=["duck@run"])
    assert deployed == PlannedStep(
        "stage 3",
        "d",
        "Deploy",
        releases=["duck@run"],
        target="nest",
        driver="directory",
        artifact_path="*",
    )


def test_without_a_reference_a_step_takes_what_earlier_stages_build_and_each_once():
    goose = build("g")
    goose["configuration"]["ingredientId"] = "goose"
    steps = planned(
        [test("before", "unit"), build("a")],
        [test("at once", "unit"), build("b"), goose],
        [deploy("d")],
    )
    taken = {step.name: step.releases for step in steps}
    assert taken["before"] == []
    assert taken["at once"] == ["duck@run"]
    assert taken["d"] == ["duck@run", "goose@run"]


def test_what_is_named_is_taken_as_it_is_named():
    steps = planned(
        [build("b")],
        [picking("t", "goose@1.0", "0" * 24)],
        [deploy("d", artifact="goose@latest:*.zip")],
    )
    assert steps[1].releases == ["goose@1.0", "0" * 24]
    assert steps[2].releases == ["goose@latest"]


def test_the_driver_of_an_environment_that_is_not_there_is_not_known():
    (step,) = planned([deploy("d", target="moon")])
    assert (step.target, step.driver) == ("moon", None)
