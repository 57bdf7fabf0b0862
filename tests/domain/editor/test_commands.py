"""Commands of the editor's buttons and their messages."""

import pytest

from domain.editor import commands, operations
from tests.domain.editor.test_operations import a_stage, draft


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("move:a1:on", "a1 moved to 2 of 3 in A"),
        ("move:a3:on", "a3 stays at 3 of 3 in A"),
        ("move:a1:right", "a1 moved to 1 of 2 in B"),
        ("move:A:on", "Stage A moved to 2 of 2"),
        ("place:a1:B:1", "a1 moved to 2 of 2 in B"),
        ("place:B::0", "Stage B moved to 1 of 2"),
        ("copy:a1", "a1 copied as a1 2, 2 of 4 in A"),
        ("copy:A", "Stage A copied as A 2, 2 of 3"),
        ("remove:b1", "b1 deleted from B"),
        ("remove:A", "Stage A deleted"),
        ("add_step:B:Test", "test added, 2 of 2 in B"),
        ("add_stage:", "Stage 3 added, 3 of 3"),
        ("add_stage:A", "Stage 3 added, 2 of 3"),
        ("add_parameter:", "parameter added"),
    ],
)
def test_a_message_names_the_part_and_its_place(command: str, message: str) -> None:
    name, _, rest = command.partition(":")
    assert commands.perform(draft(), name, *rest.split(":")).message == message


def test_a_deleted_parameter_is_named() -> None:
    present = {**draft(), "parameters": [{"name": "level"}, {"name": ""}]}
    assert commands.perform(present, "remove_parameter", "0").message == "parameter level deleted"
    assert commands.perform(present, "remove_parameter", "1").message == (
        "parameter without a name deleted"
    )


def test_a_message_about_a_part_without_a_name() -> None:
    present, _ = operations.fill_in(draft(), "a1", {"name": ""})
    assert commands.perform(present, "move", "a1", "on").message == (
        "Step without a name moved to 2 of 3 in A"
    )
    present, _ = operations.fill_in(draft(), "A", {"name": ""})
    assert commands.perform(present, "remove", "a1").message == "a1 deleted from its stage"
    assert commands.perform(present, "move", "A", "on").message == (
        "Stage without a name moved to 2 of 2"
    )


@pytest.mark.parametrize(
    "command",
    [
        "move:gone:on",
        "move:a1:sideways",
        "move:A:right",
        "move:a1",
        "place:a1:B:soon",
        "add_step:A:Bake",
        "remove_parameter:0",
        "pick:a1:duck@run",
        "explode:a1",
        "",
    ],
)
def test_a_command_of_an_outdated_page_is_refused(command: str) -> None:
    name, _, rest = command.partition(":")
    with pytest.raises(commands.NoSuchCommandError):
        commands.perform(draft(), name, *rest.split(":"))


def test_the_word_stage_is_not_repeated() -> None:
    assert commands.called(a_stage("stage 1")) == "stage 1"
    assert commands.called(a_stage("Release")) == "Stage Release"
