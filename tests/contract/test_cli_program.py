"""The program itself, in a process of its own: what it prints where, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from crew import __version__
from crew.events import parse_event
from tests.doubles.definitions import step, team, workflow
from tests.doubles.programs import RESULT, Program, program, review_script, submit
from tests.doubles.waiting import until

STUCK = [{"text": "hm", "delay": 600}]


@pytest.fixture
def crew(tmp_path: Path) -> Program:
    return program(tmp_path)


def test_a_review_prints_its_report_on_stdout_and_its_progress_on_stderr(crew: Program) -> None:
    done = crew.run("run", "review", "-m", crew.model(review_script()))
    assert done.returncode == 0, done.stderr
    assert "# review: request changes" in done.stdout
    assert "Rounded parts may not add up" in done.stdout
    assert "  verify            done (1 turn, 1 tool call)\n" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("report: ")


@pytest.mark.parametrize(("fail_on", "code"), [("P0", 0), ("p1", 1)])
def test_fail_on_decides_the_exit_code(crew: Program, fail_on: str, code: int) -> None:
    model = crew.model(review_script())
    assert crew.run("run", "review", "-m", model, "--fail-on", fail_on).returncode == code


def test_json_is_the_journal_then_the_outcome(crew: Program, tmp_path: Path) -> None:
    done = crew.run("run", "review", "-m", crew.model(review_script()), "--json")
    lines = done.stdout.splitlines()
    outcome = json.loads(lines[-1])
    assert (outcome["kind"], outcome["exit_code"], outcome["verdict"]) == (
        "outcome",
        0,
        "request_changes",
    )
    assert outcome["result"] == RESULT
    folder = Path(outcome["folder"])
    events = [line for line in lines[:-1] if json.loads(line)["kind"] != "progress"]
    journal = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert events == journal
    assert [parse_event(line.encode()).seq for line in events] == list(range(1, len(events) + 1))
    assert Path(outcome["report"]).is_file()


def test_the_report_is_written_to_a_file_as_well(crew: Program, tmp_path: Path) -> None:
    file = tmp_path / "out.md"
    done = crew.run("run", "review", "-m", crew.model(review_script()), "--report", str(file))
    assert file.read_text(encoding="utf-8") == done.stdout


def test_a_run_that_fails_says_why_and_where_it_is_kept(crew: Program) -> None:
    fault = {"error": {"fault": "auth", "message": "the key is not valid"}}
    model = crew.model(review_script(explorer=[fault]))
    done = crew.run("run", "review", "-m", model)
    assert done.returncode == 3
    assert "crew: Task explore: " in done.stderr
    assert "the key is not valid" in done.stderr
    kept, see = done.stderr.splitlines()[-2:]
    assert kept.startswith("kept: ")
    shown = crew.run(*see.removeprefix("see:  crew ").split())
    assert "the key is not valid" in shown.stdout


def test_a_reader_that_has_gone_leaves_the_exit_code_as_it_is(crew: Program) -> None:
    model = crew.model(review_script())
    for more in ([], ["--json"]):
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = crew.run("run", "review", "-m", model, "--fail-on", "P1", *more, stdout=write_end)
        os.close(write_end)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "Broken" not in done.stderr


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_the_parent_closed_is_no_trouble(crew: Program, closed: str) -> None:
    model = crew.model(review_script())
    done = crew.run("run", "review", "-m", model, "--fail-on", "P1", close=closed)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_an_encoding_that_lacks_a_character_escapes_it(crew: Program) -> None:
    model = crew.model(review_script(verifier=[submit({**RESULT, "summary": "caf\u00e9"})]))
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = crew.run("run", "review", "-m", model, env=env)
    assert done.returncode == 0
    assert "caf\\xe9" in done.stdout


def test_to_stop_reading_a_list_is_no_failure(crew: Program) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    for args in (["agents"], ["ps", "--json"], ["--help"]):
        done = crew.run(*args, stdout=write_end)
        assert (done.returncode, done.stderr) == (0, "")
    os.close(write_end)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "cancelling; press Ctrl+C again to leave at once\n"),
        (signal.SIGTERM, "terminated: cancelling; a second signal ends it at once\n"),
    ],
)
def test_a_signal_cancels_cleanly_and_says_what_was_kept(
    crew: Program, number: signal.Signals, said: str
) -> None:
    model = crew.model(review_script(reviewer=STUCK))
    with crew.start(["run", "review", "-m", model]) as process:
        _wait_for(process.stderr, "code-review       started")
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said in err
    assert "\nkept: " in err
    assert "Traceback" not in err
    listed = json.loads(crew.run("ps", "--json").stdout)
    assert [(run["status"], run["live"]) for run in listed] == [("cancelled", False)]


def test_a_second_signal_leaves_at_once(crew: Program) -> None:
    model = crew.model(review_script(explorer=STUCK))
    # Nobody reads the pipe, and the goal alone fills it: the run can't end in order.
    with crew.start(["run", "review", "-m", model, "--json", "x" * 100_000]) as process:
        until(lambda: _started(crew))
        process.send_signal(signal.SIGINT)
        _wait_for(process.stderr, "cancelling")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 130


def test_ps_show_and_logs_tell_of_a_run(crew: Program) -> None:
    crew.run("run", "review", "-m", crew.model(review_script()), "the", "goal")
    listed = crew.run("ps")
    assert listed.returncode == 0
    assert "request changes" in listed.stdout
    assert json.loads(crew.run("ps", "--json").stdout)[0]["goal"] == "the goal"
    shown = crew.run("show")
    assert "done: One bug." in shown.stdout
    assert "P1  split.py:2" in shown.stdout
    session = crew.run("show", "latest/code-review")
    assert "call       submit_result summary='One bug.'" in session.stdout
    document = json.loads(crew.run("show", "--json").stdout)
    assert [task["status"] for task in document["tasks"]] == ["completed"] * 4
    assert document["result"] == RESULT
    logged = crew.run("logs", "latest/verify", "--json")
    kinds = [json.loads(line)["kind"] for line in logged.stdout.splitlines()]
    assert kinds[:2] == ["system", "user"]
    assert kinds[-1] == "result"


def test_a_workflow_with_two_last_steps_says_what_each_came_to_and_fails_by_either(
    crew: Program,
) -> None:
    for folder, text in {
        "teams": team("members: {a: reviewer, b: security-reviewer}", name="two", workflow="two"),
        "workflows": workflow(step("code"), step("keys", role="b"), name="two"),
    }.items():
        path = crew.folder / "work" / ".crew" / folder / "two.md"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    done = crew.run("run", "two", "-m", crew.model(review_script()), "--fail-on", "P1")
    assert done.returncode == 1, done.stderr
    said = "code: 1 finding: 1 P1; keys: no findings"
    assert said in crew.run("ps", env={"COLUMNS": "120"}).stdout
    assert f"done, {said}\n" in crew.run("wait").stderr


def test_logs_follow_a_run_to_its_end(crew: Program) -> None:
    slow = [{"text": "hm", "delay": 1.0}, *review_script()["agents"]["reviewer"]]
    model = crew.model(review_script(reviewer=slow))
    with crew.start(["run", "review", "-m", model]) as running:
        _wait_for(running.stderr, "code-review       started")
        followed = crew.run("logs", "-f", "--json")
        entries = crew.run("logs", "latest/verify", "-f", "--json")
        running.communicate(timeout=20)
    events = [parse_event(line.encode()) for line in followed.stdout.splitlines()]
    known = [event for event in events if event.seq]
    assert known[-1].kind == "run.ended"
    assert [event.seq for event in known] == list(range(1, len(known) + 1))
    assert entries.returncode == 0


def test_following_a_run_whose_process_was_killed_ends(crew: Program) -> None:
    model = crew.model(review_script(reviewer=STUCK))
    with crew.start(["run", "review", "-m", model]) as running:
        _wait_for(running.stderr, "code-review       started")
        with crew.start(["logs", "-f"]) as following:
            _wait_for(following.stdout, "code-review       started")
            running.kill()
            running.communicate()
            _, err = following.communicate(timeout=30)
    assert "the process of this run is gone" in err
    assert json.loads(crew.run("ps", "--json").stdout)[0]["status"] == "interrupted"


def test_no_runs_is_a_word_and_not_an_error(crew: Program) -> None:
    done = crew.run("ps")
    assert (done.returncode, done.stdout) == (0, "")
    assert "crew run review" in done.stderr
    assert crew.run("ps", "--json").stdout == "[]\n"


def test_the_version_and_the_help(crew: Program) -> None:
    assert crew.run("--version").stdout == f"crew {__version__}\n"
    assert "run " in crew.run().stdout
    assert crew.run().returncode == 0


@pytest.mark.parametrize("args", [["--help"], ["--version"]])
def test_help_starts_fast_because_it_imports_little(args: list[str]) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['crew', *{args!r}]\n"
        "from crew.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pydantic', 'anyio', 'yaml', 'textual'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def _started(crew: Program) -> bool:
    return any(
        "session.started" in journal.read_text(encoding="utf-8")
        for journal in (crew.folder / "home").glob("runs/*/events.jsonl")
    )


def _wait_for(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"the stream ended without {text!r}")


@pytest.mark.parametrize(
    "moment", ["crew.cli", "typer", "crew.errors", "crew.cli.wiring", "pydantic", "crew.service"]
)
def test_ctrl_c_while_it_still_loads_ends_it_without_a_word(tmp_path: Path, moment: str) -> None:
    code = (
        "import os, signal, sys\n"
        "moment, sys.argv[1:] = sys.argv[1], ['run', 'review', '--plain']\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == moment:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from crew.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, moment]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
