"""Two ways to work on a page: with a mouse, and by keys alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FARTHEST = 80
"""Presses of Tab; who needs more has lost the way."""

WHERE = """(wanted) => {
  const here = document.activeElement;
  return [here === wanted, here.matches("[data-code]")];
}"""

Role = Literal["button", "link"]


class Mouse:
    """Points at things."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def fill(self, label: str, text: str) -> None:
        self._field(label).fill(text)

    def choose(self, label: str, option: str) -> None:
        self._field(label).select_option(option)

    def press(self, name: str, role: Role = "button") -> None:
        self._named(name, role).click()

    def agree(self, name: str) -> None:
        """Say yes to the question that is open."""
        self.page.get_by_role("dialog").get_by_role("button", name=name).click()

    def _field(self, label: str) -> Locator:
        return self.page.locator("main").get_by_label(label, exact=True)

    def _named(self, name: str, role: Role) -> Locator:
        return self.page.locator("main").get_by_role(role, name=name, exact=True)


class Keys(Mouse):
    """Presses Tab until it is there, as somebody without a mouse does."""

    def fill(self, label: str, text: str) -> None:
        self._go_to(self._field(label))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """By typing how the option begins, as the browser's own control takes it."""
        self._go_to(self._field(label))
        self.page.keyboard.type(option)

    def press(self, name: str, role: Role = "button") -> None:
        self._go_to(self._named(name, role))
        self.page.keyboard.press("Enter")

    def agree(self, name: str) -> None:
        self._go_to(self.page.get_by_role("dialog").get_by_role("button", name=name))
        self.page.keyboard.press("Enter")

    def reach(self, control: Locator) -> None:
        """Give it the focus."""
        self._go_to(control)

    def _go_to(self, control: Locator) -> None:
        wanted = control.element_handle()  # to look for it costs more than the press
        for _ in range(FARTHEST):
            is_there, is_in_code = wanted.evaluate(WHERE)
            if is_there:
                return
            if is_in_code:
                self.page.keyboard.press("Escape")  # as the field's hint says
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{control} cannot be reached by keys")
