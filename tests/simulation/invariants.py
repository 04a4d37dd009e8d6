"""What must be true of a run at every death and at its end, whatever happened to it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from crew.entries import (
    FollowUpEntry,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    UsageEntry,
    parse_entry,
)
from crew.errors import CrewError, StoreError, UsageError
from crew.events import (
    CommandAccepted,
    CommandRefused,
    Event,
    PermissionAnswered,
    PermissionAsked,
    ResultSubmitted,
    RunEnded,
    SessionEnded,
    SessionStarted,
    SteerDelivered,
    SteerUndelivered,
    TaskEnded,
    TaskStarted,
)
from crew.records import TERMINAL, ArtifactRef
from crew.service import LiveRun
from crew.service.doctor import examine_run
from crew.store import journal, manifest
from crew.store.folder import RunFolder
from crew.view import RunView, replay
from tests.simulation.disk import Disk
from tests.simulation.people import Crowd
from tests.simulation.plans import library
from tests.simulation.schedule import Schedule
from tests.simulation.world import DEAREST_TURN, World

_BEFORE_THE_END = frozenset({"never began", "interrupted"})


_ENVELOPE = {"v", "seq", "at", "run", "epoch", "kind", "id", "turn"}


class Watch:
    """Remembers what was promised over all processes of a run, and says what was not kept."""

    def __init__(self, world: World, crowd: Crowd, schedule: Schedule) -> None:
        self._world = world
        self._crowd = crowd
        self._schedule = schedule
        self._results: dict[str, ArtifactRef] = {}
        self._events: list[Event] = []
        self._lines: dict[str, list[bytes]] = {}
        self.status = "never began"
        self.deaths = 0

    def began(self, live: LiveRun) -> None:
        """A process took the run up."""
        folder = RunFolder(live.folder.parent.parent, live.id)
        self._world.allowed = lambda key: _allowed(folder, key)
        self._world.reported = lambda command: any(
            isinstance(event, SteerUndelivered) and event.command == command
            for event in journal.read(folder)
        )

    def refused(self, error: CrewError) -> None:
        """The program would not begin: the disk is in trouble, or the run is over."""
        over = isinstance(error, UsageError) and self.status not in _BEFORE_THE_END
        if not over and not isinstance(error, StoreError):
            self._world.violated(f"refused: {type(error).__name__}: {error.message}")

    def raised(self, errors: BaseExceptionGroup) -> None:
        """The program raised; only a disk in trouble is a reason."""
        _, others = errors.split(StoreError)
        if others is not None:
            self._world.violated(f"it raised {others!r}")

    def slots(self, live: LiveRun) -> None:
        """The run has ended: nothing is held any more."""
        roster: Any = vars(live.control)["_roster"]
        ledger = roster._ledger
        if ledger._live or any(ledger._children.values()):
            self._world.violated(f"{ledger._live} slots are still taken at the end of the run")

    def after(self, folder: RunFolder, disk: Disk, *, died: bool) -> bool:
        """Look at what a process left; True when no other needs to come."""
        with disk.of_others():
            events = list(journal.read(folder))
            if not folder.manifest.exists():
                self._say(_broken_promises(self._crowd, events, disk))
                return True
            lines = _transcripts(folder)
            self._say(_broken_promises(self._crowd, events, disk))
            self._say(_rewritten(self._events, events, self._lines, lines, lost=disk.lost_power))
            self._say(_history(events))
            self._say(_entries(events, lines))
            self._say(self._write_once(events))
            if not died and not disk.faults:
                self._say(_examined(folder))
        self._events, self._lines = events, lines
        self.deaths += died
        ended = next((event for event in events if isinstance(event, RunEnded)), None)
        self.status = ended.status.value if ended else "interrupted"
        return ended is not None and not died and not disk.faults

    def at_the_end(self, folder: RunFolder) -> None:
        """Look at what is left for good."""
        if self.status == "never began":
            return
        if self.status == "interrupted":
            self._world.violated("the last process was undisturbed, and the run has not ended")
            return
        events = self._events
        with self._world.disk.of_others():
            self._say(_deliveries(events, self._lines))
            self._say(_folds(folder, events, self._crowd.seen))
            self._say(self._budgets())

    def _say(self, said: Iterator[str]) -> None:
        for what in said:
            self._world.violated(what)

    def _write_once(self, events: Sequence[Event]) -> Iterator[str]:
        for event in events:
            if not isinstance(event, TaskEnded | ResultSubmitted) or event.result is None:
                continue
            key = f"{event.kind} {event.session or event.task}"
            if self._results.setdefault(key, event.result) != event.result:
                yield f"the result of {key} was {self._results[key]} and is {event.result}"

    def _budgets(self) -> Iterator[str]:
        plan = library(self._schedule.scenario).plan("sim")
        limit = plan.team.budget.tokens
        spent: Counter[str] = Counter()
        for session, lines in self._lines.items():
            for entry in map(parse_entry, lines):
                if isinstance(entry, UsageEntry):
                    spent[session] += entry.usage.tokens
        most = plan.team.max_concurrency * 9 * DEAREST_TURN
        if limit is not None and sum(spent.values()) > limit + most:
            yield f"the run spent {sum(spent.values())} of {limit} tokens"
        agents = {
            event.session: event.agent
            for event in self._events
            if isinstance(event, SessionStarted)
        }
        limits = {agent.name: agent.budget.tokens for agent in plan.roles.values()}
        for session, tokens in spent.items():
            own = limits.get(agents.get(session, ""))
            if own is not None and tokens > own + DEAREST_TURN:
                yield f"{session} spent {tokens} of {own} tokens"


def _transcripts(folder: RunFolder) -> dict[str, list[bytes]]:
    """Session to the whole lines of its transcript."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(folder.sessions.glob("*.jsonl")):
        if path.stem.endswith(".live"):
            continue
        *whole, _ = path.read_bytes().split(b"\n")
        found[path.stem] = whole
    return found


def _allowed(folder: RunFolder, key: str) -> bool:
    """Whether a person allowed an act in this process."""
    events = list(journal.read(folder))
    epoch = max(event.epoch for event in events)
    asked = {
        event.request
        for event in events
        if isinstance(event, PermissionAsked)
        and event.epoch == epoch
        and event.args.get("key") == key
    }
    return any(
        isinstance(event, PermissionAnswered)
        and event.request in asked
        and event.epoch == epoch
        and event.decision != "deny"
        for event in events
    )


def _broken_promises(crowd: Crowd, events: Sequence[Event], disk: Disk) -> Iterator[str]:
    """What was announced or receipted, and is not on the disk."""
    by_seq = {event.seq: event for event in events}
    for event in crowd.seen:
        if (event.durable or not disk.lost_power) and by_seq.get(event.seq) != event:
            yield f"event {event.seq}, {event.kind}, was announced and is not on the disk"
    taken = {event.command.id for event in events if isinstance(event, CommandAccepted)}
    for command in crowd.receipts:
        if command not in taken:
            yield f"{command} has a receipt and is not in the journal"


def _rewritten(
    before: Sequence[Event],
    events: Sequence[Event],
    old: dict[str, list[bytes]],
    lines: dict[str, list[bytes]],
    *,
    lost: bool,
) -> Iterator[str]:
    """What one process left and the next one changed; a loss of power may take from its end."""
    if not _goes_on(before, events, lost=lost):
        yield "the journal of an earlier process was changed"
    for session, entries in old.items():
        if not _goes_on(_answered(entries), lines.get(session, []), lost=lost):
            yield f"the transcript of {session} was changed"


def _goes_on(old: Sequence[Any], new: Sequence[Any], *, lost: bool) -> bool:
    most = min(len(old), len(new)) if lost else len(old)
    return list(new[:most]) == list(old[:most])


def _answered(lines: list[bytes]) -> list[bytes]:
    """A transcript without an answer at its end that is not whole, which may be taken back."""
    whole = list(lines)
    while whole and parse_entry(whole[-1]).kind in {"text", "thinking", "tool_call"}:
        whole.pop()
    return whole


def _history(events: Sequence[Event]) -> Iterator[str]:
    """Numbers, and who may end when, and what may follow it."""
    for place, event in enumerate(events, start=1):
        if event.seq != place:
            yield f"event {event.seq} is number {place} of the journal"
            break
    epochs = [event.epoch for event in events]
    if epochs != sorted(epochs):
        yield "an earlier attempt wrote behind a later one"
    last = next((event.seq for event in events if isinstance(event, RunEnded)), None)
    if last is not None and last != len(events):
        yield f"{len(events) - last} events follow run.ended"
    yield from _sessions_end(events)
    yield from _tasks_end(events)
    yield from _commands_once(events)


def _sessions_end(events: Sequence[Event]) -> Iterator[str]:
    parents: dict[str, str | None] = {}
    over: set[str] = set()
    for event in events:
        session = event.session or ""
        if isinstance(event, SessionStarted):
            if session in parents:
                yield f"{session} began twice"
            parents[session] = event.parent
        elif isinstance(event, SessionEnded):
            if session in over:
                yield f"{session} ended twice"
            over.add(session)
            for child, parent in parents.items():
                if parent == session and child not in over:
                    yield f"{session} ended before its child {child}"
        elif session in over and not isinstance(event, CommandAccepted | CommandRefused):
            yield f"{event.kind} of {session} follows its end"
        elif isinstance(event, RunEnded):
            for left in sorted(set(parents) - over):
                yield f"the run ended before its session {left}"


def _tasks_end(events: Sequence[Event]) -> Iterator[str]:
    over: set[str] = set()
    attempts: Counter[tuple[str, int]] = Counter()
    for event in events:
        task = event.task or ""
        if isinstance(event, TaskStarted) and task in over:
            yield f"{task} was started after its end"
        elif isinstance(event, TaskEnded):
            if task in over:
                yield f"{task} ended twice"
            if not event.retry:
                over.add(task)
            attempts[task, event.attempt] += 1
    yield from (
        f"attempt {number} of {task} ended {times} times"
        for (task, number), times in attempts.items()
        if number and times > 1
    )


def _commands_once(events: Sequence[Event]) -> Iterator[str]:
    taken = Counter(event.command.id for event in events if isinstance(event, CommandAccepted))
    yield from (f"{command} was accepted {n} times" for command, n in taken.items() if n > 1)
    told = Counter(
        event.command for event in events if isinstance(event, SteerDelivered | SteerUndelivered)
    )
    for command, times in told.items():
        if times > 1:
            yield f"{command} was delivered or reported {times} times"
        if not taken[command]:
            yield f"{command} was delivered or reported, and never accepted"


def _entries(events: Sequence[Event], lines: dict[str, list[bytes]]) -> Iterator[str]:
    """Each call one answer, and nothing behind the end of a session."""
    over = {event.session or "": event for event in events if isinstance(event, SessionEnded)}
    for session, raw in lines.items():
        entries = [parse_entry(line) for line in raw]
        calls = Counter(entry.call_id for entry in entries if isinstance(entry, ToolCallEntry))
        given = Counter(entry.call_id for entry in entries if isinstance(entry, ToolResultEntry))
        for call in calls | given:
            if calls[call] > 1 or given[call] > calls[call]:
                yield f"{session}: {call} was made {calls[call]}, answered {given[call]} times"
            elif session in over and not given[call]:
                yield f"{session} has ended, and {call} has no answer"
        if (end := over.get(session)) is not None:
            late = [entry for entry in entries if entry.epoch > end.epoch]
            if late:
                yield f"{session}: {late[0].kind} was written after its end"


def _examined(folder: RunFolder) -> Iterator[str]:
    _, checks = examine_run(folder.home, folder.id)
    for check in checks:
        if check.state == "wrong":
            yield f"doctor: {check.where or check.name}: {check.what}"


def _deliveries(events: Sequence[Event], lines: dict[str, list[bytes]]) -> Iterator[str]:
    """Every message that was accepted is in one context, or reported."""
    told = {
        event.command: event
        for event in events
        if isinstance(event, SteerDelivered | SteerUndelivered)
    }
    heard = Counter(
        entry.command
        for raw in lines.values()
        for entry in map(parse_entry, raw)
        if isinstance(entry, SteerEntry | FollowUpEntry)
    )
    for event in events:
        if not isinstance(event, CommandAccepted):
            continue
        command = event.command
        if command.kind not in {"steer", "follow_up"}:
            continue
        said = told.get(command.id)
        wanted = int(isinstance(said, SteerDelivered))
        if said is None:
            yield f"{command.id} was accepted, and neither delivered nor reported"
        elif heard[command.id] != wanted:
            yield f"{command.id}: {said.kind}, and it is {heard[command.id]} times in a transcript"


def _folds(folder: RunFolder, events: Sequence[Event], seen: Sequence[Event]) -> Iterator[str]:
    """What is folded of the journal, kept in run.json, and seen by an observer: the same."""
    view, kept = replay(events), manifest.read(folder)
    ours = (view.status, view.error, view.result)
    if (kept.status, kept.error, kept.result) != ours:
        yield f"run.json says {kept.status.value}, the journal {view.status.value}"
    if not view.over:
        yield f"the run has ended and its view is {view.status.value}"
    yield from _open_ends(view)
    if seen and isinstance(seen[-1], RunEnded) and list(seen) != list(events):
        yield "an observer of the live run saw other events than the journal has"


def _open_ends(view: RunView) -> Iterator[str]:
    for task in view.tasks.values():
        if not task.ended:
            yield f"the run has ended and task {task.id} is {task.status}"
    for session in view.sessions.values():
        if session.status not in TERMINAL:
            yield f"the run has ended and session {session.id} is {session.status.value}"


def told(folder: RunFolder) -> Iterator[str]:
    """A run's journal and transcripts, a line for each record."""
    for event in journal.read(folder):
        more = event.model_dump(
            mode="json", exclude_defaults=True, exclude=_ENVELOPE | {"session", "task"}
        )
        about = event.session or event.task or ""
        yield f"{event.seq:4} e{event.epoch} {event.at:%H:%M:%S.%f} {event.kind} {about} {more}"
    for session, lines in _transcripts(folder).items():
        yield session
        for entry in map(parse_entry, lines):
            said = entry.model_dump(mode="json", exclude_defaults=True, exclude=_ENVELOPE)
            words = {key: str(value)[:100] for key, value in said.items()}
            yield f"{entry.id:4} e{entry.epoch} t{entry.turn} {entry.kind} {words}"
