"""What a model sees of the tools, and what it hears when a call does not fit."""

from typing import Any

import pytest

from crew.errors import ToolError, UsageError
from crew.tools.grep import Grep
from crew.tools.protocol import Effect, Tool
from crew.tools.read import Read
from crew.tools.registry import BUILTIN, READ_ONLY, SESSION_TOOLS, TOOL_NAMES, builtin
from crew.tools.shell import Shell
from crew.tools.spawn import SpawnAgent
from crew.tools.submit import SubmitResult


@pytest.mark.parametrize("name", TOOL_NAMES)
def test_a_built_in_tool_is_found_by_its_name_and_describes_itself(name: str) -> None:
    tool = builtin(name)
    assert tool.name == name
    assert tool.description
    parameters = tool.parameters()
    assert parameters["type"] == "object"
    assert parameters["additionalProperties"] is False
    assert set(tool.path_args) <= set(parameters["properties"])


@pytest.mark.parametrize("name", TOOL_NAMES)
def test_a_schema_holds_no_titles_that_repeat_the_names(name: str) -> None:
    properties = builtin(name).parameters()["properties"]
    assert "title" not in builtin(name).parameters()
    assert not [key for key, value in properties.items() if "title" in value]


def test_the_read_only_tools_are_those_that_read() -> None:
    assert {name for name in TOOL_NAMES if builtin(name).effect is Effect.READ} == set(READ_ONLY)
    assert all(builtin(name).concurrent for name in READ_ONLY)


@pytest.mark.parametrize(
    ("name", "effect"),
    [("write", Effect.WRITE), ("edit", Effect.WRITE), ("shell", Effect.EXECUTE)],
)
def test_a_tool_that_changes_the_world_runs_alone(name: str, effect: Effect) -> None:
    assert builtin(name).effect is effect
    assert not builtin(name).concurrent


def test_an_unknown_tool_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        builtin("greb")
    assert "grep" in caught.value.hint


def test_tools_of_the_session_are_not_among_those_that_are_listed() -> None:
    assert not set(SESSION_TOOLS) & set(BUILTIN)


@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        (Read(), {}, "path: field required"),
        (Read(), {"pth": "a"}, "unknown argument 'pth', did you mean 'path'?"),
        (Read(), {"path": "a", "zzz": 1}, "unknown argument 'zzz', known: path, start, limit"),
        (Read(), {"path": "a", "start": 0}, "start: input should be greater than or equal to 1"),
        (Read(), {"path": ["a"]}, "path: input should be a valid string"),
        (Grep(), {"pattern": "x", "context": "many"}, "context: input should be a valid integer"),
        (Shell(), {"command": 3}, "command: input should be a valid string or input should be"),
    ],
)
def test_arguments_that_do_not_fit_come_back_in_words(
    tool: Tool[Any], args: dict[str, Any], said: str
) -> None:
    with pytest.raises(ToolError) as caught:
        tool.parse(args)
    assert said in caught.value.message


def test_every_argument_that_is_off_is_named() -> None:
    with pytest.raises(ToolError) as caught:
        Read().parse({"start": 0, "limt": 3})
    assert caught.value.message.count(";") == 2


@pytest.mark.parametrize(
    ("tool", "args", "preview"),
    [
        (Read(), {"path": "a.py"}, "a.py"),
        (Read(), {"path": "a.py", "start": 40}, "a.py:40"),
        (Grep(), {"pattern": "x"}, "x"),
        (Grep(), {"pattern": "x", "path": "src", "glob": "*.py"}, "x in src *.py"),
        (Shell(), {"command": "make\n  test"}, "make test"),
        (Shell(), {"command": ["echo", "a b"]}, "echo 'a b'"),
        (SubmitResult({}), {"summary": "all\nfine"}, "all fine"),
        (SubmitResult({}), {"n": 1}, '{"n": 1}'),
        (SpawnAgent(["a"], {}), {"agent": "a", "prompt": "look\nhere"}, "a: look here"),
    ],
)
def test_a_preview_is_one_line_about_the_call(
    tool: Tool[Any], args: dict[str, Any], preview: str
) -> None:
    assert tool.preview(tool.parse(args)) == preview
