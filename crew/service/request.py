"""What a person asks of a run, whether it starts or goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crew.budget import NO_BUDGET, Budget
from crew.config import Config
from crew.definitions.types import SpawnLimits
from crew.models.protocol import ModelClient
from crew.session.middleware import Middleware
from crew.tools.protocol import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a run is to go.

    Attributes:
        home: The folder of all runs; see `default_home`.
        workspace: The folder that it works in.
        max_concurrency: Instead of the team's, or of what the run was started with.
        budget: Limits instead of those, each by itself.
        allow: Effects (`write`, `execute`) or tool names that need no asking.
        fail_on: The priority (`P0` to `P3`) from which a finding fails the run for who waits.
        interactive: Whether somebody will answer permission requests through `control`.
        limits: Bounds on live sessions instead of the team's.
        middleware: Further middleware around every model and tool call.
        tools: Further tools by name, for agents that list them.
        clients: Further models by name.
        config: The person's settings; by default those of their config file.
    """

    home: Path
    workspace: Path
    max_concurrency: int | None = None
    budget: Budget = NO_BUDGET
    allow: tuple[str, ...] = ()
    fail_on: str | None = None
    interactive: bool = False
    limits: SpawnLimits | None = None
    middleware: tuple[Middleware, ...] = ()
    tools: Mapping[str, Tool[Any]] = field(default_factory=dict)
    clients: Mapping[str, ModelClient] = field(default_factory=dict)
    config: Config | None = None
