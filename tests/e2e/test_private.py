"""A run's folder is its owner's alone, and no secret is in any file of it."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from crew.store.folder import RunFolder
from tests.doubles.programs import submit
from tests.doubles.repository import Repository
from tests.doubles.waiting import until
from tests.e2e.installed import Installed

SHAPED = "gh" + "p_" + "A1b2C3d4E5" * 4
KNOWN = "correct-horse\"4711'staple"
KEY = "q7Lk-config-0815-key"
SECRETS = {"shaped": SHAPED, "known": KNOWN, "key": KEY}
ALL = f"{SHAPED} and {KNOWN} and {KEY}"


def _model(crew: Installed) -> str:
    """A script, in a folder named by a secret, that says, calls, asks for and fails with them."""
    folder = crew.home / SHAPED
    folder.mkdir()
    script = folder / "script.json"
    shell = {"tool": "shell", "args": {"command": f"echo '{SHAPED}'; seq 1 20000; env"}}
    read = {"tool": "read", "args": {"path": f"{SHAPED}.txt"}}
    fails = {"error": {"fault": "auth", "message": f"bad key {ALL}"}}
    reviewer = [
        {"thinking": ALL, "text": ALL, "calls": [{"tool": "grep", "args": {"pattern": SHAPED}}]},
        {"text": ALL, "delay": 3, "calls": [read, shell]},
        submit({"summary": ALL, "findings": []}),
    ]
    explorer = [
        {"calls": [{"tool": "ls", "args": {}}, {"tool": "git_changes", "args": {}}, read]},
        submit({"summary": ALL, "files": []}),
    ]
    agents = {"explorer": explorer, "reviewer": reviewer, "security-reviewer": [fails]}
    script.write_text(json.dumps({"agents": {**agents, "*": [fails]}}))
    return f"scripted:{script}"


@pytest.fixture
def planted(crew: Installed, repository: Repository) -> RunFolder:
    """A run that ended, and that met secrets in all that it was given."""
    repository.write(f"{SHAPED}.txt", f"{ALL}\n" * 40)
    repository.write("ledger.py", f"KEY = '{SHAPED}'\nOTHER = {KNOWN!r}\n")
    repository.write(
        f".crew/teams/{repository_team}.md",
        "---\nname: audit\ndescription: Audit.\nworkflow: review\nmembers:\n"
        "  explorer: explorer\n  reviewer: {agent: reviewer, tools: [read, grep, shell]}\n"
        f"  security-reviewer: security-reviewer\n  verifier: verifier\n---\n{ALL}\n",
    )
    config = crew.home / ".config" / "crew" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[providers.mine]\nkind = "openai-chat"\nbase_url = "http://127.0.0.1:1/{SHAPED}"\n'
        f'api_key = "{KEY}"\n'
    )
    secret = {"DEPLOY_TOKEN": KNOWN}
    done = crew.run(
        *("run", repository_team, ALL, "--detach", "--allow", "execute", "-m", _model(crew)),
        *("--paths", f"{SHAPED}.txt", "--paths", "ledger.py"),
        env=secret,
        umask=0,
    )
    assert done.code == 0, done.err
    folder = RunFolder(crew.cwd / ".crew", done.out.strip())
    until(lambda: "code-review" in folder.journal.read_text())
    assert crew.run("steer", f"{folder.id}/code-review", ALL).code == 0
    assert crew.run("wait", env=secret).code in {3, 4}
    return folder


repository_team = "audit"


def _files(folder: RunFolder) -> Iterator[Path]:
    for place, _, names in os.walk(folder.root):
        yield from (Path(place) / name for name in names)


def _forms(secret: str) -> set[str]:
    once = json.dumps(secret, ensure_ascii=False)[1:-1]
    return {secret, repr(secret)[1:-1], once, json.dumps(once)[1:-1], json.dumps(secret)[1:-1]}


def test_no_secret_of_anything_that_a_run_is_given_is_in_a_file_of_it(planted: RunFolder) -> None:
    files = list(_files(planted))
    assert {"run.json", "events.jsonl", "runner.log", "report.md"} <= {path.name for path in files}
    assert any(planted.artifacts.iterdir())
    found = []
    for path in files:
        text = path.read_text(encoding="utf-8", errors="backslashreplace")
        for name, secret in SECRETS.items():
            found += [f"{name} in {path.name}" for form in _forms(secret) if form in text]
            assert secret not in path.name
    assert found == []


def test_every_file_of_a_run_is_its_owners_alone_whatever_the_umask(planted: RunFolder) -> None:
    modes = {
        path.relative_to(planted.root).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in [*_files(planted), planted.sessions, planted.artifacts, planted.control]
    }
    assert {mode for name, mode in modes.items() if not (planted.root / name).is_dir()} == {0o600}
    assert {mode for name, mode in modes.items() if (planted.root / name).is_dir()} == {0o700}
    assert stat.S_IMODE(planted.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(planted.root.parent.stat().st_mode) == 0o700
