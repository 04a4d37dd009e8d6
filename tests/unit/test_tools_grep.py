"""`grep`: the same lines with ripgrep and without it, in bounded time, whatever the pattern."""

import os
import re
import shutil
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crew.errors import ToolError
from crew.tools.grep import Grep
from crew.tools.pattern import translate
from crew.tools.protocol import ToolOutput
from tests.doubles.workbench import Workbench

RIPGREP = shutil.which("rg")
ENGINES = [
    pytest.param(RIPGREP, marks=pytest.mark.skipif(RIPGREP is None, reason="no ripgrep here")),
    None,
]


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty workspace with something outside of it."""
    (tmp_path / "outside.txt").write_text("needle outside\n")
    (tmp_path / "work").mkdir()
    return Workbench(tmp_path / "work")


@pytest.fixture(params=ENGINES, ids=["ripgrep", "python"])
def grep(request: pytest.FixtureRequest) -> Grep:
    """The tool on each of its engines."""
    return Grep(ripgrep=request.param)


async def rows(bench: Workbench, grep: Grep, pattern: str, **args: object) -> list[str]:
    return (await bench.call(grep, pattern=pattern, **args)).text.splitlines()


async def test_matching_lines_come_with_path_and_number_in_order(
    bench: Workbench, grep: Grep
) -> None:
    bench.file("b.txt", "x\nneedle 1\n")
    bench.file("a/c.txt", "needle 2\nneedle 3")
    bench.file("none.txt", "hay\n")
    output = await bench.call(grep, pattern=r"needle \d")
    assert output.text.splitlines() == [
        "a/c.txt:1:needle 2",
        "a/c.txt:2:needle 3",
        "b.txt:2:needle 1",
    ]
    assert output.summary == "3 matching lines in 2 files"


async def test_paths_start_at_the_workspace_wherever_the_search_does(
    bench: Workbench, grep: Grep
) -> None:
    bench.file("a/b/c.txt", "needle\n")
    for path in ("a", "a/b", "a/b/c.txt", str(bench.root / "a")):
        assert await rows(bench, grep, "needle", path=path) == ["a/b/c.txt:1:needle"]


async def test_a_glob_chooses_the_files(bench: Workbench, grep: Grep) -> None:
    for name in ("a.py", "src/b.py", "src/b.txt"):
        bench.file(name, "needle\n")
    found = await rows(bench, grep, "needle", glob="*.py")
    assert found == ["a.py:1:needle", "src/b.py:1:needle"]
    assert await rows(bench, grep, "needle", glob="src/*.txt") == ["src/b.txt:1:needle"]


async def test_context_is_shown_once_and_gaps_are_marked(bench: Workbench, grep: Grep) -> None:
    bench.file("a", "".join(f"{n}\n" for n in range(1, 13)))
    assert await rows(bench, grep, "^(3|4|10)$", context=1) == [
        "a-2-2",
        "a:3:3",
        "a:4:4",
        "a-5-5",
        "--",
        "a-9-9",
        "a:10:10",
        "a-11-11",
    ]


async def test_a_limit_shows_the_first_lines_and_counts_the_rest(
    bench: Workbench, grep: Grep
) -> None:
    bench.file("a", "x\nx\n")
    bench.file("b", "x\n" * 5)
    bench.file("c", "x\n")
    assert await rows(bench, grep, "x", limit=3) == [
        "a:1:x",
        "a:2:x",
        "b:1:x",
        "(3 of 8 matching lines in 3 files shown)",
    ]


async def test_no_match_says_how_much_was_searched(bench: Workbench, grep: Grep) -> None:
    bench.file("a", "x\n")
    output = await bench.call(grep, pattern="needle")
    assert output.ok
    assert (output.text, output.summary) == ("(no match in 1 files)", "no match")


async def test_what_is_no_text_or_too_large_is_left_out_and_counted(
    bench: Workbench, grep: Grep
) -> None:
    bench.file("binary", b"needle\n" + b"x\n" * 50_000 + b"\0")
    bench.file("other-binary", b"hay\0")
    bench.file("large", "needle\n" * 800_000)
    bench.file("text", "needle\n")
    assert await rows(bench, grep, "needle") == [
        "text:1:needle",
        "(left out: 1 binary that match, 1 over 5 MB)",
    ]


async def test_links_pipes_and_loops_are_not_followed(bench: Workbench, grep: Grep) -> None:
    bench.file("real", "needle\n")
    for name, target in [("out", "../outside.txt"), ("up", ".."), ("loop", "loop"), ("in", "real")]:
        (bench.root / name).symlink_to(target)
    os.mkfifo(bench.root / "pipe")
    output = await bench.call(grep, pattern="needle")
    assert (output.text, output.summary) == ("real:1:needle", "1 matching line in 1 file")
    for path in ("out", "up", "loop", "pipe", "none", ".."):
        with pytest.raises(ToolError):
            await rows(bench, grep, "needle", path=path)
    assert await rows(bench, grep, "needle", path="in") == ["real:1:needle"]


async def test_odd_names_and_odd_bytes_are_shown_escaped(bench: Workbench, grep: Grep) -> None:
    for name in (b"caf\xe9", b"-e", b"two\nlines", b"12:x"):
        bench.file(os.fsdecode(name), b"needle \xff\xfe\r\n")
    assert await rows(bench, grep, "^needle") == [
        "-e:1:needle \\xff\\xfe",
        "12:x:1:needle \\xff\\xfe",
        "caf\\xe9:1:needle \\xff\\xfe",
        "two\\x0alines:1:needle \\xff\\xfe",
    ]


async def test_long_lines_are_cut(bench: Workbench, grep: Grep) -> None:
    bench.file("a", "x" * 100_000 + "needle\n")
    (row,) = await rows(bench, grep, "needle")
    assert row == f"a:1:{'x' * 500} [... cut]"


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("^bom$", b"\xef\xbb\xbfbom\r\n"),
        ("café", "café".encode()),
        ("[^a-z ]fé", b"CAF\xc3\xa9 Xf\xc3\xa9"),
        (r"main\(\) {", b"fn main() {"),
        ("a{2,3}b", b"aaab"),
        (r"\bfoo\b", b"x foo-bar"),
        (r"\x41\u00e9\x{1F600}", "Aé😀".encode()),
        ("[]x-]+$", b"a]-x"),
        ("[[:upper:]_]+", b"abc_D"),
        (r"[\d\-.]+$", b"v1.2-3"),
        ("(?:a|b|)+c$", b"abac"),
        ("(?i)GRÜSSE", "grüsse".encode()),
        (r"^\s*$", b" \t"),
        (r"^\B$", b"\n"),
        (r"\.\*\+\?\(\)\[\]\{\}\|\^\$\\", rb".*+?()[]{}|^$\\"),
        ("(?P<name>a)(?<other>b)", b"ab"),
        (r"\t[^\W\d]", b"\tx"),
        ("<>&%~#@!,;='\"`/-", b"<>&%~#@!,;='\"`/-"),
    ],
)
async def test_the_common_language_of_patterns(
    bench: Workbench, grep: Grep, pattern: str, line: bytes
) -> None:
    bench.file("a", line)
    assert (await bench.call(grep, pattern=pattern)).summary == "1 matching line in 1 file"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "empty"),
        ("a(b", "'(' is not closed"),
        ("a)b", "unbalanced"),
        ("[a", "'[' is not closed"),
        ("*a", "nothing to repeat"),
        ("a**", "two repetitions"),
        ("a++", "two repetitions"),
        ("a{3,2}", "ends before it begins"),
        ("a{5000}", "more than 1,000 repetitions"),
        ("(a{100}){100}", "more than 1,000 repetitions"),
        ("[z-a]", "ends before it begins"),
        (r"(a)\1", "not read"),
        ("(?=a)", "look-around"),
        ("a(?i)b", "look-around"),
        (r"\p{L}", "not read"),
        (r"a\nb", "line by line|one by one"),
        (r"\xZZ", "number"),
        ("a\\", "backslash at the end"),
        ("[[:what:]]", "not read"),
        ("(" * 200 + ")" * 200, "groups in each other"),
        ("x" * 3_000, "longer than"),
    ],
)
def test_a_pattern_outside_of_it_is_refused_in_words(pattern: str, said: str) -> None:
    with pytest.raises(ToolError, match=said.replace("(", r"\(").replace("[", r"\[")):
        translate(pattern, ignore_case=False)


async def test_a_pattern_that_never_ends_is_stopped(bench: Workbench) -> None:
    bench.file("a", "a" * 5_000)
    with pytest.raises(ToolError, match=r"took more than 0\.5 s"):
        await bench.call(Grep(ripgrep=None, deadline=0.5), pattern="(a|aa)+b")


async def test_a_search_can_be_cancelled(bench: Workbench) -> None:
    bench.file("a", "a" * 5_000)
    with anyio.move_on_after(0.3) as scope:
        await bench.call(Grep(ripgrep=None), pattern="(a|aa)+b")
    assert scope.cancelled_caught


async def test_a_program_that_is_no_ripgrep_is_not_trusted(bench: Workbench) -> None:
    bench.file("a", "needle\n")
    fake = bench.root.parent / "rg"
    fake.write_text("#!/bin/sh\necho nonsense >&2\nexit 2\n")
    fake.chmod(0o755)
    assert await rows(bench, Grep(ripgrep=str(fake)), "needle") == ["a:1:needle"]
    assert await rows(bench, Grep(ripgrep="no-such-program"), "needle") == ["a:1:needle"]


CHARACTERS = ("a", "b", "é", "É", "ß", "s", "k", " ", r"\.", r"\xe9")
PLACES = ("^", "$", r"\b", r"\B")
CLASSES = (".", r"\w", r"\W", r"\d", r"\s", r"\S", "[ab]", "[^a]", "[^é]", "[a-z]", "[A-Fé]")
ATOMS = st.sampled_from((*CHARACTERS, *PLACES, *CLASSES, r"[\w-]", "[[:alpha:]]"))
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(
            inner.map("({})".format), st.sampled_from(["", "*", "+", "?", "{2}", "{0,2}"])
        ).map("".join),
    ),
    max_leaves=5,
)
TEXT = (b"", b"a", b"ab", b"A b", b"1-_", b"\t", b"ss", b"a.\r", b"\xc3\xa9", b"\xc3\x89k")
ODD = (b"\xe9", b"a\xff b", b"\xef\xbb\xbfa", b"\xe2\x84\xaa", b"\xc5\xbf", b"\xed\xa0\x80", b"x\0")
CONTENT = st.lists(st.sampled_from((*TEXT, *ODD)), max_size=6).map(b"\n".join)


@pytest.mark.skipif(RIPGREP is None, reason="no ripgrep here")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    pattern=PATTERNS,
    files=st.dictionaries(
        st.sampled_from(["a", "b/c", "b/d", "-x", "e f"]), CONTENT, min_size=1, max_size=4
    ),
    ignore_case=st.booleans(),
    context=st.integers(0, 2),
    limit=st.integers(1, 6),
)
async def test_ripgrep_and_python_find_the_same(
    bench: Workbench,
    *,
    pattern: str,
    files: dict[str, bytes],
    ignore_case: bool,
    context: int,
    limit: int,
) -> None:
    shutil.rmtree(bench.root)
    for name, content in files.items():
        bench.file(name, content)

    async def found(ripgrep: str | None) -> ToolOutput:
        return await bench.call(
            Grep(ripgrep=ripgrep),
            pattern=pattern,
            ignore_case=ignore_case,
            context=context,
            limit=limit,
        )

    assert await found(RIPGREP) == await found(None)


@settings(max_examples=300)
@given(pattern=PATTERNS, line=st.text(alphabet="abAB sk.1-_", max_size=6), fold=st.booleans())
def test_a_translated_pattern_matches_what_it_did(pattern: str, line: str, fold: bool) -> None:
    flags = re.ASCII | (re.IGNORECASE if fold else 0)
    # Python gives an empty line no \B, and has no [[:alpha:]].
    plain = pattern.replace("[[:alpha:]]", "[a-zA-Z]").replace(r"\B", r"(?!\b)")
    translated = translate(pattern, ignore_case=fold).python
    assert bool(re.search(translated, line)) == bool(re.search(plain, line, flags))
