"""What a tool is: a name, arguments as a pydantic model, an effect, and one coroutine."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from crew.errors import SpawnError, ToolError
from crew.records import ArtifactRef, FileChange, JsonObject
from crew.tools.workspace import ReviewScope, Workspace


class Effect(StrEnum):
    """What a tool may do to the world; `write` and `execute` need a grant."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
    CONTROL = "control"


class ToolArgs(BaseModel):
    """Base of a tool's arguments: strict about keys, so that a misspelt one comes back."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool call came to.

    Attributes:
        text: What the model reads. The session caps it and stores the whole as an artifact.
        summary: One line for people: "212 lines", "exit 1, 14 lines".
        ok: False when the call did what it should and the answer is bad news (exit code 1).
        session: The child session that the call spawned.
        ends: The session has its result and ends with this call's batch.
    """

    text: str
    summary: str
    ok: bool = True
    session: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnRequest:
    """A child session that a session asks for."""

    agent: str
    prompt: str
    tools: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnOutcome:
    """How a child session ended. `value` is its validated result, None without one."""

    session: str
    status: str
    value: Any
    text: str


class Artifacts(Protocol):
    """The run's artifacts as a tool may use them."""

    def put(self, name: str, data: bytes) -> ArtifactRef:
        """Store bytes under a name of the run; the name is made unique when it is taken."""
        ...

    def get(self, name: str) -> bytes:
        """Read an artifact; raises `ToolError` when there is none of that name."""
        ...


def _ignore(_line: str) -> None:
    return None


async def _no_spawn(_request: SpawnRequest) -> SpawnOutcome:
    raise SpawnError("this session may not spawn others")


def _no_submit(_value: JsonObject) -> str:
    raise ToolError("this session has no result to submit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """What a tool may use while it runs; all that it may touch.

    Attributes:
        mark: What marks the processes that the run starts; see `crew.tools.leftovers`.
        on_output: Takes each line of output as it appears, for whoever watches.
        spawn: Runs a child session to its end (`spawn_agent`).
        submit: Takes the session's result; returns a word on it, raises `ToolError` when the
            value does not fit the schema (`submit_result`).
    """

    workspace: Workspace
    session: str
    call_id: str
    artifacts: Artifacts
    scope: ReviewScope = field(default_factory=ReviewScope)
    mark: str = ""
    on_output: Callable[[str], None] = _ignore
    spawn: Callable[[SpawnRequest], Awaitable[SpawnOutcome]] = _no_spawn
    submit: Callable[[JsonObject], str] = _no_submit


ArgsT = TypeVar("ArgsT", bound=ToolArgs)


class Tool(ABC, Generic[ArgsT]):
    """Base of the tools: subclasses set the class variables and write `run`.

    Attributes:
        effect: What it may do; decides whether it needs a grant.
        concurrent: Whether calls of it in one batch may run at the same time.
        interruptible: Whether a steer may cut it while it runs.
        path_args: Names of arguments that are workspace paths, checked before anyone is asked.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    effect: ClassVar[Effect]
    concurrent: ClassVar[bool] = False
    interruptible: ClassVar[bool] = False
    path_args: ClassVar[tuple[str, ...]] = ()
    args: type[ArgsT]

    def parameters(self) -> JsonObject:
        """The arguments' JSON schema as the model gets it; shared, not to be changed."""
        return _parameters(self.args)

    def parse(self, args: JsonObject) -> ArgsT:
        """Read the arguments of a call.

        Raises:
            ToolError: They do not fit; the message names each that is off.
        """
        try:
            return self.args.model_validate(args)
        except ValidationError as error:
            raise ToolError(_complaint(error, tuple(self.args.model_fields))) from error

    def preview(self, args: ArgsT) -> str:
        """One line that says what this call is about: a path, a pattern, a command."""
        for value in args.model_dump(exclude_defaults=True).values():
            return " ".join(str(value).split())[:120]
        return ""

    def change(
        self, args: ArgsT, workspace: Workspace, clean: Callable[[str], str]
    ) -> FileChange | None:
        """What this call would do to a file; None where it is about none.

        Args:
            args: The arguments.
            workspace: Where it would be done.
            clean: Takes secrets out of a text.

        Raises:
            ToolError: It could not be done.
        """
        del args, workspace, clean
        return None

    @abstractmethod
    async def run(self, args: ArgsT, ctx: ToolContext) -> ToolOutput:
        """Do it.

        Raises:
            ToolError: It could not be done; the message becomes the call's result.
        """


@cache
def _parameters(args: type[ToolArgs]) -> JsonObject:
    schema = args.model_json_schema()
    # Titles and the class docstring repeat what names and the tool's description say.
    kept = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    kept["properties"] = {
        name: {key: value for key, value in prop.items() if key != "title"}
        for name, prop in schema.get("properties", {}).items()
    }
    return kept


def _complaint(error: ValidationError, known: tuple[str, ...]) -> str:
    said: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_input=False):
        name = str(item["loc"][0]) if item["loc"] else "arguments"
        match item["type"]:
            case "missing":
                text = "field required"
            case "extra_forbidden":
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
                name, text = f"unknown argument {name!r}", meant
            case _:
                text = item["msg"][:1].lower() + item["msg"][1:]
        said.setdefault(name, []).append(text)
    return "; ".join(
        f"{name}{', ' if name.startswith('unknown ') else ': '}{' or '.join(dict.fromkeys(texts))}"
        for name, texts in said.items()
    )
