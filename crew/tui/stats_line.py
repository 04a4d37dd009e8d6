"""The line below a transcript: what its session came to, and which part of it is seen."""

from collections.abc import Iterable
from datetime import datetime

from crew.tui.bars import Span
from crew.tui.transcript_pane import TranscriptPane
from crew.view import Only, RunView, SessionView, Tone, counted, only_words, session_stats

Line = tuple[list[Span], list[Span]]


def stats_line(
    view: RunView,
    known: SessionView | None,
    transcript: TranscriptPane,
    *,
    now: datetime,
    seen: int,
) -> Line:
    """Figures at the left; filter, news and position at the right.

    Args:
        view: The run.
        known: The session; None before it began.
        transcript: Its transcript.
        now: The time that running clocks are measured to.
        seen: Lines of the transcript that there were when its end was left.
    """
    figures = session_stats(view, known, now) if known else ""
    left = [Span(text=f" {figures}", look=Tone.SECONDARY)]
    return left, [*_filter(transcript), *_news(known, transcript, seen), _position(transcript)]


def _filter(transcript: TranscriptPane) -> Iterable[Span]:
    only = transcript.only
    if only is Only.ALL:
        return []
    return [Span(text=f"only {only_words(only)}  ", look=Tone.PERSON, strong=True)]


def _news(known: SessionView | None, transcript: TranscriptPane, seen: int) -> Iterable[Span]:
    source = transcript.source
    if source is None:
        return []
    if transcript.follow:
        live = known is not None and not known.over
        return [Span(text="following  ", look=Tone.SECONDARY)] if live else []
    new = source.total - seen
    below = f"{counted(new, 'new entry').replace('entrys', 'entries')} below  "
    return [Span(text=below, look=Tone.PERSON, strong=True)] if new > 0 else []


def _position(transcript: TranscriptPane) -> Span:
    source = transcript.source
    if source is None:
        return Span(text="reading ", look=Tone.SECONDARY)
    first, end = transcript.seen()
    rows = source.rows.rows
    if not rows:
        none = f"[none of {source.total}] " if source.total else "[no entries yet] "
        return Span(text=none, look=Tone.SECONDARY)
    top = rows[min(first, len(rows) - 1)].line + 1
    last = rows[min(end, len(rows)) - 1]
    bottom = source.rows.end if end >= len(rows) else (last.result_line or last.line) + 1
    return Span(text=f"[{top}-{bottom}/{source.total}] ", look=Tone.SECONDARY)
