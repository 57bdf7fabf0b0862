import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadRequest, Invalid
from domain.validation.strict_json import MAX_DEPTH, is_storable, parse, parse_object


def test_json_is_read_as_it_is():
    text = '{"a": [1, -2.5, true, null, "ü \\ud83d\\ude80"], "b": {"c": 9223372036854775807}}'
    assert parse(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1} x',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_invalid_json_is_malformed(body):
    with pytest.raises(BadRequest) as error:
        parse(body)
    assert error.value.code == "malformed_json"


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null"])
def test_a_body_must_be_an_object(body):
    with pytest.raises(BadRequest):
        parse_object(body)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (rb'{"a": ["x", "\u0000"]}', "/a/1", "invalid_text"),
        (rb'{"a": "\ud800"}', "/a", "invalid_text"),
        (rb'{"b": {"\u0000": 1}}', "/b", "invalid_text"),
        (b'{"a/b": {"~": 9223372036854775808}}', "/a~1b/~0", "out_of_range"),
        (b'{"a": -9223372036854775809}', "/a", "out_of_range"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "/a", "out_of_range"),
        (b'{"a": 1e999}', "/a", "out_of_range"),
        (rb'"\u0000"', "", "invalid_text"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_unstorable_values_are_refused_with_their_pointer(body, field, code):
    with pytest.raises(Invalid) as error:
        parse(body)
    assert [(f.field, f.code) for f in error.value.errors] == [(field, code)]


def test_all_errors_are_named():
    with pytest.raises(Invalid) as error:
        parse(rb'{"a": "\u0000", "b": [1e999], "c": 1}')
    assert [f.field for f in error.value.errors] == ["/a", "/b/0"]


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: json.dumps([t]).encode()))
def test_any_bytes_give_storable_json_or_an_error_for_the_sender(body):
    try:
        value = parse(body)
    except (BadRequest, Invalid):
        return
    assert is_storable(json.dumps(value, ensure_ascii=False))


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.0", 3), ("-3.0", -3), ("1e2", 100), ("0.5", 0.5), ("1e300", 1e300), ("-0.0", 0)],
)
def test_a_number_is_whole_however_it_is_written(text, value):
    found = parse(f"[{text}]".encode())[0]
    assert found == value
    assert type(found) is type(value)
