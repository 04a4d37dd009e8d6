"""`spawn_agent`: runs another agent as a child session and reads its result."""

import difflib
from collections.abc import Mapping, Sequence

from pydantic import Field

from crew.errors import SpawnError, ToolError
from crew.records import JsonObject, indented_json
from crew.tools.protocol import (
    Effect,
    SpawnOutcome,
    SpawnRequest,
    Tool,
    ToolArgs,
    ToolContext,
    ToolOutput,
)


class SpawnArgs(ToolArgs):
    """Arguments of `spawn_agent`."""

    agent: str = Field(description="The agent to run")
    prompt: str = Field(
        min_length=1,
        description="The whole task: the agent sees nothing of this conversation",
    )


class SpawnAgent(Tool[SpawnArgs]):
    """Made for each session with the agents that it may spawn.

    Args:
        names: The agents that may be spawned, in the order shown.
        descriptions: What each of them is good for, by name; absent ones are shown bare.
    """

    name = "spawn_agent"
    description = (
        "Run another agent on a task of its own and wait for its result. "
        "Several calls in one answer run at the same time."
    )
    effect = Effect.CONTROL
    concurrent = True
    args = SpawnArgs

    def __init__(self, names: Sequence[str], descriptions: Mapping[str, str]) -> None:
        self._names = tuple(names)
        self._parameters = _with_choices(super().parameters(), self._names, descriptions)

    def parameters(self) -> JsonObject:
        """The arguments' schema, with the agents of this session as the choices."""
        return self._parameters

    def parse(self, args: JsonObject) -> SpawnArgs:
        """Read the arguments and check that the agent may be spawned.

        Raises:
            ToolError: They do not fit, or the agent is not one of the session's.
        """
        parsed = super().parse(args)
        if parsed.agent in self._names:
            return parsed
        near = difflib.get_close_matches(parsed.agent, self._names, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self._names)}"
        raise ToolError(f"agent: {parsed.agent!r} can't be spawned from here, {meant}")

    def preview(self, args: SpawnArgs) -> str:
        """The agent and the head of its task."""
        return f"{args.agent}: {' '.join(args.prompt.split())}"[:120]

    async def run(self, args: SpawnArgs, ctx: ToolContext) -> ToolOutput:
        """Run the child to its end; a refused one is an error that the model can work around."""
        try:
            outcome = await ctx.spawn(SpawnRequest(agent=args.agent, prompt=args.prompt))
        except SpawnError as error:
            raise ToolError(error.message, hint=error.hint) from error
        return ToolOutput(
            text=_report(args.agent, outcome),
            summary=f"{args.agent} {outcome.status}",
            ok=outcome.value is not None,
            session=outcome.session,
        )


def _with_choices(
    schema: JsonObject, names: Sequence[str], descriptions: Mapping[str, str]
) -> JsonObject:
    agent = schema["properties"]["agent"]
    known = [f"{name}: {descriptions[name]}" for name in names if descriptions.get(name)]
    choice = {**agent, "enum": list(names)}
    if known:
        choice["description"] = "\n".join([f"{agent['description']}:", *known])
    return {**schema, "properties": {**schema["properties"], "agent": choice}}


def _report(agent: str, outcome: SpawnOutcome) -> str:
    opening = f"{agent} (session {outcome.session}) ended: {outcome.status}."
    if outcome.value is not None:
        value = indented_json(outcome.value).decode()
        return f"{opening} Its result:\n{value}"
    if outcome.text:
        return f"{opening} It submitted no result; its last words, unverified:\n{outcome.text}"
    return f"{opening} It submitted no result and said nothing."
