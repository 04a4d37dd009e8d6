"""A transcript whose writer was lost: healed, and read for whoever takes the session up again."""

from collections.abc import Sequence

from crew.bus.transcript import DiskTranscript
from crew.entries import Entry, TextEntry, ThinkingEntry, ToolCallEntry
from crew.store.folder import RunFolder
from crew.store.jsonl import AppendLog
from crew.store.redact import Redactor


def take_past(folder: RunFolder, session: str, redact: Redactor) -> tuple[Sequence[Entry], str]:
    """Read a session's transcript, and heal it for the writer to come.

    A torn last line and an answer of the model that is not whole (`usage` closes it) move to
    `NAME.torn`: nothing is guessed.

    Returns:
        Its entries, none where there is no transcript, and the text that was in flight.

    Raises:
        StoreError: The disk refused.
    """
    if not folder.transcript(session).exists():
        return (), ""
    log = AppendLog(folder.transcript(session), redact=redact)
    try:
        reader = DiskTranscript(folder, session)
        entries = reader.poll()
        whole = _whole(entries)
        if whole < len(entries):
            log.keep_lines(whole)
    finally:
        log.close()
    return entries[:whole], reader.in_flight_from(len(entries))


def _whole(entries: Sequence[Entry]) -> int:
    """How many entries there are before the parts of an answer that nothing closes."""
    count = len(entries)
    while count and _open_part(entries[count - 1]):
        count -= 1
    return count


def _open_part(entry: Entry) -> bool:
    match entry:
        case TextEntry() | ThinkingEntry():
            return not entry.partial
        case ToolCallEntry():
            return True
        case _:
            return False
