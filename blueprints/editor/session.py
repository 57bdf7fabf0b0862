"""The session of one editor request: it loads the draft once and writes it once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from flask import request

from blueprints.editor import create_missing
from blueprints.editor import form as editor_form
from blueprints.shared.guards import current_actor, load_project
from domain.accounts.access import SUPER_USER
from domain.editor import commands, drafts, operations
from domain.editor.drafts import Editing, Present

NO_PART = ""
"""The workflow itself."""


class EditorSession:
    """One of the caller's drafts, in a project where they may save it, and its open part."""

    def __init__(self, draft_id: str) -> None:
        self.actor = current_actor()
        self.draft = drafts.get(self.actor, draft_id)
        self.project = load_project(self.draft.project_id, SUPER_USER)
        self.part = request.values.get("part", NO_PART)
        self.comment = request.values.get("comment", "")[:1000]
        """The comment for the history. It is not part of the draft, so every request carries it."""
        self.message = ""
        """A message about the executed command, to be read out."""

    @cached_property
    def present(self) -> Present:
        """The present state of the draft."""
        return drafts.present(self.draft)

    @property
    def opened(self) -> operations.Part:
        """The open part: the workflow, if another tab has deleted the step or stage."""
        try:
            return operations.part_of(self.present.definition, self.part)
        except operations.NoSuchPartError:
            self.part = NO_PART
            return self.present.definition

    @contextmanager
    def editing(self) -> Iterator[Editing]:
        """Change the draft in one transaction."""
        with drafts.editing(self.draft) as editing:
            yield editing
        self.present = editing.present
        self.draft = self.present.draft

    def edit(self, command: str = "", argument: str = "") -> None:
        """Store what was typed, then execute the command of the pressed button."""
        with self.editing() as editing:
            if "name" in request.form:
                self._store_typed(editing)
            self._execute(editing, command, argument)

    def _store_typed(self, editing: Editing) -> None:
        definition = editing.present.definition
        with suppress(operations.NoSuchPartError):  # another tab has deleted it
            before = operations.part_of(definition, self.part)
            fields = editor_form.fields_of(before, request.form)
            creating = create_missing.typed(before.get("type", ""))
            filled, _ = operations.fill_in(definition, self.part, fields, creating)
            name = fields["name"] or "a part without a name"
            editing.change(filled, f"changed {name}", topic=self.part or "workflow")

    def _execute(self, editing: Editing, command: str, argument: str) -> None:
        state = editing.present
        if command == "select":
            self.part, self.message = argument, commands.opened(state.definition, argument)
        elif command == "undo" and state.undoes:
            editing.undo()
            self.message = f"undone: {state.undoes}"
        elif command == "redo" and state.redoes:
            editing.redo()
            self.message = f"redone: {state.redoes}"
        else:
            with suppress(commands.NoSuchCommandError):  # the page is older than the draft
                done = commands.perform(state.definition, command, *argument.split(":"))
                editing.change(done.draft, done.message)
                self.part, self.message = done.opened, done.message
