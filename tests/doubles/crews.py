"""Arrange a run: definitions written to a folder, a recorded model, tools that take their time."""

import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import anyio

from crew.bus.disk import DiskTranscript
from crew.commands import Command
from crew.entries import Entry, ToolCallEntry, ToolResultEntry, UserEntry
from crew.events import Event, EventBase, SessionEnded, SessionStarted, TaskEnded
from crew.models.script import Turn
from crew.orchestration.engine import Sources
from crew.service import (
    ForkRequest,
    LiveRun,
    ResumeRequest,
    RunOutcome,
    RunRequest,
    fork,
    resume,
    start,
)
from crew.store.folder import RunFolder
from crew.store.journal import read
from crew.tools.protocol import Tool
from tests.doubles.models import Recorded
from tests.doubles.tools import Work, all_tools

EventT = TypeVar("EventT", bound=EventBase)
PATIENCE = 10_000
"""Virtual seconds after which a run that still goes on hangs."""
BEGINNING = datetime(2026, 1, 1, 12, tzinfo=UTC)


def steady_sources() -> Sources:
    """Time from the loop's clock, ids that count, no jitter."""
    ids = count(1)

    def now() -> datetime:
        at = BEGINNING + timedelta(seconds=anyio.current_time())
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    return Sources(now=now, new_id=lambda: f"{next(ids):08x}", jitter=lambda: 1.0)


class Crew:
    """A team in a folder, and what its run left there.

    By default one step, `work`, done by the agent `worker` with every tool double.
    """

    def __init__(self, root: Path, script: Mapping[str, Sequence[Turn]], **options: Any) -> None:
        self.root = root
        self._lost: Path | None = None
        self.model = Recorded(script, loop=options.pop("loop", False))
        self.tools: dict[str, Tool[Any]] = {**all_tools()}
        self.options = options
        self.run: LiveRun
        self._commands = count(1)
        self.agent("worker")
        self.workflow({"work": {"role": "worker"}})
        self.team({"worker": "worker"})

    def agent(self, name: str, **front: Any) -> None:
        """Write an agent; what is not said gets the tool doubles and a free result."""
        head = {"name": name, "description": f"The {name}.", "tools": list(self.tools)} | front
        self._write("agents", name, head, "Do the work.")

    def team(self, members: Mapping[str, Any], **front: Any) -> None:
        """Write the team."""
        head = {"name": "crew", "description": "A team.", "workflow": "crew", "members": members}
        self._write("teams", "crew", head | front, "")

    def workflow(self, steps: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the workflow; a step's `prompt` is its text."""
        parts = []
        for name, step in steps.items():
            block = "\n".join(
                f"{key}: {json.dumps(value)}" for key, value in step.items() if key != "prompt"
            )
            parts.append(f"## {name}\n{block}\n\n{step.get('prompt', 'Do it.')}\n")
        head = {"name": "crew", "description": "A workflow."}
        self._write("workflows", "crew", head, "\n".join(parts))

    def _write(self, kind: str, name: str, head: Mapping[str, Any], body: str) -> None:
        folder = self.root / ".crew" / kind
        folder.mkdir(parents=True, exist_ok=True)
        front = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
        (folder / f"{name}.md").write_text(f"---\n{front}\n---\n{body}\n")

    @asynccontextmanager
    async def start(self, **options: Any) -> AsyncIterator[LiveRun]:
        """Start a run of the team; `environ` is the environment, the rest `RunRequest`'s."""
        environ = options.pop("environ", {})
        request = RunRequest(
            team="crew",
            workspace=self.root,
            home=self.home,
            clients={"recorded": self.model},
            tools=self.tools,
            **{
                "model": "recorded",
                "allow": ("write", "execute"),
                **self.options,
                **options,
            },
        )
        with anyio.fail_after(PATIENCE):
            async with start(request, sources=steady_sources(), environ=environ) as run:
                self.run = run
                yield run

    async def finish(self, **options: Any) -> RunOutcome:
        """Run the team to its end."""
        async with self.start(**options) as run:
            return await run.wait()

    def lose(self) -> None:
        """Go on with what the run has on the disk now, as its process would leave it if lost.

        The process itself knows nothing of it, and works on in the folder it had.
        """
        lost = self.folder
        self._lost = self.root / f".lost-{next(self._commands)}"
        shutil.copytree(lost.root, self.folder.root)
        self.folder.lock.unlink()

    def forget(self, session: str) -> None:
        """Leave of the journal what came before the session, as a loss of power may."""
        lines = self.folder.journal.read_bytes().splitlines(keepends=True)
        name = f'"session":"{session}"'.encode()
        lost = next(place for place, line in enumerate(lines) if name in line)
        self.folder.journal.write_bytes(b"".join(lines[:lost]))

    @asynccontextmanager
    async def resume(self, **options: Any) -> AsyncIterator[LiveRun]:
        """Take the run up again."""
        request = ResumeRequest(
            run=self.run.id,
            workspace=self.root,
            home=self.home,
            clients={"recorded": self.model},
            tools=self.tools,
            **{"allow": ("write", "execute"), **options},
        )
        with anyio.fail_after(PATIENCE):
            async with resume(request, sources=steady_sources(), environ={}) as run:
                self.run = run
                yield run

    @asynccontextmanager
    async def fork(self, at: str, **options: Any) -> AsyncIterator[LiveRun]:
        """Have another run go on from a point of the run; it is the crew's run from then on."""
        request = ForkRequest(
            run=self.run.id,
            at=at,
            workspace=self.root,
            home=self.home,
            clients={"recorded": self.model},
            tools=self.tools,
            **{"allow": ("write", "execute"), **options},
        )
        with anyio.fail_after(PATIENCE):
            sources = replace(steady_sources(), new_id=lambda: f"{next(self._commands):04x}f")
            async with fork(request, sources=sources, environ={}) as run:
                self.run = run
                yield run

    async def finish_fork(self, at: str, **options: Any) -> RunOutcome:
        """Have another run go on from a point of the run, and stay to its end."""
        async with self.fork(at, **options) as run:
            return await run.wait()

    async def finish_again(self, **options: Any) -> RunOutcome:
        """Take the run up again, and stay to its end."""
        async with self.resume(**options) as run:
            return await run.wait()

    def id(self) -> str:
        """A fresh command id."""
        return f"command-{next(self._commands)}"

    async def send(self, command: Command) -> str:
        """Send a command and return its id."""
        await self.run.control.send(command)
        return command.id

    # What is on disk afterwards.

    @property
    def home(self) -> Path:
        """Where its runs are kept."""
        return self._lost or self.root / ".crew"

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.home, self.run.id)

    def events(self) -> list[Event]:
        """The whole journal."""
        return list(read(self.folder))

    def events_of(self, kind: type[EventT]) -> list[EventT]:
        """The journal's events of one kind."""
        return [event for event in self.events() if isinstance(event, kind)]

    def transcript(self, session: str = "work") -> list[Entry]:
        """A session's transcript."""
        reader = DiskTranscript(self.folder, session)
        try:
            return list(reader.poll())
        finally:
            reader.close()

    def kinds(self, session: str = "work") -> list[str]:
        """The kinds of a session's entries, in order."""
        return [entry.kind for entry in self.transcript(session)]

    def results(self, session: str = "work") -> list[tuple[str, str]]:
        """Tool and outcome of each tool result, in order."""
        entries = self.transcript(session)
        return [(e.tool, e.outcome.value) for e in entries if isinstance(e, ToolResultEntry)]

    def ends(self) -> dict[str, str]:
        """Task to the status of its last end."""
        return {event.task or "": event.status for event in self.events_of(TaskEnded)}

    def prompt(self, session: str) -> str:
        """What a session was asked to do."""
        return next(e.text for e in self.transcript(session) if isinstance(e, UserEntry))

    def order(self, kind: type[SessionStarted | SessionEnded] = SessionStarted) -> list[str]:
        """Sessions in the order in which they started, or ended."""
        return [event.session or "" for event in self.events_of(kind)]

    def most_at_once(self) -> int:
        """How many sessions were live at the same time."""
        live, most = 0, 0
        for event in self.events():
            live += isinstance(event, SessionStarted) - isinstance(event, SessionEnded)
            most = max(most, live)
        return most

    def tool(self, name: str) -> Work:
        """A tool double."""
        tool = self.tools[name]
        assert isinstance(tool, Work)
        return tool

    def unpaired_calls(self, session: str) -> list[str]:
        """Calls that have no result or more than one."""
        entries = self.transcript(session)
        asked = [entry.call_id for entry in entries if isinstance(entry, ToolCallEntry)]
        given = [entry.call_id for entry in entries if isinstance(entry, ToolResultEntry)]
        return [
            call for call in {*asked, *given} if asked.count(call) != 1 or given.count(call) != 1
        ]
