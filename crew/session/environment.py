"""What a session needs of the run it lives in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from anyio.abc import TaskGroup

from crew.bus.recorder import Recorder
from crew.models.protocol import ModelClient
from crew.session.middleware import Middleware
from crew.session.past import Past
from crew.session.permissions import Approvals
from crew.session.toolset import Toolbox
from crew.tools.protocol import SpawnOutcome, SpawnRequest
from crew.tools.workspace import ReviewScope, Workspace

if TYPE_CHECKING:
    from crew.session.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One run as its sessions see it.

    Attributes:
        model: The client of a model name; raises `ModelError` for a name it can't serve.
        middleware: In declared order; shared by all sessions of the run.
        nursery: The run's task group; a session outlives whoever waits for it.
        spawn: Runs a child session, which a tool call asks for, to its end.
        past: What is left of a session of an earlier process; None where it never began.
        mark: The run's mark on the commands that its tools start.
        fail: Takes the error that ends the whole run (a run folder that can't be written).
    """

    recorder: Recorder
    workspace: Workspace
    scope: ReviewScope
    model: Callable[[str], ModelClient]
    toolbox: Toolbox
    middleware: tuple[Middleware, ...]
    approvals: Approvals
    nursery: TaskGroup
    spawn: "Callable[[Session, SpawnRequest, str], Awaitable[SpawnOutcome]]"
    past: Callable[[str], Past | None]
    mark: str
    fail: Callable[[Exception], None]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
