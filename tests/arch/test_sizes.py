"""Nothing grows into a god: files, classes and functions stay readable."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.arch.source import modules, name_of

FILE_AIM = 400
FILE_LIMIT = 600
CLASS_LIMIT = 300
FUNCTION_LIMIT = 50

OVER_THE_AIM: dict[str, str] = {}
"""Files between the aim and the limit, each with its reason."""


def test_no_file_passes_its_limit() -> None:
    lengths = {name_of(path): _length(path) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > FILE_LIMIT} == {}


def test_files_over_the_aim_are_listed_and_no_others() -> None:
    # A list of tests reads as well when it is long; only the limit is for it.
    code = [path for path in modules() if not path.name.startswith("test_")]
    assert {name_of(path) for path in code if _length(path) > FILE_AIM} == set(OVER_THE_AIM)


def test_no_class_passes_its_limit() -> None:
    assert list(_longer_than(CLASS_LIMIT, ast.ClassDef)) == []


def test_no_function_passes_its_limit() -> None:
    assert list(_longer_than(FUNCTION_LIMIT, ast.FunctionDef, ast.AsyncFunctionDef)) == []


def _length(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def _longer_than(
    limit: int, *kinds: type[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]
) -> Iterator[str]:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, kinds) and (lines := _code_lines(node)) > limit:
                yield f"{name_of(path)}:{node.lineno}: {node.name} has {lines} lines"


def _code_lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a definition but for its docstring, which nobody should cut to fit."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines
