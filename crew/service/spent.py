"""What a run that has not ended has spent so far, as its folder tells it."""

from crew.bus.progress_file import read_progress
from crew.events import SessionEnded, parse_event
from crew.records import Usage
from crew.store.folder import RunFolder
from crew.store.tail import Tail

_ENDED = b'"session.ended"'


class Spent:
    """Sums up a run's sessions; reads again only what is new in the journal.

    A process that has taken a run up knows the progress of its own sessions alone, so those that
    ended count by the journal.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._journal = Tail(folder.journal)
        self._ended: dict[str, Usage] = {}

    def usage(self) -> Usage:
        """What all of its sessions have spent by now."""
        progress = read_progress(self._folder.progress)
        self._read_on()
        going = (now.usage for name, now in progress.items() if name not in self._ended)
        return Usage.sum_of([*self._ended.values(), *going])

    def _read_on(self) -> None:
        while True:
            for line in self._journal.poll():
                if _ENDED in line:
                    self._take(line)
            if not self._journal.more:
                return

    def _take(self, line: bytes) -> None:
        try:
            event = parse_event(line)
        except ValueError:
            return
        if isinstance(event, SessionEnded) and event.session:
            self._ended[event.session] = event.usage
