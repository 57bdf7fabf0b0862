"""Colours of terminals as HTML: nothing but the known spans, whatever a program printed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from blueprints.runs.ansi import Painter, plain

SPAN = re.compile(r'<span class="(?:ansi-(?:(?:on-)?\d{1,2}|[a-z]+) ?)+">|</span>')
codes = st.sampled_from(
    [
        *("\x1b[31m", "\x1b[0m", "\x1b[m", "\x1b[1;4;32m", "\x1b[38;5;196m", "\x1b[48;2;1;2;3m"),
        *("\x1b[", "\x1b]", "\x1b]0;title\x07", "\x1b[2K", "\x1b[38;5m", "\x1b(B", "\x1b", "\x07"),
        *(
            "\x1b[999999999m",
            "\x1b[;;m",
            "\x1b[?25l",
            "\x1b[7m",
            "\x1b[38;2;9m",
            "<b>",
            "&amp;",
            '"',
        ),
    ]
)
texts = st.lists(codes | st.text(max_size=5), max_size=12).map("".join)


@given(text=texts, before=texts)
def test_no_markup_but_ours_comes_out(text: str, before: str) -> None:
    html = str(Painter(before).html(text))
    rest = SPAN.sub("", html)
    assert not set("<>\"'") & set(rest)
    assert html.count("<span") == html.count("</span>")
    assert "\x1b" not in html


@given(text=st.text(st.characters(min_codepoint=32, exclude_characters="\x7f")))
def test_text_without_colours_is_unchanged(text: str) -> None:
    assert Painter().html(text) == escape(text)
    assert plain(text) == text


@pytest.mark.parametrize(
    ("code", "classes"),
    [
        ("31", "ansi-1"),
        ("91", "ansi-9"),
        ("1;32", "ansi-2 ansi-bold"),
        ("4;33;44", "ansi-3 ansi-on-4 ansi-underline"),
        ("38;5;9", "ansi-9"),
        ("38;5;196", "ansi-1"),
        ("48;5;21", "ansi-on-4"),
        ("38;2;250;250;250", "ansi-15"),
        ("7", "ansi-reverse"),
        ("2", "ansi-dim"),
    ],
)
def test_any_colour_becomes_the_nearest_of_sixteen(code: str, classes: str) -> None:
    html = Painter().html(f"a \x1b[{code}mduck\x1b[0m & more")
    assert html == f'a <span class="{classes}">duck</span> &amp; more'


def test_a_colour_goes_on_until_it_is_ended() -> None:
    painter = Painter("\x1b[1mold\x1b[0m\x1b[32mgreen\n")
    assert painter.html("still") == '<span class="ansi-2">still</span>'
    assert painter.html("and\x1b[0m not") == '<span class="ansi-2">and</span> not'
    assert painter.html("plain") == "plain"


def test_whatever_else_terminals_understand_is_dropped() -> None:
    line = "\x1b[2K\x1b[1A\x1b]0;title\x07\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\"
    line += "\x1b(B\x1b[?25h <ok>"
    assert Painter().html(line) == "link &lt;ok&gt;"
    assert plain(line + "\x1b[31m!") == "link <ok>!"


def test_what_would_be_invisible_is_shown() -> None:
    assert Painter().html("a\x00b\x07\tc\x7f") == "a␀b␇\tc␡"


@pytest.mark.parametrize(
    "line",
    [
        "\x1b\x1b[1A[" + "1" * 5_000 + "m",
        "\x1b\x1b[1A]8;;http://x\x07text",
        "\x1b[38;5;\x1b[1A1m",
        "\x1b",
    ],
)
def test_what_is_put_together_anew_is_text(line: str) -> None:
    assert "\x1b" not in Painter().html(line)
    assert "\x1b" not in plain(line)
