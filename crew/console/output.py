"""Text to a stream, in order, without holding up the event loop; a closed pipe ends it quietly."""

import errno
import os
import select
import stat
from typing import TextIO

import anyio
import anyio.to_thread

from crew.errors import StoreError

_GONE = {errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.EBADF}


class Output:
    """One stream of the process, or any other text stream.

    A reader that takes its time (`crew run --json | less`) delays only who writes here: what
    might block is written in a thread. Once the reader has gone, `closed` is set and everything
    is dropped.

    Args:
        stream: Where the text goes; left open.
        name: What it is, for the message when it can't be written.
    """

    def __init__(self, stream: TextIO, *, name: str = "standard output") -> None:
        self.stream = stream
        self.closed = False
        self._name = name
        self._fd = _descriptor(stream)
        self._waits = self._fd is not None and not stat.S_ISREG(os.fstat(self._fd).st_mode)

    async def write(self, text: str) -> None:
        """Write and flush.

        Raises:
            StoreError: The stream can't be written, for another reason than a reader gone.
        """
        if self._waits and not self.closed and not self._ready(len(text)):
            await anyio.to_thread.run_sync(self.put, text)
        else:
            self.put(text)

    def put(self, text: str) -> None:
        """Write and flush, however long the reader takes.

        Raises:
            StoreError: As for `write`.
        """
        if self.closed:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            self._drop()
            if error.errno not in _GONE:
                reason = error.strerror or str(error)
                raise StoreError(f"writing to {self._name}: {reason}") from error
        except ValueError:  # the stream was closed in this process
            self.closed = True

    def _ready(self, size: int) -> bool:
        # A pipe that polls as writable takes PIPE_BUF bytes at once; a character may be four.
        if self._fd is None or size * 4 > select.PIPE_BUF:
            return False
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(0))

    def _drop(self) -> None:
        self.closed = True
        if self._fd is None:
            return
        # The stream still holds what it could not write, and would fail again at exit.
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self._fd)
            os.close(sink)
        except OSError:
            return


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
