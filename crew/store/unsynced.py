"""Files that have to be on the disk before an event that names them."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from crew.store.atomic import fsync, sync_path


class Unsynced:
    """A queue of files, each synced once, in the order in which they were added.

    Args:
        sync: Has a descriptor's bytes on the disk, or raises `OSError`.

    Attributes:
        added: How many files ever were.
        synced: How many of them are on the disk.
    """

    def __init__(self, sync: Callable[[int], None] = fsync) -> None:
        self.added = self.synced = 0
        self._sync = sync
        self._paths: deque[Path] = deque()
        self._syncing = threading.Lock()
        self._failed: OSError | None = None

    def add(self, path: Path) -> None:
        """Have a file on the disk with the next sync."""
        self._paths.append(path)
        self.added += 1

    def sync(self) -> None:
        """Have all that was added on the disk, also what another thread is at; takes time.

        Raises:
            OSError: The disk refused, now or before: a system forgets the error after telling it.
        """
        with self._syncing:
            if self._failed is not None:
                raise self._failed
            try:
                while self._paths:
                    sync_path(self._paths.popleft(), self._sync)
                    self.synced += 1
            except OSError as error:
                self._failed = error
                raise
