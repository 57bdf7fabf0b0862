"""What is made with the secret key: signatures, and what lies encrypted in the database."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.secret_key import Keys, WrongKey
from domain.settings import load

KEYS = Keys("k" * 32)
OTHERS = Keys("o" * 32)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_a_signature_is_64_hexadecimal_characters():
    assert set(KEYS.sign({"a": 1})) <= set("0123456789abcdef")
    assert len(KEYS.sign({"a": 1})) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {}),
        (["a", "b"], ["b", "a"]),
        (["a", "b"], ["a,b"]),
        (1.0, 1.5),
        (10**23, 1e23 + 1e8),
        ("é", "e\u0301"),
    ],
)
def test_what_differs_is_signed_differently(one, other):
    assert not KEYS.fits(other, KEYS.sign(one))


@given(json_values)
@example({"b": [1e16, 1e23, 1e308, -0.0, 5e-324, 2**63], "a": '\\"\u2028/é\U0001f986'})
def test_a_signature_survives_a_round_trip_and_another_order(value):
    again = json.loads(json.dumps(value, ensure_ascii=False))
    assert KEYS.fits(again, KEYS.sign(value))
    if isinstance(value, dict):
        assert KEYS.fits(dict(reversed(value.items())), KEYS.sign(value))


def test_a_whole_number_is_the_same_however_it_is_written():
    assert KEYS.fits([10**23, 10**16, 0], KEYS.sign([1e23, 1e16, -0.0]))


def test_nothing_but_the_signature_itself_fits():
    signature = KEYS.sign("content")
    for wrong in ("", signature[:-1], signature.upper(), OTHERS.sign("content"), "ü" * 64):
        assert not KEYS.fits("content", wrong)
    assert KEYS.fits("content", signature)


def test_what_is_encrypted_can_be_read_with_the_same_key_alone():
    hidden = KEYS.encrypt("s3cret ü")
    assert "s3cret ü".encode() not in hidden
    assert Keys("k" * 32).decrypt(hidden) == "s3cret ü"
    with pytest.raises(WrongKey, match="another secret key"):
        OTHERS.decrypt(hidden)


def test_what_was_changed_after_it_was_encrypted_is_not_read():
    hidden = bytearray(KEYS.encrypt("s3cret"))
    hidden[20] ^= 1
    with pytest.raises(WrongKey):
        KEYS.decrypt(bytes(hidden))


def test_the_same_text_is_encrypted_differently_each_time():
    assert KEYS.encrypt("s3cret") != KEYS.encrypt("s3cret")


def test_a_key_file_that_ends_with_a_newline_holds_the_same_key(tmp_path):
    settings = load({"GALLEY_DATA_DIR": str(tmp_path)})
    made = settings.secret_key()
    (tmp_path / "secret_key").write_text(f"{made}\n")
    assert settings.secret_key() == made
