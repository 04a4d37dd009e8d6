"""Which files of a run may not be on the disk yet, though the process that wrote them is gone."""

from collections.abc import Iterator
from pathlib import Path

from crew.orchestration.history import History
from crew.store.folder import RunFolder


def unsettled(folder: RunFolder, history: History) -> Iterator[Path]:
    """Files that the next durable event must not come before.

    What an ended session wrote was on the disk before the event of its end, so that what a large
    run has long finished costs no sync.
    """
    ended = {name: s.ended for name, s in history.sessions.items() if s.ended}
    settled = {end.result.name for end in ended.values() if end.result is not None}
    for path in folder.sessions.iterdir():
        if path.name.partition(".jsonl")[0].removesuffix(".live") not in ended:
            yield path
    for path in folder.artifacts.iterdir():
        if path.name not in settled:
            yield path
