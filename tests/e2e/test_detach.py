"""Runs without a terminal: `crew run --detach` starts one, `crew wait` waits for it."""

import fcntl
import json
import os
import pty
import shlex
import signal
import stat
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crew.store.folder import RunFolder, runs
from crew.store.lock import Holder, holder
from tests.doubles.programs import review_script
from tests.doubles.repository import Repository
from tests.doubles.waiting import until
from tests.e2e.installed import SECONDS, Installed

STUCK = [{"text": "hm", "delay": 600}]


@pytest.fixture(autouse=True)
def something_to_find(repository: Repository) -> Iterator[None]:
    """A change to review; at the end no runner of the test is left."""
    repository.write("ledger.py", "import os\n")
    yield
    for folder in runs(repository.root / ".crew"):
        if (held := holder(folder)) is not None and held.live:
            os.kill(held.pid, signal.SIGKILL)


@pytest.fixture
def stuck(crew: Installed) -> str:
    """A model whose reviewer never answers."""
    return _model(crew, reviewer=STUCK)


def _model(crew: Installed, **agents: Any) -> str:
    script = crew.home / "script.json"
    script.write_text(json.dumps(review_script(**agents)))
    return f"scripted:{script}"


def _detach(crew: Installed, *args: str, **options: Any) -> RunFolder:
    done = crew.run("run", "review", "--detach", *args, **options)
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    return RunFolder(crew.cwd / ".crew", line)


def _runner(folder: RunFolder) -> Holder:
    held = holder(folder)
    assert held is not None
    assert held.live
    return held


def _begun(folder: RunFolder) -> bool:
    return "code-review" in folder.journal.read_text()


def _the_run(crew: Installed) -> tuple[str, bool]:
    (run,) = json.loads(crew.run("ps", "--json").out)
    return run["status"], run["live"]


def test_the_starter_returns_with_the_id_while_the_run_goes_on(crew: Installed, stuck: str) -> None:
    done = crew.run("run", "review", "--detach", "-m", stuck)
    assert done.code == 0
    run = done.out.removesuffix("\n")
    assert done.err == f"watch it:    crew watch {run}\nwait for it: crew wait {run}\n"
    assert _the_run(crew) == ("running", True)


def test_for_programs_the_id_and_the_folder_are_json(crew: Installed, stuck: str) -> None:
    done = crew.run("run", "review", "--detach", "--json", "-m", stuck)
    said = json.loads(done.out)
    assert done.err == ""
    assert Path(said["folder"]) == crew.cwd / ".crew" / "runs" / said["run"]
    assert json.loads((Path(said["folder"]) / "run.json").read_text())["run"] == said["run"]


def test_a_detached_run_takes_commands_and_its_end_is_waited_for(
    crew: Installed, stuck: str
) -> None:
    folder = _detach(crew, "-m", stuck)
    until(lambda: _begun(folder))
    steered = crew.run("steer", f"{folder.id}/code-review", "be quick")
    assert (steered.code, "accepted" in steered.out) == (0, True)
    with _waiting(crew, folder.id) as waiting:
        assert crew.run("cancel", folder.id).code == 0
        out, err = waiting.communicate(timeout=SECONDS)
    assert (waiting.returncode, out) == (130, b"")
    assert err.decode().startswith(f"{folder.id}: cancelled")
    assert err.count(b"\n") == 1
    assert _the_run(crew) == ("cancelled", False)


@contextmanager
def _waiting(crew: Installed, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    with _started(crew, "wait", *args) as process:
        until(lambda: _at_work(process.pid))
        yield process


def _started(crew: Installed, *args: str, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*crew.command, *args],
        cwd=crew.cwd,
        env=crew.environ(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _at_work(pid: int) -> bool:
    """Whether the program has come to its command; where the system does not tell, it has."""
    try:
        return "pydantic_core" in Path(f"/proc/{pid}/maps").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("of_the_run", "of_the_wait", "code"),
    [
        ([], [], 0),
        ([], ["--fail-on", "P1"], 1),
        (["--fail-on", "P1"], [], 1),
        (["--fail-on", "P1"], ["--fail-on", "P0"], 0),
    ],
)
def test_waiting_ends_with_the_exit_code_of_the_run(
    crew: Installed, of_the_run: list[str], of_the_wait: list[str], code: int
) -> None:
    folder = _detach(crew, "-m", _model(crew), *of_the_run)
    waited = crew.run("wait", *of_the_wait)
    assert (waited.code, waited.out) == (code, "")
    assert waited.err == f"{folder.id}: done, request changes, 1 finding: 1 P1\n"
    assert (folder.root / "runner.log").read_text() == waited.err
    assert "request changes" in crew.run("show", folder.id).out


def test_a_run_that_fails_fails_who_waits_and_says_why(crew: Installed) -> None:
    fault = {"error": {"fault": "auth", "message": "the key is not valid"}}
    _detach(crew, "-m", _model(crew, explorer=[fault]))
    waited = crew.run("wait")
    assert waited.code == 3
    assert "the key is not valid" in waited.err


@pytest.mark.parametrize(
    "args",
    [
        ["nobody"],
        ["review", "--base", "no-such-commit"],
        ["review", "-m", "scripted:nowhere.json"],
        ["review", "--plain"],
    ],
)
def test_what_can_be_refused_is_refused_before_there_is_a_run(
    crew: Installed, args: list[str]
) -> None:
    done = crew.run("run", *args, "--detach")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("crew: ")
    assert not (crew.cwd / ".crew" / "runs").exists()


def test_a_home_that_cannot_be_used_fails_the_starter(crew: Installed) -> None:
    (crew.cwd / "taken").touch()
    done = crew.run("run", "review", "--detach", env={"CREW_HOME": "taken"})
    assert (done.code, done.out) == (3, "")
    assert "taken is a file and must be a folder" in done.err


def test_ctrl_c_before_there_is_a_run_leaves_neither_run_nor_runner(crew: Installed) -> None:
    tools, asked = crew.home / "bin", crew.home / "asked"
    tools.mkdir()
    (tools / "git").write_text(f"#!/bin/sh\ntouch {asked}\nexec sleep 600\n")
    (tools / "git").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    with _started(crew, "run", "review", "--detach", "--base", "main", PATH=path) as starter:
        until(asked.exists)
        starter.send_signal(signal.SIGINT)
        out, err = starter.communicate(timeout=SECONDS)  # ends when no process has its streams
    assert (starter.returncode, out) == (130, b"")
    assert b"nothing was kept" in err
    assert not (crew.cwd / ".crew" / "runs").exists()


def test_names_are_meant_from_where_the_starter_stood(
    crew: Installed, repository: Repository
) -> None:
    repository.write("sub/other.py", "import sys\n")
    (crew.cwd / "sub" / "script.json").write_text(json.dumps(review_script()))
    options = ["-m", "scripted:script.json", "--report", "out.md", "--paths", "other.py"]
    _detach(crew, *options, cwd=crew.cwd / "sub")
    assert crew.run("wait").code == 0
    assert "request changes" in (crew.cwd / "sub" / "out.md").read_text()


def test_the_workspace_is_no_place_to_import_from(crew: Installed, repository: Repository) -> None:
    for name in ("json.py", "anyio.py", "crew/__init__.py"):
        repository.write(name, "raise SystemExit(77)\n")
    _detach(crew, "-m", _model(crew))
    assert crew.run("wait").code == 0


def test_a_runner_that_was_killed_leaves_an_interrupted_run(crew: Installed, stuck: str) -> None:
    folder = _detach(crew, "-m", stuck)
    runner = _runner(folder)
    with _waiting(crew) as waiting:
        os.kill(runner.pid, signal.SIGKILL)
        _, err = waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 3
    mend = f"go on: crew resume {folder.id}"
    assert err.decode() == f"{folder.id}: interrupted, its process is gone; {mend}\n"
    assert _the_run(crew) == ("interrupted", False)
    assert crew.run("wait").code == 3


def test_a_runner_that_is_asked_to_end_cancels_its_run(crew: Installed, stuck: str) -> None:
    folder = _detach(crew, "-m", stuck)
    os.kill(_runner(folder).pid, signal.SIGTERM)
    assert crew.run("wait").code == 130
    assert "cancelling" in (folder.root / "runner.log").read_text()


def test_waiting_can_have_an_end_and_leaves_the_run_alone(crew: Installed, stuck: str) -> None:
    folder = _detach(crew, "-m", stuck)
    waited = crew.run("wait", "--timeout", "0.1")
    assert (waited.code, waited.err) == (124, f"{folder.id}: still running after 0.1 s\n")
    with _waiting(crew) as waiting:
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(timeout=SECONDS) == 130
    assert _the_run(crew) == ("running", True)


def test_it_is_runs_that_are_waited_for(crew: Installed, stuck: str) -> None:
    _detach(crew, "-m", stuck)
    assert "it is runs that are waited for" in crew.run("wait", "latest/code-review").err
    assert crew.run("wait", "nothing").code == 2


def test_the_runner_is_no_command_for_people(crew: Installed) -> None:
    assert "runner" not in crew.run("--help").out
    refused = crew.run("runner")
    assert refused.code == 2
    assert "use crew run TEAM --detach" in refused.err


def test_the_runner_holds_nothing_of_who_started_it(crew: Installed, stuck: str) -> None:
    read_end, write_end = os.pipe()
    folder = _detach(crew, "-m", stuck, pass_fds=(write_end,))
    os.close(write_end)
    assert os.read(read_end, 1) == b""  # nobody has the other end
    os.close(read_end)
    runner = _runner(folder)
    assert os.getsid(runner.pid) == runner.pid
    log = folder.root / "runner.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    if sys.platform == "linux":
        here = Path(f"/proc/{runner.pid}")
        until(lambda: (here / "fd" / "2").readlink() == log)
        assert [(here / "fd" / str(n)).readlink() for n in range(3)] == [Path(os.devnull), log, log]
        assert (here / "cwd").readlink() == crew.cwd


def test_a_run_outlives_the_terminal_that_it_was_started_from(crew: Installed, stuck: str) -> None:
    master, slave = pty.openpty()
    command = shlex.join([*crew.command, "run", "review", "--detach", "-m", stuck])
    shell = subprocess.Popen(
        ["sh", "-c", f"{command}; read line"],
        cwd=crew.cwd,
        env=crew.environ(TERM="xterm"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY),  # noqa: PLW1509  # as a login has it
    )
    os.close(slave)
    shown = b""
    while b"wait for it" not in shown:
        shown += os.read(master, 4096)
    os.close(master)  # the hang-up
    assert shell.wait(timeout=SECONDS) != 0
    folder = RunFolder(crew.cwd / ".crew", shown.decode().split()[0])
    os.kill(_runner(folder).pid, signal.SIGHUP)
    assert crew.run("pause", folder.id).code == 0
    assert _the_run(crew)[1]
