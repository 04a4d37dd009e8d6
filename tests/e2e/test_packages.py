"""What is built for others to install: the wheel and the sdist carry the library, and work."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import crew
from tests.arch.source import ROOT
from tests.e2e.installed import Installed

LIBRARY = {
    path.relative_to(ROOT).as_posix()
    for folder in ("agents", "teams", "workflows")
    for path in (ROOT / folder).iterdir()
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, the wheel made from it, and an editable wheel."""
    folder = tmp_path_factory.mktemp("built")
    (sdist,) = SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    list(WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"]))
    editable = folder / "editable"
    list(WheelBuilder(str(ROOT)).build(directory=str(editable), versions=["editable"]))
    return folder


@pytest.fixture(scope="module")
def elsewhere(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, installed into an environment of its own; what it depends on is borrowed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = folder / "environment"
    _succeed(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    packages = Path(_succeed(str(python), "-c", "import site; print(site.getsitepackages()[0])"))
    _succeed(
        *(str(python), "-m", "pip", "install", "--quiet"),
        *("--no-deps", "--no-index", "--no-compile", str(next(built.glob("*.whl")))),
    )
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    # Behind the environment's own folder, and without the .pth files of theirs.
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    empty = folder / "empty"
    empty.mkdir()
    return Installed(cwd=empty, home=empty, command=(str(environment / "bin" / "crew"),))


def test_the_sdist_has_all_that_its_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= LIBRARY
    assert names >= {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
    assert names >= {"crew/py.typed", "tests/conftest.py", "tests/golden/review.plain.txt"}
    assert [name for name in names if ".venv" in name or "__pycache__" in name] == []


def test_the_wheel_has_the_package_and_the_library_and_nothing_beside_them(built: Path) -> None:
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    assert names >= {f"crew/library/{name}" for name in LIBRARY}
    assert "crew/py.typed" in names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "crew").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"crew", f"crew-{crew.__version__}.dist-info"}


def test_an_editable_install_has_no_library_of_its_own_to_go_stale(built: Path) -> None:
    names = zipfile.ZipFile(next((built / "editable").glob("*.whl"))).namelist()
    assert [name for name in names if name.endswith(".md")] == []


def test_the_installed_wheel_finds_its_own_library(elsewhere: Installed) -> None:
    assert elsewhere.run("--version").out == f"crew {crew.__version__}\n"
    teams = json.loads(elsewhere.run("teams", "--json").out)
    assert {team["name"] for team in teams} == {
        Path(name).stem for name in LIBRARY if name.startswith("teams/")
    }
    own = Path(elsewhere.command[0]).parents[1]
    shown = json.loads(elsewhere.run("teams", "review", "--json").out)
    assert str(own) in json.dumps(shown)


def test_the_installed_wheel_reviews_an_empty_folder(elsewhere: Installed) -> None:
    done = elsewhere.review()
    assert done.outcome()["verdict"] == "approve"
    assert done.outcome()["result"]["findings"] == []


def test_the_version_that_is_installed_is_the_version_that_it_says(elsewhere: Installed) -> None:
    python = Path(elsewhere.command[0]).with_name("python")
    asked = "import importlib.metadata as m; print(m.version('crew'))"
    assert _succeed(str(python), "-c", asked) == crew.__version__


def _succeed(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
