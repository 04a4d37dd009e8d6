"""What an examination says, and what it knows of the run while it goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from crew.events import Event, RunContinued, RunEnded, SessionEnded, SessionStarted
from crew.records import ArtifactRef
from crew.store.folder import RunFolder

State = Literal["ok", "note", "wrong"]

BACKUP = "restore it from a backup: nothing else has it"
JOURNAL = "events.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a look at one thing said.

    Attributes:
        name: What was looked at.
        state: `note` is worth knowing, `wrong` needs a mend.
        where: The file, with its line where there is one.
    """

    name: str
    state: State = "ok"
    where: str = ""
    what: str
    mend: str = ""


@dataclass(slots=True)
class RunExamined:
    """What is known of a run while it is examined.

    Attributes:
        refs: Artifacts, with the files that refer to them.
    """

    folder: RunFolder
    live: bool
    events: list[Event] = field(default_factory=list)
    refs: dict[ArtifactRef, str] = field(default_factory=dict)

    @property
    def ended(self) -> RunEnded | None:
        """The run's final event, unless the run went on after it."""
        turns = [event for event in self.events if isinstance(event, RunEnded | RunContinued)]
        return turns[-1] if turns and isinstance(turns[-1], RunEnded) else None

    @property
    def sessions(self) -> dict[str, SessionEnded | None]:
        """Sessions that began, each with its end."""
        ends = {event.session: event for event in self.events if isinstance(event, SessionEnded)}
        began = [event.session for event in self.events if isinstance(event, SessionStarted)]
        return {session: ends.get(session) for session in began if session}


def wrong(name: str, where: str, what: str, mend: str = "") -> Check:
    """Something that needs a mend."""
    return Check(name=name, state="wrong", where=where, what=what, mend=mend)


def note(name: str, where: str, what: str, mend: str = "") -> Check:
    """Something that is worth knowing."""
    return Check(name=name, state="note", where=where, what=what, mend=mend)


def torn_line(name: str, where: str, what: str, *, over: bool) -> Check:
    """A last line that has no end; what was cut with the run itself is no damage."""
    if over:
        return wrong(name, where, what, BACKUP)
    return note(name, where, what, "none is needed: it was cut with the run, and is passed over")


def regular(path: Path) -> bool:
    """Whether it is a file, and no link to one."""
    try:
        return S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def whole_lines(path: Path) -> Iterator[bytes]:
    """A file's lines, but for a last one that was cut."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def torn_bytes(path: Path) -> int:
    """Bytes behind a file's last newline."""
    with path.open("rb") as file:
        last = b""
        for line in file:
            last = line
        return 0 if last.endswith(b"\n") else len(last)
