"""The plain display: one calm line an event, for logs, pipes and CI."""

from datetime import tzinfo

from crew.console.output import Output
from crew.events import PermissionAsked, RunStarted
from crew.feed import Feed, Grew
from crew.progress import Progress
from crew.view import RULES_HINT, RULES_NOTE, event_line


class PlainDisplay:
    """Writes a line for each event that people should see.

    Args:
        out: Where the lines go.
        tz: The time zone of the times.
        after: The last event that needs no line.
    """

    def __init__(self, out: Output, *, tz: tzinfo, after: int = 0) -> None:
        self._out = out
        self._tz = tz
        self._after = after

    def begin_after(self, seq: int) -> None:
        """Leave out the lines up to this event; told before `follow`."""
        self._after = seq

    async def follow(self, feed: Feed) -> None:
        """Write lines until the run ends or the reader has gone."""
        async with feed.subscribe(after=self._after) as items:
            async for item in items:
                if isinstance(item, Progress | Grew):
                    continue
                if isinstance(item, RunStarted) and item.model == "rules":
                    await self._out.write(f"{RULES_NOTE}; {RULES_HINT}\n")
                if (line := event_line(item, tz=self._tz)) is not None:
                    asked = isinstance(item, PermissionAsked)
                    mend = f"; answer it: crew answer {item.run}" if asked else ""
                    await self._out.write(f"{line}{mend}\n")
                if self._out.closed:
                    return

    def say(self, note: str) -> None:
        """Write a line."""
        self._out.put(f"{note}\n")
