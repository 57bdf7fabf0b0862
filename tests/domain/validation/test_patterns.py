"""The patterns of the API's document say what the code checks: a client can rely on them."""

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from blueprints.requests.accounts import NewUser, Password
from blueprints.requests.base import check_name
from blueprints.requests.projects import (
    SECRET_ADDRESS,
    DirectorySettings,
    SecretAddress,
    StorageSettings,
)
from domain.definitions.fields import ArtifactPath, ReleaseId
from domain.errors import Invalid
from domain.validation.fields import Line, Name, Slug

PARTS = """
a b-1 . .. / // ../ ./ : @ * shop@1.0: shop@run 0123456789abcdef01234567 :// s3 file ~ é A _ 0 me
GALLEY_ PATH tokens
""".split()  # noqa: SIM905
text = st.lists(
    st.sampled_from([*PARTS, " ", "\t", "\n", "\x01", "\x85", "\u2028", "\xa0"])
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1c\x1d\x1e\x1f"),
    max_size=6,
).map("".join)
KINDS = {
    "slug": TypeAdapter(Slug),
    "release reference": TypeAdapter(ReleaseId),
    "artifact path": TypeAdapter(ArtifactPath),
    "line": TypeAdapter(Line),
    "name": TypeAdapter(Name),
    "password": TypeAdapter(Password),
}
MEMBERS = {
    "folder": (DirectorySettings, "path"),
    "address": (StorageSettings, "url"),
    "username": (NewUser, "username"),
}


def is_taken(adapter: TypeAdapter, value: object) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@given(value=text)
@example("")
@example("a/..")
@example("a/.. ")
@example("./.")
@example(" .")
@example("shop@1:/etc")
@example("x" * 1001)
def test_what_fits_the_pattern_is_taken_and_nothing_else(kind: str, value: str):
    documented = jsonschema_rs.validator_for(KINDS[kind].json_schema())
    assert documented.is_valid(value) == is_taken(KINDS[kind], value)


@pytest.mark.parametrize("kind", MEMBERS)
@given(value=text)
@example("/")
@example("/a/../b")
@example("s3:// ")
def test_so_it_is_with_members_that_have_a_rule_of_their_own(kind: str, value: str):
    schema, name = MEMBERS[kind]
    documented = jsonschema_rs.validator_for(schema.model_json_schema()["properties"][name])
    assert documented.is_valid(value) == is_taken(TypeAdapter(schema), {name: value})


@given(value=text)
@example("GALLEY_TOKEN")
@example("PATH")
@example("PATHS")
@example("A\n")
def test_so_it_is_with_the_names_of_secrets(value: str):
    try:
        check_name(value, SecretAddress)
    except Invalid:
        is_name = False
    else:
        is_name = True
    # Not by Python's `re`, whose `$` also is before a last line's end.
    documented = jsonschema_rs.validator_for({"type": "string", **SECRET_ADDRESS["name"]})
    assert documented.is_valid(value) == is_name
