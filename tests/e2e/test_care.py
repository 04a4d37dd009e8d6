"""A run goes from one home to another and is looked after there, with the installed program."""

import json
import signal
import tarfile
from pathlib import Path

from tests.doubles.programs import program, review_script
from tests.doubles.repository import Repository
from tests.e2e.installed import Installed


def test_an_exported_run_can_be_read_where_it_is_imported(
    crew: Installed, repository: Repository, tmp_path: Path
) -> None:
    repository.write("beside.py", "import os\n")
    there = {"CREW_HOME": str(tmp_path / "there")}
    key = {"SHOP_API_KEY": "import os"}
    crew.review()
    archive = tmp_path / "run.tar.gz"
    done = crew.run("export", "latest", "-o", str(archive), "--json", env=key)
    assert done.code == 0, done.err
    run = json.loads(done.out)["run"]
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            assert file is None or b"import os" not in file.read(), member.name
    imported = crew.run("import", str(archive), env=there)
    assert (imported.code, imported.out.splitlines()[0]) == (0, run)
    for command in (
        ("ps",),
        ("show", run),
        ("show", f"{run}/verify"),
        ("logs", run),
        ("doctor", run),
    ):
        read = crew.run(*command, env=there)
        assert read.code == 0, (command, read.err)
        assert read.out + read.err
    again = crew.run("import", str(archive), env=there)
    assert again.code == 2
    assert "already" in again.err


def test_prune_lists_what_would_go_and_deletes_when_told(crew: Installed) -> None:
    crew.review()
    listed = crew.run("prune", "--keep", "0")
    assert "add --yes" in listed.out
    assert json.loads(crew.run("ps", "--json").out)
    done = crew.run("prune", "--keep", "0", "--yes", "--json")
    assert (done.code, json.loads(done.out)["deleted"]) == (0, True)
    assert json.loads(crew.run("ps", "--json").out) == []
    for age in ("soon", "1m"):  # months or minutes: nobody knows
        refused = crew.run("prune", "--older-than", age)
        assert refused.code == 2
        assert "h, d or w for hours, days or weeks" in refused.err


def test_the_doctor_says_what_is_wrong_where_and_with_which_code(
    crew: Installed, repository: Repository
) -> None:
    assert crew.run("doctor").code == 0
    crew.review()
    assert crew.run("doctor", "latest").code == 0
    (artifact,) = (repository.root / ".crew" / "runs").glob("*/artifacts/verify.result.json")
    artifact.write_text("{}")
    done = crew.run("doctor", "latest")
    assert done.code == 3
    assert "artifacts/verify.result.json" in done.out
    found = json.loads(crew.run("doctor", "latest", "--json").out)
    assert found["wrong"] == 1


def test_a_run_that_goes_on_is_neither_pruned_nor_exported_unasked(tmp_path: Path) -> None:
    crew = program(tmp_path)
    slow = crew.model(review_script(explorer=[{"text": "Looking.", "delay": 60}]))
    with crew.start(["run", "review", "--model", slow, "--plain"]) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "explore" in line)
        try:
            pruned = json.loads(crew.run("prune", "--keep", "0", "--yes", "--json").stdout)
            refused = crew.run("export", "-o", str(tmp_path / "run.tar.gz"))
            taken = crew.run("export", "--live", "-o", str(tmp_path / "run.tar.gz"))
            looked = crew.run("doctor", "latest")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    assert pruned["runs"] == []
    assert f"process {process.pid}" in pruned["left"][0]["why"]
    assert (refused.returncode, "--live" in refused.stderr) == (2, True)
    assert taken.returncode == 0, taken.stderr
    assert looked.returncode == 0, looked.stdout
