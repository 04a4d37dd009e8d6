"""The program on a terminal: what a person sees while it works, and what Ctrl+C does."""

import json
import re
import time

import pytest

from tests.doubles.programs import review_script
from tests.doubles.repository import Repository
from tests.doubles.waiting import until
from tests.e2e.installed import Installed
from tests.e2e.terminal import terminal

COLOUR = re.compile(r"\x1b\[[\d;]*[34]\d(;\d+)*m")
STUCK = [{"text": "hm", "delay": 600}]


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
    runs = crew.cwd / ".crew" / "runs"
    until(
        lambda: any("session.started" in file.read_text() for file in runs.glob("*/events.jsonl"))
    )


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
