"""The program on a terminal of its own: what it writes and when, and what it costs."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from crew.tui.themes import DARK

SIZE = (160, 50)
PATIENCE = 60.0

_PIECES = re.compile(rb"\x1b\[(\d+);\d+H((?:(?!\x1b\[\d+;\d+H).)*)", re.DOTALL)


def cpu_of(pid: int) -> float:
    """Seconds of CPU that the threads of a process have had, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def share_of(pid: int, seconds: float) -> float:
    """A process's share of one processor for so long, in percent."""
    cpu, began = cpu_of(pid), time.perf_counter()
    time.sleep(seconds)
    return (cpu_of(pid) - cpu) / (time.perf_counter() - began) * 100


class Terminal:
    """A person's end of a terminal.

    Attributes:
        size: Bytes that were written to it.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.size = 0
        self._master = master
        self._chunks: list[tuple[float, bytes]] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 1 << 16):
                with self._more:
                    self._chunks.append((time.perf_counter(), data))
                    self.size += len(data)
                    self._more.notify_all()

    def close(self) -> None:
        """Let go of it, once the program has ended."""
        self._reader.join()
        os.close(self._master)

    def press(self, keys: bytes) -> float:
        """Press keys; when that was."""
        now = time.perf_counter()
        os.write(self._master, keys)
        return now

    def when(self, shown: Callable[[bytes], bool], since: int = 0) -> float:
        """Wait for output for which this holds, from some output on; when it was there.

        Raises:
            TimeoutError: It never came.
        """
        deadline, rest, at = time.perf_counter() + PATIENCE, b"", 0
        while time.perf_counter() < deadline:
            with self._more:
                if not self._chunks[since + at :]:
                    self._more.wait(1)
                new = self._chunks[since + at :]
            for moment, data in new:
                at += 1
                rest += data
                if shown(rest):
                    return moment
        raise TimeoutError(rest[-4000:].decode(errors="replace"))

    def wait_for(self, words: str) -> float:
        """Wait until these words were written at any time; when that was."""
        return self.when(partial(_holds, words.encode()))

    @property
    def text(self) -> str:
        """All that was written to it."""
        return self._since(0).decode(errors="replace")

    @property
    def mark(self) -> int:
        """Where the output that comes next will be."""
        return len(self._chunks)

    def cpu(self, seconds: float) -> float:
        """Its share of one processor for so long, in percent."""
        return share_of(self.process.pid, seconds)

    # Waits of keys.

    def selection_waits(self, keys: bytes, times: int) -> list[float]:
        """Seconds from each key until the selection is painted in another row."""
        waits = []
        row = 0
        for turn in range(times):
            mark = self.mark
            pressed = self.press(keys[turn % len(keys) :][:1])
            found = self.when(partial(_moved, row), mark)
            waits.append(found - pressed)
            time.sleep(0.12)
            row = selected(self._since(mark))
            _pause(turn)
        return waits[1:]  # where the selection was is known from the second on

    def typing_waits(self, times: int) -> list[float]:
        """Seconds from each letter until it is painted, in a line that is being written."""
        waits = []
        for turn in range(times):
            letter = chr(0x3B1 + turn % 24).encode()
            mark = self.mark
            pressed = self.press(letter)
            waits.append(self.when(partial(_holds, letter), mark) - pressed)
            _pause(turn)
        return waits

    def _since(self, mark: int) -> bytes:
        return b"".join(data for _, data in self._chunks[mark:])


def _pause(turn: int) -> None:
    """Keys come at any time between two pictures."""
    time.sleep(0.037 + 0.011 * (turn % 9))


def _holds(piece: bytes, data: bytes) -> bool:
    return piece in data


def _moved(row: int, data: bytes) -> bool:
    return selected(data) not in (0, row)


def selected(data: bytes) -> int:
    """The row in which the selection was painted last; 0 for none."""
    red, green, blue = bytes.fromhex(DARK.variables["selection"].lstrip("#"))
    look = f"48;2;{red};{green};{blue}".encode()
    rows = [int(row) for row, piece in _PIECES.findall(data) if look in piece]
    return rows[-1] if rows else 0


@contextmanager
def on_terminal(
    root: Path, *args: str, size: tuple[int, int] = SIZE, env: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run the program in a folder, its runs kept there; it is killed in the end."""
    master, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "crew", *args],
        cwd=root,
        env=env or environ(root),
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        terminal.close()


def environ(root: Path) -> dict[str, str]:
    """The environment of the program."""
    return {
        **os.environ,
        "CREW_HOME": str(root / ".crew"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }


def crew(root: Path, *args: str) -> str:
    """Run the program without a terminal; what it printed.

    Where the bench itself goes before others (`chrt -r`), the program does not: an engine that is
    always busy would take turns of a tenth of a second from the observer that is measured.
    """
    done = subprocess.run(
        [sys.executable, "-m", "crew", *args],
        cwd=root,
        env=environ(root),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE * 3,
        preexec_fn=_stand_back,
    )
    return (done.stdout or done.stderr).strip()


def _stand_back() -> None:
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
