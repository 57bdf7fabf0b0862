"""Commands of the editor's buttons, by name, and the messages about them. Pure.

A message names the part and its new place. It is read out, and it labels undo and redo.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from domain.editor import operations, release_choices
from domain.editor.operations import Draft, Part

Edit = Callable[..., tuple[Draft, str]]
"""From a draft and the button's arguments to the next draft and the part open afterwards."""
Message = Callable[[Draft, Draft, str, tuple[str, ...]], str]
"""From the drafts before and after, the part that is open afterwards and the button's arguments."""


class Done(NamedTuple):
    """The result of a command."""

    draft: Draft
    opened: str
    """The id of the part that is open afterwards; "" for the workflow."""
    message: str


def perform(draft: Draft, command: str, *arguments: str) -> Done:
    """Execute a command. Raises NoSuchCommandError, also for buttons of an outdated page."""
    if command not in COMMANDS:
        raise NoSuchCommandError(command)
    edit, message = COMMANDS[command]
    try:
        changed, opened = edit(draft, *arguments)
        return Done(changed, opened, message(draft, changed, opened, arguments))
    except (operations.NoSuchPartError, KeyError, ValueError, TypeError, IndexError):
        raise NoSuchCommandError(command) from None


class NoSuchCommandError(LookupError):
    """There is no such command, or the draft has no such part."""


def called(part: Part) -> str:
    """Return the part's name, with the word Stage or Step where the name needs one."""
    name = part["name"] or "without a name"
    if "steps" in part:
        return name if name.casefold().startswith("stage") else f"Stage {name}"
    return name if part["name"] else f"Step {name}"


def opened(draft: Draft, part_id: str) -> str:
    """Return a message such as `Step wheel is open`; an unknown part opens the workflow."""
    try:
        part = operations.find(draft, part_id)[2]
    except operations.NoSuchPartError:
        return "The workflow is open"
    is_named_step = "steps" not in part and part["name"]
    return f"{'Step ' if is_named_step else ''}{called(part)} is open"


def place_of(draft: Draft, part_id: str) -> str:
    """Return a place such as `2 of 3`, or of a step `3 of 4 in Release`."""
    siblings, place, _ = operations.find(draft, part_id)
    count = f"{place + 1} of {len(siblings)}"
    stage = operations.stage_of(draft, part_id)
    return f"{count} in {stage['name'] or 'a stage without a name'}" if stage else count


def _added(_: Draft, after: Draft, opened: str, __: tuple[str, ...]) -> str:
    return f"{called(operations.part_of(after, opened))} added, {place_of(after, opened)}"


def _copied(before: Draft, after: Draft, opened: str, arguments: tuple[str, ...]) -> str:
    original = called(operations.part_of(before, arguments[0]))
    copy = operations.part_of(after, opened)["name"]
    return f"{original} copied as {copy}, {place_of(after, opened)}"


def _deleted(before: Draft, _: Draft, __: str, arguments: tuple[str, ...]) -> str:
    stage = operations.stage_of(before, arguments[0])
    name = called(operations.part_of(before, arguments[0]))
    return f"{name} deleted from {stage['name'] or 'its stage'}" if stage else f"{name} deleted"


def _moved(before: Draft, after: Draft, opened: str, _: tuple[str, ...]) -> str:
    verb = "stays at" if before == after else "moved to"
    return f"{called(operations.part_of(after, opened))} {verb} {place_of(after, opened)}"


def _parameter_deleted(before: Draft, _: Draft, __: str, arguments: tuple[str, ...]) -> str:
    name = before["parameters"][int(arguments[0])]["name"]
    return f"parameter {name or 'without a name'} deleted"


def _picked(_: Draft, after: Draft, opened: str, arguments: tuple[str, ...]) -> str:
    step, reference = operations.part_of(after, opened), arguments[1]
    verb = "chosen" if reference in release_choices.picked(step) else "no longer chosen"
    return f"{reference} {verb} for {called(step)}"


COMMANDS: Mapping[str, tuple[Edit, Message]] = {
    "add_stage": (lambda draft, after: operations.add_stage(draft, after or None), _added),
    "add_step": (operations.add_step, _added),
    "copy": (operations.copy, _copied),
    "remove": (operations.remove, _deleted),
    "move": (operations.move, _moved),
    "place": (lambda draft, *to: operations.place(draft, to[0], to[1], int(to[2])), _moved),
    "pick": (release_choices.pick, _picked),
    "add_parameter": (
        lambda draft, _: operations.add_parameter(draft),
        lambda *_: "parameter added",
    ),
    "remove_parameter": (
        lambda draft, number: operations.remove_parameter(draft, int(number)),
        _parameter_deleted,
    ),
}
