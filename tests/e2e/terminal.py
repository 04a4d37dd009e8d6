"""The program on a terminal of its own, and a person's end of it."""

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.doubles.screens import Picture
from tests.e2e.installed import SECONDS, Installed

SIZE = (100, 30)


class Screen:
    """A person's end of a terminal.

    Attributes:
        shown: All that was written to it.
        picture: What is on it now.
    """

    def __init__(
        self, master: int, process: subprocess.Popen[bytes], size: tuple[int, int]
    ) -> None:
        self.shown = ""
        self.picture = Picture(*size)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._master = master
        self._process = process

    def wait_for(self, text: str) -> None:
        """Read until `text` has been shown."""
        while text not in self.shown:
            assert self._read(), self.shown

    def see(self, *words: str) -> None:
        """Read until all of these are on the screen at once."""
        self._until(lambda: all(each in self.picture for each in words), words)

    def see_gone(self, words: str) -> None:
        """Read until these are no longer on the screen."""
        self._until(lambda: words not in self.picture, words)

    def _until(self, true: Callable[[], bool], what: object) -> None:
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline, f"{what}:\n{self.picture}"
            assert self._read(), f"it ended before {what}:\n{self.picture}"

    def wait_for_end(self) -> int:
        """Read all that is shown to the end; the exit code."""
        while self._read():
            pass
        return self._process.wait(timeout=SECONDS)

    def goes_on_for(self, seconds: float) -> bool:
        """Whether the program has not ended after that time."""
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], SECONDS)
        assert ready, f"nothing more was shown after:\n{self.shown}"
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # how Linux says that nobody is left on the other end
            return False
        text = self._decoder.decode(data)
        self.shown += text
        self.picture.feed(text)
        return bool(data)


@contextmanager
def terminal(crew: Installed, *args: str, **env: str) -> Iterator[Screen]:
    """Run the program with a terminal of its own as all three streams."""
    with terminal_of(SIZE, crew, *args, **env) as screen:
        yield screen


@contextmanager
def terminal_of(size: tuple[int, int], crew: Installed, *args: str, **env: str) -> Iterator[Screen]:
    """Run the program with a terminal of that size, columns and rows."""
    master, slave = pty.openpty()
    width, height = size
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = subprocess.Popen(
        [*crew.command, *args],
        cwd=crew.cwd,
        env=crew.environ(**{"TERM": "xterm-256color", **env}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY),  # noqa: PLW1509  # Ctrl+C needs it
    )
    os.close(slave)
    try:
        yield Screen(master, process, size)
    finally:
        process.kill()
        process.wait()
        os.close(master)
