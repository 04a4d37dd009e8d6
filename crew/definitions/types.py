"""Agents, teams and workflows as values: validated, frozen, ready for a run's manifest."""

from typing import Literal

from pydantic import Field

from crew.budget import NO_BUDGET, Budget
from crew.records import JsonObject, Record

Layer = Literal["project", "project-root", "user", "bundled"]
Effort = Literal["off", "low", "medium", "high"]

DEFAULT_OUTPUT: JsonObject = {
    "type": "object",
    "required": ["summary"],
    "properties": {"summary": {"type": "string"}},
}
"""The result's shape where neither the agent nor the step sets one."""


class Source(Record):
    """Where a definition was read from.

    Attributes:
        sha256: Digest of the bytes that were read; empty where they were not.
    """

    path: str
    layer: Layer
    sha256: str = ""


class Supervision(Record):
    """Which task sessions are started again when one ends badly, and how often.

    Attributes:
        strategy: What ends and begins again with the task that failed: nothing else, every
            running one, or those that first started after it.
        restart: Never (`temporary`), after a failure, or after any end without a result.
        max_restarts: Restarts that one task may cause within `window`.
        window: Seconds.
    """

    strategy: Literal["one_for_one", "one_for_all", "rest_for_one"] = "one_for_one"
    restart: Literal["permanent", "transient", "temporary"] = "transient"
    max_restarts: int = Field(default=5, gt=0)
    window: float = Field(default=60.0, gt=0)


class SpawnLimits(Record):
    """Bounds on live sessions.

    Attributes:
        depth: Levels of spawned sessions below a task's.
        fan_out: Children of one session that live at the same time.
        sessions: Sessions of the run that live at the same time.
    """

    depth: int = Field(default=3, ge=0)
    fan_out: int = Field(default=8, ge=0)
    sessions: int = Field(default=64, gt=0)


class Agent(Record):
    """Who a member is.

    Attributes:
        model: Names in order of preference.
        tools: Tool names; None means the read-only ones, empty means none.
        spawns: Agents it may spawn; `("*",)` means any.
        output: JSON schema of its result.
        timeout: Seconds of one session; None for no limit.
        budget: What each session of it may spend.
        prompt: The file's body.
    """

    name: str
    description: str
    model: tuple[str, ...] = ("default",)
    thinking: Effort | None = None
    tools: tuple[str, ...] | None = None
    spawns: tuple[str, ...] = ()
    output: JsonObject = DEFAULT_OUTPUT
    max_turns: int = Field(default=30, gt=0)
    timeout: float | None = None
    budget: Budget = NO_BUDGET
    prompt: str
    source: Source

    @property
    def own_tools(self) -> tuple[str, ...]:
        """The tools that each session of it has beside `tools`."""
        return ("spawn_agent", "submit_result") if self.spawns else ("submit_result",)


class Member(Record):
    """A role of a team: an agent, and what of it the team changes."""

    agent: str
    model: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None


class Team(Record):
    """Members, their workflow and limits.

    Attributes:
        members: Role to member.
        max_concurrency: Sessions of tasks at the same time.
        budget: What a run may spend.
        supervision: None starts nothing again by itself.
        permissions: Effects (`write`, `execute`) or tool names granted without asking.
        goal: Whether a run must be given one.
        briefing: The file's body; every member reads it.
    """

    name: str
    description: str
    workflow: str
    goal: Literal["required", "optional"] = "optional"
    members: dict[str, Member]
    max_concurrency: int = Field(default=4, gt=0)
    budget: Budget = NO_BUDGET
    supervision: Supervision | None = None
    limits: SpawnLimits | None = None
    permissions: tuple[str, ...] = ()
    briefing: str = ""
    source: Source


class Step(Record):
    """One step of a workflow.

    Attributes:
        when: Expression over earlier results; the step is skipped when it is false.
        foreach: Path of a list in an earlier result; one task for each item.
        fold: How the results of a `foreach` become one; without it they stay a list.
        output: JSON schema that replaces the agent's.
        retries: Further attempts after a failure.
        timeout: Seconds of one attempt; None leaves the agent's.
        budget: What the task may spend, all its attempts and child sessions together.
        line: Line of its heading in the workflow file.
    """

    id: str
    role: str
    needs: tuple[str, ...] = ()
    when: str | None = None
    foreach: str | None = None
    fold: Literal["concat"] | None = None
    output: JsonObject | None = None
    retries: int = Field(default=0, ge=0, le=10)
    timeout: float | None = None
    budget: Budget = NO_BUDGET
    prompt: str
    line: int


class Workflow(Record):
    """Steps and their dependencies, in file order."""

    name: str
    description: str
    steps: tuple[Step, ...]
    source: Source


class Plan(Record):
    """All that a run needs of the definitions, resolved: nothing is looked up later.

    Attributes:
        roles: Role to agent, with the team's changes applied.
        library: Every agent that some session may spawn, by name.
    """

    team: Team
    workflow: Workflow
    roles: dict[str, Agent]
    library: dict[str, Agent]

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Every budget in it: the team's, those of steps and those of agents."""
        agents = (*self.roles.values(), *self.library.values())
        steps = (step.budget for step in self.workflow.steps)
        return (self.team.budget, *steps, *(agent.budget for agent in agents))


class Problem(Record):
    """One thing that is wrong in a definition file.

    Attributes:
        line: From 1; 0 when it is about the whole file.
        column: From 1; 0 when it is about the whole line.
        hint: The mend.
    """

    path: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = ":".join([self.path, *(str(at) for at in (self.line, self.column) if at)])
        return f"{where}: {self.message}" + (f"; {self.hint}" if self.hint else "")


Definition = Agent | Team | Workflow
