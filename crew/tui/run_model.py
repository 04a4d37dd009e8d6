"""The run as the observer knows it: takes the feed's items, tells what changed since last asked."""

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from crew.events import ResultSubmitted, RunEnded
from crew.feed import FeedItem, Grew
from crew.progress import Progress
from crew.view import (
    MessageFold,
    MessageView,
    RunFold,
    RunView,
    StoryLine,
    finding_lines,
    grave_findings,
    interrupted,
    session_order,
    story_line,
)

_UNTOLD = 2_000


@dataclass(slots=True, kw_only=True)
class Changes:
    """What came since the last picture.

    Attributes:
        events: Whether any event came; then rows and totals may be others.
        moved: Whether any session's progress changed.
        story: What happened, in lines.
        grew: Sessions whose transcript has more to read.
        results: Results that were submitted, and the run's own.
    """

    events: bool = False
    moved: bool = False
    story: list[StoryLine] = field(default_factory=list)
    grew: set[str] = field(default_factory=set)
    results: list[ResultSubmitted | RunEnded] = field(default_factory=list)


class RunModel:
    """Folds a feed; knows no widget and no clock."""

    def __init__(self, tz: tzinfo) -> None:
        self._tz = tz
        self._fold = RunFold()
        self._said = MessageFold()
        self._changes = Changes()
        self._gone: RunView | None = None
        self._order: tuple[str, ...] | None = None
        self._told: set[tuple[str, str]] = set()

    @property
    def view(self) -> RunView:
        """The run so far; as interrupted when its process is gone."""
        return self._gone or self._fold.view

    @property
    def order(self) -> tuple[str, ...]:
        """Sessions in the order of the run's rows; only an event changes it."""
        if self._order is None:
            self._order = session_order(self.view)
        return self._order

    @property
    def messages(self) -> tuple[MessageView, ...]:
        """What was said so far, oldest first."""
        return self._said.messages

    def apply(self, item: FeedItem) -> None:
        """Take one item."""
        self._gone = None
        if isinstance(item, Grew):
            self._changes.grew.add(item.session)
            return
        changed = self._fold.apply(item)
        if isinstance(item, Progress):
            self._changes.moved |= changed
            return
        self._said.apply(item)
        self._changes.events |= changed
        self._order = None
        if changed and isinstance(item, ResultSubmitted | RunEnded):
            self._changes.results.append(item)
        if changed and (line := story_line(item, tz=self._tz)) is not None:
            self._changes.story.append(line)
            if len(self._changes.story) > 2 * _UNTOLD:
                del self._changes.story[:-_UNTOLD]

    def found(self, event: ResultSubmitted, result: Any) -> None:
        """Take a result that was submitted: the worst of its findings are part of the story."""
        self._changes.story += finding_lines(event, result, self._told, tz=self._tz)
        self._told |= grave_findings(result)

    def interrupt(self) -> None:
        """The process of the run is gone; what had not ended never will."""
        if not self._fold.view.over:
            self._gone = interrupted(self._fold.view)
            self._changes.events = True

    def take(self) -> Changes:
        """What changed since the last call."""
        changes, self._changes = self._changes, Changes()
        return changes
