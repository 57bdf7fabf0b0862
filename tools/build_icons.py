"""Create static/vendor/icons.svg, a sprite of <symbol>s with the Lucide icons of the pages.

Runs at setup. It needs the package `lucide` (a zip of SVG files), which the server never imports.
"""

import re
import sys
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

ICONS = (
    "activity",
    "arrow-down",
    "arrow-up",
    "arrow-left",
    "arrow-right",
    "chart-gantt",
    "check",
    "chevron-down",
    "circle-alert",
    "circle-stop",
    "copy",
    "download",
    "ellipsis",
    "file-text",
    "flask-conical",
    "folder",
    "git-compare",
    "hammer",
    "history",
    "hourglass",
    "info",
    "key-round",
    "list",
    "lock",
    "log-out",
    "menu",
    "monitor",
    "moon",
    "package",
    "pencil",
    "play",
    "plus",
    "power",
    "redo-2",
    "rocket",
    "scroll-text",
    "search",
    "server",
    "settings",
    "shield",
    "sun",
    "terminal",
    "trash-2",
    "triangle-alert",
    "undo-2",
    "user",
    "users",
    "workflow",
    "x",
)
TARGET = Path(__file__).parent.parent / "static" / "vendor" / "icons.svg"
NOTICE = "<!-- Icons: Lucide (lucide.dev), ISC licence. Made by tools/build_icons.py. -->"


def symbol(name: str, svg: str) -> str:
    """Convert an icon to a <symbol>, whose size and stroke come from the CSS class `icon`."""
    drawing = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
    if drawing is None:
        raise ValueError(f"The icon {name!r} is not an SVG drawing.")
    shapes = re.sub(r"\s*\n\s*", "", drawing[1])
    return f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>'


def sprite() -> str:
    """Return the whole file. Raises KeyError for a name that Lucide does not have."""
    archive = files("lucide").joinpath("lucide.zip").read_bytes()
    with ZipFile(BytesIO(archive)) as icons:
        symbols = [symbol(name, icons.read(f"{name}.svg").decode()) for name in ICONS]
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', NOTICE, *symbols, "</svg>\n"])


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(sprite(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(ICONS)} icons\n")


if __name__ == "__main__":
    main()
