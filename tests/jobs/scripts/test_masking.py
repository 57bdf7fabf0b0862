"""Masking secrets in a stream, in every form and for every way to cut the stream."""

import base64
import html
import itertools
import json
import shlex
import string
import subprocess
import textwrap
import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.projects.secret_values import MIN_BYTES
from jobs.scripts.masking import Masker


def chunks_of(text: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places)]


def masked(secrets: list[str], chunks: list[bytes]) -> bytes:
    masker = Masker(secrets)
    return b"".join([*map(masker.feed, chunks), masker.flush()])


def masked_at_each_cut(secrets: list[str], text: bytes) -> set[bytes]:
    return {masked(secrets, [text[:cut], text[cut:]]) for cut in range(len(text))}


def masked_naively(secrets: list[str], text: str) -> str:
    """Mask secrets that have only one form. Overlapping secrets share a mask."""
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
    assert raw not in masked([secret], chunks_of(around + raw + around, cuts))
    encoded = base64.b64encode(raw).decode()[: len(raw) * 8 // 6]
    texts = [
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
        # Not directly behind a backslash: it would seem to escape what follows.
        output = around + b" " + text + around
        assert text not in masked([secret], chunks_of(output, cuts))


# ---- escapes ---------------------------------------------------------------------------------

SECRET = "p&ss w'rd/+%=\"<ä>\\😀"


@pytest.mark.parametrize(
    "printed",
    [
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", r"\/"),  # PHP
        r"""p\u0026ss w'rd/+%=\"\u003cä\u003e\\😀""",  # Go, Ruby on Rails
        r"""p\u0026ss w\u0027rd/+%\u003d\"\u003cä\u003e\\😀""",  # Gson
        r"p\u0026ss w\u0027rd/\u002B%=\u0022\u003C\u00E4\u003E\\\uD83D\uDE00",  # .NET
        "p%26ss%20w'rd%2F%2B%25%3D%22%3C%C3%A4%3E%5C%F0%9F%98%80",  # encodeURIComponent
        "p%26ss+w%27rd%2f%2b%25%3d%22%3c%c3%a4%3e%5c%f0%9f%98%80",  # a form, in lower case
        "p&amp;ss w&#39;rd/+%=&#34;&lt;ä&gt;\\😀",  # Go's html
        "p&amp;ss w&#x27;rd&#x2F;+%&#x3D;&quot;&lt;&#xe4;&gt;&#92;&#128512;",  # templates
        r"""p&ss w\'rd/+%="<\xc3\xa4>\\\xf0\x9f\x98\x80""",  # Python's bytes
        r"""p\&ss\ w\'rd/+%=\"\<ä\>\\😀""",  # printf %q
        r"""p&ss w'\''rd/+%="<ä>\😀""",  # bash with `set -x`
    ],
)
def test_a_secret_is_masked_as_the_usual_programs_escape_it(printed: str) -> None:
    assert masked_at_each_cut([SECRET], f"<{printed}>".encode()) == {b"<***>"}


def ways_to_write(character: str) -> list[str]:
    """Return a character plain and escaped. Letters are never escaped, escape characters always."""
    if character.isascii() and character.isalnum():
        return [character]
    code, units = ord(character), character.encode("utf-16-be").hex()
    ways = [f"&#{code};", f"&#x{code:x};", html.escape(character), json.dumps(character)[1:-1]]
    for digits in (units, units.upper()):
        ways.append("".join(rf"\u{digits[at : at + 4]}" for at in range(0, len(digits), 4)))
    for form in ("%{:02x}", "%{:02X}", r"\x{:02x}"):
        ways.append("".join(map(form.format, character.encode())))
    ways += ["\\" + character] if character in set(string.punctuation) - {"%"} else []
    return [way for way in ways if way not in tuple("\\%&")]


@st.composite
def escaped(draw: st.DrawFn, secret: str) -> bytes:
    """Escape each character of a secret in its own way."""
    return "".join(draw(st.sampled_from(ways_to_write(character))) for character in secret).encode()


@given(
    st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6),
    st.sampled_from([b"", b'{"a\\tb": "50% & more"}\n' * 200]),
    st.lists(st.integers(-600, 600), max_size=5),
    st.data(),
)
def test_each_character_may_be_escaped_in_a_way_of_its_own(
    secret: str, around: bytes, cuts: list[int], data: st.DataObject
) -> None:
    before, after = around + b'"', b'"' + around
    text = before + data.draw(escaped(secret.strip())) + after
    result = masked([secret], chunks_of(text, [len(before) + cut for cut in cuts]))
    assert result.startswith(around)
    assert result.endswith(around)
    assert result[len(around) : len(result) - len(around)].strip(b'"') == b"***"


ESCAPES = r"\/ \\ \n \u0061 \u0026 \ud83d \ude00 \x61 %61 %26 &#97; &amp;"
PARTS = r"a b n 6 61 u0061 u002 x61 / \ % & &am p; YWJhYg Jh"
pieces = st.sampled_from([*ESCAPES.split(), *PARTS.split(), "\n", " ", "+", "😀"])


def joined(least: int, most: int) -> st.SearchStrategy[str]:
    return st.lists(pieces, min_size=least, max_size=most).map("".join)


@given(st.lists(joined(2, 5), min_size=1, max_size=3), joined(0, 25), joined(0, 25), st.data())
def test_a_stream_with_escapes_is_masked_like_the_whole_text(
    secrets: list[str], before: str, after: str, data: st.DataObject
) -> None:
    text = before.encode() + data.draw(escaped(secrets[0])) + after.encode()
    cuts = data.draw(st.lists(st.integers(0, 300), max_size=8))
    assert masked(secrets, chunks_of(text, cuts)) == Masker(secrets).mask(text)


def test_an_escape_is_never_read_from_its_middle() -> None:
    # Behind the second `u0026` is an escaped backslash, of which the stream holds back a half.
    secrets, text = ["u0026\\"], rb"u0026\u0026\\ud83d"
    assert masked_at_each_cut(secrets, text) == {Masker(secrets).mask(text)}
    backslashes = rb"\\" * 200
    assert masked_at_each_cut(["&bcde"], backslashes + rb"\u0026bcde") == {backslashes + b"***"}


def test_an_escape_within_another_is_none() -> None:
    assert masked_at_each_cut(['x&amp;"y'], rb"x\&amp;\"y") == {b"***"}


def test_letters_and_digits_count_only_as_they_are() -> None:
    assert masked_at_each_cut(["aaaa"], rb"aaaa\x61") == {rb"***\x61"}
    assert masked_at_each_cut(["6161"], rb"\x616161") == {rb"\x***"}


def test_a_long_secret_is_masked_though_each_of_its_characters_is_ten() -> None:
    line = b"&#x000026;" * 4
    assert masked_at_each_cut(["&&&&\n&&&&z"], line + b"\n" + line + b"z") == {b"***"}


def test_a_secret_may_hold_something_like_an_escape() -> None:
    assert masked_at_each_cut(["nexus/9"], rb"C:\nexus/9 \"") == {rb"C:\*** \""}
    url = "db://u:p%40ss@host?a=1&b=2"
    printed = url.replace("&", r"\u0026"), url.replace("%", "%25").replace("&", "%26"), url
    for text in printed:
        assert masked_at_each_cut([url], text.encode()) == {b"***"}


@given(joined(0, 40), st.lists(st.integers(0, 300), max_size=8))
def test_output_without_secrets_is_unchanged(text: str, cuts: list[int]) -> None:
    secrets = ["no & piece/of+it", "-----\nMII%41+/\n-----"]
    assert masked(secrets, chunks_of(text.encode(), cuts)) == text.encode()


# ---- base64 ----------------------------------------------------------------------------------


@given(
    st.text(min_size=8, max_size=80).filter(lambda text: len(text.strip()) >= 8),
    st.binary(max_size=80),
    st.binary(max_size=7),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
    st.sampled_from([(999, b""), (76, b"\n"), (64, b"\n"), (64, b"\r\n"), (60, rb"\n")]),
    st.lists(st.integers(0, 999), max_size=5),
)
def test_a_secret_is_masked_in_base64_whatever_surrounds_and_wraps_it(
    secret: str, before: bytes, after: bytes, encode, wrap: tuple[int, bytes], cuts: list[int]
) -> None:
    raw = secret.strip().encode()
    encoded = encode(before + raw + after)
    width, end = wrap
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
    result = masked([secret], chunks_of(end.join(lines), cuts))
    assert b"***" in result
    # At most a character with bits of a neighbour remains on either side of the mask.
    spared = len(encoded) - (len(raw) * 8 // 6 - 1)
    assert len(result.replace(b"***", b"").replace(end, b"")) <= spared


@pytest.mark.parametrize("end", [r"\n", r"\r\n", "%0A", "%0d%0a", "\r\n", "\n\n"])
def test_base64_goes_on_after_a_line_end_of_any_kind(end: str) -> None:
    secret, printed = "hunter2-word", f"<aHVudGVyMi{end}13b3Jk{end}>"
    expected = f"<***{end}>".encode()
    assert base64.b64encode(secret.encode()) == b"aHVudGVyMi13b3Jk"
    assert Masker([secret]).mask(printed.encode()) == expected
    assert masked_at_each_cut([secret], printed.encode()) == {expected}


@pytest.mark.parametrize(
    "printed",
    [
        r"fn5+Pz8\/Pj4+",
        r"fn5\u002bPz8/Pj4\u002B",
        "fn5%2BPz8%2FPj4%2B",
        "fn5%2bPz8%2fPj4%2b",
        "fn5&#43;Pz8/Pj4&#43;",
        "fn5-P\nz8_\r\nPj4-",
        r"fn5+P\nz8\/Pj4+",
        "fn5%2B%0APz8%2FPj4%2B",
    ],
)
def test_base64_may_be_escaped_as_well(printed: str) -> None:
    secret = "~~~???>>>"
    assert base64.b64encode(secret.encode()) == b"fn5+Pz8/Pj4+"
    assert masked_at_each_cut([secret], f"<{printed}\n>".encode()) == {b"<***\n>"}


@pytest.mark.parametrize(
    "command",
    [
        'echo "$S" | base64',
        'echo "$S" | base64 -w64',
        'printf %s "$S" | base64 -w0',
        'printf "u:%s" "$S" | base64',
        'printf "user:%s" "$S" | base64 -w64',
    ],
)
def test_a_key_is_masked_as_the_usual_programs_print_it(command: str) -> None:
    key = (
        "-----BEGIN KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 20 + "-----END KEY-----\n"
    )
    done = subprocess.run(["sh", "-c", command], env={"S": key}, capture_output=True, check=True)
    # What surrounds the value decides its first and last character too; these alone may remain.
    assert len(masked([key], [done.stdout]).strip()) <= len("dXNlcjo***") + 4


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
    assert masker.feed(b"50%") == b"50"  # the start of what may be an escape
    assert masker.feed(b" done") == b"% done"


def test_a_secret_that_is_repeated_without_end_is_not_collected_in_memory() -> None:
    masker = Masker(["aaaa"])
    assert masker.feed(b"a" * 10) == b"***"
    assert [masker.feed(b"a" * 10) for _ in range(3)] == [b"", b"", b""]
    assert len(masker._held) < 4
    assert masker.feed(b"b") == b"b"
