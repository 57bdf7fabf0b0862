"""The handbook, generated from the sources: `python3 handbook.py FILE VERSION`."""

import html
import inspect
import sys
from pathlib import Path

import larder


def chapters():
    """Yield the recipes, each for a table and for a crew, then the functions of the library."""
    for path in sorted(Path("recipes").glob("*.txt")):
        recipe = larder.read(path.read_text("utf-8"))
        for people in (recipe.serves, 40):
            scaled = larder.scale(recipe, people)
            yield f"{scaled.title}, for {people}", "\n".join(map(str, scaled.lines))
    for name, function in inspect.getmembers(larder, inspect.isfunction):
        yield f"{name}{inspect.signature(function)}", inspect.getdoc(function)


file, version = sys.argv[1:]
body = "\n".join(
    f"<h2>{html.escape(title)}</h2>\n<pre>{html.escape(text)}</pre>" for title, text in chapters()
)
Path(file).write_text(
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    f"<title>The larder handbook {version}</title>\n"
    f"<h1>The larder handbook <small>{version}</small></h1>\n{body}\n</html>\n",
    "utf-8",
)
print(f"wrote {file}: {Path(file).stat().st_size} bytes")
