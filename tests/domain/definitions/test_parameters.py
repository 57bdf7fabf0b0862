"""Parameters of a run, and their variables in a script."""

from typing import Any

import pytest

from domain.definitions.parameters import check_parameters, variable_name
from domain.errors import Invalid


def declared(name: str = "target", **fields: Any) -> dict[str, Any]:
    defaults = {"type": "string", "default": None, "required": False, "choices": None}
    return {"name": name, "description": "", **defaults, **fields}


def errors_of(
    parameters: list[dict[str, Any]] | None, given: dict[str, Any]
) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        check_parameters(parameters, given)
    return [(error.field, error.code) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("version", "GALLEY_PARAM_VERSION"),
        ("dry-run.now", "GALLEY_PARAM_DRY_RUN_NOW"),
        ("größe 2", "GALLEY_PARAM_GR_SSE_2"),
    ],
)
def test_a_script_sees_a_parameter_in_upper_case(name: str, variable: str) -> None:
    assert variable_name(name) == variable


def test_defaults_fill_in_missing_values() -> None:
    parameters = [
        declared("version", required=True),
        declared("level", type="number", default=2),
        declared("dry", type="boolean", default=False),
        declared("note"),
    ]
    assert check_parameters(parameters, {"version": "1.0", "level": 3.5}) == {
        "version": "1.0",
        "level": 3.5,
        "dry": False,
    }


def test_a_required_parameter_with_a_default_need_not_be_given() -> None:
    assert check_parameters([declared(required=True, default="x")], {}) == {"target": "x"}


def test_every_error_of_the_parameters_is_found_at_once() -> None:
    parameters = [
        declared("version", required=True),
        declared("level", type="number"),
        declared("dry", type="boolean"),
        declared("where", type="choice", choices=["eu", "us"]),
    ]
    given = {"level": "3", "dry": 1, "where": "mars", "a/b": 1}
    assert errors_of(parameters, given) == [
        ("/parameters/a~1b", "unknown_parameter"),
        ("/parameters/version", "required"),
        ("/parameters/level", "invalid_type"),
        ("/parameters/dry", "invalid_type"),
        ("/parameters/where", "unknown_value"),
    ]


def test_a_required_text_must_not_be_empty_but_an_optional_one_may() -> None:
    assert errors_of([declared(required=True)], {"target": ""}) == [
        ("/parameters/target", "required")
    ]
    assert check_parameters([declared()], {"target": ""}) == {"target": ""}


@pytest.mark.parametrize("value", [None, [], {}, ["x"]])
def test_null_lists_and_objects_are_never_values(value: object) -> None:
    assert errors_of([declared()], {"target": value}) == [("/parameters/target", "invalid_type")]
    assert errors_of(None, {"target": value}) == [("/parameters/target", "invalid_type")]


def test_an_empty_declaration_takes_nothing() -> None:
    assert check_parameters([], {}) == {}
    assert errors_of([], {"x": 1}) == [("/parameters/x", "unknown_parameter")]


def test_without_a_declaration_any_flat_object_is_taken() -> None:
    given = {"text": "ü\n", "whole": -1, "broken": 0.5, "yes": True, "with space": ""}
    assert check_parameters(None, given) == given


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"": 1}, "/parameters/", "invalid_format"),
        ({"x" * 101: 1}, f"/parameters/{'x' * 101}", "invalid_format"),
        ({"a\nb": 1}, "/parameters/a\nb", "invalid_format"),
        ({"n": float("nan")}, "/parameters/n", "out_of_range"),
        ({"n": 10**400}, "/parameters/n", "out_of_range"),
        ({"s": "x" * 65_537}, "/parameters/s", "too_long"),
        ({"s": "a\0b"}, "/parameters/s", "invalid_text"),
        ({"s": "\udcff"}, "/parameters/s", "invalid_text"),
        ({"a-b": 1, "a_b": 2}, "/parameters/a_b", "duplicate_name"),
        ({f"n{n}": n for n in range(101)}, "/parameters", "too_many"),
    ],
)
def test_values_that_no_script_can_get_are_refused(
    given: dict[str, Any], field: str, code: str
) -> None:
    assert errors_of(None, given) == [(field, code)]
