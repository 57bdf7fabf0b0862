"""Recipes: read them, scale them to any number of people, and write them."""

import re
from dataclasses import dataclass
from fractions import Fraction

_AMOUNT = re.compile(r"(?:(\d+)\s+)?(\d+)(?:/(\d+))?(?=\s)")


@dataclass(frozen=True)
class Line:
    """An ingredient of a recipe. Without an amount it is added to taste."""

    amount: Fraction | None
    what: str

    def __str__(self) -> str:
        return self.what if self.amount is None else f"{written(self.amount)} {self.what}"


@dataclass(frozen=True)
class Recipe:
    """A title, the number of people it serves, and the ingredients."""

    title: str
    serves: int
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        return "\n".join([self.title, f"serves {self.serves}", "", *map(str, self.lines)])


def read(text: str) -> Recipe:
    """Read a recipe: a title, `serves N`, then one ingredient per line. Raises ValueError."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 3:
        raise ValueError("a recipe has a title, 'serves N' and at least one thing to put in")
    title, serves, *rest = lines
    match = re.fullmatch(r"serves (\d+)", serves)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"the second line is 'serves N', not {serves!r}")
    return Recipe(title, int(match[1]), tuple(read_line(line) for line in rest))


def read_line(text: str) -> Line:
    """Read an ingredient: `1 1/2 cups flour` is 3/2 of `cups flour`. Raises ValueError."""
    match = _AMOUNT.match(text)
    if match is None:
        return Line(None, text)
    whole, number, parts = match.groups()
    if (whole and not parts) or parts == "0":
        raise ValueError(f"{match[0]!r} is not an amount")
    amount = int(whole or 0) + Fraction(int(number), int(parts or 1))
    return Line(amount, text[match.end() :].strip())


def scale(recipe: Recipe, people: int) -> Recipe:
    """Return the recipe for so many people. Raises ValueError if there are none."""
    if people < 1:
        raise ValueError("a meal is for at least one person")
    factor = Fraction(people, recipe.serves)
    lines = (
        Line(None if line.amount is None else line.amount * factor, line.what)
        for line in recipe.lines
    )
    return Recipe(recipe.title, people, tuple(lines))


def written(amount: Fraction) -> str:
    """Return an amount as a cook writes it: 3/2 is `1 1/2`."""
    whole, rest = divmod(amount, 1)
    if not rest:
        return str(whole)
    return f"{whole} {rest}" if whole else str(rest)
