"""The main job: `crew run review` finds the mistakes of a real change and says where they are."""

import json
from pathlib import Path

import pytest

from crew.events import parse_event
from tests.doubles.repository import Repository
from tests.e2e.installed import Installed

RULES_LINE = "rules: built-in checks, no language model"
MISTAKEN_PYTHON = '''"""Sums."""

import os
import subprocess


def total(rows, seen=[]):
    try:
        seen.append(rows)
        return sum(rows)
    except Exception:
        pass


def export(name):
    subprocess.run(f"tar cf {name}.tar data", shell=True)


def find(db, name):
    return db.execute(f"select * from rows where name = '{name}'")
'''
MISTAKEN_SCRIPT = """const token = "ghp_{secret}";

function pay(amount) {{
  console.log("paying", amount);
  debugger;
}}
"""
SECRET = "a8Kd0Qz7Lm3Xw9Rt5Vb1Nc6Yp2Hs4Jf7Ge0U"


@pytest.fixture
def mistaken(repository: Repository) -> Repository:
    """The repository with a change that has mistakes of many kinds."""
    repository.write("ledger.py", MISTAKEN_PYTHON)
    repository.write("web/pay.js", MISTAKEN_SCRIPT.format(secret=SECRET))
    return repository


@pytest.mark.usefixtures("mistaken")
def test_each_mistake_is_found_where_it_is(crew: Installed) -> None:
    found = {(file, line) for file, line, _ in crew.review().places()}
    assert found >= {
        ("ledger.py", 3),  # the import that nothing uses
        ("ledger.py", 7),  # the default that all calls share
        ("ledger.py", 11),  # the error that is swallowed
        ("ledger.py", 16),  # the shell command built from a name
        ("ledger.py", 20),  # the query built from a name
        ("web/pay.js", 1),  # the token
        ("web/pay.js", 4),  # the print that was for debugging
    }


@pytest.mark.usefixtures("mistaken")
def test_a_report_that_is_left_in_the_repository_is_not_reviewed_next_time(
    crew: Installed, repository: Repository
) -> None:
    assert crew.run("run", "review", "--report", "review.md").code == 0
    repository.git("add", "review.md")
    done = crew.run("run", "review")
    assert "review.md is left out: it is the report of run" in done.out
    assert "2 files changed" in done.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["default"], 'crew run default "GOAL"'),
        (["implementation", "add a flag"], "needs a language model"),
    ],
)
def test_a_team_that_could_do_nothing_is_refused_before_it_begins(
    crew: Installed, repository: Repository, args: list[str], said: str
) -> None:
    done = crew.run("run", *args)
    assert done.code == 2
    assert said in done.err
    assert not (repository.root / ".crew" / "runs").exists()


@pytest.mark.usefixtures("mistaken")
def test_the_report_opens_with_what_it_is_and_names_each_place(crew: Installed) -> None:
    done = crew.run("run", "review")
    assert done.code == 0
    assert done.out.splitlines()[0] == RULES_LINE
    assert "request changes" in done.out
    assert "`web/pay.js:1`" in done.out
    assert "`ledger.py:20`" in done.out


@pytest.mark.usefixtures("mistaken")
def test_a_secret_is_found_and_kept_off_the_disk(crew: Installed, repository: Repository) -> None:
    done = crew.run("run", "review", "--json")
    assert SECRET not in done.out + done.err
    kept = [path for path in (repository.root / ".crew").rglob("*") if path.is_file()]
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []
    assert len(kept) > 5


@pytest.mark.usefixtures("mistaken")
@pytest.mark.parametrize(("priority", "code"), [(None, 0), ("P1", 1), ("P3", 1), ("P9", 2)])
def test_the_exit_code_is_the_verdict_that_was_asked_for(
    crew: Installed, priority: str | None, code: int
) -> None:
    asked = ["--fail-on", priority] if priority else []
    assert crew.run("run", "review", *asked).code == code


def test_a_clean_change_is_approved(crew: Installed, repository: Repository) -> None:
    repository.write("ledger.py", '"""Sums."""\n\n\ndef total(rows):\n    return sum(rows, 0)\n')
    repository.write(
        "test_ledger.py",
        "from ledger import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
    )
    done = crew.review("--fail-on", "P2")
    assert done.outcome()["verdict"] == "approve"
    assert done.places() == set()


@pytest.mark.usefixtures("mistaken")
def test_two_reviews_of_one_change_say_the_same(crew: Installed) -> None:
    first, second = (crew.review().outcome()["result"] for _ in range(2))
    assert first == second


@pytest.mark.usefixtures("mistaken")
def test_json_lines_are_events_without_a_gap_and_then_the_outcome(crew: Installed) -> None:
    *lines, last = crew.review().out.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    events = [
        parse_event(line.encode())
        for line, kind in zip(lines, kinds, strict=True)
        if kind != "progress"
    ]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (kinds[0], events[-1].kind) == ("run.started", "run.ended")
    assert json.loads(last)["exit_code"] == 0


@pytest.mark.usefixtures("mistaken")
def test_the_run_can_be_listed_shown_and_replayed(crew: Installed) -> None:
    run = crew.review().outcome()["run"]
    listed = json.loads(crew.run("ps", "--json").out)
    assert [(each["run"], each["status"]) for each in listed] == [(run, "completed")]
    assert "ledger.py:20" in crew.run("show", run).out
    assert "git_changes" in crew.run("show", f"{run}/explore").out
    journal = crew.run("logs", run, "--json").out.splitlines()
    assert json.loads(journal[-1])["kind"] == "run.ended"


@pytest.mark.usefixtures("mistaken")
def test_the_report_is_kept_where_it_was_asked_for(crew: Installed, tmp_path: Path) -> None:
    file = tmp_path / "review.md"
    done = crew.run("run", "review", "--report", str(file))
    assert file.read_text(encoding="utf-8") == done.out


@pytest.mark.usefixtures("mistaken")
def test_paths_and_base_narrow_what_is_reviewed(crew: Installed, repository: Repository) -> None:
    files = {file for file, _, _ in crew.review("--paths", "web").places()}
    assert files == {"web/pay.js"}
    repository.commit("Mistakes")
    repository.write("notes.txt", "nothing\n")
    repository.commit("Notes")
    assert crew.review("--base", "HEAD~1").places() == set()
    assert {file for file, _, _ in crew.review("--base", "HEAD~2").places()} >= {"ledger.py"}


@pytest.mark.usefixtures("mistaken")
def test_a_path_may_name_what_the_change_deletes(crew: Installed, repository: Repository) -> None:
    (repository.root / "ledger.py").unlink()
    assert crew.review("--paths", "ledger.py").outcome()["exit_code"] == 0


@pytest.mark.usefixtures("mistaken")
def test_a_review_changes_nothing_but_its_own_folder(
    crew: Installed, repository: Repository
) -> None:
    before = repository.git("status", "--porcelain=v2", "--untracked-files=all")
    crew.run("run", "review")
    assert repository.git("status", "--porcelain=v2", "--untracked-files=all") == before
    assert list(crew.home.rglob("*")) == []


@pytest.mark.usefixtures("mistaken")
def test_a_team_of_the_project_s_own_reviews_as_the_bundled_one_does(crew: Installed) -> None:
    bundled = crew.review().places()
    assert crew.run("new", "team", "ours").code == 0
    team = crew.cwd / ".crew" / "teams" / "ours.md"
    members = ["explorer", "reviewer", "security-reviewer", "verifier"]
    team.write_text(
        "---\nname: ours\ndescription: Ours.\nworkflow: review\n"
        f"members: {{{', '.join(f'{name}: {name}' for name in members)}}}\n---\nBe brief.\n"
    )
    assert crew.run("check").code == 0
    assert crew.run("run", "ours", "--json").places() == bundled


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("run", "reviw"), "review"),
        (("run", "review", "-m", "nonsense:x"), "nonsense"),
        (("run", "review", "--base", "no-such-commit"), "no-such-commit"),
        (("run", "review", "--paths", "../elsewhere"), "outside"),
        (("run", "review", "--paths", "no-such-file"), "no such file"),
        (("run", "review", "-C", "no-such-folder"), "does not exist"),
        (("show", "no-such-run"), "there are no runs"),
        (("run", "review", "--no-such-option"), "no-such-option"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_mend(
    crew: Installed, args: tuple[str, ...], complaint: str
) -> None:
    done = crew.run(*args)
    assert (done.code, done.out) == (2, "")
    assert complaint in done.err
    assert not (crew.cwd / ".crew").exists()
