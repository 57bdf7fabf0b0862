"""Render terminal colors as HTML.

Colors become classes, because our Content-Security-Policy forbids inline styles. Each color becomes
the nearest of the sixteen in the style sheet. All other terminal sequences are dropped.
"""

import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from rich.color import Color
    from rich.style import Style

_OTHERS = re.compile(
    r"\x1b(?:\[(?![0-9;]{0,64}m)[0-?]*[ -/]*[@-~]"  # cursor moves, not colours
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window titles and links
    r"|[ -/]+[0-~]"  # character sets
    r"|[@-Z\\^_])"
)
_STRAY = re.compile(r"\x1b(?!\[[0-9;]{0,64}m)")
"""Remains of removed sequences: joined to a new one, or without an end."""
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,64}m")
_RESETS = ("\x1b[m", "\x1b[0m")
# Show control characters, which would be invisible or break the page, as symbols.
_CONTROLS = {code: 0x2400 + code for code in range(32) if code != 9} | {0x7F: 0x2421}


class Painter:
    """Turns lines of a log into HTML in order: a color lasts until a sequence ends it."""

    def __init__(self, before: str = "") -> None:
        """Start with the colors that the text `before` the first line leaves on."""
        self._decoder: Any = None
        colours = _COLOURS.findall(before)
        start = max((n for n, code in enumerate(colours) if code in _RESETS), default=-1)
        if codes := "".join(colours[start + 1 :]):
            self.html(codes)

    def html(self, line: str) -> Markup:
        """Return the line as escaped HTML with a span for each color."""
        line = _coloured(line)
        if "\x1b" not in line and (self._decoder is None or not self._decoder.style):
            return escape(line.translate(_CONTROLS))
        if self._decoder is None:
            from rich.ansi import AnsiDecoder  # most logs have no colours

            self._decoder = AnsiDecoder()
        text = self._decoder.decode_line(line)
        parts, done = [], 0
        for span in text.spans:
            parts.append(escape(text.plain[done : span.start].translate(_CONTROLS)))
            part = escape(text.plain[span.start : span.end].translate(_CONTROLS))
            classes = _classes(span.style)
            parts.append(Markup('<span class="{}">{}</span>').format(classes, part))
            done = span.end
        parts.append(escape(text.plain[done:].translate(_CONTROLS)))
        return Markup("").join(parts)


def plain(line: str) -> str:
    """Return the line without terminal sequences."""
    return _COLOURS.sub("", _coloured(line)).translate(_CONTROLS)


def _coloured(line: str) -> str:
    """Remove all escape sequences except colors of readable length."""
    return _STRAY.sub("\N{SYMBOL FOR ESCAPE}", _OTHERS.sub("", line))


def _classes(style: "Style") -> str:
    names = [
        _colour("ansi", style.color),
        _colour("ansi-on", style.bgcolor),
        *(
            f"ansi-{name}"
            for name in ("bold", "dim", "italic", "underline", "reverse", "strike")
            if getattr(style, name)
        ),
    ]
    return " ".join(filter(None, names))


def _colour(kind: str, colour: "Color | None") -> str:
    from rich.color import ColorSystem

    if colour is None or colour.is_default:
        return ""
    return f"{kind}-{colour.downgrade(ColorSystem.STANDARD).number}"
