"""The observer of the installed program: keys sent, the screen read, then the journal checked."""

import json
import os
import re
import signal
from typing import Any

import pytest

from crew.store.folder import RunFolder
from crew.store.lock import holder
from tests.doubles.programs import review_script, submit
from tests.doubles.repository import Repository
from tests.doubles.waiting import until
from tests.e2e.installed import Installed
from tests.e2e.terminal import terminal, terminal_of

CHILD = "code-review.explorer-1"
SPAWN = {"calls": [{"tool": "spawn_agent", "args": {"agent": "explorer", "prompt": "Who calls?"}}]}
FOUND = {
    "title": "Cents are lost",
    "body": "x",
    "priority": "P1",
    "confidence": 0.9,
    "file": "ledger.py",
    "line": 1,
}
SLOW = {
    "text": "one two three four five six " * 12,
    "chunk": 4,
    "pace": 0.05,
    "calls": [{"tool": "ls", "args": {}}],
}


@pytest.fixture(autouse=True)
def something_to_find(repository: Repository) -> None:
    """A change to review."""
    repository.write("ledger.py", "import os\n")


def nested(crew: Installed) -> str:
    """A review whose reviewer spawns an explorer that takes its time."""
    script = review_script(reviewer=[SPAWN, submit({"summary": "One.", "findings": [FOUND]})])
    script["agents"][CHILD] = [*[SLOW] * 8, submit({"summary": "Nobody.", "files": []})]
    path = crew.home / "nested.json"
    path.write_text(json.dumps(script))
    return f"scripted:{path}"


def only_run(crew: Installed) -> RunFolder:
    (run,) = json.loads(crew.run("ps", "--json").out)
    return RunFolder(crew.cwd / ".crew", run["run"])


def journal(folder: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.journal.read_bytes().splitlines()]


def commands(folder: RunFolder) -> list[tuple[str, str | None]]:
    """What was asked for and accepted, and of whom."""
    return [
        (event["command"]["kind"], event["command"].get("session"))
        for event in journal(folder)
        if event["kind"] == "command.accepted"
    ]


@pytest.fixture
def live(crew: Installed) -> RunFolder:
    """A run of another process, its explorer's child at work."""
    done = crew.run("run", "review", "--detach", "--model", nested(crew))
    assert done.code == 0, done.err
    folder = RunFolder(crew.cwd / ".crew", done.out.strip())
    until(lambda: CHILD.encode() in folder.journal.read_bytes())
    return folder


def test_a_nested_agent_is_dived_into_steered_held_stepped_and_cancelled_by_keys(
    crew: Installed,
) -> None:
    with terminal(crew, "run", "review", "-m", nested(crew)) as screen:
        screen.see("explorer-1", "writing: ")
        screen.press(b"gjj\r")
        screen.see("review > code-review > explorer-1", "turn 1 of")
        screen.press(b"s")
        screen.see(f"steer {CHILD}:")
        screen.press(b"xqp, please\r")
        screen.see(f"steer {CHILD}: accepted", "xqp, please", "queued")
        screen.press(b"p")
        screen.see("holds at its next checkpoint")
        screen.press(b"p")
        screen.see("= paused", "n step")
        screen.press(b"n")
        screen.see("delivered at turn", "writing")
        screen.press(b"x")
        screen.see("x again cancels it")
        screen.press(b"x")
        screen.see("- cancelled")
        screen.press(b"\x7f")
        screen.see("review > code-review ", "done: One.")
        screen.press(b"\x7f")
        screen.see("P1  ledger.py:1  Cents are lost")
        screen.press(b"m")
        screen.see("review > messages", "you -> code-review", "delivered at turn", "Who calls?")
        screen.press(b"q")
        assert screen.wait_for_end() == 0
    folder = only_run(crew)
    asked = [kind for kind, session in commands(folder) if session == CHILD]
    assert asked == ["steer", "pause", "pause", "step", "cancel"]
    told = [event for event in journal(folder) if event["kind"] == "steer.delivered"]
    assert [event["session"] for event in told] == [CHILD]
    ends = {e["session"]: e["status"] for e in journal(folder) if e["kind"] == "session.ended"}
    assert ends[CHILD] == "cancelled"
    assert ends["code-review"] == "completed"
    steer = "xqp, please"
    assert folder.transcript(CHILD).read_text().count(steer) == 1


def test_a_run_of_another_process_is_steered_and_left_to_go_on(
    crew: Installed, live: RunFolder
) -> None:
    with terminal(crew, "watch") as screen:
        screen.see("explorer-1", "● running")
        screen.press(b"gjj\r")
        screen.see("review > code-review > explorer-1", "writing")
        screen.press(b"s")
        screen.see(f"steer {CHILD}:")
        screen.press(b"from afar\r")
        screen.see("accepted", "from afar")
        screen.press(b"P")
        screen.see("paused: nothing runs")
        screen.press(b"q")
        assert screen.wait_for_end() == 0
        assert f"crew watch {live.id}" in screen.shown
    assert commands(live) == [("steer", CHILD), ("pause", None)]
    held = holder(live)
    assert held is not None
    assert held.live
    assert crew.run("cancel", live.id).code == 0
    until(lambda: b'"run.ended"' in live.journal.read_bytes())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watching_and_gives_the_terminal_back(
    crew: Installed, live: RunFolder, number: signal.Signals
) -> None:
    with terminal(crew, "watch") as screen:
        screen.see("explorer-1", "● running")
        screen.signal(number)
        assert screen.wait_for_end() == 128 + number
        assert "\x1b[?1049l" in screen.shown
    held = holder(live)
    assert held is not None
    assert held.live


def test_a_run_that_is_over_shows_its_verdict_and_takes_no_command(crew: Installed) -> None:
    assert crew.run("run", "review").code == 0
    with terminal(crew, "watch", "latest") as screen:
        screen.see("✓ done", "approve", "Enter open", "r result")
        screen.press(b"t")
        screen.see("review > tasks", "needs code-review (done), security-review (done)")
        screen.press(b"gsxPX")
        screen.see("needs nothing")
        screen.press(b"G\r")
        screen.see("review > verify", "✓ result")
        screen.press(b"F")
        screen.see("only messages")
        screen.press(b"\x7f\x7fq")
        assert screen.wait_for_end() == 0
    assert commands(only_run(crew)) == []


def test_a_run_whose_process_was_killed_is_shown_as_interrupted(
    crew: Installed, live: RunFolder
) -> None:
    with terminal(crew, "watch") as screen:
        screen.see("● running", "explorer-1")
        held = holder(live)
        assert held is not None
        os.kill(held.pid, signal.SIGKILL)
        screen.see("- interrupted", f"crew resume {live.id}", "R go on")
        screen.press(b"q")
        assert screen.wait_for_end() == 0
    with terminal(crew, "watch", "--all") as screen:
        screen.see("1 run, 0 live", "- interrupted")
        screen.press(b"\r")
        screen.see("runs > review", f"crew resume {live.id}")
        screen.press(b"\x1b")
        screen.see("1 run, 0 live")
        screen.press(b"q")
        assert screen.wait_for_end() == 0


def test_a_lost_run_goes_on_from_the_observer_and_its_end_is_seen(
    crew: Installed, live: RunFolder
) -> None:
    held = holder(live)
    assert held is not None
    os.kill(held.pid, signal.SIGKILL)
    script = review_script(reviewer=[SPAWN, submit({"summary": "One.", "findings": [FOUND]})])
    script["agents"][CHILD] = [submit({"summary": "Nobody.", "files": []})]
    (crew.home / "nested.json").write_text(json.dumps(script))
    with terminal(crew, "watch") as screen:
        screen.see("- interrupted", "R go on")
        screen.press(b"R")
        screen.see("take the run up again where it was lost?")
        screen.press(b"R")
        screen.see("✓ done", "request changes, 1 finding: 1 P1")
        screen.press(b"q")
        assert screen.wait_for_end() == 0
    assert [e["status"] for e in journal(live) if e["kind"] == "run.ended"] == ["completed"]


def test_an_editor_gets_the_terminal_and_gives_it_back(crew: Installed) -> None:
    assert crew.run("run", "review").code == 0
    editor = crew.home / "vim"
    editor.write_text('#!/bin/sh\nprintf "EDITING %s" "$*"; read answer\n')
    editor.chmod(0o755)
    with terminal(crew, "watch", EDITOR=str(editor)) as screen:
        screen.see("r result")
        screen.press(b"r")
        screen.see("o opens its file")
        screen.press(b"o")
        screen.wait_for("EDITING +1 ")
        assert "ledger.py" in screen.shown.partition("EDITING")[2]
        screen.press(b"fine\n")
        screen.see("o opens its file")
        screen.press(b"rq")
        assert screen.wait_for_end() == 0


def test_chosen_keys_work_and_a_mistake_in_them_costs_no_run(crew: Installed) -> None:
    config = crew.home / ".config" / "crew" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[keys]\nleave = "x"\n')
    with terminal(crew, "run", "review") as screen:
        assert screen.wait_for_end() == 2
    assert "config.toml:2:keys:xwouldmeanbothcancelandleave" in "".join(screen.shown.split())
    config.write_text('[keys]\nleave = "x"\nsteeer = "y"\ntasks = "nokey"\n')
    examined = crew.run("doctor")
    assert examined.code == 3
    for line, mistake in (
        (2, "x would mean both cancel and leave"),
        (3, "there is no action 'steeer': did you mean steer?"),
        (4, "tasks: there is no key 'nokey'"),
    ):
        assert f"/.config/crew/config.toml:{line}" in "".join(examined.out.split())
        assert mistake in examined.out
    assert not (crew.cwd / ".crew" / "runs").exists()
    config.write_text('[keys]\nleave = "f10"\ntasks = "T"\n')
    assert crew.run("run", "review").code == 0
    with terminal(crew, "watch") as screen:
        screen.see("T tasks", "F10 leave")
        screen.press(b"qT")
        screen.see("review > tasks")
        screen.press(b"\x1b[21~")
        assert screen.wait_for_end() == 0


COLOURS = re.compile(r"\x1b\[[\d;]*(?:[34]8;[25];)")


def test_in_sixteen_colours_every_state_is_told_by_its_sign(crew: Installed) -> None:
    assert crew.run("run", "review").code == 0
    with terminal(crew, "watch", TERM="xterm", COLORTERM="") as screen:
        screen.see("✓ explore", "✓ done", "▌✓ verify")
        screen.press(b"q")
        assert screen.wait_for_end() == 0
    assert COLOURS.search(screen.shown) is None


def test_without_colour_nothing_is_coloured(crew: Installed) -> None:
    assert crew.run("run", "review").code == 0
    with terminal(crew, "watch", NO_COLOR="1") as screen:
        screen.see("✓ explore", "✓ done")
        screen.press(b"q")
        assert screen.wait_for_end() == 0
    assert re.search(r"\x1b\[(?:\d+;)*[349][0-8](?:;\d+)*m", screen.shown) is None


@pytest.mark.parametrize("size", [(80, 24), (250, 70)])
def test_it_fills_terminals_of_every_size(crew: Installed, size: tuple[int, int]) -> None:
    assert crew.run("run", "review").code == 0
    with terminal_of(size, crew, "watch") as screen:
        screen.see("✓ done", "✓ verify", "what happened", "q leave")
        lines = screen.picture.lines
        assert "q leave" in lines[-1]
        assert len(lines[0]) > size[0] - 3
        screen.press(b"q")
        assert screen.wait_for_end() == 0
