"""`lint` on changes: old code stays quiet, what a change breaks is found, pages hold everything."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.errors import ToolError
from crew.records import JsonObject
from crew.tools.lint import Lint
from crew.tools.lint.finding import quoted
from crew.tools.lint.masking import blank, tokens
from crew.tools.lint.scan import scan
from crew.tools.lint.secrets import find_secrets
from crew.tools.workspace import ReviewScope, Workspace
from tests.doubles.repository import Repository
from tests.doubles.snippets import lint
from tests.doubles.workbench import Workbench

SHAPE = {
    "title": str,
    "body": str,
    "priority": str,
    "confidence": float,
    "file": str,
    "line": int,
    "end_line": int,
    "rule": str,
    "quote": str,
}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """A repository without a commit."""
    return Repository(tmp_path)


async def page(repo: Repository, **args: object) -> JsonObject:
    output = await Workbench(repo.root).call(Lint(), **args)
    found: JsonObject = json.loads(output.text)
    return found


def told(findings: list[JsonObject]) -> list[tuple[str, str, int | None]]:
    return [(found["priority"], found["rule"], found.get("line")) for found in findings]


async def test_a_finding_has_its_fixed_shape(repo: Repository) -> None:
    repo.write("a.py", "def run():\n    try:\n        go()\n    except Exception:\n        pass\n")
    findings = await lint(repo.root)
    assert {found["rule"] for found in findings} == {"F821", "swallowed-error"}
    for found in findings:
        assert {key: type(value) for key, value in found.items()}.items() <= SHAPE.items()
        assert {"title", "body", "priority", "confidence", "file", "rule"} <= found.keys()
        assert 0 <= found["confidence"] <= 1


async def test_a_clean_change_in_a_dirty_file_stays_clean(repo: Repository) -> None:
    repo.write(
        "a.py", "import os\n\n\ndef run(items=[]):\n    return unknown\n\n\ndef go():\n    ...\n"
    )
    repo.commit()
    repo.write(
        "a.py",
        "import os\n\n\ndef run(items=[]):\n    return unknown\n\n\ndef go():\n    return 1\n",
    )
    findings = await lint(repo.root)
    assert {found["priority"] for found in findings} == {"P3"}
    assert max(found["confidence"] for found in findings) <= 0.3
    assert all(found["body"].startswith("The line is outside the change.") for found in findings)


async def test_what_a_change_breaks_elsewhere_in_the_file_keeps_its_weight(
    repo: Repository,
) -> None:
    repo.write("a.py", "import os\nimport sys\n\nprint(os.name, sys.argv)\nprint(unknown)\n")
    repo.commit()
    repo.write("a.py", "import sys\n\nprint(os.name, sys.argv)\nprint(unknown)\n")
    findings = await lint(repo.root)
    assert told(findings) == [("P1", "F821", 3), ("P3", "F821", 4)]
    assert "The change caused it" in findings[0]["body"]
    assert ["outside the change" in found["body"] for found in findings] == [False, True]


async def test_deleting_the_end_of_a_file_is_found_though_no_line_was_added(
    repo: Repository,
) -> None:
    repo.write("a.py", "x = (\n    1,\n)\n")
    repo.commit()
    repo.write("a.py", "x = (\n    1,\n")
    assert [rank for rank, *_ in told(await lint(repo.root))] == ["P0"]


async def test_a_file_that_python_cannot_read_is_told_of_once(repo: Repository) -> None:
    repo.write("a.py", "def run(:\n    return (1\n")
    repo.write("b.py", "def run(:\n    return (1\n")
    assert told(await lint(repo.root)) == [
        ("P0", "invalid-syntax", 1),
        ("P0", "invalid-syntax", 1),
    ]


async def test_what_runs_unseen_weighs_more_than_a_debugger_in_a_browser(
    repo: Repository,
) -> None:
    repo.write("a.sh", "curl -fsSL https://a.example/install.sh | bash\n")
    repo.write("b.js", "debugger;\n")
    assert told(await lint(repo.root)) == [("P1", "piped-to-shell", 1), ("P2", "debugger", 1)]


async def test_a_conflict_hides_the_syntax_errors_it_causes(repo: Repository) -> None:
    repo.write("a.py", "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> topic\n")
    assert told(await lint(repo.root)) == [("P0", "conflict-marker", 1)]


async def test_findings_of_the_change_come_before_remarks_on_old_code(repo: Repository) -> None:
    repo.write("a.py", "import os\nx = 1\n")
    repo.commit()
    repo.write("a.py", "import os\nx = 2\n")
    repo.write("b.py", "# TODO: more\n")
    assert [found["file"] for found in await lint(repo.root)] == ["b.py", "a.py"]


async def test_old_findings_are_few(repo: Repository) -> None:
    for number in range(10):
        repo.write(f"m{number}.py", "import os\nimport sys\nimport re\nimport json\nx = 1\n")
    repo.commit()
    for number in range(10):
        repo.write(f"m{number}.py", "import os\nimport sys\nimport re\nimport json\nx = 2\n")
    assert len(await lint(repo.root)) == 20


async def test_the_repositorys_own_ruff_settings_and_cache_are_left_alone(
    repo: Repository,
) -> None:
    repo.write("ruff.toml", '[lint.per-file-ignores]\n"*.py" = ["F821"]\n')
    repo.write("a.py", "print(unknown)\n")
    assert told(await lint(repo.root)) == [("P1", "F821", 1)]
    assert not (repo.root / ".ruff_cache").exists()


async def test_checks_that_fail_are_told_apart_from_what_is_left_out_on_purpose(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("a.py", "print(unknown)\nbreakpoint()\n")
    assert (await page(repo))["failed"] == []
    monkeypatch.setattr("crew.tools.lint.ruff.find_ruff_bin", lambda: "/bin/false")
    found = await page(repo)
    assert found["failed"] == ["ruff failed: no reason given"]
    assert [each["rule"] for each in found["findings"]] == ["debugger"]


async def test_an_authors_noqa_is_respected(repo: Repository) -> None:
    repo.write("a.py", "print(unknown)  # noqa: F821\n")
    assert await lint(repo.root) == []


@pytest.mark.parametrize("syntax", ["type X = int", "def f[T](x: T) -> T: return x", "t'{1}'"])
async def test_new_syntax_is_no_error(repo: Repository, syntax: str) -> None:
    repo.write("a.py", f"{syntax}\n")
    assert [found for found in await lint(repo.root) if found["priority"] < "P3"] == []


async def test_code_without_a_test_is_one_remark_where_the_language_has_tests(
    repo: Repository,
) -> None:
    code = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"
    repo.write("tests/test_a.py", "def test_one(): ...\n")
    repo.write("a.py", "")
    repo.commit()
    repo.write("a.py", code)
    repo.write("b.py", code + "\n\nthree = 3\n")
    repo.write("c.go", "package c\n\nvar a = 1\n\nvar b = 2\n")
    findings = await lint(repo.root)
    assert [(found["rule"], found["file"], "line" in found) for found in findings] == [
        ("untested-change", "b.py", False)
    ]
    repo.write("tests/test_a.py", "def test_one(): assert True\n")
    assert await lint(repo.root) == []


@pytest.mark.parametrize(
    ("name", "before", "after", "asked"),
    [
        ("tests/test_a.py", "def test_a(): ...\n", "", True),
        (
            "tests/test_a.py",
            "def test_a(): ...\n",
            "import pytest\n\n\n@pytest.mark.skip(reason='slow')\ndef test_a(): ...\n",
            True,
        ),
        (
            "tests/test_a.py",
            "def test_a(): ...\n",
            "def test_a(): ...\n\n\ndef test_b():\n    assert a() == 1\n",
            False,
        ),
        ("a.test.js", "it('adds', () => {});\n", "it.skip('adds', () => {});\n", True),
        ("a.test.js", "it('adds', () => {});\n", "it('adds', () => { add(1); });\n", False),
    ],
)
async def test_a_test_that_is_only_switched_off_or_taken_away_is_no_test_with_the_change(
    repo: Repository, name: str, before: str, after: str, asked: bool
) -> None:
    code = "a.py" if name.endswith(".py") else "a.js"
    repo.write(name, before)
    repo.write("tests/test_other.py", "def test_other(): ...\n")
    repo.write("other.test.js", "it('is', () => {});\n")
    repo.commit()
    repo.write(code, "one = 1;\ntwo = 2;\nthree = 3;\nfour = 4;\n")
    repo.write(name, after)
    rules = [found["rule"] for found in await lint(repo.root)]
    assert ("untested-change" in rules) is asked


async def test_a_test_outside_of_what_is_under_review_counts(repo: Repository) -> None:
    repo.write("tests/test_a.py", "def test_a(): ...\n")
    repo.write("app/a.py", "")
    repo.commit()
    repo.write("app/a.py", "one = 1\ntwo = 2\nthree = 3\n")
    scope = ReviewScope(paths=("app",))
    found = await scan(Workspace(repo.root), scope, ("quality",), ())
    assert [each.rule for each in found.findings] == ["untested-change"]
    repo.write("tests/test_a.py", "def test_a():\n    assert one == 1\n")
    assert (await scan(Workspace(repo.root), scope, ("quality",), ())).findings == ()
    whole = Workbench(repo.root)
    assert json.loads((await whole.call(Lint(), paths=["app"])).text)["findings"] == []


async def test_an_import_of_a_file_that_is_not_there_is_found(repo: Repository) -> None:
    repo.write(
        "src/page.ts",
        "import { a } from './nowhere.js';\n"
        "import './gone';\n"
        "export * from '../lost/thing';\n"
        "const b = require('./nothing');\n",
    )
    repo.write("src/gone.test.ts", "it('is', () => {});\n")
    found = [each for each in await lint(repo.root) if each["rule"] == "missing-import"]
    assert [(each["priority"], each["line"]) for each in found] == [
        ("P1", 1),
        ("P1", 2),
        ("P1", 3),
        ("P1", 4),
    ]
    assert "`./nowhere.js`" in found[0]["title"]
    assert "`src/nowhere.js`" in found[0]["body"]


@pytest.mark.parametrize(
    "line",
    [
        "import { a } from './there.js';",
        "import a from './there';",
        "import a from './view';",
        "import a from './view/deep';",
        "import a from '../top';",
        "import a from './styles.css';",
        "import a from './Native';",
        "import a from './icon.svg?raw';",
        "import a from './api/generated/client';",
        "import a from './$types';",
        "import a from './+types/page';",
        "import a from './ignored/client';",
        "import a from './made';",
        "import a from '../../outside';",
        "import a from 'nowhere';",
        "import a from '@/nowhere';",
        "// import a from './nowhere';",
        "const text = `\nimport a from './nowhere';\n`;",
        "const text = \"import a from './nowhere'\";",
        "try { require('./nowhere'); } catch {}",
        "try {\n  require('./nowhere');\n} catch {}",
        "import('./nowhere').catch(() => null);",
        "const a = await import(`./${name}`);",
    ],
)
async def test_an_import_of_what_may_be_there_is_silent(repo: Repository, line: str) -> None:
    files = ("src/there.ts", "src/view/index.tsx", "src/view/deep.vue", "top.d.ts")
    for name in (*files, "src/styles.css", "src/native.ios.js", "src/icon.svg"):
        repo.write(name, "x\n")
    repo.write(".gitignore", "src/ignored/\nmade.ts\n")
    repo.commit()
    repo.write("src/page.ts", f"{line}\n")
    assert "missing-import" not in [found["rule"] for found in await lint(repo.root)]


async def test_nobody_is_asked_for_tests_where_there_are_none(repo: Repository) -> None:
    repo.write("a.py", "def one():\n    return 1\n\n\ndef two():\n    return 2\n")
    assert await lint(repo.root) == []


async def test_a_function_that_was_long_already_is_not_held_against_a_change(
    repo: Repository,
) -> None:
    body = "".join(f"    step_{number} = {number}\n" for number in range(100))
    repo.write("a.py", f"def run():\n{body}    return step_1\n")
    repo.commit()
    repo.write("a.py", f"def run():\n{body}    return step_2\n")
    assert [found["rule"] for found in await lint(repo.root)] == ["F841"] * 3
    repo.commit()
    repo.write("b.py", "def run():\n    return 1\n")
    repo.commit()
    repo.write("b.py", f"def run():\n{body}    return step_1\n")
    grown = [found for found in await lint(repo.root) if found["rule"] == "long-function"]
    assert [(found["line"], found["end_line"]) for found in grown] == [(1, 102)]


async def test_removed_secrets_and_deleted_files_are_silent(repo: Repository) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1fG3hJ5"
    repo.write("a.js", f'const a = "{token}";\nconst b = 1;\n')
    repo.write("b.js", f'const a = "{token}";\n')
    repo.commit()
    repo.write("a.js", "const b = 1;\n")
    repo.git("rm", "--quiet", "b.js")
    assert await lint(repo.root) == []


async def test_files_over_a_megabyte_are_left_out_with_a_note(repo: Repository) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    repo.write("a.py", "x = 1\n" * 200_000 + "print(unknown)\n")
    found = await page(repo)
    assert found["findings"] == []
    assert "1 not checked: files that can't be read (not read: 1.2 MB): a.py" in found["note"]


async def test_generated_files_are_left_out_with_a_note(repo: Repository) -> None:
    repo.write("package-lock.json", "{}\n")
    repo.write("api_pb2.py", "print(unknown)\n")
    found = await page(repo)
    assert (found["total"], "2 not checked: vendored or generated" in found["note"]) == (0, True)


async def test_files_left_unchecked_are_named_the_first_few_of_them(repo: Repository) -> None:
    for number in range(8):
        repo.write(f"{number}.bin", b"\0")
    repo.write("vendor/lib.js", "eval(x)\n")
    note = (await page(repo))["note"]
    assert "8 not checked: binary files: 0.bin, 1.bin, 2.bin, 3.bin, 4.bin and 3 more" in note
    assert "1 not checked: vendored or generated files: vendor/lib.js" in note


async def test_python_that_is_no_utf8_is_checked_and_told(repo: Repository) -> None:
    repo.write("a.py", b"# \xe9\nname = '\xfc'\nx = eval(input(name))\n")
    found = await page(repo)
    assert told(found["findings"]) == [("P1", "S307", 3)]
    assert "1 read as Latin-1, being no UTF-8: a.py" in found["note"]


async def test_old_findings_in_python_that_is_no_utf8_stay_remarks(repo: Repository) -> None:
    repo.write("a.py", b"# \xe9\nprint(unknown)\nx = 1\n")
    repo.commit()
    repo.write("a.py", b"# \xe9\nprint(unknown)\nx = 2\n")
    assert told(await lint(repo.root)) == [("P3", "F821", 2)]


@pytest.mark.parametrize(
    "interpreter",
    [
        "/usr/bin/env python3",
        "/usr/bin/python3.12 -u",
        "/usr/bin/env -S uv run --script",
        "/usr/bin/env -S uv run",
    ],
)
async def test_a_script_without_a_suffix_is_checked_by_its_first_line(
    repo: Repository, interpreter: str
) -> None:
    repo.write("tool", f"#!{interpreter}\nx = eval(input())\n")
    assert ("P1", "S307", 2) in told(await lint(repo.root))


async def test_another_repository_inside_is_said_to_be_unchecked(repo: Repository) -> None:
    inner = Repository(repo.root / "nest")
    inner.write("a.py", "x = eval(input())\n")
    inner.commit()
    found = await page(repo)
    assert found["findings"] == []
    assert "1 not checked: other repositories, which are not entered: nest" in found["note"]


async def test_pages_follow_each_other_without_a_gap(repo: Repository) -> None:
    repo.write("a.py", "".join(f"print(name_{number})\n" for number in range(500)))
    bench, tool = Workbench(repo.root), Lint()
    seen: list[int] = []
    offset: int | None = 0
    while offset is not None:
        output = await bench.call(tool, offset=offset, limit=1_000)
        assert len(output.text) < 60_000
        part = json.loads(output.text)
        assert (part["offset"], part["total"]) == (offset, 500)
        seen += [found["line"] for found in part["findings"]]
        offset = part["next"]
    assert seen == list(range(1, 501))


async def test_pages_of_one_reading_do_not_shift_when_files_change(repo: Repository) -> None:
    repo.write("b.py", "print(one)\nprint(two)\n")
    bench, tool = Workbench(repo.root), Lint()
    await bench.call(tool, limit=1)
    repo.write("a.py", "print(zero)\n")
    second = json.loads((await bench.call(tool, offset=1, limit=1)).text)
    assert [(found["file"], found["line"]) for found in second["findings"]] == [("b.py", 2)]
    anew = json.loads((await bench.call(tool)).text)
    assert anew["total"] == 3


async def test_at_most_5000_findings_are_kept(repo: Repository) -> None:
    for number in range(6):
        repo.write(f"m{number}.py", "".join(f"print(n{line})\n" for line in range(1_000)))
    found = await page(repo, limit=1)
    assert found["total"] == 5_000
    assert "5,000 of 6,000" in found["note"]


async def test_profiles_differ(repo: Repository) -> None:
    shell = "import subprocess\n\n\ndef run(c):\n    subprocess.run(f'ls {c}', shell=True)\n"
    repo.write("a.py", shell)
    repo.write("b.py", "print(unknown)\n")
    assert [found["rule"] for found in await lint(repo.root, "quality")] == ["F821"]
    assert [found["rule"] for found in await lint(repo.root, "security")] == ["S602"]
    assert [found["rule"] for found in await lint(repo.root, "all")] == ["S602", "F821"]


async def test_paths_limit_the_checks(repo: Repository) -> None:
    repo.write("a/x.py", "print(unknown)\n")
    repo.write("b/x.py", "print(unknown)\n")
    found = await page(repo, paths=["b"])
    assert [finding["file"] for finding in found["findings"]] == ["b/x.py"]
    with pytest.raises(ToolError, match="outside"):
        await page(repo, paths=["../b"])


async def test_odd_names_and_contents_are_checked(repo: Repository) -> None:
    repo.write("-rf.py", "print(unknown)\n")
    repo.write("naïve name.py", "print(unknown)\n")
    repo.write("dos.py", "x = 1\r\nprint(unknown)\r\n")
    repo.write("latin.js", b"// caf\xe9\ndebugger;\n")
    repo.write("empty.py", "")
    found = {(each["file"], each["line"], each["quote"]) for each in await lint(repo.root)}
    assert found == {
        ("-rf.py", 1, "print(unknown)"),
        ("naïve name.py", 1, "print(unknown)"),
        ("dos.py", 2, "print(unknown)"),
        ("latin.js", 2, "debugger;"),
    }


async def test_names_that_are_not_utf_8_keep_their_findings_apart(repo: Repository) -> None:
    for number, name in enumerate((b"caf\xe8.py", b"caf\xe9.py", b"d\xff/a\nb.py"), 1):
        repo.write(os.fsdecode(name), "\n" * number + f"print(name_{number})\n")
    found = {(each["file"], each["line"], each["quote"]) for each in await lint(repo.root)}
    assert found == {
        ("caf\\xe8.py", 2, "print(name_1)"),
        ("caf\\xe9.py", 3, "print(name_2)"),
        ("d\\xff/a\\x0ab.py", 4, "print(name_3)"),
    }


async def test_links_are_not_followed(
    repo: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.py"
    outside.write_text("print(unknown)\n")
    (repo.root / "link.py").symlink_to(outside)
    assert await lint(repo.root) == []


async def test_the_same_change_gives_the_same_text(repo: Repository) -> None:
    for name in ("b", "a", "c"):
        repo.write(f"{name}.py", "print(unknown)\nbreakpoint()\n# TODO: x\n")
    first = await Workbench(repo.root).call(Lint())
    second = await Workbench(repo.root).call(Lint())
    assert first == second
    assert [found["file"] for found in json.loads(first.text)["findings"][:2]] == ["a.py", "a.py"]


@given(
    text=st.text(alphabet="ab \"'`/*#\\\n{}$-<>!=%", max_size=200),
    language=st.sampled_from(
        ["python", "typescript", "go", "rust", "ruby", "shell", "yaml", "sql"]
    ),
)
@settings(max_examples=150, deadline=None)
def test_blanking_moves_nothing(text: str, language: str) -> None:
    spans = tokens(text, language)
    masked = blank(text, spans, frozenset({"comment", "string"}))
    assert [len(line) for line in masked.split("\n")] == [len(line) for line in text.split("\n")]
    assert all(new in (old, " ") for new, old in zip(masked, text, strict=True))


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_looking_for_secrets_never_fails_and_points_into_the_line(line: str) -> None:
    for secret in find_secrets(line, unquoted=True):
        assert line[secret.start :].startswith(secret.value)
        assert secret.value not in quoted(line)


HOSTILE = {
    "a.ts": [
        "`${" * 100_000,
        "catch (" + "a " * 200_000,
        ".catch(" + " " * 300_000,
        "=/[" * 90_000,
        "x.innerHTML = " * 1_300,
        "res.send(" * 2_000,
        "token: " * 2_800,
        "if (a = " * 2_400,
    ],
    "g.sql": ["where = " * 2_400, "UPDATE x SET " * 1_500, "(" * 300_000],
    "h.yml": ["[" * 300_000, "a: {" * 4_000, "- " * 9_000, "&a *a " * 3_000],
    "i.json": ["[" * 300_000, '{"a":' * 60_000],
    "j.toml": ["a = " + "[" * 300_000, "[a." * 60_000],
    "k.php": ["echo " * 3_900, "include $x" * 1_900],
    "b.py": ["except" + " " * 19_000, "api_key_" * 2_000, '"' * 200_000, "SELECT " * 50_000],
    "c.go": ["if " + " " * 300_000, 'exec.Command("' * 1_000, "/*" * 200_000],
    "d.sh": ["curl " * 3_500, "'\"" * 150_000],
    "e.java": ["public " * 60, "{" * 200_000],
    "f.yml": ["${{ github." * 1_500],
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_texts_made_to_be_slow_are_checked_all_the_same(repo: Repository, name: str) -> None:
    filler = "x = 1\n" * 1_000
    for number, text in enumerate(HOSTILE[name]):
        repo.write(f"{number}/{name}", f"{filler}{text}\n{filler}")
    assert (await page(repo))["offset"] == 0
