"""Reads one session's transcript and its part in flight from the run folder."""

import json
from collections.abc import Sequence

from crew.entries import Entry, parse_entry
from crew.store.folder import RunFolder
from crew.store.tail import Tail


class DiskTranscript:
    """A `TranscriptReader` over the files of a session; an absent file reads as empty."""

    def __init__(self, folder: RunFolder, session: str) -> None:
        self._entries = Tail(folder.transcript(session))
        self._live = Tail(folder.live(session))
        self._lines = 0
        self._parts: list[tuple[int, str]] = []
        self._live_resets = 0

    @property
    def resets(self) -> int:
        """How often the transcript turned out to be another file; a change means: start over."""
        return self._entries.resets

    def poll(self) -> Sequence[Entry]:
        """Entries that were completed since the last call, in file order."""
        entries: list[Entry] = []
        while True:
            resets = self._entries.resets
            lines = self._entries.poll()
            if self._entries.resets != resets:
                self._lines = 0
            self._lines += len(lines)
            entries.extend(map(parse_entry, lines))
            if not self._entries.more:
                return entries

    def in_flight(self) -> str:
        """The text of the part that streams now, empty when none does.

        A part that `poll` has already given as an entry is not given again.
        """
        return self.in_flight_from(self._lines)

    def in_flight_from(self, line: int) -> str:
        """The text of the part that will be line `line` of the transcript, or one behind it."""
        while True:
            lines = self._live.poll()
            if self._live.resets != self._live_resets:
                self._live_resets = self._live.resets
                self._parts = []
            self._parts.extend(map(_chunk, lines))
            if not self._live.more:
                return "".join(text for row, text in self._parts if row >= line)

    def close(self) -> None:
        """Nothing is kept open between calls."""


def _chunk(line: bytes) -> tuple[int, str]:
    """The transcript row that a chunk's part will land in, and its text; a bad line has none."""
    try:
        chunk = json.loads(line)
        row, text = chunk.get("row", 0), chunk["text"]
    except (ValueError, KeyError, AttributeError, TypeError):
        return 0, ""
    return (row, text) if isinstance(row, int) and isinstance(text, str) else (0, "")
