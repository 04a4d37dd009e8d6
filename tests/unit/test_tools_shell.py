"""`shell`: what a command says, how it ends, and that nothing of it is left behind."""

import os
import resource
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crew.errors import ToolError
from crew.tools.output import ENDS, SPOOLED, Output
from crew.tools.process import capture
from crew.tools.shell import Shell, without_secrets
from tests.doubles.workbench import Workbench

FOREVER = "trap '' TERM INT HUP; sleep 1000 & echo $$ $!; wait; sleep 1000"
"""Prints its pid and its child's, and ends only by force."""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty workspace."""
    return Workbench(tmp_path)


def runs(pid: int) -> bool:
    """Whether a process runs; the dead that nobody reaps do not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_output_and_errors_come_in_order_with_the_exit_code(bench: Workbench) -> None:
    output = await bench.call(Shell(), command="echo one; echo two >&2; echo three")
    assert output.text == "one\ntwo\nthree\n(exit 0)"
    assert output.summary == "exit 0, 3 lines"
    assert output.ok
    assert bench.lines == ["one", "two", "three"]


async def test_a_failing_command_is_bad_news_and_no_error(bench: Workbench) -> None:
    output = await bench.call(Shell(), command="printf half; exit 3")
    assert not output.ok
    assert (output.text, output.summary) == ("half\n(exit 3)", "exit 3, 1 line")


async def test_a_list_is_run_without_a_shell(bench: Workbench) -> None:
    output = await bench.call(Shell(), command=["printf", "%s", "$HOME *"])
    assert output.text == "$HOME *\n(exit 0)"


async def test_it_runs_in_the_workspace_or_a_folder_of_it(bench: Workbench) -> None:
    bench.file("sub/file")
    assert (await bench.call(Shell(), command="pwd")).text.startswith(f"{bench.root}\n")
    assert (await bench.call(Shell(), command="ls", cwd="sub")).text.startswith("file\n")
    for cwd in ("..", "none", "sub/file"):
        with pytest.raises(ToolError):
            await bench.call(Shell(), command="ls", cwd=cwd)


async def test_there_is_no_input_to_wait_for(bench: Workbench) -> None:
    assert (await bench.call(Shell(), command="cat")).text == "(no output)\n(exit 0)"


@pytest.mark.parametrize("command", [["no-such-program"], ["/"], "a\0b", ["echo", "a\0b"]])
async def test_what_can_not_be_started_is_an_error(
    bench: Workbench, command: str | list[str]
) -> None:
    with pytest.raises(ToolError, match="could not be started"):
        await bench.call(Shell(), command=command)


async def test_a_signal_is_named(bench: Workbench) -> None:
    output = await bench.call(Shell(), command="kill -SEGV $$")
    assert not output.ok
    assert output.summary == "ended by SIGSEGV, 0 lines"


async def test_a_command_whose_time_is_over_ends_with_all_that_it_started(
    bench: Workbench,
) -> None:
    output = await bench.call(Shell(), command=FOREVER, timeout=1)
    assert not output.ok
    assert "(timed out after 1 s)" in output.text
    assert [pid for pid in map(int, bench.lines[0].split()) if runs(pid)] == []


async def test_a_cancelled_command_ends_with_all_that_it_started(bench: Workbench) -> None:
    before = open_files()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                await bench.call(Shell(), command=FOREVER)

            tasks.start_soon(call)
            await bench.printed.wait()
            pids = list(map(int, bench.lines[0].split()))
            assert all(map(runs, pids))
            tasks.cancel_scope.cancel()
    assert [pid for pid in pids if runs(pid)] == []
    assert open_files() == before


async def test_a_child_that_holds_the_output_open_neither_hangs_nor_survives(
    bench: Workbench,
) -> None:
    with anyio.fail_after(5):
        output = await bench.call(Shell(), command="sleep 1000 & echo $!", timeout=60)
    assert output.ok
    assert not runs(int(bench.lines[0]))


async def test_a_quiet_child_in_the_background_does_not_survive_either(bench: Workbench) -> None:
    await bench.call(Shell(), command="sleep 1000 >/dev/null 2>&1 & echo $!")
    assert not runs(int(bench.lines[0]))


async def test_a_stopped_command_is_let_go_on_to_clean_up(bench: Workbench) -> None:
    command = "trap 'echo cleaned up; exit' TERM; echo $$; kill -STOP $$; sleep 1000"
    output = await bench.call(Shell(), command=command, timeout=1)
    assert not runs(int(bench.lines[0]))
    assert "cleaned up" in output.text


async def test_an_endless_output_leaves_head_tail_a_count_and_the_whole_as_an_artifact(
    bench: Workbench,
) -> None:
    output = await bench.call(Shell(), command="seq 1 20000")
    whole = "".join(f"{n}\n" for n in range(1, 20_001)).encode()
    assert output.text.startswith("1\n2\n3\n")
    assert f"[... {len(whole) - 2 * ENDS:,} bytes left out ...]" in output.text
    assert "\n19999\n20000\n(exit 0)\n" in output.text
    assert output.summary == "exit 0, 20,000 lines"
    assert len(output.text) < 2 * ENDS + 500
    (name,) = bench.artifacts.kept
    assert f"read artifact:{name}" in output.text
    assert bench.artifacts.kept[name] == whole


async def test_a_flood_is_held_in_bounded_memory(bench: Workbench) -> None:
    # A fifth of what this prints would be noticed.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    output = await bench.call(Shell(), command="head -c 300000000 /dev/zero | tr '\\0' x")
    assert "1 line" in output.summary
    assert [len(data) for data in bench.artifacts.kept.values()] == [SPOOLED]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


async def test_output_that_is_no_text_is_shown_all_the_same(bench: Workbench) -> None:
    output = await bench.call(Shell(), command=r"printf 'caf\351\000\n'")
    assert output.text == "caf\\xe9\0\n(exit 0)"


async def test_a_progress_bar_is_shown_as_a_terminal_would(bench: Workbench) -> None:
    await bench.call(Shell(), command=r"printf '10%%\r50%%\r100%%\r\nnext\n'")
    assert bench.lines == ["100%", "next"]


async def test_secrets_are_not_in_the_environment(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "planted-1")
    monkeypatch.setenv("harmless", "seen")
    output = await bench.call(Shell(), command="echo [$SOME_API_KEY] [$harmless]")
    assert output.text.startswith("[] [seen]\n")


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "GITHUB_TOKEN", "client_secret", "PGPASSWORD", "AWS_CREDENTIALS_FILE"],
)
def test_a_variable_that_is_named_like_a_secret_is_left_out(name: str) -> None:
    assert without_secrets({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


@given(chunks=st.lists(st.binary(max_size=12), max_size=12))
def test_lines_and_text_are_the_same_however_the_output_is_split(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    split_lines: list[str] = []
    whole_lines: list[str] = []
    split, at_once = Output(split_lines.append), Output(whole_lines.append)
    for chunk in chunks:
        split.add(chunk)
    at_once.add(whole)
    split.close()
    at_once.close()
    assert split_lines == whole_lines
    assert split.text() == whole.decode("utf-8", "backslashreplace")
    assert split.lines == len(whole.split(b"\n")) - whole.endswith(b"\n") - (not whole)


@given(
    sizes=st.lists(st.integers(0, 30_000), max_size=8),
    unit=st.sampled_from([b"x", "é".encode(), "😀\n".encode(), b"\xff"]),
)
def test_what_is_left_of_a_long_output_is_its_head_and_tail(sizes: list[int], unit: bytes) -> None:
    output = Output(lambda _line: None)
    for size in sizes:
        output.add(unit * (size // len(unit)))
    whole = output.spooled
    assert output.size == len(whole) < SPOOLED
    assert output.cut == (len(whole) > 2 * ENDS)
    if output.cut:
        head, tail = output.text().split(f"\n[... {len(whole) - 2 * ENDS:,} bytes left out ...]\n")
        shown = whole.decode("utf-8", "backslashreplace")
        assert shown.startswith(head) and shown.endswith(tail)


async def test_a_captured_program_reads_its_input_and_is_cut_where_it_says_too_much(
    tmp_path: Path,
) -> None:
    said = await capture(["cat"], cwd=tmp_path, stdin=b"x" * 300_000)
    assert (said.code, said.out, said.whole) == (0, b"x" * 300_000, True)
    said = await capture(
        ["sh", "-c", "seq 1 9999; echo bad >&2; exit 4"], cwd=tmp_path, max_bytes=9
    )
    assert (said.code, said.out, said.err, said.whole) == (4, b"1\n2\n3\n4\n5", b"bad\n", False)


async def test_a_program_that_does_not_read_its_input_is_no_error(tmp_path: Path) -> None:
    said = await capture(["true"], cwd=tmp_path, stdin=b"x" * 3_000_000)
    assert said.code == 0
