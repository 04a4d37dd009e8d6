"""Scripts: answers written down beforehand, read from a YAML or JSON file and validated.

agents:                   # by session id, else by the agent's name, else "*"
  reviewer:               # a list of turns; each answers one request
    - thinking: "..."     # every key of a turn is optional; `- {}` is an empty answer
      text: "Looking."
      calls:
        - {tool: read, args: {path: a.py}, id: c1}   # a string as args is sent as it is
      usage: {input_tokens: 100, output_tokens: 20}
      stop: tool_calls    # why the answer ended; absent: tool_calls or end, as it is
      delay: 0.2          # seconds before the first piece
      chunk: 20           # characters in a piece; absent: each part is one piece
      pace: 0.05          # seconds between two pieces
    - calls: [{tool: submit_result, args: {summary: fine}}]
    - {text: "Half", cut: true}                      # the stream ends without a stop
    - error: {fault: rate_limit, message: slow down, retry_after: 1}   # behind its text
  "*":
    - text: "Nothing to do."
loop: false               # behind the last turn: false ends each answer with
                          # "(script ended)", true plays the last turn again
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from crew.definitions.types import Problem
from crew.errors import DefinitionError, Fault
from crew.records import NO_USAGE, JsonObject, Record, Usage

MAX_BYTES = 4 * 1024 * 1024

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Call(Record):
    """One tool call.

    Attributes:
        args: The arguments; a string is sent as it is, to play a model that writes no JSON.
        id: The call's id; empty: one is made from its place in the script.
    """

    tool: str
    args: JsonObject | str = Field(default_factory=dict)
    id: str = ""


class ScriptedFault(Record):
    """How a request fails."""

    fault: Fault
    message: str = "scripted failure"
    retry_after: Seconds | None = None


class Turn(Record):
    """The answer to one request; the module's docstring says what each key does."""

    thinking: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    usage: Usage = NO_USAGE
    stop: str = ""
    delay: Seconds = 0
    chunk: int | None = Field(default=None, ge=1)
    pace: Seconds = 0
    error: ScriptedFault | None = None
    cut: bool = False

    @model_validator(mode="after")
    def _one_end(self) -> "Turn":
        if self.error is not None and self.cut:
            raise ValueError("a turn ends by error or by cut, not by both")
        return self


class Script(Record):
    """Turns by session id, agent name or `*`."""

    agents: Mapping[str, tuple[Turn, ...]] = Field(min_length=1)
    loop: bool = False


_KEYS = sorted(
    {key for shape in (Script, Turn, Call, ScriptedFault, Usage) for key in shape.model_fields}
)


def load_script(path: Path) -> Script:
    """Read a script file.

    Raises:
        DefinitionError: It can't be read or is off; a line for each problem, with its place.
    """
    text = _read(path)
    if path.suffix == ".json":
        # JSON allows tabs between tokens, and nowhere else; YAML does not.
        text = text.replace("\t", " ")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _refusal(
            Problem(
                path=str(path),
                line=mark.line + 1 if mark else 0,
                column=mark.column + 1 if mark else 0,
                message=error.problem or "not YAML",
            )
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise _refusal(_whole(path, f"not YAML: {reason}")) from error
    except RecursionError as error:
        raise _refusal(_whole(path, "nested too deep")) from error
    try:
        return Script.model_validate(data)
    except ValidationError as error:
        raise _refusal(*_problems(path, node, error)) from error


class _Loader(yaml.SafeLoader):
    """Safe, and strict where YAML is lenient: no aliases, no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            events: Any = self  # the stubs leave peek_event untyped
            raise yaml.composer.ComposerError(
                problem="aliases (*name) are not read; write the value out",
                problem_mark=events.peek_event().start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            identity = (key.tag, str(key.value))
            if identity in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} is there twice", problem_mark=key.start_mark
                )
            seen.add(identity)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refusal(
            _whole(path, error.strerror or str(error), "name a script that can be read")
        ) from error
    if len(data) > MAX_BYTES:
        raise _refusal(_whole(path, f"larger than {MAX_BYTES // 2**20} MB", "make it shorter"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise _refusal(
            Problem(
                path=str(path),
                line=before.count(b"\n") + 1,
                column=len(before) - before.rfind(b"\n"),
                message="not UTF-8",
                hint="save it as UTF-8",
            )
        ) from error


def _problems(path: Path, root: yaml.Node | None, error: ValidationError) -> Iterator[Problem]:
    said: dict[tuple[int, int], tuple[str, str]] = {}
    for item in error.errors(include_url=False, include_input=False):
        name = item["loc"][-1] if item["loc"] else ""
        match item["type"]:
            case "extra_forbidden":
                near = difflib.get_close_matches(str(name), _KEYS, n=1)
                told = f"unknown key {name!r}", f"did you mean {near[0]!r}?" if near else ""
            case "missing":
                told = f"key {name!r} is missing", f"write {_wanted(item['loc'])[1]}"
            case "value_error":
                told = item["msg"].removeprefix("Value error, "), ""
            case _:
                what, such = _wanted(item["loc"])
                told = f"not {what}", f"write {such}"
        said.setdefault(_place(root, item["loc"]), told)
    for (line, column), (message, hint) in sorted(said.items()):
        yield Problem(path=str(path), line=line, column=column, message=message, hint=hint)


def _wanted(loc: tuple[int | str, ...]) -> tuple[str, str]:
    """What belongs in a place, and how it is written."""
    match loc:
        case ("agents", _):
            return "a list of turns", "each turn behind a dash: - text: Looking."
        case ("agents", _, int()):
            return "a turn", "its keys, such as text: Looking."
        case ("agents", _, int(), "calls", int()):
            return _CALL
        case ("agents", _, int(), *keys):
            return next(_WANTED[key] for key in reversed(keys) if key in _WANTED)
        case ("loop", *_):
            return _YES_NO
        case ("agents",):
            return "turns by agent", 'the names with their turns below them: "*": [{text: Hi.}]'
        case _:
            return "a script", 'agents: and below it the names with their turns: "*": [{text: Hi.}]'


_TEXT = ("a text", "it in quotes")
_TIME = ("a number of seconds", "one from 0 to 3600, such as 0.5")
_COUNT = ("a number of tokens", "a whole number, such as 100")
_YES_NO = ("yes or no", "true or false")
_CALL = ("a call", "it as {tool: read, args: {path: a.py}}")

_WANTED: Mapping[int | str, tuple[str, str]] = {
    **dict.fromkeys(("thinking", "text", "stop", "message", "id"), _TEXT),
    **dict.fromkeys(("delay", "pace", "retry_after"), _TIME),
    **dict.fromkeys(("estimated", "cut"), _YES_NO),
    **{key: _COUNT for key in Usage.model_fields if key.endswith("tokens")},
    "calls": ("a list of calls", "each as {tool: read, args: {path: a.py}}"),
    "tool": ("the name of a tool", "it as a text, such as read"),
    "args": ("arguments", "them as {path: a.py}, or as a text to be sent as it is"),
    "usage": ("a count of tokens", "it as {input_tokens: 100, output_tokens: 20}"),
    "cost": ("a price", "US dollars, such as 0.01"),
    "chunk": ("a number of characters", "a whole number from 1"),
    "error": ("an error", "it as {fault: rate_limit, message: slow down}"),
    "fault": ("a fault", f"one of: {', '.join(Fault)}"),
}


def _place(root: yaml.Node | None, loc: tuple[int | str, ...]) -> tuple[int, int]:
    """Line and column of the key or item that an error is about, as near as it is known."""
    node, mark = root, root.start_mark if root is not None else None
    for step in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                break
            node = node.value[step]
            mark = node.start_mark
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    node, mark = value, key.start_mark
                    break
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _whole(path: Path, message: str, hint: str = "") -> Problem:
    return Problem(path=str(path), line=0, column=0, message=message, hint=hint)


def _refusal(*problems: Problem) -> DefinitionError:
    return DefinitionError("\n".join(str(problem) for problem in problems))
