"""Masking secrets in a stream, whatever form they have and however the stream is cut."""

import base64
import html
import itertools
import json
import shlex
import subprocess
import textwrap
import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.secret_values import MIN_BYTES
from jobs.masking import Masker


def chunks_of(text: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places)]


def masked(secrets: list[str], chunks: list[bytes]) -> bytes:
    masker = Masker(secrets)
    return b"".join([*map(masker.feed, chunks), masker.flush()])


def masked_naively(secrets: list[str], text: str) -> str:
    """For secrets with one form only: what any secret covers; two that overlap share a mask."""
    covered, continued = set[int](), set[int]()
    for secret in (secret for secret in secrets if len(secret) >= MIN_BYTES):
        for at in range(len(text)):
            if text.startswith(secret, at):
                covered.update(range(at, at + len(secret)))
                continued.update(range(at + 1, at + len(secret)))
    begun = dict.fromkeys(covered - continued, "***")
    return "".join(begun.get(at, "" if at in covered else text[at]) for at in range(len(text)))


# Two letters: secrets overlap, contain and repeat each other all the time. None of their other
# forms can appear: base64 of these has other letters as well.
words = st.text("ab", min_size=1, max_size=9)


@given(st.lists(words, max_size=4), st.text("ab\n", max_size=60), st.lists(st.integers(0, 99)))
@example(["abab", "ababab"], "xababaxabab", [3, 5, 7])
@example(["aaaa"], "aaaaaaaaaa", [1, 2, 3, 4, 5, 6, 7, 8, 9])
@example(["abab", "baba"], "xababax", [5])
def test_a_stream_is_masked_like_the_whole_text(
    secrets: list[str], text: str, cuts: list[int]
) -> None:
    expected = masked_naively(secrets, text).encode()
    assert masked(secrets, chunks_of(text.encode(), cuts)) == expected
    assert Masker(secrets).mask(text.encode()) == expected


@given(
    st.text(min_size=6, max_size=80).filter(lambda text: len(text.strip()) >= 6),
    st.binary(max_size=20),
    st.lists(st.integers(0, 999), max_size=8),
)
@example("pass & 'word' / \"50%\" (new)\nline\n", b"", [5, 9])
def test_no_chunking_lets_a_secret_through(secret: str, around: bytes, cuts: list[int]) -> None:
    secret = secret.strip()
    raw = secret.encode()
    encoded = base64.b64encode(raw).decode()[: len(raw) * 8 // 6]
    texts = [
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        shlex.quote(secret).removeprefix("'").removesuffix("'"),
        *("\n".join(textwrap.wrap(encoded, width)) for width in (64, 76)),
    ]
    for text in map(str.encode, texts):
        assert text not in masked([secret], chunks_of(around + text + around, cuts))


@given(
    st.text(min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8),
    st.binary(max_size=7),
    st.binary(max_size=7),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_a_secret_is_masked_in_base64_whatever_surrounds_it(
    secret: str, before: bytes, after: bytes, encode
) -> None:
    raw = secret.strip().encode()
    encoded = encode(before + raw + after)
    result = masked([secret], [encoded])
    assert b"***" in result
    # At most a character with bits of a neighbour remains on either side of the mask.
    spared = len(encoded) - (len(raw) * 8 // 6 - 1)
    assert len(result.replace(b"***", b"")) <= spared


@pytest.mark.parametrize(
    "command",
    ['echo "$S" | base64', 'echo "$S" | base64 -w64', 'printf %s "$S" | base64 -w0'],
)
def test_what_the_usual_programs_make_of_a_key_is_masked(command: str) -> None:
    key = (
        "-----BEGIN KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 20 + "-----END KEY-----\n"
    )
    done = subprocess.run(["sh", "-c", command], env={"S": key}, capture_output=True, check=True)
    # What follows the value decides its last character too; that one alone may remain.
    assert len(masked([key], [done.stdout]).strip()) <= len("***") + 4


def test_each_line_of_a_key_is_masked_and_short_lines_are_not() -> None:
    key = "-----BEGIN KEY-----\n  MIIEvQIBADANBg\nshort\n-----END KEY-----\n"
    output = b"MIIEvQIBADANBg\r\nis short\n-----END KEY-----"
    assert masked([key], [output]) == b"***\r\nis short\n***"
    assert masked([key], [key.encode()]) == b"***\n"


def test_very_short_and_empty_values_are_not_masked() -> None:
    assert masked(["", " ", "abc", "\n1\n"], [b"abc 1"]) == b"abc 1"
    assert masked(["abcd"], [b"abcde"]) == b"***e"


def test_nothing_is_held_back_but_the_start_of_a_secret() -> None:
    masker = Masker(["hunter2"])
    assert masker.feed(b"password: ") == b"password: "
    assert masker.feed(b"hunt") == b""
    assert masker.feed(b"ing") == b"hunting"
    assert masker.feed(b"hunter2") == b"***"


def test_a_secret_that_is_repeated_without_end_is_not_collected_in_memory() -> None:
    masker = Masker(["aaaa"])
    assert masker.feed(b"a" * 10) == b"***"
    assert [masker.feed(b"a" * 10) for _ in range(3)] == [b"", b"", b""]
    assert len(masker._held) < 4
    assert masker.feed(b"b") == b"b"
