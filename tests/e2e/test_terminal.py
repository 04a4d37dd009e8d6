"""The program on a terminal: what a person sees while it works, and what Ctrl+C does."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.doubles.programs import review_script
from tests.doubles.repository import Repository
from tests.e2e.installed import SECONDS, Installed

COLOUR = re.compile(r"\x1b\[[\d;]*[34]\d(;\d+)*m")
STUCK = [{"text": "hm", "delay": 600}]


class Screen:
    """A person's end of a terminal, 100 columns wide."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.shown = ""
        self._master = master
        self._process = process

    def wait_for(self, text: str) -> None:
        """Read until `text` has been shown."""
        while text not in self.shown:
            assert self._read(), self.shown

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
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def terminal(crew: Installed, *args: str, **env: str) -> Iterator[Screen]:
    """Run the program with a terminal of its own as all three streams."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [*crew.command, *args],
        cwd=crew.cwd,
        env=crew.environ(TERM="xterm-256color", **env),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY),  # noqa: PLW1509  # Ctrl+C needs it
    )
    os.close(slave)
    try:
        yield Screen(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.fixture(autouse=True)
def something_to_find(repository: Repository) -> None:
    repository.write("ledger.py", "import os\n")


def _stuck_model(crew: Installed) -> str:
    script = crew.home / "script.json"
    script.write_text(json.dumps(review_script(reviewer=STUCK)))
    return f"scripted:{script}"


def test_plain_lines_on_a_terminal_are_only_text(crew: Installed) -> None:
    with terminal(crew, "run", "review", "--plain", NO_COLOR="1") as screen:
        assert screen.wait_for_end() == 0
    assert "code-review       started (reviewer, rules)" in screen.shown
    assert "ledger.py:1" in screen.shown
    assert COLOUR.search(screen.shown) is None


def test_a_run_on_a_terminal_ends_with_its_findings_and_a_visible_cursor(crew: Installed) -> None:
    with terminal(crew, "run", "review") as screen:
        assert screen.wait_for_end() == 0
    assert "ledger.py:1" in screen.shown
    assert screen.shown.count("\x1b[?25h") >= screen.shown.count("\x1b[?25l")


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_there_unless_it_is_unwanted(
    crew: Installed, env: dict[str, str], coloured: bool
) -> None:
    with terminal(crew, "run", "review", **env) as screen:
        assert screen.wait_for_end() == 0
    assert (COLOUR.search(screen.shown) is not None) is coloured


def test_ctrl_c_cancels_and_says_what_was_kept_and_where(crew: Installed) -> None:
    with terminal(crew, "run", "review", "--plain", "-m", _stuck_model(crew)) as screen:
        screen.wait_for("code-review       started")
        screen.press(b"\x03")
        assert screen.wait_for_end() == 130
    assert "cancelling; press Ctrl+C again to leave at once" in screen.shown
    (run,) = json.loads(crew.run("ps", "--json").out)
    assert (run["status"], run["live"]) == ("cancelled", False)
    assert f"kept: .crew/runs/{run['run']}" in screen.shown
    assert crew.run("show", run["run"]).code == 0


def test_a_second_ctrl_c_leaves_at_once(crew: Installed) -> None:
    model = _stuck_model(crew)
    with terminal(crew, "run", "review", "--json", "-m", model, "x" * 100_000) as screen:
        # Nobody reads what the long goal fills the terminal with: the run can't end in order.
        _wait_for_a_session(crew)
        screen.press(b"\x03")
        # A second one that comes at once is the echo of a launcher that passes signals on.
        assert screen.goes_on_for(0.5)
        screen.press(b"\x03")
        began = time.monotonic()
        assert screen.wait_for_end() == 130
    assert time.monotonic() - began < 5


def _wait_for_a_session(crew: Installed) -> None:
    deadline = time.monotonic() + SECONDS
    runs = crew.cwd / ".crew" / "runs"
    while not any("session.started" in file.read_text() for file in runs.glob("*/events.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_q_on_a_paused_run_says_how_to_let_it_go_on(crew: Installed) -> None:
    with terminal(crew, "run", "review", "-m", _stuck_model(crew)) as screen:
        screen.wait_for("code-review")
        screen.press(b"P")
        screen.wait_for("resume run")
        screen.press(b"q")
        (run,) = json.loads(crew.run("ps", "--json").out)
        screen.wait_for(f"the run is paused; let it go on: crew resume {run['run']}")
        screen.press(b"\x03")
        assert screen.wait_for_end() == 130


def test_r_shows_the_findings_of_a_run_that_is_over(crew: Installed) -> None:
    assert crew.run("run", "review").code == 0
    with terminal(crew, "watch", "latest") as screen:
        screen.wait_for("result")
        screen.press(b"r")
        screen.wait_for("Enter shows a finding")
        assert "review: approve" in screen.shown
        screen.press(b"rq")
        assert screen.wait_for_end() == 0
