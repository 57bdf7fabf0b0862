"""The program `larder RECIPE PEOPLE`, which prints a recipe for so many people."""

import sys
from pathlib import Path

from larder import read, scale
from larder.version import VERSION

USAGE = "usage: larder RECIPE PEOPLE | larder --version"


def main() -> None:
    """Print the recipe, or exit with a sentence on standard error."""
    if sys.argv[1:] == ["--version"]:
        print(VERSION)
        return
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        sys.exit(USAGE)
    try:
        print(scale(read(Path(sys.argv[1]).read_text("utf-8")), int(sys.argv[2])))
    except (OSError, ValueError) as error:
        sys.exit(f"larder: {error}")


if __name__ == "__main__":
    main()
