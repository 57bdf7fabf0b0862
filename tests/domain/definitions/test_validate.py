"""Rules of definitions; all errors are found at once."""

import time
from typing import Any

import pytest

from domain.definitions.normalize import normalize
from domain.definitions.references import Reference, artifact_path, references, release_reference
from domain.definitions.schema import ChangedWorkflow, Definition, NewWorkflow
from domain.definitions.validate import parse
from domain.errors import Invalid

BUILD = {"type": "Build", "configuration": {"ingredientId": "core", "buildScript": "make"}}
TEST = {"type": "Test", "configuration": {"testSuite": "unit", "releaseIds": []}}
DEPLOY = {"type": "Deploy", "configuration": {"target": "staging", "artifactPath": "*.whl"}}


def step(name: str = "compile", **fields: Any) -> dict[str, Any]:
    return {"name": name, **BUILD, **fields}


def stage(name: str = "build", order: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"name": name, "order": order, "steps": [step(f"step of {name}")], **fields}


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "release", "stages": [stage()], **fields}


def with_step(**fields: Any) -> dict[str, Any]:
    return body(stages=[stage(steps=[step(**fields)])])


def with_parameter(**fields: Any) -> dict[str, Any]:
    return body(parameters=[{"name": "target", **fields}])


def errors_of(sent: object, schema: type[Definition] = Definition) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        parse(sent, schema)
    return [(error.field, error.code) for error in refused.value.errors]


def messages(sent: object) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse(sent, Definition)
    return [error.message for error in refused.value.errors]


def test_the_normal_form_has_every_default_filled_in() -> None:
    plain = normalize(parse(body(), Definition))
    [only_stage] = plain["stages"]
    [only_step] = only_stage["steps"]
    assert plain == {
        "name": "release",
        "description": "",
        "parameters": None,
        "concurrency": None,
        "stages": [
            {
                "id": only_stage["id"],
                "name": "build",
                "order": 1,
                "runIf": "success",
                "approval": None,
                "steps": [
                    {
                        "id": only_step["id"],
                        "name": "step of build",
                        "type": "Build",
                        "configuration": {"ingredientId": "core", "buildScript": "make"},
                        "timeoutSeconds": 3600,
                        "retries": 0,
                        "queue": "default",
                    }
                ],
            }
        ],
    }
    assert only_stage["id"] != only_step["id"]


def test_stages_come_out_in_the_order_of_execution() -> None:
    plain = normalize(
        parse(body(stages=[stage("b", 20), stage("c", 30), stage("a", -5)]), Definition)
    )
    assert [s["name"] for s in plain["stages"]] == ["a", "b", "c"]


def test_names_lose_the_white_space_around_them() -> None:
    assert parse(body(name="  nightly \n"), Definition).name == "nightly"


def test_an_approval_that_is_not_required_is_none() -> None:
    off = stage(approval={"required": False, "roles": ["Admin"]})
    on = stage("deploy", 2, approval={"required": True})
    plain = normalize(parse(body(stages=[off, on]), Definition))
    assert [s["approval"] for s in plain["stages"]] == [
        None,
        {"required": True, "roles": ["SuperUser"]},
    ]


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ([], "", "invalid_type"),
        (None, "", "invalid_type"),
        ({"stages": [stage()]}, "/name", "required"),
        (body(name=""), "/name", "required"),
        (body(name=" \t"), "/name", "required"),
        (body(name="x" * 201), "/name", "too_long"),
        (body(name="two\nlines"), "/name", "invalid_text"),
        (body(name="bell\x07"), "/name", "invalid_text"),
        (body(name="half \ud800 a pair"), "/name", "invalid_text"),
        (body(name=7), "/name", "invalid_type"),
        (body(description=None), "/description", "invalid_type"),
        (body(description="a\0b"), "/description", "invalid_text"),
        (body(description="x" * 16_385), "/description", "too_long"),
        (body(owner="me"), "/owner", "unknown_field"),
        ({**body(), "a/b~c": 1}, "/a~1b~0c", "unknown_field"),
        (body(concurrency=0), "/concurrency", "out_of_range"),
        (body(concurrency=True), "/concurrency", "invalid_type"),
        (body(concurrency="2"), "/concurrency", "invalid_type"),
        (body(concurrency=2**40), "/concurrency", "out_of_range"),
        ({"name": "x"}, "/stages", "required"),
        (body(stages=[]), "/stages", "too_few"),
        (body(stages={}), "/stages", "invalid_type"),
        (body(stages=[stage(str(n), n) for n in range(51)]), "/stages", "too_many"),
        (body(stages=["build"]), "/stages/0", "invalid_type"),
        (body(stages=[stage(order=1.5)]), "/stages/0/order", "invalid_type"),
        (body(stages=[stage(order="1")]), "/stages/0/order", "invalid_type"),
        (body(stages=[stage(order=2**31)]), "/stages/0/order", "out_of_range"),
        (body(stages=[stage(runIf="never")]), "/stages/0/runIf", "unknown_value"),
        (body(stages=[stage(run_if="always")]), "/stages/0/run_if", "unknown_field"),
        (body(stages=[stage(approval=True)]), "/stages/0/approval", "invalid_type"),
        (body(stages=[stage(approval={"roles": []})]), "/stages/0/approval/roles", "too_few"),
        (
            body(stages=[stage(approval={"roles": ["Guest"]})]),
            "/stages/0/approval/roles/0",
            "unknown_value",
        ),
        (body(stages=[stage(steps=[])]), "/stages/0/steps", "too_few"),
        (
            body(stages=[stage(steps=[step(str(n)) for n in range(51)])]),
            "/stages/0/steps",
            "too_many",
        ),
        (body(stages=[stage(steps=[None])]), "/stages/0/steps/0", "invalid_type"),
    ],
)
def test_an_error_of_a_workflow_or_stage_is_named(sent: object, field: str, code: str) -> None:
    assert errors_of(sent) == [(field, code)]


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        (with_step(name="  "), "name", "required"),
        (with_step(type="Compile"), "type", "unknown_value"),
        (with_step(type=["Build"]), "type", "unknown_value"),
        (with_step(timeoutSeconds=0), "timeoutSeconds", "out_of_range"),
        (with_step(timeoutSeconds=86_401), "timeoutSeconds", "out_of_range"),
        (with_step(timeoutSeconds=True), "timeoutSeconds", "invalid_type"),
        (with_step(timeoutSeconds=None), "timeoutSeconds", "invalid_type"),
        (with_step(retries=6), "retries", "out_of_range"),
        (with_step(retries=-1), "retries", "out_of_range"),
        (with_step(**DEPLOY, retries=1), "retries", "out_of_range"),
        (with_step(queue="Big Machines"), "queue", "invalid_format"),
        (with_step(env={}), "env", "unknown_field"),
        (with_step(configuration=[]), "configuration", "invalid_type"),
        (with_step(configuration={}), "configuration/ingredientId", "required"),
        (with_step(configuration={"ingredientId": ""}), "configuration/ingredientId", "required"),
        (
            with_step(configuration={"ingredientId": "core", "script": "x"}),
            "configuration/script",
            "unknown_field",
        ),
        (
            with_step(configuration={"ingredientId": "core", "buildScript": " \n"}),
            "configuration/buildScript",
            "required",
        ),
        (
            with_step(configuration={"ingredientId": "core", "buildScript": "é" * 32_769}),
            "configuration/buildScript",
            "too_long",
        ),
        (
            with_step(configuration={"ingredientId": "core", "buildScript": "echo \0"}),
            "configuration/buildScript",
            "invalid_text",
        ),
        (with_step(type="Test", configuration={}), "configuration/testSuite", "required"),
        (
            with_step(type="Test", configuration={"testSuite": "u", "releaseIds": "a"}),
            "configuration/releaseIds",
            "invalid_type",
        ),
        (
            with_step(type="Test", configuration={"testSuite": "u", "releaseIds": ["a", "b@1"]}),
            "configuration/releaseIds/0",
            "invalid_format",
        ),
        (
            with_step(type="Deploy", configuration={"target": "prod"}),
            "configuration/artifactPath",
            "required",
        ),
        (
            with_step(type="Deploy", configuration={"target": "prod", "artifactPath": "../x"}),
            "configuration/artifactPath",
            "invalid_format",
        ),
    ],
)
def test_an_error_of_a_step_is_named(sent: object, field: str, code: str) -> None:
    assert errors_of(sent) == [(f"/stages/0/steps/0/{field}", code)]


def test_a_script_of_exactly_64_kib_is_taken() -> None:
    longest = {"ingredientId": "core", "buildScript": "é" * 32_768}
    assert parse(with_step(configuration=longest), Definition)


def test_a_step_without_a_type_still_has_its_other_errors_found() -> None:
    sent = body(stages=[stage(steps=[{"timeoutSeconds": 0, "configuration": {}, "x": 1}])])
    assert errors_of(sent) == [
        ("/stages/0/steps/0/name", "required"),
        ("/stages/0/steps/0/timeoutSeconds", "out_of_range"),
        ("/stages/0/steps/0/type", "required"),
        ("/stages/0/steps/0/x", "unknown_field"),
    ]


def test_errors_of_single_fields_and_between_fields_come_together() -> None:
    sent = {
        "name": "",
        "concurrency": 0,
        "stages": [
            stage("build", 1, steps=[step("unit tests"), step("unit tests", retries=9)]),
            {"name": "build", "order": 1, "steps": [step("unit tests", type="Nothing")]},
        ],
    }
    assert errors_of(sent) == [
        ("/concurrency", "out_of_range"),
        ("/name", "required"),
        ("/stages/0/steps/1/name", "duplicate_name"),
        ("/stages/0/steps/1/retries", "out_of_range"),
        ("/stages/1/name", "duplicate_name"),
        ("/stages/1/order", "duplicate_order"),
        ("/stages/1/steps/0/name", "duplicate_name"),
        ("/stages/1/steps/0/type", "unknown_value"),
    ]


def test_the_error_of_the_tenth_stage_comes_after_that_of_the_second() -> None:
    stages = [stage(str(n), n) for n in range(12)]
    stages[2]["order"] = stages[10]["order"] = None
    assert [field for field, _ in errors_of(body(stages=stages))] == [
        "/stages/2/order",
        "/stages/10/order",
    ]


def test_messages_are_written_for_people() -> None:
    twice = stage(steps=[step("unit tests"), {"type": "Compile", "configuration": {}}])
    twice["steps"].append(step(" unit tests", queue=5))
    assert messages(body(stages=[twice], owner="me")) == [
        "A workflow has no field 'owner'.",
        "A step needs a name.",
        "'type' of a step must be 'Build', 'Test' or 'Deploy'.",
        "Two steps are named 'unit tests'; names must be unique in the workflow.",
        "'queue' of a step must be text, not a number.",
    ]
    assert messages(body(stages=[])) == ["A workflow needs at least 1 stage."]
    assert messages(body(stages=[{"name": "x"}])) == [
        "A stage needs an order.",
        "A stage needs steps.",
    ]
    assert messages(with_step(timeoutSeconds=90_000)) == [
        "'timeoutSeconds' of a step must be at most 86400."
    ]


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        (with_parameter(name=" "), "name", "required"),
        (with_parameter(type="date"), "type", "unknown_value"),
        (with_parameter(required="yes"), "required", "invalid_type"),
        (with_parameter(label="x"), "label", "unknown_field"),
        (with_parameter(type="string", default=1), "default", "invalid_type"),
        (with_parameter(type="number", default="1"), "default", "invalid_type"),
        (with_parameter(type="number", default=True), "default", "invalid_type"),
        (with_parameter(type="number", default=float("inf")), "default", "out_of_range"),
        (with_parameter(type="number", default=2**64), "default", "out_of_range"),
        (with_parameter(type="boolean", default=0), "default", "invalid_type"),
        (with_parameter(type="string", default={}), "default", "invalid_type"),
        (with_parameter(type="choice"), "choices", "required"),
        (with_parameter(type="choice", choices=[]), "choices", "too_few"),
        (with_parameter(type="choice", choices=["a", "a"]), "choices", "duplicate_value"),
        (with_parameter(type="choice", choices=["a", 1]), "choices/1", "invalid_type"),
        (with_parameter(type="choice", choices=["a"], default="b"), "default", "unknown_value"),
        (with_parameter(type="string", choices=["a"]), "choices", "not_allowed"),
    ],
)
def test_an_error_of_a_parameter_is_named(sent: object, field: str, code: str) -> None:
    assert errors_of(sent) == [(f"/parameters/0/{field}", code)]


def test_parameters_that_a_script_could_not_tell_apart_are_refused() -> None:
    declared = [{"name": "dry-run"}, {"name": "Dry.Run"}, {"name": "dry-run"}]
    assert errors_of(body(parameters=declared)) == [
        ("/parameters/1/name", "duplicate_name"),
        ("/parameters/2/name", "duplicate_name"),
    ]


def test_an_empty_list_of_parameters_is_not_the_same_as_none() -> None:
    assert normalize(parse(body(parameters=[]), Definition))["parameters"] == []


def test_a_new_workflow_needs_a_project_and_may_be_switched_off() -> None:
    assert errors_of(body(), NewWorkflow) == [("/projectId", "required")]
    assert errors_of(body(projectId="Not A Slug"), NewWorkflow) == [
        ("/projectId", "invalid_format")
    ]
    assert parse(body(projectId="p"), NewWorkflow).is_enabled
    assert not parse(body(projectId="p", isEnabled=False), NewWorkflow).is_enabled
    assert errors_of(body(projectId="p", isEnabled=1), NewWorkflow) == [
        ("/isEnabled", "invalid_type")
    ]


def test_the_answer_of_get_is_accepted_by_put() -> None:
    read_only = {
        "id": "x",
        "revision": 3,
        "createdAt": "…",
        "createdBy": "ada",
        "updatedAt": "…",
        "updatedBy": "ada",
        "warnings": [],
    }
    assert parse(body(**read_only, projectId="p", isEnabled=True), ChangedWorkflow)
    assert len(errors_of(body(**read_only, projectId="p"), NewWorkflow)) == len(read_only)
    assert errors_of(body(lastRun=None), ChangedWorkflow) == [("/lastRun", "unknown_field")]


def test_ids_that_are_sent_back_are_kept() -> None:
    first = normalize(parse(body(), Definition))
    first["stages"][0]["name"] = "renamed"
    first["stages"][0]["steps"][0]["name"] = "renamed too"
    assert normalize(parse(first, Definition), [first]) == first


def test_a_stage_or_step_without_an_id_keeps_that_of_its_namesake() -> None:
    first = normalize(parse(body(), Definition))
    assert normalize(parse(body(), Definition), [first]) == first


def test_an_id_that_was_sent_is_not_given_a_second_time() -> None:
    first = normalize(parse(body(), Definition))
    changed = body(stages=[stage("build", 1), stage("moved", 2, id=first["stages"][0]["id"])])
    second = normalize(parse(changed, Definition), [first])
    new, moved = second["stages"]
    assert moved["id"] == first["stages"][0]["id"]
    assert new["id"] != moved["id"]
    assert new["steps"][0]["id"] == first["stages"][0]["steps"][0]["id"]


def test_ids_of_an_older_revision_may_come_back() -> None:
    oldest = normalize(parse(body(), Definition))
    newest = normalize(parse(body(stages=[stage("other")]), Definition))
    assert normalize(parse(oldest, Definition), iter([newest, oldest])) == oldest


def test_ids_that_never_were_and_ids_sent_twice_are_refused() -> None:
    first = normalize(parse(body(), Definition))
    known = first["stages"][0]["id"]
    unknown = body(stages=[stage("late", 2, id="b"), stage("early", 1, id="a")])
    with pytest.raises(Invalid) as refused:
        normalize(parse(unknown, Definition), [first])
    assert [(f.field, f.code) for f in refused.value.errors] == [
        ("/stages/0/id", "unknown_id"),
        ("/stages/1/id", "unknown_id"),
    ]
    twice = body(stages=[stage("a", 1, id=known), stage("b", 2, id=known)])
    assert errors_of(twice) == [("/stages/1/id", "duplicate_id")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789abcdef01234567", ("0123456789abcdef01234567", None, None)),
        ("core@1.2.3+build.5", (None, "core", "1.2.3+build.5")),
        ("core@latest", (None, "core", "latest")),
        ("a.b_c-d@run", (None, "a.b_c-d", "run")),
        ("0123456789ABCDEF01234567", None),
        ("core", None),
        ("core@", None),
        ("@1", None),
        ("Core@1", None),
        ("core@1 2", None),
        ("core@1:x", None),
        ("", None),
    ],
)
def test_a_release_reference_has_one_of_four_forms(text: str, expected: tuple | None) -> None:
    found = release_reference(text)
    assert (found and (found.id, found.ingredient, found.version)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dist/*.whl", (None, None, "dist/*.whl")),
        ("core@1.0:dist/app.tgz", ("core", "1.0", "dist/app.tgz")),
        ("core@run:**", ("core", "run", "**")),
        ("odd:name", (None, None, "odd:name")),
        ("..hidden", (None, None, "..hidden")),
        ("", None),
        (".", None),
        ("/etc/passwd", None),
        ("dist/", None),
        ("a/../b", None),
        ("..", None),
        ("core@1.0:", None),
        ("core@1.0:/etc", None),
        ("core@1.0:../x", None),
    ],
)
def test_an_artifact_path_stays_inside_its_release(text: str, expected: tuple | None) -> None:
    found = artifact_path(text)
    assert (found and (found.ingredient, found.version, found.path)) == expected


def test_everything_a_definition_names_is_listed_with_its_place() -> None:
    test = {"testSuite": "unit", "releaseIds": ["0" * 24, "lib@latest"]}
    deploy = {"target": "prod", "artifactPath": "app@run:x"}
    steps = [
        step("build"),
        step("test", type="Test", configuration=test),
        step("deploy", type="Deploy", configuration=deploy),
    ]
    plain = normalize(parse(body(stages=[stage(steps=steps)]), Definition))
    where = "/stages/0/steps/"
    assert list(references(plain)) == [
        Reference(f"{where}0/configuration/ingredientId", "ingredient", "core"),
        Reference(f"{where}1/configuration/testSuite", "test_suite", "unit"),
        Reference(f"{where}1/configuration/releaseIds/1", "ingredient", "lib"),
        Reference(f"{where}2/configuration/target", "environment", "prod"),
        Reference(f"{where}2/configuration/artifactPath", "ingredient", "app"),
    ]


def test_the_largest_definition_is_checked_within_100_ms_of_processor_time() -> None:
    stages = [
        stage(f"stage {s}", s, steps=[step(f"step {s}-{n} {'x' * 180}") for n in range(50)])
        for s in range(50)
    ]
    times = []
    for _ in range(5):
        begin = time.process_time()
        plain = normalize(parse(body(stages=stages), Definition))
        times.append(time.process_time() - begin)
    assert sum(len(s["steps"]) for s in plain["stages"]) == 2500
    assert min(times) < 0.1


def test_a_workflow_cannot_move_to_another_project() -> None:
    assert parse(body(projectId="p"), ChangedWorkflow, project_id="p")
    assert parse(body(), ChangedWorkflow, project_id="p")
    with pytest.raises(Invalid) as refused:
        parse(body(projectId="q", name=""), ChangedWorkflow, project_id="p")
    assert [(f.field, f.code) for f in refused.value.errors] == [
        ("/name", "required"),
        ("/projectId", "cannot_change"),
    ]
