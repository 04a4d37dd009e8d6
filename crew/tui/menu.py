"""What Ctrl+P offers: the keys that apply where one is, and the themes."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from crew.tui.themes import THEMES

if TYPE_CHECKING:
    from crew.tui.app import Observer


def menu(observer: "Observer") -> Iterable[SystemCommand]:
    """Every key that would do something now, and every theme."""
    front = observer.front
    if front is not None:
        for key in observer.keys.listed(front.NAME):
            if front.check_action("do", (key.id,)) and not key.everywhere:
                act = partial(front.action_do, key.id)
                yield SystemCommand(key.help, f"key {key.shown}", act)
    for theme in THEMES:
        choose = partial(setattr, observer, "theme", theme.name)
        name = theme.name.removeprefix("crew-")
        yield SystemCommand(f"theme {name}", "change the colours", choose)
