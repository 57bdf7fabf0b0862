"""What the buttons of the editor do to a draft, by name, and how that is told. Pure.

The words are read out, and name what undo takes back. They say which part, and where it is now.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from domain.editor import operations, release_choices
from domain.editor.operations import Draft, Part

Edit = Callable[..., tuple[Draft, str]]
"""From a draft and the button's arguments to the next, and the part that is open then."""
Words = Callable[[Draft, Draft, str, tuple[str, ...]], str]
"""From the draft before and after, the part that is open then, and the button's arguments."""


class Done(NamedTuple):
    draft: Draft
    opened: str
    """The id of the part that is open then; "" for the workflow."""
    told: str


def perform(draft: Draft, act: str, *arguments: str) -> Done:
    """Raises NoSuchActError for what no button asks for, or what an older page asked for."""
    if act not in ACTS:
        raise NoSuchActError(act)
    edit, words = ACTS[act]
    try:
        changed, opened = edit(draft, *arguments)
        return Done(changed, opened, words(draft, changed, opened, arguments))
    except (operations.NoSuchPartError, KeyError, ValueError, TypeError, IndexError):
        raise NoSuchActError(act) from None


class NoSuchActError(LookupError):
    """The draft has no such part (any more), or there is no such button."""


# ---- in words --------------------------------------------------------------------------------


def called(part: Part) -> str:
    """A stage is told from a step by the word, if its name does not say it."""
    name = part["name"] or "without a name"
    if "steps" in part:
        return name if name.casefold().startswith("stage") else f"Stage {name}"
    return name if part["name"] else f"Step {name}"


def opened(draft: Draft, part_id: str) -> str:
    """`Step wheel is open`. Whatever is no part (any more) opens the workflow."""
    try:
        part = operations.find(draft, part_id)[2]
    except operations.NoSuchPartError:
        return "The workflow is open"
    is_named_step = "steps" not in part and part["name"]
    return f"{'Step ' if is_named_step else ''}{called(part)} is open"


def place_of(draft: Draft, part_id: str) -> str:
    """`2 of 3`, and of a step the stage: `3 of 4 in Release`."""
    siblings, place, _ = operations.find(draft, part_id)
    count = f"{place + 1} of {len(siblings)}"
    stage = operations.stage_of(draft, part_id)
    return f"{count} in {stage['name'] or 'a stage without a name'}" if stage else count


def _added(_: Draft, after: Draft, opened: str, __: tuple[str, ...]) -> str:
    return f"{called(operations.find(after, opened)[2])} added, {place_of(after, opened)}"


def _copied(before: Draft, after: Draft, opened: str, arguments: tuple[str, ...]) -> str:
    original = called(operations.find(before, arguments[0])[2])
    copy = operations.find(after, opened)[2]["name"]
    return f"{original} copied as {copy}, {place_of(after, opened)}"


def _removed(before: Draft, _: Draft, __: str, arguments: tuple[str, ...]) -> str:
    stage = operations.stage_of(before, arguments[0])
    name = called(operations.find(before, arguments[0])[2])
    return f"{name} removed from {stage['name'] or 'its stage'}" if stage else f"{name} removed"


def _moved(before: Draft, after: Draft, opened: str, _: tuple[str, ...]) -> str:
    way = "stays at" if before == after else "moved to"
    return f"{called(operations.find(after, opened)[2])} {way} {place_of(after, opened)}"


def _parameter_removed(before: Draft, _: Draft, __: str, arguments: tuple[str, ...]) -> str:
    name = before["parameters"][int(arguments[0])]["name"]
    return f"parameter {name or 'without a name'} removed"


def _picked(before: Draft, after: Draft, part: str, arguments: tuple[str, ...]) -> str:
    step, reference = operations.find(after, part)[2], arguments[1]
    if release_choices.is_picked(step, reference):
        return f"{reference} chosen for {called(step)}"
    return f"{reference} no longer chosen for {called(step)}"


# ---- what there is ---------------------------------------------------------------------------

ACTS: Mapping[str, tuple[Edit, Words]] = {
    "add_stage": (lambda draft, after: operations.add_stage(draft, after or None), _added),
    "add_step": (operations.add_step, _added),
    "copy": (operations.copy, _copied),
    "remove": (operations.remove, _removed),
    "move": (operations.move, _moved),
    "place": (lambda draft, *to: operations.place(draft, to[0], to[1], int(to[2])), _moved),
    "pick": (release_choices.pick, _picked),
    "add_parameter": (
        lambda draft, _: operations.add_parameter(draft),
        lambda *_: "parameter added",
    ),
    "remove_parameter": (
        lambda draft, number: operations.remove_parameter(draft, int(number)),
        _parameter_removed,
    ),
}
