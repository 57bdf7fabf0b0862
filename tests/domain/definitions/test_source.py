"""Definitions as YAML and JSON: reading, places of errors, and lossless writing."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from domain.definitions import schema as workflow_schema
from domain.definitions import source_tokens
from domain.definitions.examples import NEW
from domain.definitions.schema import NewWorkflow
from domain.definitions.source import (
    DEFAULTS,
    MAX_BYTES,
    MAX_EVENTS,
    ORDER,
    LocatedError,
    language_of,
    located,
    read,
    short,
    write,
)
from domain.definitions.validate import parse
from domain.errors import Invalid
from domain.validation.strict_json import MAX_DEPTH

LANGUAGES = ("yaml", "json")

YAML = """\
# A comment.
name: Shop
projectId: pond
stages:
  - name: Build

    order: 1
    steps:
    - {name: Package, type: Build, configuration: {ingredientId: 7}}
    - type: Test
      configuration:
        testSuite: unit
"""
JSON = """\
{
  "name": "Shop", "projectId": "pond",
  "stages": [
    {"name": "Build",
     "order": 1,
     "steps": [
       {"name": "Package", "type": "Build", "configuration": {"ingredientId": 7}},
       {"type": "Test",
        "configuration":
          {"testSuite": "unit"}}]}]}
"""


def faults(text: str, language: str) -> list[tuple[int, int, str, str]]:
    source = read(text, language)
    assert source.definition is None
    return [(f.line, f.column, f.field, f.code) for f in source.errors]


# ---- places ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "places"),
    [
        (YAML, "yaml", [(2, 1), (5, 5), (5, 5), (7, 5), (9, 7), (9, 36), (11, 7), (10, 7)]),
        (JSON, "json", [(1, 1), (4, 5), (4, 6), (5, 6), (7, 8), (7, 45), (9, 9), (8, 8)]),
    ],
)
def test_every_member_and_element_has_its_place(
    text: str, language: str, places: list[tuple[int, int]]
) -> None:
    source = read(text, language)
    step = "/stages/0/steps"
    of_stage = ["", "/stages/0", "/stages/0/name", "/stages/0/order"]
    of_steps = [f"{step}/0", f"{step}/0/configuration", f"{step}/1/configuration", f"{step}/1"]
    assert [source.place_of(at) for at in of_stage + of_steps] == places


def test_both_languages_hold_the_same() -> None:
    assert read(YAML, "yaml").definition == read(JSON, "json").definition


def test_a_missing_member_has_the_place_of_its_object() -> None:
    source = read(YAML, "yaml")
    assert source.place_of("/stages/0/steps/1/name")[0] == 10
    assert source.place_of("/stages/0/steps/1/configuration/releaseIds/7")[0] == 11
    assert source.place_of("/concurrency")[0] == 2
    assert source.place_of("")[0] == 2
    assert read("[", "yaml").place_of("/name")[0] == 1


@pytest.mark.parametrize(
    ("text", "language", "lines"), [(YAML, "yaml", [9, 10]), (JSON, "json", [7, 8])]
)
def test_errors_of_a_definition_come_in_the_order_of_the_text(
    text: str, language: str, lines: list[int]
) -> None:
    source = read(text, language)
    with pytest.raises(Invalid) as refused:
        parse(source.definition, NewWorkflow)
    found = located(reversed(refused.value.errors), source)
    assert [(f.line, f.field, f.code) for f in found] == [
        (lines[0], "/stages/0/steps/0/configuration/ingredientId", "invalid_type"),
        (lines[1], "/stages/0/steps/1/name", "required"),
    ]


def test_a_name_with_a_slash_has_a_place_too() -> None:
    assert read('a/b:\n  "~":\n    - x', "yaml").place_of("/a~1b/~0/0") == (3, 7)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_an_editor(language: str, end: str) -> None:
    # Only YAML's own parser takes the second line for several.
    text = end.join(["{", '"a": "\u2028\x85", "ü🚀": 2,', '"b":', "3}"])
    source = read("\ufeff" + text, language)
    assert source.places == {"": (1, 1), "/a": (2, 1), "/ü🚀": (2, 12), "/b": (3, 1)}


# ---- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *[(word, word) for word in ("2026-01-31", "12:30", "yes", "No", "0x1F", "0777", "1_000")],
        *[(word, word) for word in (".inf", ".nan", "NaN", "Infinity", "<<", "=", "1.", "tRUE")],
        *[("'1'", "1"), ('"true"', "true"), ("", None), ("~", None), ("null", None)],
        *[("true", True), ("False", False), ("7", 7), ("-7", -7), ("+7", 7), ("3.0", 3)],
        *[("0.5", 0.5), ("1e3", 1000), ("1.1.1", "1.1.1"), ("9" * 400 + "a", "9" * 400 + "a")],
    ],
)
def test_yaml_has_the_values_of_json_only(word: str, value: Any) -> None:
    source = read(f"a: {word}\n", "yaml")
    assert source.definition == {"a": value}
    assert type((source.definition or {})["a"]) is type(value)


def test_names_are_always_text() -> None:
    assert read("1: a\ntrue: b\n~: c\n2026-01-31: d", "yaml").definition == {
        "1": "a",
        "true": "b",
        "~": "c",
        "2026-01-31": "d",
    }


# ---- faults of the text ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "field", "code"),
    [
        ("", 1, 1, "", "invalid_type"),
        ("# nothing", 1, 1, "", "invalid_type"),
        ("\n- a", 2, 1, "", "invalid_type"),
        ("text", 1, 1, "", "invalid_type"),
        ("a: 1\nb: 2\na: 3", 3, 1, "/a", "duplicate_value"),
        ("a:\n- b: 1\n  b: 2", 3, 3, "/a/0/b", "duplicate_value"),
        ("a: [1\nb: 2", 2, 2, "", "invalid_format"),
        ("a: b: c", 1, 5, "", "invalid_format"),
        ("a: 1\nb: 'open\nc: 3\n", 2, 4, "", "invalid_format"),
        ("a: 1\nforgotten\nb: 3\n", 2, 1, "", "invalid_format"),
        ("a:\n  b: 1\n c: 2", 3, 2, "", "invalid_format"),
        ("a:\n\tb: 1", 2, 1, "", "invalid_format"),
        ("a: @x", 1, 4, "", "invalid_format"),
        ("a: *.tar.gz", 1, 5, "", "invalid_format"),
        ("a: &b 1\nc: *b", 1, 4, "", "not_allowed"),
        ("a: *b", 1, 4, "", "not_allowed"),
        ("a: !!python/object:os.system x", 1, 4, "", "not_allowed"),
        ("a: !x [1]", 1, 4, "", "not_allowed"),
        ("a: 1\n---\nb: 1", 2, 1, "", "not_allowed"),
        ("a: {{ b }}", 1, 5, "", "invalid_type"),
        ("? [a]\n: b", 1, 3, "", "invalid_type"),
        ("a: 1\nb: x\x07", 2, 5, "", "invalid_text"),
        ("a: \ud800", 1, 4, "", "invalid_text"),
        ('a:\n- "\\0"', 2, 3, "/a/0", "invalid_text"),
        ('a:\n  "\\0": 1', 2, 3, "/a", "invalid_text"),
        ("a: 1e999", 1, 4, "/a", "out_of_range"),
        ("a: 9223372036854775808", 1, 4, "/a", "out_of_range"),
    ],
)
def test_an_error_of_yaml_is_named_at_its_place(
    text: str, line: int, column: int, field: str, code: str
) -> None:
    assert faults(text, "yaml") == [(line, column, field, code)]


@pytest.mark.parametrize(
    ("text", "line", "column", "field", "code"),
    [
        ("", 1, 1, "", "invalid_format"),
        ("[1]", 1, 1, "", "invalid_type"),
        ("a: 1", 1, 1, "", "invalid_format"),
        ('{"a": 1,\n "a": 2}', 2, 2, "/a", "duplicate_value"),
        ('{"a": 1,\n}', 2, 1, "", "invalid_format"),
        ('{"a": 1}\n{}', 2, 1, "", "invalid_format"),
        ('{"a":\n tru}', 2, 2, "", "invalid_format"),
        ('{"a":\n NaN}', 2, 2, "", "invalid_format"),
        ('{"a":\n [-Infinity]}', 2, 3, "", "invalid_format"),
        ('{"a": "\n"}', 1, 8, "", "invalid_format"),
        ('{"a": 1, // why\n}', 1, 10, "", "invalid_format"),
        ('{"a":\n["\\ud800"]}', 2, 2, "/a/0", "invalid_text"),
        ('{"a": \0}', 1, 7, "", "invalid_text"),
        ('{"a": 1e999}', 1, 7, "/a", "out_of_range"),
        ('{"a": ' + "9" * 10_000 + "}", 1, 7, "/a", "out_of_range"),
    ],
)
def test_an_error_of_json_is_named_at_its_place(
    text: str, line: int, column: int, field: str, code: str
) -> None:
    assert faults(text, "json") == [(line, column, field, code)]


def test_errors_that_leave_the_rest_readable_come_together() -> None:
    text = '{"a": 1,\n"a": 2,\n"b": 1e999,\n"c": "\\u0000"}'
    expected = [(2, "duplicate_value"), (3, "out_of_range"), (4, "invalid_text")]
    for language in LANGUAGES:
        assert [(line, code) for line, _, _, code in faults(text, language)] == expected


def test_messages_are_written_for_people() -> None:
    def told(text: str, language: str = "yaml") -> str:
        return read(text, language).errors[0].message

    assert told("a:\n\tb: 1") == "Indent YAML with spaces, not tabs."
    assert told("a: 'b") == "The closing quote is missing."
    assert told("a: *.zip").endswith("Quote text that begins so.")
    assert told("a: [1") == "The text is not YAML: did not find expected ',' or ']'."
    assert told('{"a": "b', "json") == "The text is not JSON: Unterminated string."
    assert told("a: 1\na: 2") == "'a' appears twice here."


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_beyond_the_limits_are_refused(language: str) -> None:
    def nested(depth: int) -> str:
        return '{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"

    assert read(nested(MAX_DEPTH), language).errors == []
    assert faults(nested(MAX_DEPTH + 1), language) == [(1, 6 + MAX_DEPTH, "", "not_allowed")]
    [(_, _, _, code)] = faults('{"a": [' + "1," * MAX_EVENTS + "1]}", language)
    assert code == "too_many"
    fitting = '{"a": "' + "ü" * (MAX_BYTES // 2 - 5) + '"}'
    assert read(fitting + " ", language).errors == []
    assert faults(fitting + "  ", language) == [(1, 1, "", "too_long")]


@pytest.mark.parametrize(
    "text",
    [
        *["a: " + "[" * 1_000_000, "{" * 1_000_000, "? " * 500_000, "a: [" + "x," * 500_000],
        *["a:\n" * 300_000, "a: '" + "\n" * 1_000_000, "\n" * 1_000_000, "a: &" + "x" * 1_000_000],
        *['{"a": ' + "[" * 1_000_000, '{"a":' * 200_000, '{"a": "' + "\\n" * 500_000],
    ],
    ids=lambda text: repr(text[:8]),
)
def test_no_text_takes_long(text: str) -> None:
    for language in LANGUAGES:
        begun = time.process_time()
        assert read(text, language).definition is None
        assert time.process_time() - begun < 5


@given(st.text(alphabet="ab:-#[]{},\"'|>&*!%@`?~ \n\t\r\\0u1", max_size=60) | st.text(max_size=30))
def test_any_text_gives_a_definition_or_errors(text: str) -> None:
    for language in LANGUAGES:
        source = read(text, language)
        assert (source.definition is None) == bool(source.errors)
        assert all(isinstance(error, LocatedError) for error in source.errors)


# ---- writing ---------------------------------------------------------------------------------

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
NASTY = st.sampled_from(
    [
        *list("""a#|:->%@*&!{],?='"\\~1"""),
        *["true", "No", "null", "1e3", "0x1F", "2026-01-31", "<<", "---", "...", "ü🚀"],
        *["", " ", "  ", " #", ": ", "- ", "? ", "\n", "\n\n", "\r", "\r\n", "\t"],
        *["\x85", "\u2028", "\ufeff", "\ufffe", "\U0001ffff", "\xa0", "\x1b[0m", "\x7f"],
        *["x" * 2000, "word " * 500],
    ]
)
TEXTS = st.text(CHARACTERS, max_size=30) | st.lists(NASTY, max_size=8).map("".join)
IDS = st.none() | st.from_regex("[0-9a-f]{24}", fullmatch=True) | TEXTS
CONFIGURATIONS = st.one_of(
    st.fixed_dictionaries({"ingredientId": TEXTS}, optional={"buildScript": TEXTS | st.none()}),
    st.fixed_dictionaries({"testSuite": TEXTS}, optional={"releaseIds": st.lists(TEXTS)}),
    st.fixed_dictionaries({"target": TEXTS, "artifactPath": TEXTS}),
)
STEPS = st.fixed_dictionaries(
    {"name": TEXTS, "type": st.sampled_from(["Build", "Test"]), "configuration": CONFIGURATIONS},
    optional={"id": IDS, "timeoutSeconds": st.integers(0, 9999) | TEXTS, "queue": TEXTS},
)
STAGES = st.fixed_dictionaries(
    {"name": TEXTS, "order": st.integers(-9, 9), "steps": st.lists(STEPS, max_size=2)},
    optional={
        "id": IDS,
        "approval": st.none() | st.just({}) | st.just({"required": False, "roles": ["Admin"]}),
    },
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
PARAMETERS = st.fixed_dictionaries(
    {"name": TEXTS},
    optional={"default": TEXTS | NUMBERS | st.booleans() | st.none(), "choices": st.lists(TEXTS)},
)
DEFINITIONS = st.fixed_dictionaries(
    {"name": TEXTS, "stages": st.lists(STAGES, max_size=2)},
    optional={"description": TEXTS, "parameters": st.none() | st.lists(PARAMETERS, max_size=2)},
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS), inner),
    max_leaves=8,
)


def build(script: str) -> dict[str, Any]:
    return {"stages": [{"steps": [{"configuration": {"buildScript": script}, "queue": "q"}]}]}


@given(DEFINITIONS | st.dictionaries(st.text(CHARACTERS), VALUES))
@example(build("\n"))
@example(build("\n\n"))
@example(build(" \n"))
@example(build("\ta\n\n  b  \n\t\n\n"))
@example(build("a\n  "))
@example(build("\n  a\r\nb\n"))
@example(build("# a\n--- \n...\n" + "x" * 60_000))
@example({"a": {}, "b": [], "c": [[], [{}], [[1]]], "": ""})
def test_a_written_definition_is_read_unchanged(definition: dict[str, Any]) -> None:
    for language in LANGUAGES:
        source = read(write(definition, language), language)
        assert source.errors == []
        assert source.definition == definition


@given(DEFINITIONS)
def test_other_readers_of_yaml_find_the_same(definition: dict[str, Any]) -> None:
    for stage in definition["stages"]:
        stage["order"] = 1.5
    for parameter in definition.get("parameters") or []:
        parameter["default"] = 1
    assert yaml.safe_load(write(definition, "yaml")) == definition


def test_yaml_is_written_for_people() -> None:
    step = {
        "queue": "default",
        "configuration": {"buildScript": "set -x  \n\n  make: #1\n", "ingredientId": "shop"},
        "type": "Build",
        "name": "Don't: stop",
        "id": "000648f0a1b2c3d4e5f60718",
    }
    steps = [step, {"configuration": {"artifactPath": "*.gz", "target": "https://x/y"}}]
    odd = {"odd": [], "name": "Größe 2 (beta)", "description": "yes", "stages": [{"steps": steps}]}
    assert write(odd, "yaml") == (
        "name: Größe 2 (beta)\n"
        'description: "yes"\n'
        "stages:\n"
        "  - steps:\n"
        '      - id: "000648f0a1b2c3d4e5f60718"\n'
        '        name: "Don\'t: stop"\n'
        "        type: Build\n"
        "        configuration:\n"
        "          ingredientId: shop\n"
        "          buildScript: |\n"
        "            set -x  \n"
        "\n"
        "              make: #1\n"
        "        queue: default\n"
        "      - configuration:\n"
        "          target: https://x/y\n"
        '          artifactPath: "*.gz"\n'
        "odd: []\n"
    )


def test_json_is_written_for_people() -> None:
    assert write({"stages": [{}], "name": "Größe"}, "json") == (
        '{\n  "name": "Größe",\n  "stages": [\n    {}\n  ]\n}\n'
    )


def schemas() -> list[type[BaseModel]]:
    found = [value for value in vars(workflow_schema).values() if isinstance(value, type)]
    return [s for s in found if issubclass(s, workflow_schema.Schema) and s.model_fields]


def test_order_and_defaults_are_those_of_the_schema() -> None:
    aliases = set()
    for schema in schemas():
        for field in schema.model_fields.values():
            aliases.add(field.alias)
            if field.alias in DEFAULTS and not field.is_required():
                assert field.default == DEFAULTS[field.alias], (schema, field.alias)
    assert aliases == set(ORDER)
    assert set(DEFAULTS) < aliases


def test_omitted_members_are_filled_in() -> None:
    full = parse(NEW, NewWorkflow).model_dump()
    brief = short(full)
    assert len(write(brief, "yaml")) < len(write(full, "yaml"))
    for language in LANGUAGES:
        source = read(write(brief, language), language)
        assert parse(source.definition, NewWorkflow).model_dump() == full


def test_only_defaults_are_omitted() -> None:
    kept = {"isEnabled": True, "retries": False, "description": None, "default": "", "queue": "x"}
    assert short({**kept, "timeoutSeconds": 3600, "parameters": None}) == kept
    assert short({"parameters": [], "approval": {"required": True}}) == {
        "parameters": [],
        "approval": {"required": True},
    }


# ---- speed, and files ------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_thousand_steps_take_well_under_a_second(language: str) -> None:
    step = {
        **{"type": "Build", "timeoutSeconds": 3600, "retries": 0, "queue": "default"},
        "configuration": {"ingredientId": "core", "buildScript": "make  \nmake dist\n"},
    }
    stages = [
        {
            **{"id": f"{s:024}", "name": f"stage {s}", "order": s, "approval": None},
            "steps": [{**step, "id": f"{s}x{n:022}", "name": f"step {s} {n}"} for n in range(50)],
        }
        for s in range(20)
    ]
    definition = {"name": "large", "stages": stages}
    begun = time.process_time()
    text = write(definition, language)
    written = time.process_time()
    assert read(text, language).definition == definition
    assert written - begun < 0.5
    assert time.process_time() - written < 0.5


def test_yaml_is_read_without_the_c_library_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = read(YAML, "yaml")
    monkeypatch.setattr(source_tokens, "_LOADER", yaml.SafeLoader)
    assert read(YAML, "yaml") == with_it
    assert faults("a: 1\nb: 'open\nc: 3\n", "yaml")[0][:2] == (2, 4)


def test_the_name_of_a_file_tells_its_language() -> None:
    names = ("flow.json", "FLOW.JSON", "flow.yml", "flow")
    assert [language_of(name) for name in names] == ["json", "json", "yaml", "yaml"]
