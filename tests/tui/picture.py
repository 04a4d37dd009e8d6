"""The README's picture: the installed crew in tmux, on a scripted review, as an SVG.

python -m tests.tui.picture > tests/golden/observer.svg

It needs tmux, and half a minute: the agents are at work until the picture is taken.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH, HEIGHT = 110, 30
CREW = (sys.executable, "-m", "crew")
SCRIPT = ".crew/demo.yaml"
SHOWN = "writing: tests/test_tail.py imports it"
"""What the screen says once all are at work."""
_PATIENCE = 60.0
_WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_GROUND, _INK = (18, 18, 18), (222, 222, 222)
_THEME = TerminalTheme(_GROUND, _INK, [_GROUND, *[_INK] * 7])

_FILES = {
    "store/tail.py": "def tail(path, count):\n    lines = path.read_text().split('\\n')\n"
    "    return lines[-count:]\n",
    "tests/test_tail.py": "from store.tail import tail\n",
}
_CHANGED = {
    "store/tail.py": "def tail(path, count):\n    with path.open('rb') as file:\n"
    "        file.seek(-1024, 2)\n        return file.read().decode().splitlines()[-count:]\n",
}
_SCRIPT = """
agents:
  explorer:
    - text: The reader of a file's end was rewritten.
      calls: [{tool: git_changes, args: {diff: true}}]
      usage: {input_tokens: 3120, output_tokens: 96}
    - calls: [{tool: submit_result, args: {files: [], summary:
        "One function changed: tail() seeks instead of reading the whole file."}}]
      usage: {input_tokens: 4210, output_tokens: 180}
  code-review:
    - text: A seek from the end fails where the file is shorter. Somebody has to look who calls it.
      calls:
        - {tool: read, args: {path: store/tail.py}}
        - {tool: spawn_agent, args: {agent: explorer, prompt: "Who calls tail(), and with what?"}}
      usage: {input_tokens: 5340, output_tokens: 212}
  code-review.explorer-1:
    - calls: [{tool: grep, args: {pattern: "tail\\\\("}}]
      usage: {input_tokens: 2080, output_tokens: 44}
    - text: tests/test_tail.py imports it and calls nothing, so nobody has tried a short file. There
        are no 1024 bytes to go back in one, and the seek is an error of the system.
      pace: 0.4
      chunk: 3
  security-review:
    - thinking: Bytes of a file that somebody else writes are decoded without a word on errors.
      calls: [{tool: lint, args: {}}]
      usage: {input_tokens: 4980, output_tokens: 130}
    - text: Two places to look at again, the decoding and the seek.
      calls: [{tool: read, args: {path: store/tail.py}}]
    - delay: 3000
"""


def picture() -> str:
    """Start the review in a terminal of its own, say a word to a reviewer, and draw the screen."""
    root = Path(tempfile.gettempdir(), "inventory")  # its name is in the picture
    with tempfile.TemporaryDirectory() as place, _repository(root):
        tmux = _Tmux(Path(place, "tmux"))
        try:
            tmux.start(root, [*CREW, "run", "review", "--model", f"scripted:{SCRIPT}"])
            tmux.wait(lambda screen: SHOWN in screen)
            said = "Look at empty files as well."
            subprocess.run(
                [*CREW, "steer", "--wait", "latest/code-review", said],
                cwd=root,
                check=True,
                capture_output=True,
            )
            tmux.wait(lambda screen: said in screen)
            return _drawn(tmux.screen(coloured=True))
        finally:
            tmux.call("kill-server")


@contextmanager
def _repository(root: Path) -> Iterator[None]:
    """A repository with a change, and the script, as long as it is needed."""
    root.mkdir()
    try:
        _make(root)
        yield
    finally:
        shutil.rmtree(root)


def _make(root: Path) -> None:
    _write(root, _FILES)
    author = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    for args in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", *args], cwd=root, check=True)
    _write(root, _CHANGED | {SCRIPT: _SCRIPT, ".crew/.gitignore": "*"})


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class _Tmux:
    """A tmux server of its own, with one window."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def call(self, *args: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", os.devnull, *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def start(self, root: Path, command: list[str]) -> None:
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        colours = ("-e", "COLORTERM=truecolor", "-e", "TZ=UTC")
        self.call("new-session", "-d", *size, *colours, "-c", str(root), *command)

    def screen(self, *, coloured: bool = False) -> str:
        return self.call("capture-pane", "-p", *(["-e"] if coloured else []))

    def wait(self, seen: Callable[[str], bool]) -> None:
        """Wait until the screen shows it.

        Raises:
            TimeoutError: It does not; with what it shows instead.
        """
        until = time.monotonic() + _PATIENCE
        while not seen(screen := self.screen()):
            if time.monotonic() > until:
                raise TimeoutError(screen)
            time.sleep(0.1)  # tmux tells nobody what it shows


def _drawn(screen: str) -> str:
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        highlight=False,
    )
    for line in screen.splitlines():
        console.print(Text.from_ansi(line), soft_wrap=True)
    return _WEB_FONTS.sub("", console.export_svg(title="crew run review", theme=_THEME))


if __name__ == "__main__":
    sys.stdout.write(picture())
