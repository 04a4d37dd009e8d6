"""The plain sink: one calm line an event, for logs, pipes and CI."""

from datetime import tzinfo

from crew.console.output import Output
from crew.events import RunStarted
from crew.feed import Feed, Grew
from crew.progress import Progress
from crew.view import RULES_NOTE, event_line


async def follow_plain(feed: Feed, out: Output, *, tz: tzinfo, after: int = 0) -> None:
    """Write a line for each event behind `after` that people should see, until the run ends.

    Args:
        feed: The run.
        out: Where the lines go; when its reader has gone, this ends.
        tz: The time zone of the times.
        after: The last event that needs no line.
    """
    async with feed.subscribe(after=after) as items:
        async for item in items:
            if isinstance(item, Progress | Grew):
                continue
            if isinstance(item, RunStarted) and item.model == "rules":
                await out.write(f"{RULES_NOTE}\n")
            if (line := event_line(item, tz=tz)) is not None:
                await out.write(f"{line}\n")
            if out.closed:
                return
