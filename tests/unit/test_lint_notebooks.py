"""`lint` on notebooks: the code of their cells is checked, and told where it stands in the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from crew.tools.lint.scan import scan
from crew.tools.workspace import ReviewScope, Workspace
from tests.doubles.repository import Repository
from tests.doubles.snippets import lint

MARKDOWN = {"cell_type": "markdown", "metadata": {}, "source": ["x = undefined\n"]}


def code(*source: str, **said: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "source": list(source)} | said


def notebook(*cells: dict[str, Any], language: str = "python", **layout: Any) -> str:
    known = {"language_info": {"name": language}}
    document = {"cells": cells, "metadata": known, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, **{"indent": 1, **layout}) + "\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


async def told(repo: Repository) -> list[tuple[str, str]]:
    """Rule and line of the file of each finding."""
    lines = (repo.root / "a.ipynb").read_text().split("\n")
    return [
        (found["rule"], lines[found["line"] - 1].strip(" ,")) for found in await lint(repo.root)
    ]


async def notes(repo: Repository) -> tuple[str, ...]:
    report = await scan(Workspace(repo.root), ReviewScope(), ("quality", "security"), ())
    return report.notes


async def test_a_finding_is_told_at_the_line_of_the_file_and_by_its_cell(repo: Repository) -> None:
    output = {"name": "stdout", "output_type": "stream", "text": ["y = undefined\n"]}
    cell = code("%matplotlib inline\n", "x = 1\n", "y = undefined\n", "y", outputs=[output])
    repo.write("a.ipynb", notebook(MARKDOWN, cell))
    assert await told(repo) == [("F821", '"y = undefined\\n"')]
    (found,) = await lint(repo.root)
    assert found["body"].endswith("(ruff F821, cell 2, line 3)")


@pytest.mark.parametrize(
    "text",
    [
        notebook(code("x = 1\n", "y = undefined"), indent=4, sort_keys=True),
        notebook(code("x = 'ä\\u00e4'\n", "y = undefined"), ensure_ascii=False),
        notebook(code("x = 1\ny = undefined\n")),
        notebook(code() | {"source": "x = 1\ny = undefined"}),
        notebook(code("x = 1\n", "y = ", "undefined\n")),
        notebook(code("y = undefined"), indent=None),
    ],
)
async def test_the_layout_of_a_notebook_does_not_matter(repo: Repository, text: str) -> None:
    repo.write("a.ipynb", text)
    ((rule, line),) = await told(repo)
    assert rule == "F821"
    assert "y = " in line


async def test_a_cell_that_the_change_left_alone_is_no_more_than_a_remark(
    repo: Repository,
) -> None:
    old = code("import os\n", "def run(items=[]):\n", "    return unknown\n")
    repo.write("a.ipynb", notebook(old))
    repo.commit()
    repo.write("a.ipynb", notebook(old, code("z = undefined\n")))
    findings = await lint(repo.root)
    new, *others = findings
    assert (new["rule"], new["priority"]) == ("F821", "P1")
    assert "undefined" in new["title"]
    assert {found["priority"] for found in others} <= {"P3"}
    assert all(found["body"].startswith("The line is outside the change.") for found in others)


@pytest.mark.parametrize(
    "text",
    [
        notebook(code("x <- undefined"), language="R"),
        notebook(code("x = undefined"))[:-20],
        "[1]\n",
        "[\n" * 2_000 + "]\n" * 2_000,
        '{"cells": [], "cells": [{"cell_type": "code", "source": ["x = undefined"]}]}\n',
    ],
    ids=["other language", "cut", "no notebook", "deep", "a key twice"],
)
async def test_a_notebook_whose_code_is_not_read_is_named(repo: Repository, text: str) -> None:
    repo.write("a.ipynb", text)
    assert not [found for found in await lint(repo.root) if found["rule"].startswith("F")]
    (note,) = await notes(repo)
    why = "code of notebooks that are not in Python or can't be read"
    assert note == f"1 not checked: {why}: a.ipynb"
