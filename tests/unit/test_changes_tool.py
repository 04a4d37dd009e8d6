"""`git_changes`: a page at a time, everything can be read, and nothing outgrows a page."""

import os
import re
from pathlib import Path

import anyio
import pytest

from crew.errors import ToolError
from crew.tools.changes.process import run_bounded
from crew.tools.git_changes import GitChanges
from tests.doubles.repository import Repository
from tests.doubles.workbench import Workbench

PAGE = 60_000


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository with one commit: `a.txt` holds one, two, three."""
    repo = Repository(tmp_path)
    repo.write("a.txt", "one\ntwo\nthree\n")
    repo.commit("first")
    return repo


async def shown(repo: Repository, **args: object) -> str:
    output = await Workbench(repo.root).call(GitChanges(), **args)
    assert len(output.text) < PAGE
    return output.text


async def every_page(repo: Repository) -> str:
    """What a model reads that goes on as each page says."""
    pages = [await shown(repo)]
    while following := re.search(
        r"\.\.\. .*: (?:go on with )?offset=(\d+)(?:, line=(\d+))?", pages[-1]
    ):
        args = {"offset": int(following[1]), "line": int(following[2] or 0)}
        pages.append(await shown(repo, **args))
        assert len(pages) < 100
    return "\n".join(pages)


async def test_a_page_has_title_table_and_diff(repo: Repository) -> None:
    head = repo.git("rev-parse", "HEAD")[:10]
    repo.write("a.txt", "one\n2\nthree\n")
    assert await shown(repo) == (
        f"uncommitted changes since {head}\n"
        "1 file changed, +1 -1\n"
        "M a.txt +1 -1\n"
        "\n"
        "--- a.txt\n"
        "+++ a.txt\n"
        "@@ -1,3 +1,3 @@\n"
        " one\n"
        "-two\n"
        "+2\n"
        " three"
    )


async def test_without_diff_there_is_the_table_alone(repo: Repository) -> None:
    repo.git("mv", "a.txt", "b.txt")
    repo.write("raw.bin", b"\0")
    text = await shown(repo, diff=False)
    assert text.splitlines()[1:] == [
        "2 files changed, +0 -0",
        "R a.txt -> b.txt +0 -0",
        "A raw.bin binary  (untracked)",
    ]


async def test_nothing_changed_is_said(tmp_path: Path) -> None:
    repo = Repository(tmp_path)
    assert (await shown(repo)).endswith("nothing has changed")


async def test_paths_show_only_part_of_the_change(repo: Repository) -> None:
    repo.write("sub/x.txt", "x\n")
    repo.write("y.txt", "y\n")
    assert "y.txt" not in await shown(repo, paths=["sub"])


async def test_paths_outside_are_refused(repo: Repository) -> None:
    with pytest.raises(ToolError, match="outside"):
        await shown(repo, paths=["../x"])


async def test_the_pages_of_many_files_hold_every_file_once(repo: Repository) -> None:
    for number in range(300):
        repo.write(f"f{number:03}.txt", f"mark {number:03}\n" + "filler filler filler\n" * 30)
    text = await every_page(repo)
    marks = re.findall(r"^\+mark (\d+)$", text, re.MULTILINE)
    assert marks == [f"{number:03}" for number in range(300)]


async def test_a_file_larger_than_a_page_is_read_in_parts(repo: Repository) -> None:
    repo.write("large.txt", "".join(f"row {number}\n" for number in range(20_000)))
    rows = re.findall(r"^\+row (\d+)$", await every_page(repo), re.MULTILINE)
    assert rows == [str(number) for number in range(20_000)]


async def test_the_table_pages_through_thousands_of_files(repo: Repository) -> None:
    for number in range(2_500):
        (repo.root / f"f{number:04}.txt").write_text("x\n")
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        text = await shown(repo, diff=False, offset=offset)
        seen += re.findall(r"^A (f\d+\.txt)", text, re.MULTILINE)
        following = re.search(r"diff=false, offset=(\d+)", text)
        offset = int(following[1]) if following else None
    assert seen == [f"f{number:04}.txt" for number in range(2_500)]


async def test_the_next_page_goes_on_in_what_the_first_one_found(repo: Repository) -> None:
    for number in range(10):
        repo.write(f"many/{number}.txt", "x\n")
    tool, workbench = GitChanges(), Workbench(repo.root)
    await workbench.call(tool, diff=False)
    repo.write("many/000.txt", "x\n")
    following = await workbench.call(tool, diff=False, offset=9)
    assert following.text.endswith("\nA many/9.txt +1 -0  (untracked)")
    assert "many/000.txt" in (await workbench.call(tool, diff=False)).text


async def test_a_very_long_line_is_cut_with_a_mark(repo: Repository) -> None:
    repo.write("a.txt", "x" * 300_000 + "\n")
    assert "298000 characters cut" in await shown(repo)


async def test_an_offset_past_the_end_says_so(repo: Repository) -> None:
    repo.write("a.txt", "changed\n")
    assert "offset 5 is past the last of 1 files" in await shown(repo, offset=5)


async def test_a_name_with_a_newline_stays_on_one_line(repo: Repository) -> None:
    repo.write("new\nline.txt", "x\n")
    assert "A new\\x0aline.txt +1 -0" in (await shown(repo)).splitlines()[2]


def written(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("\n")


async def test_cancelling_ends_the_child_process(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"echo $$ > {mark}; echo started; exec sleep 1000"
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                command = ["/bin/sh", "-c", script]
                await run_bounded(command, cwd=tmp_path, limit=1_000_000, seconds=60)

            tasks.start_soon(run)
            with anyio.fail_after(10):
                while not written(mark):
                    await anyio.wait_all_tasks_blocked()
            scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


async def test_a_process_that_writes_too_much_is_ended(tmp_path: Path) -> None:
    done = await run_bounded(["yes"], cwd=tmp_path, limit=100_000, seconds=60)
    assert (len(done.stdout), done.cut) == (100_000, True)


async def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await run_bounded(["sleep", "1000"], cwd=tmp_path, limit=10, seconds=0.05)
