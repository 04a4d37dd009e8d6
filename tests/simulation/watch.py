"""What was promised over all processes of a run, held against what each of them left."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from crew.commands import Pause, Resume, Steer, Step
from crew.entries import parse_entry
from crew.errors import CrewError, StoreError, UsageError
from crew.events import (
    CommandAccepted,
    Event,
    PermissionAnswered,
    PermissionAsked,
    ResultSubmitted,
    RunEnded,
    SteerUndelivered,
    TaskEnded,
)
from crew.records import ArtifactRef
from crew.service import LiveRun
from crew.store import journal
from crew.store.folder import RunFolder
from tests.simulation.disk import Disk
from tests.simulation.governance import ungoverned
from tests.simulation.invariants import (
    Transcripts,
    broken,
    end_of,
    entries_of_sessions,
    history,
    rewritten,
    transcripts,
)
from tests.simulation.onward import done_in, reopenings
from tests.simulation.people import Crowd
from tests.simulation.plans import library
from tests.simulation.schedule import Schedule
from tests.simulation.world import World

_ENVELOPE = {"v", "seq", "at", "run", "epoch", "kind", "id", "turn"}


class Watch:
    """Remembers what was promised over all processes of a run, and says what was not kept."""

    def __init__(
        self,
        world: World,
        crowd: Crowd,
        schedule: Schedule,
        wanted: Collection[str | None] = (),
    ) -> None:
        self._world = world
        self._crowd = crowd
        self._schedule = schedule
        self._results: dict[str, ArtifactRef] = {}
        self._events: list[Event] = []
        self._lines: Transcripts = {}
        self._counted = False
        self.refusal: str | None = None
        self.over = False
        self.wanted = {*wanted}
        self.status = "never began"
        self.deaths = 0

    def began(self, folder: RunFolder) -> None:
        """A process takes the run up."""
        if not self._counted:
            self._counted = True
            self._world.effects |= done_in(transcripts(folder))
        told = {
            event.command.id: event.command.session
            for event in journal.read(folder)
            if isinstance(event, CommandAccepted) and isinstance(event.command, Steer)
        }
        # What was never synced, and nobody has a receipt for, a loss of power may have taken.
        accepted = self._world.accepted.items()
        held = {name: session for name, session in accepted if name in self._crowd.receipts}
        self._world.accepted = held | told
        self._world.allowed = lambda key: _allowed(folder, key)
        self._world.reported = lambda command: any(
            isinstance(event, SteerUndelivered) and event.command == command
            for event in journal.read(folder)
        )
        paused, stepping = _paused(list(journal.read(folder)))
        self._world.held = lambda session: (
            bool(paused & {session, None})
            and session not in stepping
            and not _let_go(folder, paused, session)
        )

    def refused(self, error: CrewError) -> None:
        """The program would not begin: the disk is in trouble, or the run is over."""
        if isinstance(error, UsageError):
            self.refusal = error.message
        elif not isinstance(error, StoreError):
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
                self.status = "never began"  # the power may have taken all that there was of it
                return True
            lines = transcripts(folder)
            self._say(_broken_promises(self._crowd, events, disk))
            self._say(rewritten(self._events, events, self._lines, lines, lost=disk.lost_power))
            self._say(history(events))
            self._say(entries_of_sessions(events, lines))
            self._say(self._write_once(events))
            self._say(reopenings(events, self.wanted))
        self._events, self._lines = events, lines
        self.deaths += died
        ended = end_of(events)
        self.status = ended.status.value if ended else "interrupted"
        if self.refusal is not None and ended is None:
            self._world.violated(f"refused: {self.refusal}")
        self.refusal = None
        self.over = ended is not None and not died and not disk.faults
        return self.over

    def at_the_end(self, folder: RunFolder) -> None:
        """Look at what is left for good."""
        if self.status == "never began":
            return
        if self.status == "interrupted":
            self._world.violated("the last process was undisturbed, and the run has not ended")
            return
        with self._world.disk.of_others():
            self._say(broken(folder, self._crowd.seen))
            plan = library(self._schedule.scenario).plan("sim")
            self._say(ungoverned(plan, self._events, self._lines))

    def _say(self, said: Iterator[str]) -> None:
        for what in said:
            self._world.violated(what)

    def _write_once(self, events: Sequence[Event]) -> Iterator[str]:
        for event in events:
            if not isinstance(event, TaskEnded | ResultSubmitted) or event.result is None:
                continue
            attempt = getattr(event, "attempt", 0)
            key = f"{event.kind} {event.session or event.task} {attempt}"
            if self._results.setdefault(key, event.result) != event.result:
                yield f"the result of {key} was {self._results[key]} and is {event.result}"


def _paused(events: Sequence[Event]) -> tuple[set[str | None], set[str]]:
    """Sessions whose pause was accepted and stands, None where the run's does; and who may step."""
    paused: set[str | None] = set()
    stepping: set[str] = set()
    for event in events:
        if isinstance(event, RunEnded):
            paused, stepping = set(), set()
        if not isinstance(event, CommandAccepted):
            continue
        match event.command:
            case Pause(session=session):
                paused.add(session)
                stepping = stepping - {session} if session else set()
            case Resume(session=session):
                paused.discard(session)
            case Step(session=session):
                stepping.add(session)
    return paused, stepping


def _let_go(folder: RunFolder, paused: set[str | None], session: str) -> bool:
    """Whether the present process was told to let a session go on that was paused before it."""
    events = list(journal.read(folder))
    epoch = max(event.epoch for event in events)
    told = [
        event.command
        for event in events
        if isinstance(event, CommandAccepted) and event.epoch == epoch
    ]
    if any(isinstance(command, Step) and command.session == session for command in told):
        return True
    resumed = {command.session for command in told if isinstance(command, Resume)}
    return paused & {session, None} <= resumed


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


def told(folder: RunFolder) -> Iterator[str]:
    """A run's journal and transcripts, a line for each record."""
    for event in journal.read(folder):
        more = event.model_dump(
            mode="json", exclude_defaults=True, exclude=_ENVELOPE | {"session", "task"}
        )
        about = event.session or event.task or ""
        yield f"{event.seq:4} e{event.epoch} {event.at:%H:%M:%S.%f} {event.kind} {about} {more}"
    for session, lines in transcripts(folder).items():
        yield session
        for entry in map(parse_entry, lines):
            said = entry.model_dump(mode="json", exclude_defaults=True, exclude=_ENVELOPE)
            words = {key: str(value)[:100] for key, value in said.items()}
            yield f"{entry.id:4} e{entry.epoch} t{entry.turn} {entry.kind} {words}"
