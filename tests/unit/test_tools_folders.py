"""`ls` and `glob`: what folders hold, with git and without, however odd the names."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.errors import ToolError
from crew.tools.glob import Glob
from crew.tools.listing import Glob as Pattern
from crew.tools.ls import Ls
from tests.doubles.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty workspace with something outside of it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "work").mkdir()
    return Workbench(tmp_path / "work")


def git(folder: Path, *args: str) -> None:
    isolated = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(
        ["git", *identity, *args], cwd=folder, env=isolated, check=True, capture_output=True
    )


async def ls(bench: Workbench, path: str = ".") -> list[str]:
    return (await bench.call(Ls(), path=path)).text.splitlines()


async def glob(bench: Workbench, pattern: str, path: str = ".") -> list[str]:
    output = await bench.call(Glob(), pattern=pattern, path=path)
    return [] if output.summary == "0 files" else output.text.splitlines()


async def test_folders_come_first_and_files_have_their_size(bench: Workbench) -> None:
    bench.file("b.txt", "x" * 1234)
    bench.file("a/inner")
    bench.file("z/inner")
    assert await ls(bench) == ["a/", "z/", "b.txt  1,234"]
    assert await ls(bench, "a") == ["inner  0"]


async def test_links_and_what_is_no_file_are_shown_as_what_they_are(bench: Workbench) -> None:
    os.mkfifo(bench.root / "pipe")
    for name, target in [("in", "real"), ("out", "../outside"), ("gone", "no"), ("loop", "loop")]:
        (bench.root / name).symlink_to(target)
    bench.file("real/x")
    assert await ls(bench) == [
        "real/",
        "gone -> no (broken)",
        "in -> real",
        "loop -> loop (broken)",
        "out -> ../outside (outside the workspace)",
        "pipe  (pipe)",
    ]


async def test_a_folder_of_fifty_thousand_files_is_listed_in_part(bench: Workbench) -> None:
    for number in range(50_000):
        os.close(os.open(bench.root / f"f{number:05}", os.O_CREAT | os.O_WRONLY))
    rows = await ls(bench)
    assert (rows[0], rows[499]) == ("f00000  0", "f00499  0")
    assert rows[500:] == ["(500 of 50,000 entries; use glob to find the others)"]
    found = await glob(bench, "f1*")
    assert (len(found), found[0]) == (1_001, "f10000")
    assert found[-1] == "(1,000 of 10,000; narrow the pattern or the path)"


async def test_names_that_are_no_text_are_shown_escaped_on_one_line(bench: Workbench) -> None:
    for name in (b"caf\xe9", b"two\nlines"):
        os.close(os.open(os.path.join(os.fsencode(bench.root), name), os.O_CREAT | os.O_WRONLY))
    assert await ls(bench) == ["caf\\xe9  0", "two\\x0alines  0"]
    assert await glob(bench, "*") == ["caf\\xe9", "two\\x0alines"]


async def test_an_empty_folder_is_said_to_be_empty(bench: Workbench) -> None:
    assert await ls(bench) == ["(empty folder)"]


async def test_what_is_no_folder_inside_is_an_error(bench: Workbench) -> None:
    bench.file("file")
    (bench.root / "loop").symlink_to("loop")
    for path in ("file", "none", "loop", "..", "/", "file/x"):
        with pytest.raises(ToolError):
            await ls(bench, path)
        with pytest.raises(ToolError):
            await glob(bench, "*", path)


async def test_glob_finds_files_by_name_or_by_path_in_order(bench: Workbench) -> None:
    for name in ("b.py", "a.py", "src/c.py", "src/deep/d.py", "src/e.txt"):
        bench.file(name)
    assert await glob(bench, "*.py") == ["a.py", "b.py", "src/c.py", "src/deep/d.py"]
    assert await glob(bench, "src/*.py") == ["src/c.py"]
    assert await glob(bench, "/*.py") == ["a.py", "b.py"]
    assert await glob(bench, "*.py", "src") == ["src/c.py", "src/deep/d.py"]
    assert await glob(bench, "*.none") == []


async def test_glob_sees_a_repository_as_git_does(bench: Workbench) -> None:
    git(bench.root, "init", "-q")
    bench.file(".gitignore", "ignored/\n*.log\n")
    for name in ("kept.py", "new.py", "gone.py", "x.log", "ignored/y.py", "node_modules/m.py"):
        bench.file(name)
    git(bench.root, "add", "kept.py", "gone.py")
    (bench.root / "gone.py").unlink()
    assert await glob(bench, "*.*") == [".gitignore", "kept.py", "new.py", "node_modules/m.py"]
    assert await glob(bench, "*", "ignored") == ["ignored/y.py"]


async def test_glob_outside_git_leaves_out_what_nobody_wrote(bench: Workbench) -> None:
    for name in ("a.py", ".hidden/b.py", "node_modules/c.py", ".venv/d.py", ".git/e.py"):
        bench.file(name)
    assert await glob(bench, "*.py") == [".hidden/b.py", "a.py"]


@pytest.mark.parametrize("repository", [True, False])
async def test_glob_never_follows_a_link(bench: Workbench, repository: bool) -> None:
    if repository:
        git(bench.root, "init", "-q")
    bench.file("real/a.py")
    (bench.root.parent / "outside" / "secret.py").touch()
    (bench.root / "out").symlink_to("../outside")
    (bench.root / "real" / "up").symlink_to("..")
    assert await glob(bench, "**/*.py") == ["real/a.py"]
    assert await glob(bench, "*") == ["out", "real/a.py", "real/up"]


async def test_a_repository_can_not_name_a_program_to_run(bench: Workbench) -> None:
    git(bench.root, "init", "-q")
    hook = bench.file("hook", "#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    git(bench.root, "config", "core.fsmonitor", str(hook))
    await glob(bench, "*")
    assert not (bench.root / "ran").exists()


@pytest.mark.parametrize(
    "pattern", ["", "/", "../*", "a/../b", "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"]
)
async def test_a_pattern_that_is_none_is_refused(bench: Workbench, pattern: str) -> None:
    with pytest.raises(ToolError):
        await glob(bench, pattern)


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*.py", ["a.py", "x/y/a.py", ".py"], ["a.pyc", "a.py/b"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py", "lib/src/a.py"]),
        ("**/test_*.py", ["test_a.py", "x/test_a.py"], ["x/atest_.py"]),
        ("src/**", ["src/a", "src/x/y"], ["lib/src", "srcs/a"]),
        ("src/", ["src/a", "lib/src/x/y"], ["src.py"]),
        ("**/a/**/b", ["a/b", "x/a/y/b", "a/a/b/b"], ["b", "a/c"]),
        ("*.{js,ts}", ["a.js", "x/a.ts"], ["a.{js,ts}", "a.jsx"]),
        ("{a,b/{c,d}}.py", ["a.py", "b/c.py", "b/d.py"], ["c.py"]),
        ("[a-c]?.t[!x]t", ["ab.tat"], ["ab.txt", "dd.tat"]),
        ("./a/*", ["a/b"], ["a/b/c", "x/a/b"]),
        ("a+(b).py", ["a+(b).py"], ["aab.py"]),
        ("*", ["a", "a/b"], []),
    ],
)
def test_a_pattern_fits(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    glob = Pattern(pattern)
    assert [path for path in fits if not glob.matches(path)] == []
    assert [path for path in fits_not if glob.matches(path)] == []


NAMES = st.sampled_from(["a", "b", "ab"])


@given(
    pattern=st.lists(st.sampled_from(["**", "*", "a", "b", "a*"]), min_size=1, max_size=5),
    path=st.lists(NAMES, min_size=1, max_size=5),
)
def test_double_stars_mean_what_their_definition_says(pattern: list[str], path: list[str]) -> None:
    def fits(names: list[str], parts: list[str]) -> bool:
        if not names or not parts:
            return not parts and all(name == "**" for name in names)
        if names[0] == "**":
            return fits(names[1:], parts) or fits(names, parts[1:])
        one = parts[0] == names[0] or names[0] == "*" or (names[0] == "a*" and parts[0][0] == "a")
        return one and fits(names[1:], parts[1:])

    assert Pattern("/" + "/".join(pattern)).matches("/".join(path)) == fits(pattern, path)


def test_a_pattern_of_many_stars_ends_soon() -> None:
    assert not Pattern("*a" * 60 + "b").matches("a" * 250)
    assert not Pattern("**/a/" * 40 + "b").matches("a/" * 200 + "c")
