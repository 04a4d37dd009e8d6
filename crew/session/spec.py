"""What a session is made of: JSON only, so that it can be taken up again from its log."""

from pydantic import Field

from crew.definitions.types import Agent
from crew.records import Record


class SessionSpec(Record):
    """A session before it runs.

    Attributes:
        id: Unique in the run; names its files.
        role: The member's role, or for a spawned session its agent's name.
        depth: 0 for a task's session, one more for each spawn.
        call: The tool call of the parent that spawned it.
        attempt: Which try of its task, from 1.
        models: Model names in order of preference, aliases resolved.
        tools: Tools it may use, the session's own ones left out.
        spawns: Agents it may spawn, with what each is for.
        timeout: Seconds; None for no limit.
    """

    id: str
    role: str
    agent: Agent
    parent: str | None = None
    call: str | None = None
    task: str | None = None
    depth: int = 0
    attempt: int = 1
    system: str
    prompt: str
    models: tuple[str, ...]
    tools: tuple[str, ...]
    spawns: dict[str, str] = Field(default_factory=dict)
    timeout: float | None = None
    title: str = ""
