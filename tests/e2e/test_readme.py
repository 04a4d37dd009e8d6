"""The README is true: its files are valid, and each of its commands runs as it says."""

import html
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crew.tui.keys import KEYS
from tests.doubles.observers import Remembering, observer, screen_text, settle, until
from tests.doubles.repository import Repository
from tests.tui.picture import HEIGHT, WIDTH

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

_FENCE = re.compile(
    r"^(?:`(?P<path>[^`\n]+)`:\n\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
_PATH_AT_END = re.compile(r"`(?P<path>\.crew/[^`\n]+)`:\n\n\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the file that the text in front of it names."""

    kind: str
    text: str
    path: str | None


def blocks() -> Iterator[Block]:
    for match in _FENCE.finditer(README):
        named = match["path"]
        if named is None and (before := _PATH_AT_END.search(README[: match.start()])):
            named = before["path"]
        yield Block(match["kind"], match["text"], named)


def commands() -> list[str]:
    shown = [block.text for block in blocks() if block.kind == "console"]
    return [line.removeprefix("$ ") for text in shown for line in text.splitlines()]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A project with a change in it, and with the files that the README shows."""
    project = Repository(tmp_path / "shop")
    project.write("app/store.py", "def load(path):\n    return open(path).read()\n")
    project.write("tests/test_store.py", "def test_load():\n    assert True\n")
    project.commit("start")
    project.write("app/store.py", "def load(path):\n    return path.read_text()\n")
    project.commit("read")
    project.write("app/store.py", "def load(path):\n    return path.read_text(encoding='utf-8')\n")
    for block in blocks():
        if block.path is not None:
            project.write(block.path, block.text)
    return project


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    tools = str(Path(sys.executable).parent)
    environ = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_command_of_the_readme_runs(repository: Repository) -> None:
    shown = commands()
    assert len(shown) > 10
    for command in shown:
        done = run(shlex.split(command), repository.root)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout or "--fail-on" in command, command


def test_the_team_from_scratch_has_no_problems(repository: Repository) -> None:
    checked = run(["crew", "check"], repository.root)
    assert "no problems" in checked.stdout
    shown = run(["crew", "teams", "naming", "--json"], repository.root)
    assert '"naming-critic"' in shown.stdout


def test_the_python_of_the_readme_prints_a_verdict(repository: Repository) -> None:
    (program,) = [block.text for block in blocks() if block.kind == "python"]
    done = run([sys.executable, "-c", program], repository.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "approve"
    assert "verify completed" in done.stdout


def test_the_configuration_of_the_readme_is_valid(repository: Repository) -> None:
    (settings,) = [block.text for block in blocks() if block.kind == "toml"]
    config = Path(os.environ["XDG_CONFIG_HOME"], "crew", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text(settings)
    shown = run(["crew", "models"], repository.root)
    assert shown.returncode == 0, shown.stderr
    assert "local:coder" in shown.stdout
    assert "http://127.0.0.1:8080/v1" in shown.stdout


def test_the_gate_sets_up_and_tests_as_the_readme_says() -> None:
    (use, work) = [block.text.strip() for block in blocks() if block.kind == "sh"]
    assert use.startswith("python3 -m venv .venv && .venv/bin/pip install .")
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    for step in work.split(" && "):
        assert step.removeprefix(".venv/bin/") in gate


def test_the_readme_lists_every_key_of_the_observer() -> None:
    listed = re.findall(
        r"^\| `([^`]+)` \| (.+) \| `(\w+)` \|$", README.partition("### Watch and steer")[2], re.M
    )
    assert listed[: len(KEYS)] == [(key.shown, key.help, key.id) for key in KEYS]


async def test_the_picture_of_the_readme_has_the_keys_of_a_run_at_work() -> None:
    assert "golden/observer.svg" in README
    kept = (ROOT / "tests" / "golden" / "observer.svg").read_text(encoding="utf-8")
    app = observer(until(20), control=Remembering())
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await settle(pilot)
        keys = screen_text(app)[-1]
    drawn = html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", kept)))
    assert "".join(keys.split()) in "".join(drawn.split())
