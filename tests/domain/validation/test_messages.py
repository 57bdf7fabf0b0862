"""Messages of field errors, and the rules that pages show beside the fields."""

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, StringConstraints

from blueprints.requests.base import Schema, check
from domain.errors import FieldError, Invalid
from domain.validation.fields import Slug


class Nest(Schema):
    whole: ClassVar[str] = "a nest"
    name: Slug
    eggs: int = Field(2, ge=1, le=9)
    kind: Literal["twig", "mud"] = "twig"
    note: Annotated[str, StringConstraints(max_length=3)] = ""
    roles: list[Literal["User"]] = Field(["User"], min_length=1)


def error_of(**given: Any) -> FieldError:
    with pytest.raises(Invalid) as refused:
        check(Nest, {"name": "a", **given})
    (error,) = refused.value.errors
    return error


@pytest.mark.parametrize(
    ("given", "message", "beside"),
    [
        ({"name": ""}, "A nest needs a name.", "Must not be empty."),
        (
            {"eggs": "x"},
            "'eggs' of a nest must be a whole number, not text.",
            "Must be a whole number.",
        ),
        ({"eggs": 0}, "'eggs' of a nest must be at least 1.", "Must be at least 1."),
        ({"kind": "x"}, "'kind' of a nest must be 'twig' or 'mud'.", "Must be 'twig' or 'mud'."),
        (
            {"note": "long"},
            "'note' of a nest must have at most 3 characters.",
            "Must have at most 3 characters.",
        ),
        ({"roles": ["x"]}, "Each of 'roles' of a nest must be 'User'.", "Each must be 'User'."),
        ({"roles": []}, "A nest needs at least 1 role.", "A nest needs at least 1 role."),
        ({"wings": 2}, "A nest has no field 'wings'.", "A nest has no field 'wings'."),
    ],
)
def test_a_message_names_the_field_and_a_page_leaves_it_out(
    given: dict[str, Any], message: str, beside: str
) -> None:
    error = error_of(**given)
    assert error.message == message
    assert error.beside() == beside


def test_a_label_stands_for_the_field() -> None:
    assert error_of(eggs="x").beside("Eggs") == "Eggs must be a whole number."
    assert error_of(roles=["x"]).beside("Roles") == "Roles each must be 'User'."
    assert error_of(roles=[]).beside("Roles") == "A nest needs at least 1 role."
    assert "rule" not in error_of(eggs="x").as_dict()
