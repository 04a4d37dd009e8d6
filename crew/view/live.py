"""Sessions with the newest progress of each, put together only where one looks."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from crew.progress import Progress
from crew.view.state import SessionView


class LiveSessions(Mapping[str, SessionView]):
    """The sessions of one moment, by id, in the order they started; it never changes.

    Args:
        at_rest: The sessions as events have left them; none has a progress.
        moving: The latest snapshots of those that go on.
    """

    __slots__ = ("_made", "at_rest", "moving")

    def __init__(self, at_rest: Mapping[str, SessionView], moving: Mapping[str, Progress]) -> None:
        self.at_rest = at_rest
        self.moving = moving
        self._made: dict[str, SessionView] = {}

    def __getitem__(self, name: str) -> SessionView:
        made = self._made.get(name)
        if made is None:
            made = self.at_rest[name]
            if (progress := self.moving.get(name)) is not None:
                made = replace(made, progress=progress)
            self._made[name] = made
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self.at_rest)

    def __len__(self) -> int:
        return len(self.at_rest)

    def __contains__(self, name: object) -> bool:
        return name in self.at_rest
